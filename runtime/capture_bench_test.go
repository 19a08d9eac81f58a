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
// could run and does not.
func BenchmarkPause(b *testing.B) {
	const size = 64 << 20
	m := loadTouch(b, size)
	for _, dirty := range []int{0, 16, 164, 1638, 16384} {
		b.Run(fmt.Sprintf("dirty=%d", dirty), func(b *testing.B) {
			i, err := m.Instantiate(b.Context(), Task{})
			if err != nil {
				b.Fatal(err)
			}
			defer i.Close()
			touchAndCapture(b, i, 1<<17)
			var pauses []time.Duration
			for b.Loop() {
				b.StopTimer()
				touch(b, i, dirty)
				b.StartTimer()
				begun := time.Now()
				if _, err := i.Capture(); err != nil {
					b.Fatal(err)
				}
				pauses = append(pauses, time.Since(begun))
			}
			slices.Sort(pauses)
			b.ReportMetric(float64(pauses[len(pauses)/2].Nanoseconds())/1e3, "µs-p50")
			b.ReportMetric(float64(pauses[len(pauses)*99/100].Nanoseconds())/1e3, "µs-p99")
		})
	}
}

func touch(b *testing.B, i *Instance, pages int) {
	if _, err := i.Call(b.Context(), "touch", uint64(rand.Uint32()), uint64(pages)); err != nil {
		b.Fatal(err)
	}
}

func touchAndCapture(b *testing.B, i *Instance, pages int) {
	for range 2 {
		touch(b, i, pages)
		if _, err := i.Capture(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSlowdown is what captures ten times a second take of a guest's time, each
// while a tenth of a second's work has dirtied a share of 64 MiB: the processor time
// of the same work with captures over that without, the least of interleaved rounds.
func BenchmarkSlowdown(b *testing.B) {
	m := loadTouch(b, 64<<20)
	for _, percent := range []int{1, 12} {
		b.Run(fmt.Sprintf("dirty=%d%%", percent), func(b *testing.B) {
			goruntime.LockOSThread()
			defer goruntime.UnlockOSThread()
			plain, captured := time.Hour, time.Hour
			a, c := newTouched(b, m), newTouched(b, m)
			w := workload{b: b, pages: 16384 * percent / 100, calls: 1}
			w.calibrate(a)
			for b.Loop() {
				plain = min(plain, w.run(a, false))
				captured = min(captured, w.run(c, true))
			}
			b.ReportMetric(float64(captured)/float64(plain), "x")
		})
	}
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

// workload is work that stays within some pages: the same seed again and again.
type workload struct {
	b     *testing.B
	pages int
	calls int
}

// calibrate makes it a tenth of a second's.
func (w *workload) calibrate(i *Instance) {
	for {
		took := w.run(i, false)
		if took > 20*time.Millisecond {
			w.calls = int(int64(w.calls) * int64(100*time.Millisecond) / int64(took))
			return
		}
		w.calls *= 2
	}
}

// run works, captures at the end or not, and returns the processor time.
func (w *workload) run(i *Instance, capture bool) time.Duration {
	begun := clock()
	for range w.calls {
		if _, err := i.Call(w.b.Context(), "touch", 1, uint64(w.pages)); err != nil {
			w.b.Fatal(err)
		}
	}
	if capture {
		if _, err := i.Capture(); err != nil {
			w.b.Fatal(err)
		}
	}
	return clock() - begun
}

// BenchmarkRestore is from a memory of 64 MiB in a file to the first instruction of
// the restored, tracked instance, and the end of it.
func BenchmarkRestore(b *testing.B) {
	m := loadTouch(b, 64<<20)
	i := newTouched(b, m)
	c, err := i.Capture()
	if err != nil {
		b.Fatal(err)
	}
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
