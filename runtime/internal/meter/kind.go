package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// kind sorts instructions by what the walks have to do with them.
type kind uint8

const (
	kindOther kind = iota // has to do with control flow or calls, or is seldom
	kindPlain             // costs one unit and computes, and that is all
	kindOrder             // compares by order: see fusion
	kindAnd               // see fusion
	kindGet
	kindSet // or tee
)

// kinds is the kind of each opcode of one byte.
var kinds = func() (table [256]kind) {
	for op := range wasm.Op(256) {
		switch {
		case op == wasm.OpLocalGet:
			table[op] = kindGet
		case op == wasm.OpLocalSet, op == wasm.OpLocalTee:
			table[op] = kindSet
		case op == wasm.OpI32And, op == wasm.OpI64And:
			table[op] = kindAnd
		case ordered(op):
			table[op] = kindOrder
		case plain(op), variable(op):
			table[op] = kindPlain
		}
	}
	return table
}()

func kindOf(op wasm.Op) kind {
	if op > 0xff {
		return kindOther
	}
	return kinds[uint8(op)]
}

// plain tells of most instructions that they only compute.
func plain(op wasm.Op) bool {
	return op >= wasm.OpI32Load && op <= wasm.OpI64Extend32S && op != wasm.OpMemoryGrow
}

// variable tells of instructions on locals and globals.
func variable(op wasm.Op) bool { return op >= wasm.OpLocalGet && op <= wasm.OpGlobalSet }

// vector tells of SIMD instructions.
func vector(op wasm.Op) bool { return op>>8 == 0xfd }

// ordered tells whether op compares integers by less or greater.
func ordered(op wasm.Op) bool {
	return op >= wasm.OpI32LtS && op <= wasm.OpI32GeU || op >= wasm.OpI64LtS && op <= wasm.OpI64GeU
}
