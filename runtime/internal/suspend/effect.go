package suspend

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// effect tells whether an instruction accesses memory or sets one of the guest's globals, whose
// indices are below the fuel's.
func effect(in *wasm.Instr, fuel uint32) bool {
	return in.Op >= wasm.OpI32Load && in.Op <= wasm.OpI64Store32 || in.Op == wasm.OpGlobalSet && in.A < fuel
}

// gateEffect writes an effect that goes through a gate.
func (e *emitter) gateEffect(in *wasm.Instr) {
	g := gate{op: in.Op}
	if in.Op == wasm.OpGlobalSet {
		g.a = in.A
	} else {
		e.i32(int32(uint32(in.Offset)))
	}
	e.call(e.gate(g))
}

// calls tells whether the gate is for calls.
func (g gate) calls() bool { return g.op == wasm.OpCall || g.op == wasm.OpCallIndirect }

// effectType is the type of the gate of an effect: that of memory takes the offset, too.
func (mod *module) effectType(g gate) wasm.FuncType {
	if g.op == wasm.OpGlobalSet {
		t, _ := mod.m.GlobalTypeOf(g.a)
		return wasm.FuncType{Params: []wasm.ValType{t.Type}}
	}
	t := accessed(g.op)
	if g.op >= wasm.OpI32Store {
		return wasm.FuncType{Params: []wasm.ValType{wasm.I32, t, wasm.I32}}
	}
	return wasm.FuncType{Params: []wasm.ValType{wasm.I32, wasm.I32}, Results: []wasm.ValType{t}}
}

// accessed is the type of what is loaded or stored.
func accessed(op wasm.Op) wasm.ValType {
	switch op {
	case wasm.OpF32Load, wasm.OpF32Store:
		return wasm.F32
	case wasm.OpF64Load, wasm.OpF64Store:
		return wasm.F64
	case wasm.OpI32Load, wasm.OpI32Load8S, wasm.OpI32Load8U, wasm.OpI32Load16S, wasm.OpI32Load16U,
		wasm.OpI32Store, wasm.OpI32Store8, wasm.OpI32Store16:
		return wasm.I32
	}
	return wasm.I64
}

// effectBody does what the gate is for, unless the stack unwinds.
func (o *output) effectBody(g gate, t wasm.FuncType) wasm.Code {
	var a asm
	a.block(wasm.OpBlock, wasm.BlockEmpty)
	a.globalGet(o.unwind)
	a.brIf(0)
	if g.op == wasm.OpGlobalSet {
		a.localGet(0)
		a.opU32(g.op, g.a)
	} else {
		a.access(g.op, uint32(len(t.Params)-1))
	}
	a.ret()
	a.end()
	for _, r := range t.Results {
		a.zero(r)
	}
	a.end()
	return wasm.Code{Body: a.b}
}

// access loads or stores with an offset that is the last parameter. A sum that does not fit traps, as
// it would with the offset in the instruction.
func (a *asm) access(op wasm.Op, offset uint32) {
	sum := func() {
		a.localGet(0)
		a.localGet(offset)
		a.op(wasm.OpI32Add)
	}
	do := func(offset uint32) {
		if op >= wasm.OpI32Store {
			a.localGet(1)
		}
		a.op(op)
		a.b = wasm.AppendU32(wasm.AppendU32(a.b, 0), offset)
	}
	sum()
	a.localGet(0)
	a.op(wasm.OpI32LtU)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.localGet(0)
	do(1<<32 - 1)
	if op < wasm.OpI32Store {
		a.op(wasm.OpDrop)
	}
	a.end()
	sum()
	do(0)
}
