package runtime

import (
	"context"
	"io"
	"math"
	"testing"

	"github.com/tetratelabs/wazero/experimental"
)

// BenchmarkSuspendOverhead is the run time of real programs on an engine that can suspend
// them, divided by that on one that meters alone: what the save path costs.
func BenchmarkSuspendOverhead(b *testing.B) {
	metered, suspending := newEngine(b, Config{}), newEngine(b, Config{Suspend: true})
	sum, count := 0.0, 0
	for _, g := range guests(b) {
		b.Run(g.Name, func(b *testing.B) {
			binary := g.binary(b)
			run := func(e *Engine, m *Module) func() {
				return func() {
					r, err := e.Run(context.Background(), m, Task{Args: []string{"guest"}, Stdout: io.Discard})
					if err != nil || r.Status != StatusSucceeded {
						b.Fatal(r, err)
					}
				}
			}
			m := load(b, suspending, binary)
			if why := m.Unsuspendable(); why != "" {
				b.Fatal(why)
			}
			ratio := interleaved(b, run(suspending, m), run(metered, load(b, metered, binary)))
			b.ReportMetric(ratio, "x-metered")
			sum, count = sum+math.Log(ratio), count+1
		})
	}
	b.Logf("geometric mean %.3f of %d", math.Exp(sum/float64(count)), count)
}

// BenchmarkSuspendCompile is what loading a module that can be suspended takes, divided
// by what plain wazero takes to compile it.
func BenchmarkSuspendCompile(b *testing.B) {
	for name, binary := range compiledBinaries(b) {
		b.Run(name, func(b *testing.B) {
			e := newEngine(b, Config{Suspend: true})
			plain := newPlainWazero(b, emptyModule)
			ctx := experimental.WithCompilationWorkers(b.Context(), 1)
			ours := func() {
				m, err := e.Load(b.Context(), binary)
				if err != nil {
					b.Fatal(err)
				}
				m.Close()
			}
			theirs := func() {
				m, err := plain.runtime.CompileModule(ctx, binary)
				if err != nil {
					b.Fatal(err)
				}
				m.Close(ctx)
			}
			b.ReportMetric(interleaved(b, ours, theirs), "x-plain")
		})
	}
}
