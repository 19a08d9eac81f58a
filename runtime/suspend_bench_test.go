package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	goruntime "runtime"
	"testing"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
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

// recursive calls itself so often, and then spins: a stack of so many frames.
func recursive(frames int32) []byte {
	i32 := []wasm.ValType{wasm.I32}
	body := []byte{
		0x20, 0, 0x45, 0x04, 0x7f, // if there are no more frames to make
		0x03, 0x40, 0x20, 1, 0x41, 1, 0x6a, 0x21, 1, 0x0c, 0, 0x0b, 0x00, // count for ever
		0x05, 0x20, 0, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x6a, 0x0b, 0x0b, // else n + f(n-1)
	}
	m := &wasm.Module{
		Types:    []wasm.FuncType{{Params: i32, Results: i32}, {}},
		Funcs:    []uint32{0, 1},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: 1}}},
		Exports:  []wasm.Export{{Name: startExport, Kind: wasm.KindFunc, Index: 1}},
		Codes: []wasm.Code{
			{Locals: []wasm.LocalRun{{N: 1, Type: wasm.I32}}, Body: body},
			{Body: append(wasm.AppendS32([]byte{0x41}, frames), 0x10, 0, 0x1a, 0x0b)},
		},
	}
	return m.Encode()
}

// BenchmarkUnwindRewind stops a guest with 100 frames and lets it go on, over and over:
// the target is 50 µs, beside the time to the next safepoint.
func BenchmarkUnwindRewind(b *testing.B) {
	for _, frames := range []int32{1, 100} {
		b.Run(fmt.Sprintf("frames=%d", frames), func(b *testing.B) {
			e := newEngine(b, Config{Suspend: true})
			e.slices = sliceBounds{100, 100}
			i, err := load(b, e, recursive(frames)).Instantiate(b.Context(), Task{})
			if err != nil {
				b.Fatal(err)
			}
			defer i.Close()
			i.Suspend()
			_, err = i.Call(b.Context(), startExport)
			for b.Loop() {
				if !errors.Is(err, ErrSuspended) {
					b.Fatal(err)
				}
				i.Suspend()
				_, err = i.Resume(b.Context())
			}
		})
	}
}

// BenchmarkCaptureRunning captures a program that computes, over and over, from another
// goroutine: the time of a capture, the wait for the safepoint included.
func BenchmarkCaptureRunning(b *testing.B) {
	e := newEngine(b, Config{Suspend: true})
	i, err := load(b, e, recursive(10)).Instantiate(b.Context(), Task{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() {
		_, err := i.Call(ctx, startExport)
		ended <- err
	}()
	for !i.busy.Load() {
		goruntime.Gosched()
	}
	captures := 0
	for b.Loop() {
		switch _, err := i.Capture(); {
		case err == nil:
			captures++
		case !errors.Is(err, ErrInCall): // it has not begun
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(max(1, captures)), "µs/capture")
	cancel()
	<-ended
	i.Close()
}
