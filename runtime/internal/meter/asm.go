package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// asm appends instructions to a function body.
type asm struct {
	b []byte
}

func (a *asm) raw(b []byte) { a.b = append(a.b, b...) }

// op appends an opcode. Most are one byte.
func (a *asm) op(op wasm.Op) {
	if op <= 0xff {
		a.b = append(a.b, byte(op))
	} else {
		a.b = wasm.AppendOp(a.b, op)
	}
}

// opU32 appends an opcode and an index. Most are one byte each.
func (a *asm) opU32(op wasm.Op, x uint32) {
	if op <= 0xff && x < 0x80 {
		a.b = append(a.b, byte(op), byte(x))
	} else {
		a.b = wasm.AppendU32(wasm.AppendOp(a.b, op), x)
	}
}

func (a *asm) localGet(x uint32)  { a.opU32(wasm.OpLocalGet, x) }
func (a *asm) localSet(x uint32)  { a.opU32(wasm.OpLocalSet, x) }
func (a *asm) localTee(x uint32)  { a.opU32(wasm.OpLocalTee, x) }
func (a *asm) globalGet(x uint32) { a.opU32(wasm.OpGlobalGet, x) }
func (a *asm) globalSet(x uint32) { a.opU32(wasm.OpGlobalSet, x) }
func (a *asm) br(depth uint32)    { a.opU32(wasm.OpBr, depth) }
func (a *asm) brIf(depth uint32)  { a.opU32(wasm.OpBrIf, depth) }
func (a *asm) call(f uint32)      { a.opU32(wasm.OpCall, f) }
func (a *asm) end()               { a.op(wasm.OpEnd) }
func (a *asm) i32(v int32)        { a.op(wasm.OpI32Const); a.b = wasm.AppendS32(a.b, v) }
func (a *asm) i64(v int64)        { a.op(wasm.OpI64Const); a.b = wasm.AppendS64(a.b, v) }
func (a *asm) ops(ops ...wasm.Op) {
	for _, op := range ops {
		a.op(op)
	}
}
func (a *asm) block(op wasm.Op, t wasm.BlockType) {
	a.op(op)
	a.b = wasm.AppendBlockType(a.b, t)
}
