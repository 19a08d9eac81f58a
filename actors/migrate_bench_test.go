package actors_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// BenchmarkMigration is the pause of an actor with 64 MiB of memory, of which it writes
// to a hundredth about twenty times a second, when it moves between three nodes of one
// process on loopback: no message is worked on meanwhile. Target: 10 ms in the median.
func BenchmarkMigration(b *testing.B) {
	c := newCluster(b, 3, nil)
	code, err := os.ReadFile(filepath.Join("activation", "testdata", "probe.wasm"))
	if err != nil {
		b.Fatal(err)
	}
	s := c.nodes[0].create("large", actors.CreateOptions{Module: c.modules.add(code), Memory: 128 << 20})
	c.nodes[0].ask("large", "touch 16384", "0")
	ctx, cancel := context.WithCancel(b.Context())
	var load sync.WaitGroup
	load.Go(func() {
		for ctx.Err() == nil {
			if _, err := c.nodes[0].Ask(ctx, "large", []byte("touch 164"), actors.MessageOptions{}); err != nil && ctx.Err() == nil {
				b.Error(err)
				return
			}
			<-time.After(50 * time.Millisecond)
		}
	})
	var pauses, took []time.Duration
	from := c.node(s.Node)
	for b.Loop() {
		to := c.but(from)
		m, err := c.nodes[0].Migrate(b.Context(), "large", actors.MigrateOptions{To: to.id})
		if err != nil {
			b.Fatal(err)
		}
		pauses, took = append(pauses, m.Pause), append(took, m.Took)
		from = to
		<-time.After(200 * time.Millisecond)
	}
	cancel()
	load.Wait()
	slices.Sort(pauses)
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(pauses[len(pauses)/2]), "p50-ms")
	b.ReportMetric(ms(pauses[len(pauses)*99/100]), "p99-ms")
	b.ReportMetric(ms(took[len(took)/2]), "whole-p50-ms")
}
