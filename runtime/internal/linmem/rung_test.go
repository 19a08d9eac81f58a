package linmem

import "testing"

func TestProve(t *testing.T) {
	for _, proof := range Prove() {
		t.Log(proof.Rung, proof.Err)
		if proof.Rung == Compare && proof.Err != nil {
			t.Error(proof.Err)
		}
	}
}
