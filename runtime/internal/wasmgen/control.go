package wasmgen

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// statements adds up to about n statements. Code after one that never ends is
// dead; some of it is added all the same.
func (b *body) statements(n int) {
	b.nest++
	defer func() { b.nest-- }()
	for range 1 + b.below(n) {
		if b.room <= 0 || b.top().dead && b.mostly(3) {
			return
		}
		b.statement()
	}
}

func (b *body) statement() {
	if b.nest > maxNest+4 {
		b.assign()
		return
	}
	switch k := b.below(36); k {
	case 0:
		b.op(wasm.OpNop)
	case 1, 2, 3, 4, 5:
		b.assign()
	case 6, 7, 8:
		b.store()
	case 9:
		b.value(b.valType())
	case 10, 11:
		b.consume()
	case 12:
		b.block()
	case 13, 14, 15:
		b.loop()
	case 16:
		b.dispatch()
	case 17, 18:
		b.condition()
	case 19, 20, 21:
		b.branchIf()
	case 22, 23:
		b.leave()
	case 24, 25:
		b.callAny()
	case 26:
		b.callIndirect(false)
	case 27:
		b.tryTable()
	case 28:
		b.bulkMemory()
	case 29:
		b.bulkTable()
	case 30:
		b.atomicStore()
	case 31:
		b.oftenGuarded(b.throw)
	case 32, 33, 34:
		b.rounds()
	case 35:
		b.row()
	}
}

// assign sets a local or a global.
func (b *body) assign() {
	locals := filter(b.locals, func(i int, _ wasm.ValType) bool { return !b.own[i] })
	globals := filter(b.globals, func(i int, g wasm.GlobalType) bool { return g.Mutable && i > int(b.patience) })
	if len(globals) > 0 && (len(locals) == 0 || b.oneIn(3)) {
		x := pick(&b.choices, globals)
		b.set(wasm.OpGlobalSet, b.globals[x].Type, x)
	} else if len(locals) > 0 {
		x := pick(&b.choices, locals)
		b.set(wasm.OpLocalSet, b.locals[x], x)
	}
}

func (b *body) set(op wasm.Op, t wasm.ValType, x int) {
	b.operands(t)
	b.apply(op, types{t}, nil, uint32(x))
}

// consume does something with the operand on top of the stack, if there is one.
func (b *body) consume() {
	above := b.above()
	if len(above) == 0 {
		return
	}
	t := above[len(above)-1]
	fit := filter(b.locals, func(i int, l wasm.ValType) bool { return l == t && !b.own[i] })
	switch {
	case t == wasm.ExnRef && b.oneIn(4):
		b.apply(wasm.OpThrowRef, types{t}, nil)
		b.die()
	case len(fit) > 0 && b.mostly(4):
		b.apply(wasm.OpLocalSet, types{t}, nil, uint32(pick(&b.choices, fit)))
	default:
		b.apply(wasm.OpDrop, types{t}, nil)
	}
}

// blockSignature chooses a type for a block: its parameters are often what is on
// the stack anyway.
func (b *body) blockSignature() wasm.FuncType {
	t := wasm.FuncType{}
	if above := b.above(); len(above) > 0 && b.oneIn(2) {
		t.Params = slices.Clone(above[len(above)-1-b.below(len(above)):])
	} else if b.oneIn(6) {
		t.Params = b.valTypes(2)
	}
	if b.oneIn(3) {
		t.Results = b.valTypes(2)
	}
	return t
}

func (b *body) block() {
	t := b.blockSignature()
	b.operands(t.Params...)
	b.open(wasm.OpBlock, t)
	b.statements(8)
	b.close()
}

func (b *body) condition() {
	t := b.blockSignature()
	if b.oneIn(2) {
		t.Results = t.Params
	}
	b.operands(t.Params...)
	b.value(i32)
	b.open(wasm.OpIf, t)
	b.statements(6)
	if !slices.Equal(t.Params, t.Results) || b.oneIn(3) {
		b.orElse()
		b.statements(6)
	}
	b.close()
}

// counts are how often loops run, unless something leaves them before.
var counts = []int{3, 2, 5, 10, 40, 200}

// loop adds a loop that counts down a local of its own.
func (b *body) loop() {
	t := b.blockSignature()
	counter := b.local(i32, true)
	b.i32(int32(pick(&b.choices, counts[:max(2, len(counts)-2*b.loops())])))
	b.opU32(wasm.OpLocalSet, counter)
	b.operands(t.Params...)
	b.open(wasm.OpLoop, t)
	f := b.top()
	f.counter = int(counter)
	if f.ticks = b.oneIn(3) || b.wild; f.ticks && !b.wild {
		b.tick()
	}
	b.statements(10)
	b.again()
	b.close()
}

// loops is how many loops are open.
func (b *body) loops() int {
	n := 0
	for i := range b.frames {
		if b.frames[i].op == wasm.OpLoop {
			n++
		}
	}
	return n
}

// again goes back to the loop that is the innermost frame, in one of several
// ways.
func (b *body) again() {
	f := b.top()
	if f.dead && b.oneIn(2) {
		return
	}
	b.settle(f.params)
	switch k := b.below(8); {
	case k >= 6 && len(f.params) == 0:
		b.countDown(f)
		b.open(wasm.OpIf, wasm.FuncType{})
		if b.oneIn(4) {
			b.value(i32) // which the branch drops
		}
		b.opU32(wasm.OpBr, 1)
		b.die()
		b.close()
	case k == 5:
		b.countDown(f)
		b.op(wasm.OpI32Eqz)
		targets := []uint32{0, b.alike(f.params)}
		b.brTable(targets, f.params)
	case k == 4 && f.ticks:
		b.opU32(wasm.OpBr, 0)
		b.die()
	default:
		b.countDown(f)
		b.pop(1 + len(f.params))
		b.opU32(wasm.OpBrIf, 0)
		b.push(f.params...)
	}
}

// alike is the depth of some frame that is no loop, or one with ticks, whose
// label carries these; 0 if there is none.
func (b *body) alike(carried []wasm.ValType) uint32 {
	fit := b.safe(carried)
	if len(fit) == 0 {
		return 0
	}
	return pick(&b.choices, fit)
}

// safe lists the depths of all frames that anybody may branch to whose labels
// carry these.
func (b *body) safe(carried []wasm.ValType) []uint32 {
	var fit []uint32
	for depth := range b.frames {
		f := b.frame(depth)
		if (f.op != wasm.OpLoop || f.ticks) && slices.Equal(f.label(), carried) {
			fit = append(fit, uint32(depth))
		}
	}
	return fit
}

// countDown leaves whether the loop's counter is still positive after one was
// taken from it.
func (b *body) countDown(f *frame) {
	b.opU32(wasm.OpLocalGet, uint32(f.counter))
	b.i32(1)
	b.op(wasm.OpI32Sub)
	b.opU32(wasm.OpLocalTee, uint32(f.counter))
	b.i32(0)
	b.op(wasm.OpI32GtS)
	b.push(i32)
}

// tick takes from the patience that the whole program shares, and returns from
// the function when there is none left.
func (b *body) tick() {
	b.opU32(wasm.OpGlobalGet, b.patience)
	b.i32(1)
	b.op(wasm.OpI32Sub)
	b.opU32(wasm.OpGlobalSet, b.patience)
	b.opU32(wasm.OpGlobalGet, b.patience)
	b.i32(0)
	b.op(wasm.OpI32LtS)
	b.push(i32)
	b.open(wasm.OpIf, wasm.FuncType{})
	for _, t := range b.frames[0].results {
		b.constant(t)
	}
	b.op(wasm.OpReturn)
	b.die()
	b.close()
}

// branchIf may branch to any frame. What goes back to a loop counts.
func (b *body) branchIf() {
	depth := b.below(len(b.frames))
	f := b.frame(depth)
	carried := f.label()
	b.operands(carried...)
	if f.op == wasm.OpLoop && !f.ticks {
		b.countDown(f)
		if b.oneIn(2) {
			b.value(i32)
			b.apply(wasm.OpI32And, types{i32, i32}, types{i32})
		}
	} else {
		b.value(i32)
	}
	b.pop(1 + len(carried))
	b.opU32(wasm.OpBrIf, uint32(depth))
	b.push(carried...)
}

// oftenGuarded adds code that never goes on, mostly within an if.
func (b *body) oftenGuarded(code func()) {
	if b.oneIn(4) {
		code()
		return
	}
	b.value(i32)
	b.open(wasm.OpIf, wasm.FuncType{})
	code()
	b.close()
}

// leave ends the block: branch, return, tail call or trap.
func (b *body) leave() {
	switch k := b.below(16); {
	case k < 5:
		b.oftenGuarded(b.branch)
	case k < 9:
		b.oftenGuarded(b.branchTable)
	case k < 11:
		b.oftenGuarded(func() {
			b.operands(b.frames[0].results...)
			b.op(wasm.OpReturn)
			b.die()
		})
	case k < 13:
		b.oftenGuarded(b.tailCall)
	case k < 15:
		b.oftenGuarded(func() { b.callIndirect(true) })
	case b.oneIn(4):
		b.oftenGuarded(func() {
			b.op(wasm.OpUnreachable)
			b.die()
		})
	}
}

func (b *body) branch() {
	depth := uint32(b.below(len(b.frames)))
	f := b.frame(int(depth))
	if f.op == wasm.OpLoop && !f.ticks {
		depth = uint32(len(b.frames) - 1)
		f = &b.frames[0]
	}
	b.operands(f.label()...)
	b.opU32(wasm.OpBr, depth)
	b.die()
}

func (b *body) branchTable() {
	carried := b.frame(b.below(len(b.frames))).label()
	fit := b.safe(carried)
	if len(fit) == 0 {
		return
	}
	n := 1 + b.below(6)
	if b.oneIn(32) {
		n = 300
	}
	targets := make([]uint32, n)
	for i := range targets {
		targets[i] = fit[(i+b.below(len(fit)))%len(fit)]
	}
	b.operands(carried...)
	b.index(8)
	b.brTable(targets, carried)
}

// brTable adds a br_table whose operands and index are on the stack.
func (b *body) brTable(targets []uint32, carried []wasm.ValType) {
	b.pop(1 + len(carried))
	b.opU32(wasm.OpBrTable, uint32(len(targets)-1))
	for _, t := range targets {
		b.code = wasm.AppendU32(b.code, t)
	}
	b.die()
}
