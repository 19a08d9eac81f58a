package wasmgen

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// lengths of rows in steps.
var lengths = []int{6, 3, 20, 40, 80, 120}

// row adds a row of calls with little between them, as compilers make it of code that builds
// tables or starts things: a few steps, over and over.
func (b *body) row() {
	n := pick(&b.choices, lengths)
	fit := filter(b.funcs, func(_ int, f function) bool { return f.ticks || n < 10 && f.index > b.self.index })
	if b.room <= 0 || len(fit) == 0 {
		return
	}
	nest := b.nest
	b.nest = max(nest, maxNest-1) // what makes values is short
	defer func() { b.nest = nest }()
	var steps [][]byte
	for range min(n, 1+b.below(4)) {
		start := len(b.code)
		b.rowStep(fit)
		if b.top().dead {
			return
		}
		steps = append(steps, slices.Clone(b.code[start:]))
	}
	for range n - len(steps) {
		b.code = append(b.code, pick(&b.choices, steps)...)
		b.room--
	}
}

// rowStep adds a few calls, and what belongs to them. It leaves the operands as they were.
func (b *body) rowStep(fit []int) {
	height := len(b.stack)
	floor := b.floor
	b.floor = height
	for range 1 + b.below(3) {
		switch b.below(12) {
		case 5:
			b.store()
		case 6:
			b.assign()
		case 7:
			b.callIndirect(false)
		case 8, 9:
			b.tally()
		default:
			i := pick(&b.choices, fit)
			b.handed(b.funcs[i].typ.Params)
			b.call(i)
		}
		if b.oneIn(2) && len(b.stack) > height {
			b.toLocal()
		}
	}
	for len(b.stack) > height && !b.top().dead {
		b.toLocal()
	}
	b.floor = floor
}

// handed pushes arguments, most of which are just there.
func (b *body) handed(list []wasm.ValType) {
	for _, t := range list {
		if b.oneIn(8) || !b.localValue(t, wasm.OpLocalGet) {
			b.value(t)
		}
	}
}

// toLocal puts the operand on top of the stack into a local, or drops it.
func (b *body) toLocal() {
	t := b.stack[len(b.stack)-1]
	fit := filter(b.locals, func(i int, l wasm.ValType) bool { return l == t && !b.own[i] })
	if len(fit) == 0 || b.oneIn(4) {
		b.apply(wasm.OpDrop, types{t}, nil)
		return
	}
	b.apply(wasm.OpLocalSet, types{t}, nil, uint32(pick(&b.choices, fit)))
}

// tally counts in memory or in a global: whoever does it twice, or not at all, is found out.
func (b *body) tally() {
	globals := filter(b.globals, func(i int, g wasm.GlobalType) bool { return g.Mutable && g.Type == i32 && i > int(b.patience) })
	switch {
	case len(globals) > 0 && b.oneIn(2):
		x := uint32(pick(&b.choices, globals))
		b.opU32(wasm.OpGlobalGet, x)
		b.i32(1)
		b.op(wasm.OpI32Add)
		b.opU32(wasm.OpGlobalSet, x)
	case b.memory:
		at := int32(4 * b.below(16))
		b.i32(at)
		b.i32(at)
		b.opU32(wasm.OpI32Load, 2, 0)
		b.i32(1)
		b.op(wasm.OpI32Add)
		b.opU32(wasm.OpI32Store, 2, 0)
	}
}
