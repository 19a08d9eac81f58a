package wasm

import "math"

// Instr is one decoded instruction. Only the fields that its opcode has are meaningful; what the
// others hold is left open. Targets, Catches and Types are overwritten by the next instruction read
// into the same Instr.
type Instr struct {
	Op   Op
	Type ValType // ref.null: the type; select with types: the first of Types

	Pos, End int // the instruction's bytes in the body: [Pos, End)

	// A and B are the immediates that are indices or small numbers:
	//
	//	br, br_if                            A label depth
	//	call, return_call, ref.func          A function
	//	call_indirect, return_call_indirect  A type, B table
	//	local.*                              A local
	//	global.*                             A global
	//	table.get/set/grow/size/fill         A table
	//	table.copy                           A destination table, B source table
	//	table.init                           A element segment, B table
	//	elem.drop                            A element segment
	//	memory.init                          A data segment, B memory (always 0)
	//	memory.copy                          A, B memories (always 0)
	//	data.drop                            A data segment
	//	throw                                A tag
	//	loads, stores, atomics               A alignment exponent
	//	vector lane instructions             B lane
	A, B uint32

	Offset uint64    // constant offset of a memory access, in bytes
	Const  uint64    // bits of an i32, i64, f32 or f64 constant; an i32 is zero-extended
	Block  BlockType // block, loop, if, try_table

	V128    [16]byte  // v128.const: the value; i8x16.shuffle: the lanes
	Targets []uint32  // br_table: label depths, the default last
	Catches []Catch   // try_table: the handlers, in order
	Types   []ValType // select with types
}

// I32 is the value of an i32.const.
func (in *Instr) I32() int32 { return int32(in.Const) }

// I64 is the value of an i64.const.
func (in *Instr) I64() int64 { return int64(in.Const) }

// F32 is the value of an f32.const.
func (in *Instr) F32() float32 { return math.Float32frombits(uint32(in.Const)) }

// F64 is the value of an f64.const.
func (in *Instr) F64() float64 { return math.Float64frombits(in.Const) }

// CatchKind is the kind of a try_table handler, by its byte in the binary format.
type CatchKind byte

// The handlers of try_table: for one tag or for all, passing the exception reference on or not.
const (
	CatchTag    CatchKind = 0
	CatchTagRef CatchKind = 1
	CatchAll    CatchKind = 2
	CatchAllRef CatchKind = 3
)

// HasTag reports whether the handler names a tag.
func (k CatchKind) HasTag() bool { return k == CatchTag || k == CatchTagRef }

// HasRef reports whether the handler passes the exception reference on.
func (k CatchKind) HasRef() bool { return k == CatchTagRef || k == CatchAllRef }

// Catch is one handler of a try_table. Its label counts from outside of the try_table: depth 0 is
// the block that encloses it.
type Catch struct {
	Kind  CatchKind
	Tag   uint32 // meaningful if Kind.HasTag()
	Label uint32
}

// AppendCatch appends the encoding of a handler.
func AppendCatch(b []byte, c Catch) []byte {
	b = append(b, byte(c.Kind))
	if c.Kind.HasTag() {
		b = AppendU32(b, c.Tag)
	}
	return AppendU32(b, c.Label)
}
