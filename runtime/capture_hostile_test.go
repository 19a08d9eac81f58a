package runtime

import (
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
