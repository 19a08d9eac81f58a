package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	goruntime "runtime"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// BenchmarkSuspendOverhead is the run time of real programs on an engine that can suspend
// them, metered exactly and in slices, divided by that on plain wazero with the same memory.
// Targets: 1.06 in the geometric mean, 1.20 at worst.
func BenchmarkSuspendOverhead(b *testing.B) { overhead(b, newEngine(b, Config{Suspend: true})) }

// BenchmarkSuspendCompile is what loading a module that can be suspended takes, divided
// by what plain wazero takes to compile it, and how much larger the machine code is. Targets:
// 1.5 for both.
func BenchmarkSuspendCompile(b *testing.B) {
	binaries := compiledBinaries(b)
	binaries["1000 calls"], binaries["4000 calls"] = callsOver(1000, 8), callsOver(4000, 20)
	for name, binary := range binaries {
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
			b.ReportMetric(machineGrowth(b, binary), "x-machine")
		})
	}
}

// machineGrowth is the size of the machine code of a module that can be suspended, divided by
// that of the module as it is.
func machineGrowth(b *testing.B, binary []byte) float64 {
	m, err := wasm.Decode(binary)
	if err != nil {
		b.Fatal(err)
	}
	r, err := newEngine(b, Config{Suspend: true}).transform(&loaded{}, m)
	if err != nil || r.plan.Suspend.Refused != "" {
		b.Fatal(err, r.plan.Suspend.Refused)
	}
	return float64(machineBytes(b, r.module)) / float64(machineBytes(b, binary))
}

// machineBytes is the size of a module's machine code, as wazero keeps it on disk.
func machineBytes(b *testing.B, binary []byte) (size int64) {
	ctx, dir := b.Context(), b.TempDir()
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close(ctx)
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features).
		WithDebugInfoEnabled(false).WithCompilationCache(cache))
	defer r.Close(ctx)
	if _, err := r.CompileModule(ctx, binary); err != nil {
		b.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
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
