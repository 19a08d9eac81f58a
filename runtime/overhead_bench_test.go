package runtime

import (
	"context"
	"io"
	"math"
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/godwit-run/godwit/runtime/internal/linmem"
)

// plainWazero runs guests as wazero does without us, but with the same memory:
// what metering costs is then all that differs.
type plainWazero struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	pool     *linmem.Pool
}

func newPlainWazero(b *testing.B, binary []byte) *plainWazero {
	b.Helper()
	ctx := context.Background()
	p := &plainWazero{}
	p.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(features).WithDebugInfoEnabled(false))
	b.Cleanup(func() { p.runtime.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, p.runtime)
	var err error
	if p.compiled, err = p.runtime.CompileModule(ctx, binary); err != nil {
		b.Fatal(err)
	}
	if p.pool, err = linmem.New(linmem.Config{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.pool.Close() })
	return p
}

func (p *plainWazero) run(b *testing.B) {
	a := p.pool.NewAllocator(linmem.Options{})
	defer a.Close()
	ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(
		func(capacity, max uint64) experimental.LinearMemory { return a.Allocate(capacity, max) }))
	config := wazero.NewModuleConfig().WithName("").WithArgs("guest").WithStdout(io.Discard).
		WithSysWalltime().WithSysNanotime()
	m, err := p.runtime.InstantiateModule(ctx, p.compiled, config)
	if err != nil && m == nil {
		b.Fatal(err)
	}
	m.Close(ctx)
}

// BenchmarkOverhead is the run time of real programs, metered exactly and in
// slices, divided by that on plain wazero with the same memory, both medians of
// interleaved runs.
func BenchmarkOverhead(b *testing.B) { overhead(b, newEngine(b, Config{})) }

func overhead(b *testing.B, e *Engine) {
	var ratios []float64
	worst := 0.0
	for _, g := range guests(b) {
		b.Run(g.Name, func(b *testing.B) {
			binary := g.binary(b)
			m := load(b, e, binary)
			plain := newPlainWazero(b, binary)
			ours := func() {
				r, err := e.Run(context.Background(), m, Task{Args: []string{"guest"}, Stdout: io.Discard})
				if err != nil || r.Status != StatusSucceeded {
					b.Fatal(r, err)
				}
			}
			theirs := func() { plain.run(b) }
			ratio := interleaved(b, ours, theirs)
			b.ReportMetric(ratio, "x-plain")
			ratios = append(ratios, ratio)
			worst = max(worst, ratio)
		})
	}
	b.Run("all", func(b *testing.B) {
		sum := 0.0
		for _, r := range ratios {
			sum += math.Log(r)
		}
		for b.Loop() {
		}
		b.ReportMetric(math.Exp(sum/float64(len(ratios))), "x-plain-geomean")
		b.ReportMetric(worst, "x-plain-worst")
		b.ReportMetric(0, "ns/op")
	})
}

// interleaved is the ratio of the medians of f and base, run in turn b.N times
// after one round to warm up.
func interleaved(b *testing.B, f, base func()) float64 {
	var fs, bases []time.Duration
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	f()
	base()
	for b.Loop() {
		fs = append(fs, timed(f))
		bases = append(bases, timed(base))
	}
	slices.Sort(fs)
	slices.Sort(bases)
	b.ReportMetric(float64(bases[len(bases)/2].Microseconds())/1000, "plain-ms")
	b.ReportMetric(float64(fs[0])/float64(bases[0]), "x-min")
	return float64(fs[len(fs)/2]) / float64(bases[len(bases)/2])
}

func timed(f func()) time.Duration {
	start := clock()
	f()
	return clock() - start
}
