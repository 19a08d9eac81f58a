package schedtest

import (
	"fmt"
	"testing"
)

// How good the choice of nodes is, against one who knows all and one who knows nothing.
func BenchmarkQuality(b *testing.B) {
	for _, load := range []float64{0.5, 0.7, 0.85} {
		b.Run(fmt.Sprint(load), func(b *testing.B) {
			var sum Quality
			n := 0.0
			for b.Loop() {
				n++
				q, err := MeasureQuality(Workload{Seed: uint64(n), Nodes: 40, Tasks: 3000, Load: load})
				if err != nil {
					b.Fatal(err)
				}
				sum.Mesh, sum.AllKnowing, sum.Random = sum.Mesh+q.Mesh, sum.AllKnowing+q.AllKnowing, sum.Random+q.Random
			}
			b.ReportMetric(sum.Mesh/n, "slowdown")
			b.ReportMetric(sum.Mesh/sum.AllKnowing, "of-all-knowing")
			b.ReportMetric(sum.Mesh/sum.Random, "of-random")
		})
	}
}

// What gossip costs a node, by the size of the mesh.
func BenchmarkGossip(b *testing.B) {
	for _, nodes := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			var t Traffic
			for b.Loop() {
				var err error
				if t, err = MeasureTraffic(1, nodes); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(t.BytesPerSecond, "B/s/node")
			b.ReportMetric(t.VectorsPerSecond, "vectors/s")
			b.ReportMetric(t.Age.Seconds(), "s-old")
		})
	}
}
