package schedtest

import "testing"

// What gossip costs a node levels off, however large the mesh.
func TestTrafficLevelsOff(t *testing.T) {
	most := 0.0
	for _, nodes := range []int{10, 100, 300, 1000, 3000} {
		traffic, err := MeasureTraffic(1, nodes)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d nodes: %+v", nodes, traffic)
		if nodes > 300 && traffic.BytesPerSecond > 1.1*most {
			t.Errorf("%d nodes: %.0f bytes a second, with fewer %.0f", nodes, traffic.BytesPerSecond, most)
		}
		most = max(most, traffic.BytesPerSecond)
	}
}
