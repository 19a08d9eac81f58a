package suspend

import (
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// settlerName is the name of the settler, behind the plan's prefix.
const settlerName = "settle"

var settlerType = wasm.FuncType{Params: []wasm.ValType{wasm.I32}, Results: []wasm.ValType{wasm.I32}}

// A mark is what a gate sets the flag to when the stack unwinds: bit 0 is set, bits 1 to 16 are
// the point, and those above, with a sign, what the batch has been charged for before.
const (
	markPoint  = 1
	markCharge = markPoint + pointBits
	maxCharge  = 1 << (31 - markCharge - 2) // either way, since a row began
)

func markOf(point int, charged int64) int32 {
	return 1 | int32(point)<<markPoint | int32(charged)<<markCharge
}

// GateName is what gates are called in the stacks of traps. They are no frames of the guest.
const GateName = "godwit gate"

func (g gate) name() string { return fmt.Sprintf("gate:%s:%d:%d", g.op, g.a, g.b) }

// gateType is the type of a gate: it takes the point beside the arguments.
func (mod *module) gateType(g gate) wasm.FuncType {
	t := mod.gated(g)
	if !g.calls() {
		return t
	}
	params := slices.Clone(t.Params)
	if g.op != wasm.OpCall {
		params = append(params, wasm.I32)
	}
	return wasm.FuncType{Params: append(params, wasm.I32), Results: t.Results}
}

// gated is the type of what is called or done.
func (mod *module) gated(g gate) wasm.FuncType {
	switch g.op {
	case wasm.OpCall:
		return mod.typeOf(g.a)
	case wasm.OpCallIndirect:
		return mod.m.Types[g.a]
	}
	return mod.effectType(g)
}

func (o *output) gate(g gate) uint32 {
	f, ok := o.gates[g]
	if !ok {
		t := o.mod.gateType(g)
		body := o.gateBody
		if !g.calls() {
			body = o.effectBody
		}
		f = o.function(t, body(g, t))
		o.gates[g] = f
		o.names = append(o.names, wasm.Name{Index: f, Name: GateName})
	}
	return f
}

// gateBody calls the function, unless the stack unwinds already.
func (o *output) gateBody(g gate, t wasm.FuncType) wasm.Code {
	var a asm
	point := uint32(len(t.Params) - 1)
	a.block(wasm.OpBlock, wasm.BlockEmpty)
	a.globalGet(o.unwind)
	a.brIf(0)
	for x := range point {
		a.localGet(x)
	}
	if g.op == wasm.OpCall {
		o.called[o.index(g.a)] = true
		a.call(o.index(g.a))
	} else {
		a.opU32(g.op, g.a)
		a.b = wasm.AppendU32(a.b, g.b)
	}
	a.globalGet(o.unwind)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.localGet(point)
	a.opU32(wasm.OpGlobalSet, o.unwind)
	a.end()
	a.ret()
	a.end()
	for _, r := range t.Results {
		a.zero(r)
	}
	a.end()
	return wasm.Code{Body: a.b}
}

func (o *output) settler() uint32 {
	if o.settle == 0 {
		fuel := o.mod.code.Fuel
		var a asm
		a.globalGet(fuel)
		a.localGet(0)
		a.globalGet(o.unwind)
		a.i32(markCharge)
		a.op(wasm.OpI32ShrS)
		a.op(wasm.OpI32Sub)
		a.op(wasm.OpI64ExtendI32S)
		a.op(wasm.OpI64Add)
		a.opU32(wasm.OpGlobalSet, fuel)
		a.globalGet(o.unwind)
		a.i32(markPoint)
		a.op(wasm.OpI32ShrU)
		a.i32(1<<pointBits - 1)
		a.op(wasm.OpI32And)
		a.end()
		o.settle = o.function(settlerType, wasm.Code{Body: a.b})
	}
	return o.settle
}

// exportGates publishes what clones import.
func (o *output) exportGates(add func(name string, kind wasm.ExternKind, index uint32)) {
	if o.settle != 0 {
		add(settlerName, wasm.KindFunc, o.settle)
	}
	for g, f := range sorted(o.gates) {
		add(g.name(), wasm.KindFunc, f)
	}
}
