package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// isBulk tells whether an instruction costs by the bytes it moves.
func isBulk(op wasm.Op) bool {
	switch op {
	case wasm.OpMemoryCopy, wasm.OpMemoryFill, wasm.OpMemoryInit, wasm.OpMemoryGrow,
		wasm.OpTableCopy, wasm.OpTableFill, wasm.OpTableInit, wasm.OpTableGrow:
		return true
	default:
		return false
	}
}

// chunk is how many bytes of memory are moved between two looks at the clock.
const chunk = 1 << 20

// helper names a function that Rewrite adds to do a bulk instruction's work
// with charge, check and, where it is large, pauses.
type helper struct {
	op  wasm.Op
	arg uint32
}

// Helpers that charge for the operand on top of the stack and leave it there.
var (
	payBytes    = helper{wasm.OpMemoryInit, 1 << 31}
	payElements = helper{wasm.OpTableInit, 1 << 31}
)

// pause is the helper that takes params, of which the last is an i64, calls the host's
// check with that, and passes on the others. A call within the module takes the engine
// less code than one of the host, and there are many.
func (o *output) pause(params []wasm.ValType) uint32 {
	return o.helper(helper{wasm.OpCall, o.mod.types.of(params, params[:len(params)-1])})
}

// bulk replaces a bulk instruction.
func (e *emitter) bulk(raw []byte) { e.out.bulk(&e.asm, raw) }

func (o *output) bulk(a *asm, raw []byte) {
	r := wasm.NewReader(raw, 0)
	var in wasm.Instr
	r.Next(&in)
	switch in.Op {
	case wasm.OpMemoryCopy, wasm.OpMemoryFill, wasm.OpMemoryGrow:
		a.call(o.helper(helper{op: in.Op}))
	case wasm.OpMemoryInit:
		if len(o.m.Data[in.A].Bytes) > chunk {
			a.call(o.helper(helper{in.Op, in.A}))
			return
		}
		a.call(o.helper(payBytes))
		a.raw(raw)
	case wasm.OpTableGrow:
		a.call(o.helper(helper{in.Op, in.A}))
	default:
		a.call(o.helper(payElements))
		a.raw(raw)
	}
}

// helper returns the index of a helper, which it adds at first use.
func (o *output) helper(h helper) uint32 {
	if index, ok := o.helpers[h]; ok {
		return index
	}
	index := uint32(int(o.mod.imported)+len(o.m.Funcs)+len(o.bodies)) + o.added
	o.helpers[h] = index
	o.names = append(o.names, wasm.Name{Index: index, Name: h.op.String()})
	typ, locals, body := o.helperBody(h)
	o.types = append(o.types, o.mod.types.of(typ.Params, typ.Results))
	o.bodies = append(o.bodies, wasm.Code{Locals: locals, Body: body})
	return index
}

var (
	i32x1 = []wasm.ValType{wasm.I32}
	i32x3 = []wasm.ValType{wasm.I32, wasm.I32, wasm.I32}
)

func (o *output) helperBody(h helper) (wasm.FuncType, []wasm.LocalRun, []byte) {
	var a asm
	switch {
	case h.op == wasm.OpCall:
		t := o.m.Types[h.arg]
		debt := uint32(len(t.Params) - 1)
		a.localGet(debt)
		a.call(o.check)
		for x := range debt {
			a.localGet(x)
		}
		a.end()
		return t, nil, a.b
	case h == payBytes:
		o.pay(&a, 0, bytesPerUnit)
		a.localGet(0)
		a.end()
		return wasm.FuncType{Params: i32x1, Results: i32x1}, nil, a.b
	case h == payElements:
		o.pay(&a, 0, elementsPerUnit)
		a.localGet(0)
		a.end()
		return wasm.FuncType{Params: i32x1, Results: i32x1}, nil, a.b
	case h.op == wasm.OpMemoryGrow:
		o.memoryGrow(&a)
		return wasm.FuncType{Params: i32x1, Results: i32x1}, []wasm.LocalRun{{N: 1, Type: wasm.I32}}, a.b
	case h.op == wasm.OpTableGrow:
		o.growTable(&a, h.arg)
		table, _ := o.m.TableTypeOf(h.arg)
		return wasm.FuncType{Params: []wasm.ValType{table.Elem, wasm.I32}, Results: i32x1},
			[]wasm.LocalRun{{N: 1, Type: wasm.I32}}, a.b
	default:
		o.pay(&a, 2, bytesPerUnit)
		o.chunks(&a, h)
		return wasm.FuncType{Params: i32x3}, nil, a.b
	}
}

// take charges the i64 on top of the stack, and checks.
func (o *output) take(a *asm) {
	a.globalGet(o.fuel)
	a.op(wasm.OpI64Add)
	a.globalSet(o.fuel)
	a.globalGet(o.fuel)
	a.i64(0)
	a.op(wasm.OpI64LtS)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	o.checkExact(a)
	a.end()
}

func (o *output) checkExact(a *asm) {
	a.i64(0)
	a.call(o.check)
}

// pay charges for the number of bytes or elements in a local.
func (o *output) pay(a *asm, local uint32, perUnit int64) {
	a.i64(0)
	a.localGet(local)
	a.op(wasm.OpI64ExtendI32U)
	a.i64(perUnit - 1)
	a.op(wasm.OpI64Add)
	a.i64(perUnit)
	a.ops(wasm.OpI64DivU, wasm.OpI64Sub)
	o.take(a)
}

// memoryGrow grows, and charges for what was added.
func (o *output) memoryGrow(a *asm) {
	const pages, before = 0, 1
	a.localGet(pages)
	a.op(wasm.OpMemoryGrow)
	a.b = append(a.b, 0)
	a.localTee(before)
	a.i32(-1)
	a.op(wasm.OpI32Ne)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.localGet(pages)
	a.op(wasm.OpI64ExtendI32U)
	a.i64(-pageUnits)
	a.op(wasm.OpI64Mul)
	o.take(a)
	a.end()
	a.localGet(before)
	a.end()
}

// growTable asks the host unless the table's own maximum forbids it, grows, charges for what was added, and gives back
// what could not be.
func (o *output) growTable(a *asm, table uint32) {
	const value, n, before = 0, 1, 2
	if t, _ := o.m.TableTypeOf(table); t.Limits.HasMax {
		a.opU32(wasm.OpTableSize, table)
		a.op(wasm.OpI64ExtendI32U)
		a.localGet(n)
		a.ops(wasm.OpI64ExtendI32U, wasm.OpI64Add)
		a.i64(int64(t.Limits.Max))
		a.op(wasm.OpI64GtU)
		a.block(wasm.OpIf, wasm.BlockEmpty)
		a.i32(-1)
		a.op(wasm.OpReturn)
		a.end()
	}
	a.localGet(n)
	a.op(wasm.OpI64ExtendI32U)
	a.call(o.tableGrow)
	a.op(wasm.OpI32Eqz)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.i32(-1)
	a.op(wasm.OpReturn)
	a.end()
	a.localGet(value)
	a.localGet(n)
	a.opU32(wasm.OpTableGrow, table)
	a.localTee(before)
	a.i32(-1)
	a.op(wasm.OpI32Eq)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.i64(0)
	a.localGet(n)
	a.ops(wasm.OpI64ExtendI32U, wasm.OpI64Sub)
	a.call(o.tableGrow)
	a.op(wasm.OpDrop)
	a.op(wasm.OpElse)
	o.pay(a, n, elementsPerUnit)
	a.end()
	a.localGet(before)
	a.end()
}

// chunks does a memory instruction on locals 0 (destination), 1 (source or
// value) and 2 (length). A long one that stays within bounds is done a chunk at
// a time, with a check after each; bounds are checked before, so that one that
// does not traps before it has moved anything, as it should.
func (o *output) chunks(a *asm, h helper) {
	const dst, src, n = 0, 1, 2
	a.block(wasm.OpBlock, wasm.BlockEmpty)
	a.localGet(n)
	a.i32(chunk)
	a.op(wasm.OpI32LeU)
	a.brIf(0)
	o.outOfMemory(a, dst, n)
	a.brIf(0)
	switch h.op {
	case wasm.OpMemoryCopy:
		o.outOfMemory(a, src, n)
		a.brIf(0)
		o.copyChunks(a, h)
	case wasm.OpMemoryInit:
		o.initBounds(a, h)
		o.upward(a, h, true)
	default:
		o.upward(a, h, false)
	}
	a.end()
	o.move(a, h)
	a.end()
}

// outOfMemory leaves whether start + length is beyond the memory.
func (o *output) outOfMemory(a *asm, start, length uint32) {
	a.localGet(start)
	a.op(wasm.OpI64ExtendI32U)
	a.localGet(length)
	a.ops(wasm.OpI64ExtendI32U, wasm.OpI64Add)
	a.op(wasm.OpMemorySize)
	a.b = append(a.b, 0)
	a.op(wasm.OpI64ExtendI32U)
	a.i64(16)
	a.ops(wasm.OpI64Shl, wasm.OpI64GtU)
}

// initBounds branches out if the segment is shorter than source + length, or
// dropped. An init of no bytes at the segment's end tells by trapping.
func (o *output) initBounds(a *asm, h helper) {
	const src, n = 1, 2
	a.localGet(src)
	a.op(wasm.OpI64ExtendI32U)
	a.localGet(n)
	a.ops(wasm.OpI64ExtendI32U, wasm.OpI64Add)
	a.i64(int64(len(o.m.Data[h.arg].Bytes)))
	a.op(wasm.OpI64GtU)
	a.brIf(0)
	a.i32(0)
	a.localGet(src)
	a.localGet(n)
	a.op(wasm.OpI32Add)
	a.i32(0)
	o.instr(a, h)
}

// move does the instruction on what is left.
func (o *output) move(a *asm, h helper) {
	a.localGet(0)
	a.localGet(1)
	a.localGet(2)
	o.instr(a, h)
}

func (o *output) instr(a *asm, h helper) {
	a.op(h.op)
	switch h.op {
	case wasm.OpMemoryCopy:
		a.b = append(a.b, 0, 0)
	case wasm.OpMemoryInit:
		a.b = append(wasm.AppendU32(a.b, h.arg), 0)
	default:
		a.b = append(a.b, 0)
	}
}

// upward moves chunk after chunk until at most one is left.
func (o *output) upward(a *asm, h helper, source bool) {
	const dst, src, n = 0, 1, 2
	a.block(wasm.OpLoop, wasm.BlockEmpty)
	a.localGet(dst)
	a.localGet(src)
	a.i32(chunk)
	o.instr(a, h)
	o.advance(a, dst)
	if source {
		o.advance(a, src)
	}
	o.shorten(a)
	o.checkExact(a)
	o.more(a)
	a.end()
}

func (o *output) advance(a *asm, local uint32) {
	a.localGet(local)
	a.i32(chunk)
	a.op(wasm.OpI32Add)
	a.localSet(local)
}

func (o *output) shorten(a *asm) {
	const n = 2
	a.localGet(n)
	a.i32(chunk)
	a.op(wasm.OpI32Sub)
	a.localSet(n)
}

func (o *output) more(a *asm) {
	const n = 2
	a.localGet(n)
	a.i32(chunk)
	a.op(wasm.OpI32GtU)
	a.brIf(0)
}

// copyChunks moves from the end backwards where the destination lies above the
// source, as the two may overlap.
func (o *output) copyChunks(a *asm, h helper) {
	const dst, src, n = 0, 1, 2
	a.localGet(dst)
	a.localGet(src)
	a.op(wasm.OpI32LeU)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	o.upward(a, h, true)
	a.op(wasm.OpElse)
	a.block(wasm.OpLoop, wasm.BlockEmpty)
	o.shorten(a)
	for _, start := range []uint32{dst, src} {
		a.localGet(start)
		a.localGet(n)
		a.op(wasm.OpI32Add)
	}
	a.i32(chunk)
	o.instr(a, h)
	o.checkExact(a)
	o.more(a)
	a.end()
	a.end()
}

// waitLocals are what wait works with: the expected value, of 32 bits or of 64,
// and the timeout.
var waitLocals = []wasm.LocalRun{{N: 1, Type: wasm.I32}, {N: 2, Type: wasm.I64}}

// wait replaces an atomic wait by a load, a comparison, and a sleep in the host:
// nobody else has the memory, so nobody can wake the guest.
func (e *emitter) wait(raw []byte) {
	r := wasm.NewReader(raw, 0)
	var in wasm.Instr
	r.Next(&in)
	expected, load, ne := e.added+localWait, wasm.OpI32AtomicLoad, wasm.OpI32Ne
	if in.Op == wasm.OpMemoryAtomicWait64 {
		expected, load, ne = e.added+localWait+1, wasm.OpI64AtomicLoad, wasm.OpI64Ne
	}
	timeout := e.added + localWait + 2
	e.localSet(timeout)
	e.localSet(expected)
	e.opU32(load, in.A)
	e.b = wasm.AppendU64(e.b, in.Offset)
	e.localGet(expected)
	e.op(ne)
	e.block(wasm.OpIf, wasm.BlockOf(wasm.I32))
	e.i32(1)
	e.op(wasm.OpElse)
	e.localGet(timeout)
	e.call(e.out.wait)
	e.i32(2)
	e.end()
}
