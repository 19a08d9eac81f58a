package suspend

import (
	"iter"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Large functions may have long rows of calls with nothing between them that could be seen
// from outside, or fail. These are cut into batches, with one check behind the last call of each:
// should the stack unwind at one before it, the rest of the batch is run through for nothing.
// Calls in a batch go through gates, which call nobody while the stack unwinds, and
// remember at which call it began. Outside of loops, where time matters less, so do the accesses of
// memory and globals between the calls.
const (
	minRow     = 4  // calls that are worth a batch
	maxBatch   = 32 // calls of one
	maxSlots   = 48 // values that one keeps
	minCallers = 4  // calls of a function that are worth a gate
	maxEffects = 2  // accesses of memory or globals, per call
)

// gate is what a call goes through: the function that is called, or the type and table.
type gate struct {
	op   wasm.Op
	a, b uint32
}

func (mod *module) gateOf(c *call) gate {
	if int(c.callee) < len(mod.funcs) {
		return gate{wasm.OpCall, c.callee, 0}
	}
	return gate{wasm.OpCallIndirect, c.typ, c.table}
}

// rowWalk finds the rows of calls, with nothing but quiet code and effects between them.
type rowWalk struct {
	row     int32 // number of the row
	effects int32
	charge  charge
	fuel    uint32
}

// findRows notes of points between which no construct begins or ends which rows they are in.
func (s *scan) findRows(points []point, code *wasm.Code, fuel uint32) {
	w, loops := rowWalk{fuel: fuel}, s.loops(&points[0])
	from := points[0].pos
	r := wasm.NewReader(code.Body[from:points[len(points)-1].end], code.Offset+from)
	next := 0
	for in := (wasm.Instr{}); r.Next(&in); {
		if next < len(points) && points[next].pos == from+in.Pos {
			p := &points[next]
			p.row, p.effects, p.paid = w.row, w.effects, w.charge.sum
			next++
		} else if points[next-1].row == w.row {
			w.step(&in, loops)
		}
	}
}

// loops tells whether a point is in a loop.
func (s *scan) loops(p *point) bool {
	for c := p.inner; c >= 0; c = s.constructs[c].parent {
		if s.constructs[c].op == wasm.OpLoop {
			return true
		}
	}
	return false
}

// step takes an instruction behind a call, which is in a loop or not. No row goes beyond a loop's
// start or end.
func (w *rowWalk) step(in *wasm.Instr, loops bool) {
	switch charged := w.charge.step(in, w.fuel); {
	case w.quiet(in, charged):
	case !loops && effect(in, w.fuel):
		w.effects++
	default:
		w.row++
		w.charge = charge{}
	}
}

// quiet tells whether an instruction can neither fail nor change anything but locals, and the fuel
// by a charge.
func (w *rowWalk) quiet(in *wasm.Instr, charged bool) bool {
	switch op := in.Op; {
	case op == wasm.OpGlobalSet:
		return charged && max(w.charge.sum, -w.charge.sum) <= maxCharge
	case op == wasm.OpI32DivS, op == wasm.OpI32DivU, op == wasm.OpI32RemS, op == wasm.OpI32RemU,
		op == wasm.OpI64DivS, op == wasm.OpI64DivU, op == wasm.OpI64RemS, op == wasm.OpI64RemU,
		op >= wasm.OpI32TruncF32S && op <= wasm.OpI32TruncF64U, op >= wasm.OpI64TruncF32S && op <= wasm.OpI64TruncF64U:
		return false
	case op >= wasm.OpI32Const && op <= wasm.OpI64Extend32S, op >= wasm.OpLocalGet && op <= wasm.OpGlobalGet:
		return true
	}
	return in.Op == wasm.OpDrop || in.Op == wasm.OpSelect || in.Op == wasm.OpNop
}

// charge finds what the meter takes from the fuel: its value, a constant, their difference or
// sum, and to set it.
type charge struct {
	last  wasm.Op // of such an instruction that the next may belong to
	units int64
	sum   int64
}

// step takes the next instruction, and tells whether a charge is complete with it.
func (c *charge) step(in *wasm.Instr, fuel uint32) (done bool) {
	last := c.last
	c.last = wasm.OpNop
	switch {
	case in.Op == wasm.OpGlobalGet && in.A == fuel,
		in.Op == wasm.OpI64Const && last == wasm.OpGlobalGet,
		in.Op == wasm.OpI64Sub && last == wasm.OpI64Const,
		in.Op == wasm.OpI64Add && last == wasm.OpI64Const:
		c.last = in.Op
	case in.Op == wasm.OpGlobalSet && in.A == fuel && (last == wasm.OpI64Sub || last == wasm.OpI64Add):
		done = true
	}
	switch {
	case in.Op == wasm.OpI64Const:
		c.units = in.I64()
	case in.Op == wasm.OpI64Add:
		c.units = -c.units
	case done:
		c.sum += c.units
	}
	return done
}

// findBatches finds the batches of a large function.
func (s *scan) findBatches(code *wasm.Code, fuel uint32) {
	if len(s.points) <= maxPlain || s.catches {
		return
	}
	calls := make(map[gate]int)
	for p := range s.points {
		calls[s.points[p].gate]++
	}
	fits := func(p, q *point) bool { return p.fits(calls) && q.fits(calls) }
	for part := range groups(s.points, func(p, q *point) bool { return p.inner == q.inner && p.opened == q.opened }) {
		for run := range groups(part, fits) {
			if len(run) >= minRow {
				s.findRows(part, code, fuel)
				s.batchRows(part, fits)
				break
			}
		}
	}
}

// fits tells whether a call may be in a batch, given how often each is made.
func (p *point) fits(calls map[gate]int) bool {
	return !p.pause && !p.last && calls[p.gate] >= minCallers
}

// batchRows makes batches of the rows.
func (s *scan) batchRows(points []point, fits func(p, q *point) bool) {
	for row := range groups(points, func(p, q *point) bool { return p.row == q.row && fits(p, q) }) {
		if row[len(row)-1].effects-row[0].effects <= int32(maxEffects*(len(row)-1)) {
			s.batchRow(row)
			continue
		}
		for part := range groups(row, func(p, q *point) bool { return p.effects == q.effects }) {
			s.batchRow(part)
		}
	}
}

// groups goes through the longest runs of points of which each two neighbours go together.
func groups(points []point, together func(p, q *point) bool) iter.Seq[[]point] {
	return func(yield func([]point) bool) {
		for start, p := 0, 1; p <= len(points); p++ {
			if p < len(points) && together(&points[p-1], &points[p]) {
				continue
			}
			if !yield(points[start:p]) {
				return
			}
			start = p
		}
	}
}

// batchRow cuts a row of calls into batches.
func (s *scan) batchRow(row []point) {
	if len(row) < minRow {
		return
	}
	batches := (len(row) + maxBatch - 1) / maxBatch
	for p := range row {
		row[p].gated = true
		row[p].ends = (p+1)*batches/len(row) > p*batches/len(row)
	}
	s.unchecked += len(row) - batches
}

// batch is one whose check has not been written yet.
type batch struct {
	values []value        // to be saved: where each is by now
	slots  map[uint32]int // which of them locals still hold
	first  int            // pass
	before int64          // what the row had been charged for
	own    []value        // of a clone: where each is to go at the point where it goes on
}

// join adds a point that has just been passed to the batch, and writes the check if it is the
// last.
func (e *emitter) join(ordinal int, values []value) error {
	p := &e.points[ordinal]
	b := &e.batch
	mine := make([]int, len(values))
	for i, v := range values {
		n, ok := b.slots[v.local]
		if !ok {
			n = len(b.values)
			b.slots[v.local] = n
			b.values = append(b.values, v)
		}
		mine[i] = n
	}
	if e.guard != nil && e.guard.target == ordinal {
		b.own = slices.Repeat([]value{{pad: true}}, len(b.values))
		for i, n := range mine {
			b.own[n] = values[i]
		}
	}
	e.passes = append(e.passes, pass{ordinal: ordinal})
	if !p.ends && e.points[ordinal+1].base == p.base && len(b.values) <= maxSlots {
		return nil
	}
	return e.endBatch(p.base)
}

// endBatch writes the check.
func (e *emitter) endBatch(base int) error {
	b := &e.batch
	n, err := e.save(base, 0, b.values, true)
	if err != nil {
		return err
	}
	for i := range e.passes[b.first:] {
		p := &e.passes[b.first+i]
		if p.save = n; e.guard != nil && e.guard.target == p.ordinal {
			for _, v := range b.values[len(b.own):] {
				b.own = append(b.own, value{typ: v.typ, pad: true})
			}
			for i := range b.own {
				b.own[i].typ = b.values[i].typ
			}
			p.own = b.own
		}
	}
	for _, t := range e.lent {
		if e.spares == nil {
			e.spares = make(map[wasm.ValType][]uint32)
		}
		e.spares[t.typ] = append(e.spares[t.typ], t.local)
	}
	e.lent = e.lent[:0]
	e.i32(int32(e.paid(e.passes[len(e.passes)-1].ordinal)))
	e.localSet(e.at)
	e.check(n, nil)
	e.batch = batch{}
	return nil
}

// keep sees to it that what a batch saves of a local outlives that the local is written.
func (e *emitter) keep(local uint32) {
	n, ok := e.batch.slots[local]
	if !ok {
		return
	}
	v := &e.batch.values[n]
	e.localGet(local)
	v.local = e.lend(v.typ)
	e.localSet(v.local)
	e.writes(v.local)
	delete(e.batch.slots, local)
}

// held tells whether a batch saves what a local holds.
func (e *emitter) held(local uint32) bool {
	if e.batch.slots == nil {
		return false
	}
	_, ok := e.batch.slots[local]
	return ok
}

// lend is a local that nobody uses in this batch.
func (e *emitter) lend(t wasm.ValType) uint32 {
	var x uint32
	if free := e.spares[t]; len(free) > 0 {
		x, e.spares[t] = free[len(free)-1], free[:len(free)-1]
	} else {
		x = e.local(t)
	}
	e.lent = append(e.lent, value{local: x, typ: t})
	return x
}

// call writes a call that goes through a gate.
func (e *emitter) callGate(ordinal int) {
	if e.batch.slots == nil {
		e.batch = batch{slots: make(map[uint32]int), first: len(e.passes), before: e.points[ordinal].paid}
	}
	e.i32(e.mark(ordinal))
	e.call(e.gate(e.points[ordinal].gate))
}

// mark is the mark of a point of the batch.
func (e *emitter) mark(ordinal int) int32 { return markOf(ordinal, e.paid(ordinal)) }

// paid is what a batch has been charged for before a point.
func (e *emitter) paid(ordinal int) int64 { return e.points[ordinal].paid - e.batch.before }
