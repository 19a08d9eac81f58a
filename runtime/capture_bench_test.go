package runtime

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// touchModule has a memory of that many bytes and an export touch(seed, pages) that
// writes to pages scattered over it.
func touchModule(bytes uint64) []byte {
	pages := bytes / checkpoint.PageSize
	b := []byte{byte(wasm.OpBlock), 0x40, byte(wasm.OpLoop), 0x40}
	get := func(x byte) { b = append(b, byte(wasm.OpLocalGet), x) }
	num := func(v int32) { b = wasm.AppendS32(append(b, byte(wasm.OpI32Const)), v) }
	op := func(ops ...wasm.Op) {
		for _, o := range ops {
			b = append(b, byte(o))
		}
	}
	get(1)
	op(wasm.OpI32Eqz, wasm.OpBrIf)
	b = append(b, 1)
	// seed = seed*1664525 + 1013904223
	get(0)
	num(1664525)
	op(wasm.OpI32Mul)
	num(1013904223)
	op(wasm.OpI32Add, wasm.OpLocalSet)
	b = append(b, 0)
	// memory[(seed >> 8) % pages * 4096] = seed
	get(0)
	num(8)
	op(wasm.OpI32ShrU)
	num(int32(pages))
	op(wasm.OpI32RemU)
	num(checkpoint.PageSize)
	op(wasm.OpI32Mul)
	get(0)
	op(wasm.OpI32Store)
	b = append(b, 2, 0)
	get(1)
	num(1)
	op(wasm.OpI32Sub, wasm.OpLocalSet)
	b = append(b, 1)
	op(wasm.OpBr)
	b = append(b, 0)
	op(wasm.OpEnd, wasm.OpEnd, wasm.OpEnd)
	m := &wasm.Module{
		Types:    []wasm.FuncType{{Params: []wasm.ValType{wasm.I32, wasm.I32}}},
		Funcs:    []uint32{0},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: bytes >> 16, Max: bytes >> 16, HasMax: true}}},
		Exports:  []wasm.Export{{Name: "touch", Kind: wasm.KindFunc}},
		Codes:    []wasm.Code{{Body: b}},
	}
	return m.Encode()
}

func loadTouch(b testing.TB, bytes uint64) *Module {
	b.Helper()
	m, err := newEngine(b, Config{}).Load(b.Context(), touchModule(bytes))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkPause is the pause of a capture of 64 MiB: the time in which the guest
// could run and does not. With ahead=true the dirty pages are copied ahead, and a
// twentieth of them is written again before the pause.
func BenchmarkPause(b *testing.B) {
	m := loadTouch(b, 64<<20)
	for _, ahead := range []bool{false, true} {
		for _, dirty := range []int{0, 16, 164, 1638, 16384} {
			b.Run(fmt.Sprintf("ahead=%v/dirty=%d", ahead, dirty), func(b *testing.B) {
				i := newTouched(b, m)
				var pauses []time.Duration
				for b.Loop() {
					touch(b, i, dirty)
					if ahead {
						if err := i.Precopy(); err != nil {
							b.Fatal(err)
						}
						touch(b, i, dirty/20)
					}
					begun := time.Now()
					capture(b, i)
					pauses = append(pauses, time.Since(begun))
				}
				slices.Sort(pauses)
				b.ReportMetric(float64(pauses[len(pauses)/2].Nanoseconds())/1e3, "µs-p50")
				b.ReportMetric(float64(pauses[len(pauses)*99/100].Nanoseconds())/1e3, "µs-p99")
			})
		}
	}
}

func touch(b *testing.B, i *Instance, pages int) { touchSeed(b, i, rand.Uint32(), pages) }

func touchSeed(b *testing.B, i *Instance, seed uint32, pages int) {
	if _, err := i.Call(b.Context(), "touch", uint64(seed), uint64(pages)); err != nil {
		b.Fatal(err)
	}
}

func touchAndCapture(b *testing.B, i *Instance, pages int) {
	for range 2 {
		touch(b, i, pages)
		capture(b, i)
	}
}

// BenchmarkSlowdown is what captures ten times a second take of a guest's time when it
// writes to a share of 64 MiB between them: the pause, and what the first writes to
// each page cost after it, over a tenth of a second. Both are the medians of many
// rounds on one instance, in processor time: that is far below the noise of two runs
// of a tenth of a second each, and of where two memories lie.
func BenchmarkSlowdown(b *testing.B) {
	m := loadTouch(b, 64<<20)
	for _, percent := range []int{1, 12} {
		b.Run(fmt.Sprintf("dirty=%d%%", percent), func(b *testing.B) {
			goruntime.LockOSThread()
			defer goruntime.UnlockOSThread()
			i, pages := newTouched(b, m), 16384*percent/100
			var pauses, first, later []time.Duration
			work := func() { touchSeed(b, i, 1, pages) }
			for b.Loop() {
				pauses = append(pauses, processorTime(func() { capture(b, i) }))
				first = append(first, processorTime(work))
				later = append(later, processorTime(work))
			}
			cost := median(pauses) + median(first) - median(later)
			b.ReportMetric(cost, "µs/capture")
			b.ReportMetric(1+cost/1e5, "x")
		})
	}
}

func processorTime(f func()) time.Duration {
	begun := clock()
	f()
	return clock() - begun
}

func capture(b testing.TB, i *Instance) checkpoint.Capture {
	c, err := i.Capture()
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func newTouched(b *testing.B, m *Module) *Instance {
	i, err := m.Instantiate(b.Context(), Task{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { i.Close() })
	touchAndCapture(b, i, 1<<17)
	return i
}

// BenchmarkRestore is from a memory of 64 MiB in a file to the first instruction of
// the restored, tracked instance, and the end of it.
func BenchmarkRestore(b *testing.B) {
	m := loadTouch(b, 64<<20)
	i := newTouched(b, m)
	c := capture(b, i)
	f, err := os.Create(filepath.Join(b.TempDir(), "memory"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := bytes.NewReader(i.Memory()).WriteTo(f); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := m.Restore(b.Context(), Task{}, Saved{Module: m.CID(), Fuel: c.Fuel, State: &c.State, Size: c.Size, Memory: f})
		if err != nil {
			b.Fatal(err)
		}
		touch(b, r, 1)
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
