package runtime

import (
	"errors"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// A module may have very many of what the rewriter makes reachable: it must be loaded,
// captured and restored in bounded time and memory all the same. (With one function
// for all segments 10,000 took wazero's compiler minutes.)
func TestVeryManyParts(t *testing.T) {
	const n = 20_000
	count := uint32(n)
	m := &wasm.Module{
		Types:     []wasm.FuncType{{}},
		Memories:  []wasm.MemoryType{{Limits: wasm.Limits{Min: 1}}},
		DataCount: &count,
	}
	var drops []byte
	for i := range uint32(n) {
		m.Data = append(m.Data, wasm.Data{Mode: wasm.Passive, Bytes: []byte{1}})
		m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.ConstI32(int32(i))})
		if i%2 == 0 {
			drops = wasm.AppendU32(wasm.AppendOp(drops, wasm.OpDataDrop), i)
		}
	}
	m.Funcs = []uint32{0}
	m.Exports = []wasm.Export{{Name: "f", Kind: wasm.KindFunc}}
	m.Codes = []wasm.Code{{Body: append(drops, byte(wasm.OpEnd))}}
	module := load(t, newEngine(t, Config{}), m.Encode())
	i, err := module.Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if _, err := i.Call(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	c := capture(t, i)
	if len(c.State.Globals) != n || len(c.State.DroppedData) != n/2 {
		t.Fatalf("%d globals and %d dropped segments", len(c.State.Globals), len(c.State.DroppedData))
	}
	r, err := module.Restore(t.Context(), Task{}, saved(module, c))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sameHash(t, i, r)
}

// What would take a function each is bounded: such a module runs, and says why it
// cannot be captured.
func TestTooManyVectors(t *testing.T) {
	m := &wasm.Module{Types: []wasm.FuncType{{}}, Funcs: []uint32{0}, Exports: []wasm.Export{{Name: "f"}}}
	for range 100_000 {
		m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: wasm.V128, Mutable: true}, Init: wasm.ConstZero(wasm.V128)})
	}
	m.Codes = []wasm.Code{{Body: []byte{byte(wasm.OpEnd)}}}
	i, err := load(t, newEngine(t, Config{}), m.Encode()).Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if _, err := i.Call(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Capture(); !errors.Is(err, ErrNotCapturable) || !strings.Contains(err.Error(), "200000 functions") {
		t.Error(err)
	}
}

// wazero 1.12's compiler takes a memory of 4 GiB for an empty one: the last page is
// refused, on every engine.
func TestLargestMemory(t *testing.T) {
	if ^uint(0)>>32 == 0 {
		t.Skip("more than a 32-bit address space holds")
	}
	for _, kind := range kinds() {
		e := newEngine(t, Config{Kind: kind})
		_, err := load(t, e, memoryModule(1<<16)).Instantiate(t.Context(), Task{Limits: Limits{Memory: 5 << 30}})
		if guest, ok := errors.AsType[*GuestError](err); !ok || guest.Reason != ReasonOutOfMemory || !strings.Contains(err.Error(), "65535 pages") {
			t.Errorf("%v: a memory of 4 GiB to begin with: %v", kind, err)
		}
		m := load(t, e, memoryModule(1))
		i, err := m.Instantiate(t.Context(), Task{Limits: Limits{Memory: 5 << 30}})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		for _, step := range []string{"grow 65535: [ffffffff]", "grow 65534: [1]", "size: [ffff]", "store 4294901752: []", "grow 1: [ffffffff]", "size: [ffff]"} {
			call, _, _ := strings.Cut(step, ":")
			if got := show(i, call); got != step {
				t.Fatalf("%v: %s, want %s", kind, got, step)
			}
		}
		c := capture(t, i)
		if len(c.Dirty) != 1 || c.Dirty[0].Start != 4294901752&^4095 {
			t.Errorf("%v: captured %d runs of a memory of which one page was written", kind, len(c.Dirty))
		}
	}
}

// memoryModule exports functions to grow a memory, to see its size and to write to it.
func memoryModule(pages uint64) []byte {
	i32 := []wasm.ValType{wasm.I32}
	m := &wasm.Module{
		Types:    []wasm.FuncType{{Params: i32, Results: i32}, {Results: i32}, {Params: i32}},
		Funcs:    []uint32{0, 1, 2},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: pages, Max: 1 << 16, HasMax: true}}},
		Exports:  []wasm.Export{{Name: "grow", Index: 0}, {Name: "size", Index: 1}, {Name: "store", Index: 2}},
		Codes: []wasm.Code{
			{Body: []byte{byte(wasm.OpLocalGet), 0, byte(wasm.OpMemoryGrow), 0, byte(wasm.OpEnd)}},
			{Body: []byte{byte(wasm.OpMemorySize), 0, byte(wasm.OpEnd)}},
			{Body: []byte{byte(wasm.OpLocalGet), 0, byte(wasm.OpI32Const), 7, byte(wasm.OpI32Store8), 0, 0, byte(wasm.OpEnd)}},
		},
	}
	return m.Encode()
}
