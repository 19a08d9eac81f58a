package main

import (
	"strings"
	"testing"
)

func TestScene(t *testing.T) {
	var out strings.Builder
	if err := scene(&out); err != nil {
		t.Fatal(err)
	}
	want := `rtx2080ti   0.680 = trust 0.65 × 0.4 + capacity 0.8 × 0.3 + queue 0.9 × 0.2 + spread 0 × 0.1
a100        0.564 = trust 0.85 × 0.4 + capacity 0.413 × 0.3 + queue 0.5 × 0.2 + spread 0 × 0.1
no-gpu      rejected: no such gpu
2 of 3 nodes fit; 1: no such gpu
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
