package suspend

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// typeTable adds function types to a module, each once.
type typeTable struct {
	types []wasm.FuncType
	index map[string]uint32
}

func newTypeTable(m *wasm.Module) *typeTable {
	t := &typeTable{types: append([]wasm.FuncType(nil), m.Types...), index: make(map[string]uint32, len(m.Types))}
	for i, f := range m.Types {
		key := typeKey(f.Params, f.Results)
		if _, ok := t.index[key]; !ok {
			t.index[key] = uint32(i)
		}
	}
	return t
}

func typeKey(params, results []wasm.ValType) string {
	key := make([]byte, 0, len(params)+len(results)+1)
	for _, p := range params {
		key = append(key, byte(p))
	}
	key = append(key, 0)
	for _, r := range results {
		key = append(key, byte(r))
	}
	return string(key)
}

// of is the index of the type with these parameters and results.
func (t *typeTable) of(params, results []wasm.ValType) uint32 {
	key := typeKey(params, results)
	i, ok := t.index[key]
	if !ok {
		i = uint32(len(t.types))
		t.types = append(t.types, wasm.FuncType{
			Params:  append([]wasm.ValType(nil), params...),
			Results: append([]wasm.ValType(nil), results...),
		})
		t.index[key] = i
	}
	return i
}

// block is the type of a block that takes params and leaves results.
func (t *typeTable) block(params, results []wasm.ValType) wasm.BlockType {
	switch {
	case len(params) == 0 && len(results) == 0:
		return wasm.BlockEmpty
	case len(params) == 0 && len(results) == 1:
		return wasm.BlockOf(results[0])
	default:
		return wasm.BlockIndex(t.of(params, results))
	}
}
