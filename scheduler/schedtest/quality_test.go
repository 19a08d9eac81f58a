package schedtest

import "testing"

// Nodes that know what they are told choose nearly as well as one who knows all.
func TestQuality(t *testing.T) {
	q, err := MeasureQuality(Workload{Seed: 1, Nodes: 20, Tasks: 500, Load: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", q)
	if q.Mesh > 1.15*q.AllKnowing || q.Mesh > 0.6*q.Random || q.Mesh < q.AllKnowing {
		t.Errorf("%+v", q)
	}
}
