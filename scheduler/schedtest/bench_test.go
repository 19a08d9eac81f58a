package schedtest

import (
	"fmt"
	"testing"
)

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
