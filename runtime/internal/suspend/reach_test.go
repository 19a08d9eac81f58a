package suspend

import (
	"bytes"
	goruntime "runtime"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// TestKept bounds the memory that a module of nothing but calls takes before its functions are
// rewritten one after another.
func TestKept(t *testing.T) {
	const functions, calls = 100, 20_000
	m := &wasm.Module{Types: []wasm.FuncType{{}}, Funcs: make([]uint32, functions)}
	for range functions {
		m.Codes = append(m.Codes, wasm.Code{Body: append(bytes.Repeat([]byte{0x10, 0}, calls), 0x0b)})
	}
	m, code := metered(t, m.Encode())
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	_, scans := newModule(m, code, maxKept)
	goruntime.ReadMemStats(&after)
	took := after.TotalAlloc - before.TotalAlloc
	if bound := uint64(8 * maxKept); took > bound {
		t.Errorf("%d bytes, more than %d", took, bound)
	}
	kept := 0
	for _, s := range scans {
		if s != nil {
			kept++
		}
	}
	if kept == 0 || kept > functions/2 {
		t.Errorf("kept %d scans", kept)
	}
}

// TestReadAgain checks that it does not matter what is kept.
func TestReadAgain(t *testing.T) {
	rewritten := func(keep int) []byte {
		m, code := metered(t, rowOfCalls(200))
		mod, scans := newModule(m, code, keep)
		o := newOutput(mod)
		if err := o.functions(scans); err != nil {
			t.Fatal(err)
		}
		o.finish()
		return m.Encode()
	}
	if !bytes.Equal(rewritten(0), rewritten(maxKept)) {
		t.Error("functions that are walked over again come out otherwise")
	}
}
