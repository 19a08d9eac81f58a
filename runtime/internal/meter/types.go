package meter

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// typeTable adds function types to a module, each once.
type typeTable struct {
	m     *wasm.Module
	index map[string]uint32
	key   []byte
}

func (t *typeTable) init(m *wasm.Module) { t.m = m }

// appendTypeKey appends what tells one type from another.
func appendTypeKey(key []byte, params, results []wasm.ValType) []byte {
	for _, p := range params {
		key = append(key, byte(p))
	}
	key = append(key, 0)
	for _, r := range results {
		key = append(key, byte(r))
	}
	return key
}

// of is the index of the type with these parameters and results.
func (t *typeTable) of(params, results []wasm.ValType) uint32 {
	if t.index == nil {
		t.index = make(map[string]uint32, len(t.m.Types))
		for i, f := range t.m.Types {
			if t.key = appendTypeKey(t.key[:0], f.Params, f.Results); t.index[string(t.key)] == 0 {
				t.index[string(t.key)] = uint32(i) + 1
			}
		}
	}
	t.key = appendTypeKey(t.key[:0], params, results)
	index := t.index[string(t.key)]
	if index == 0 {
		t.m.Types = append(t.m.Types, wasm.FuncType{Params: slices.Clone(params), Results: slices.Clone(results)})
		index = uint32(len(t.m.Types))
		t.index[string(t.key)] = index
	}
	return index - 1
}

// block is the block type that takes params and leaves results.
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

// identity is the type of a block that values pass through.
func (mod *module) identity(values []wasm.ValType) wasm.BlockType {
	return mod.types.block(values, values)
}

// landing is the type of a block around a br_table whose targets take values.
func (mod *module) landing(values []wasm.ValType) wasm.BlockType {
	params := append(append(make([]wasm.ValType, 0, len(values)+1), values...), wasm.I32)
	return mod.types.block(params, values)
}
