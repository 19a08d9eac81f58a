package wasmgen

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// callable lists the functions that may be called from here: those that tick,
// and those that come later, so that no recursion is without end.
func (b *body) callable(fits func(wasm.FuncType) bool) []int {
	return filter(b.funcs, func(i int, f function) bool {
		return (f.ticks || b.wild || f.index > b.self.index) && fits(f.typ)
	})
}

func (b *body) call(i int) {
	t := b.funcs[i].typ
	b.operands(t.Params...)
	b.apply(wasm.OpCall, t.Params, t.Results, uint32(i))
}

// callFor calls a function with just these results.
func (b *body) callFor(results []wasm.ValType) bool {
	fit := b.callable(func(t wasm.FuncType) bool { return slices.Equal(t.Results, results) })
	if len(fit) == 0 {
		return false
	}
	b.call(pick(&b.choices, fit))
	return true
}

func (b *body) callAny() {
	if fit := b.callable(func(wasm.FuncType) bool { return true }); len(fit) > 0 {
		b.call(pick(&b.choices, fit))
	}
}

// sameResults tells whether a tail call of such a function is possible.
func (b *body) sameResults(t wasm.FuncType) bool { return slices.Equal(t.Results, b.frames[0].results) }

func (b *body) tailCall() {
	fit := b.callable(b.sameResults)
	if !b.tails || len(fit) == 0 {
		return
	}
	i := pick(&b.choices, fit)
	t := b.funcs[i].typ
	b.operands(t.Params...)
	b.apply(wasm.OpReturnCall, t.Params, nil, uint32(i))
	b.die()
}

// callIndirect calls through a table, mostly with the right type.
func (b *body) callIndirect(tail bool) {
	fit := filter(b.slots, func(_ int, f uint32) bool { return !tail || b.tails && b.sameResults(b.funcs[f].typ) })
	if len(fit) == 0 {
		return
	}
	slot := pick(&b.choices, fit)
	t := b.funcs[b.slots[slot]].typ
	b.operands(t.Params...)
	b.slot(int32(slot), t)
	op, table := wasm.OpCallIndirect, uint32(0)
	if b.oneIn(32) {
		table = 1
	}
	if tail {
		op = wasm.OpReturnCallIndirect
	}
	b.apply(op, append(slices.Clone(t.Params), i32), t.Results, b.typeIndex(t), table)
	if tail {
		b.die()
	}
}

// slot leaves the index of one of two functions of the right type, or now and
// then any number.
func (b *body) slot(slot int32, t wasm.FuncType) {
	if b.oneIn(32) {
		b.index(16)
		return
	}
	b.i32(slot)
	b.push(i32)
	same := filter(b.slots, func(_ int, f uint32) bool { return b.funcs[f].typ.String() == t.String() })
	if len(same) < 2 {
		return
	}
	b.i32(int32(pick(&b.choices, same)))
	b.push(i32)
	b.value(i32)
	b.apply(wasm.OpSelect, types{i32, i32, i32}, types{i32})
}

func (b *body) throw() {
	if !b.exceptions {
		return
	}
	if b.oneIn(6) {
		b.operands(wasm.ExnRef)
		b.op(wasm.OpThrowRef)
		b.die()
		return
	}
	tag := b.below(len(b.tags))
	b.operands(b.tags[tag]...)
	b.opU32(wasm.OpThrow, uint32(tag))
	b.die()
}

// tryTable adds a try_table with some clauses, mostly within a block that one of
// them goes to.
func (b *body) tryTable() {
	if !b.exceptions {
		return
	}
	first, carried := b.clause()
	wrap := b.mostly(3)
	if wrap {
		b.open(wasm.OpBlock, wasm.FuncType{Results: carried})
	}
	var catches []wasm.Catch
	if wrap {
		catches = append(catches, first)
	}
	for range b.below(4) {
		c, carried := b.clause()
		if fit := b.safe(carried); len(fit) > 0 {
			c.Label = pick(&b.choices, fit)
			catches = append(catches, c)
		}
	}
	t := b.blockSignature()
	b.operands(t.Params...)
	b.open(wasm.OpTryTable, t)
	b.code = wasm.AppendU32(b.code, uint32(len(catches)))
	for _, c := range catches {
		b.code = wasm.AppendCatch(b.code, c)
	}
	b.statements(8)
	if b.oneIn(2) && !b.top().dead {
		b.oftenGuarded(b.throw)
	}
	b.close()
	if wrap {
		b.close()
		b.consume()
	}
}

// clause chooses what is caught, and says what it carries.
func (b *body) clause() (wasm.Catch, []wasm.ValType) {
	c := wasm.Catch{Kind: wasm.CatchKind(b.below(4))}
	var carried []wasm.ValType
	if c.Kind.HasTag() {
		c.Tag = uint32(b.below(len(b.tags)))
		carried = slices.Clone(b.tags[c.Tag])
	}
	if c.Kind.HasRef() {
		carried = append(carried, wasm.ExnRef)
	}
	return c, carried
}
