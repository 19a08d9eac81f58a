package runtime

import (
	"context"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// median of durations, in microseconds.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Nanoseconds()) / 1000
}

// BenchmarkStart is the time from asking for an instance of a compiled module
// with 16 MiB of memory to its first instruction, and until it is gone again.
// Target: 50 µs to the first instruction.
func BenchmarkStart(b *testing.B) {
	var first time.Time
	mark := hostabi.Module{Name: "bench", Funcs: []hostabi.Func{{
		Name: "mark", Call: func(context.Context, hostabi.Caller, []uint64) { first = time.Now() },
	}}}
	e := newEngine(b, Config{HostModules: []hostabi.Module{mark}})
	m := load(b, e, exporting(startExport, wasm.FuncType{}, func(c *body) { c.u32(wasm.OpCall, 0) }, importing("bench", "mark"), withMemory(256)))
	var toFirst []time.Duration
	for b.Loop() {
		start := time.Now()
		r, err := e.Run(b.Context(), m, Task{})
		if err != nil || r.Status != StatusSucceeded {
			b.Fatal(r, err)
		}
		toFirst = append(toFirst, first.Sub(start))
	}
	b.ReportMetric(median(toFirst), "µs-to-first-instruction")
}

// BenchmarkNoop is tasks that do nothing, one after another on one core: with
// and without WASI. Target: 15,000 a second.
func BenchmarkNoop(b *testing.B) {
	run := func(b *testing.B, more ...func(*wasm.Module)) {
		defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(1))
		e := newEngine(b, Config{})
		m := load(b, e, exporting(startExport, wasm.FuncType{}, func(*body) {}, more...))
		for b.Loop() {
			if r, err := e.Run(b.Context(), m, Task{}); err != nil || r.Status != StatusSucceeded {
				b.Fatal(r, err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	}
	b.Run("bare", func(b *testing.B) { run(b, withMemory(1)) })
	b.Run("wasi", func(b *testing.B) { run(b, withMemory(1), importing(wasiModule, "sched_yield"), yieldType) })
}

// yieldType gives the one import the type of sched_yield.
func yieldType(m *wasm.Module) {
	m.Types = append(m.Types, wasm.FuncType{Results: []wasm.ValType{I32}})
	m.Imports[0].Func = 1
}

// compiledBinaries are real modules of three toolchains, small and large.
func compiledBinaries(b *testing.B) map[string][]byte {
	binaries := make(map[string][]byte)
	for _, name := range []string{"primes", "wordcount", "sha256sum", "mandelbrot", "json"} {
		binary, err := os.ReadFile(filepath.Join("..", "examples", name, name+".wasm"))
		if err != nil {
			b.Fatal(err)
		}
		binaries[name] = binary
	}
	return binaries
}

// BenchmarkCompile is the time of reading, metering and compiling a module
// divided by wazero's for compiling it as it is, on one thread, medians of
// interleaved runs; and how much larger the code becomes. Targets: 1.3, 1.35.
func BenchmarkCompile(b *testing.B) {
	for name, binary := range compiledBinaries(b) {
		b.Run(name, func(b *testing.B) {
			e := newEngine(b, Config{})
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
			b.ReportMetric(codeGrowth(b, binary), "x-code")
		})
	}
}

// emptyModule is the module without anything.
var emptyModule = []byte("\x00asm\x01\x00\x00\x00")

// codeGrowth is the size of the metered module's code section divided by that
// of the module's.
func codeGrowth(b *testing.B, binary []byte) float64 {
	m, err := wasm.Decode(binary)
	if err != nil {
		b.Fatal(err)
	}
	before := codeBytes(m)
	if _, err := meter.Rewrite(m); err != nil {
		b.Fatal(err)
	}
	return float64(codeBytes(m)) / float64(before)
}

func codeBytes(m *wasm.Module) int {
	only := wasm.Module{Codes: m.Codes}
	return len(only.Encode()) - len(emptyModule)
}

// busy runs the runaway example until the benchmark is over.
func busy(b *testing.B) {
	e := newEngine(b, Config{})
	m := example(b, e, "runaway")
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := e.Run(ctx, m, Task{Stdout: &signalled{first: func() { close(started) }}})
		ended <- err
	}()
	<-started
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkGC is how long runtime.GC takes beside a busy guest, and alone, since
// a busy machine delays it too. Target: 2 ms at the median.
func BenchmarkGC(b *testing.B) {
	collect := func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			start := time.Now()
			goruntime.GC()
			took = append(took, time.Since(start))
		}
		b.ReportMetric(median(took)/1000, "ms-median")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-worst")
	}
	b.Run("alone", collect)
	b.Run("beside", func(b *testing.B) { busy(b); collect(b) })
}

// BenchmarkCancel is the time from cancelling to the end of the run. Target:
// 10 ms at the worst.
func BenchmarkCancel(b *testing.B) {
	e := newEngine(b, Config{})
	for _, h := range []hostile{file("loop_nested"), file("calls_mutual"), file("fill"), file("poll")} {
		b.Run(h.name, func(b *testing.B) {
			m := load(b, e, h.binary(b))
			var took []time.Duration
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				var at time.Time
				stop := time.AfterFunc(2*time.Millisecond, func() { at = time.Now(); cancel() })
				r, err := e.Run(ctx, m, Task{})
				took = append(took, time.Since(at))
				stop.Stop()
				if err != nil || r.Status != StatusCancelled {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(median(took), "µs-median")
			b.ReportMetric(float64(took[len(took)-1].Microseconds()), "µs-worst")
		})
	}
}
