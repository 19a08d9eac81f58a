package suspend

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// asm appends instructions to a function body.
type asm struct {
	b []byte
}

func (a *asm) raw(b []byte)               { a.b = append(a.b, b...) }
func (a *asm) op(op wasm.Op)              { a.b = wasm.AppendOp(a.b, op) }
func (a *asm) opU32(op wasm.Op, x uint32) { a.op(op); a.b = wasm.AppendU32(a.b, x) }
func (a *asm) localGet(x uint32)          { a.opU32(wasm.OpLocalGet, x) }
func (a *asm) localSet(x uint32)          { a.opU32(wasm.OpLocalSet, x) }
func (a *asm) localTee(x uint32)          { a.opU32(wasm.OpLocalTee, x) }
func (a *asm) globalGet(x uint32)         { a.opU32(wasm.OpGlobalGet, x) }
func (a *asm) br(depth uint32)            { a.opU32(wasm.OpBr, depth) }
func (a *asm) brIf(depth uint32)          { a.opU32(wasm.OpBrIf, depth) }
func (a *asm) call(f uint32)              { a.opU32(wasm.OpCall, f) }
func (a *asm) end()                       { a.op(wasm.OpEnd) }
func (a *asm) i32(v int32)                { a.op(wasm.OpI32Const); a.b = wasm.AppendS32(a.b, v) }
func (a *asm) i64(v int64)                { a.op(wasm.OpI64Const); a.b = wasm.AppendS64(a.b, v) }
func (a *asm) lane(op wasm.Op, lane byte) { a.op(op); a.b = append(a.b, lane) }
func (a *asm) ret()                       { a.op(wasm.OpReturn) }
func (a *asm) block(op wasm.Op, t wasm.BlockType) {
	a.op(op)
	a.b = wasm.AppendBlockType(a.b, t)
}

// zero pushes the zero of a type.
func (a *asm) zero(t wasm.ValType) {
	switch t {
	case wasm.I32:
		a.i32(0)
	case wasm.I64:
		a.i64(0)
	default:
		c := wasm.ConstZero(t)
		a.raw(c[:len(c)-1])
	}
}
