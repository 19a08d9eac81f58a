package wasm

import (
	"fmt"
	"strings"
)

// ValType is a value type, by its byte in the binary format (specification 2.0, section 5.3.4;
// exnref is from the exception handling proposal).
type ValType byte

// The value types. Unknown is what the checker pops from the polymorphic stack of unreachable
// code; it is no type of any module.
const (
	Unknown   ValType = 0
	I32       ValType = 0x7f
	I64       ValType = 0x7e
	F32       ValType = 0x7d
	F64       ValType = 0x7c
	V128      ValType = 0x7b
	FuncRef   ValType = 0x70
	ExternRef ValType = 0x6f
	ExnRef    ValType = 0x69
)

// String is the type's name in the text format.
func (t ValType) String() string {
	switch t {
	case Unknown:
		return "unknown"
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	case ExnRef:
		return "exnref"
	}
	return fmt.Sprintf("type 0x%02x", byte(t))
}

// IsRef reports whether t is a reference type.
func (t ValType) IsRef() bool { return t == FuncRef || t == ExternRef || t == ExnRef }

// valid reports whether t is a value type.
func (t ValType) valid() bool { return t >= V128 && t <= I32 || t.IsRef() }

// singles backs the one-element result lists of block types, so that resolving one allocates
// nothing. It is never written.
var singles = [256]ValType{
	I32: I32, I64: I64, F32: F32, F64: F64, V128: V128,
	FuncRef: FuncRef, ExternRef: ExternRef, ExnRef: ExnRef,
}

// list is the list of just t. It must not be modified.
func (t ValType) list() []ValType { return singles[t : int(t)+1 : int(t)+1] }

// FuncType is the type of a function, of a block, or (with no results) of an exception tag.
type FuncType struct{ Params, Results []ValType }

// String is the type in the notation of the specification, as in "[i32 i32] -> [i64]".
func (f FuncType) String() string { return typeList(f.Params) + " -> " + typeList(f.Results) }

func typeList(types []ValType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.String()
	}
	return "[" + strings.Join(names, " ") + "]"
}

// Limits bound a table (in elements) or a memory (in pages of 64 KiB).
type Limits struct {
	Min    uint64
	Max    uint64 // meaningful if HasMax
	HasMax bool
	Shared bool // memories only
}

// TableType is the type of a table: its element type and its size in elements.
type TableType struct {
	Elem   ValType
	Limits Limits
}

// MemoryType is the type of a linear memory: its size in pages of 64 KiB.
type MemoryType struct{ Limits Limits }

// GlobalType is the type of a global.
type GlobalType struct {
	Type    ValType
	Mutable bool
}

// BlockType is the type of a structured instruction as it is encoded: a signed 33-bit number that
// is a type index if it is not negative, BlockEmpty, or the value type of the only result.
type BlockType int64

// BlockEmpty is the type of a block without parameters and results.
const BlockEmpty BlockType = -64

// BlockOf is the type of a block without parameters and with one result.
func BlockOf(t ValType) BlockType { return BlockType(t) - 128 }

// BlockIndex is the type of a block that has the function type of that index.
func BlockIndex(index uint32) BlockType { return BlockType(index) }

// Index gives the type index, if there is one.
func (b BlockType) Index() (uint32, bool) { return uint32(b), b >= 0 }

// Single gives the value type of the only result, if the type is in that form.
func (b BlockType) Single() (ValType, bool) {
	if b >= 0 || b == BlockEmpty {
		return 0, false
	}
	return ValType(b + 128), true
}
