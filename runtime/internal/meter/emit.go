package meter

import (
	mathbits "math/bits"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// emitter writes new bodies, one after another.
type emitter struct {
	asm
	graph
	out   *output
	body  []byte
	types []wasm.ValType // of parameters and locals
	added uint32         // the first of the locals that are added
	known bool           // liveness has been found

	in, last wasm.Instr     // kept for the room of their lists
	saved    []uint32       // see list
	passed   []wasm.ValType // see cold
}

// newEmitter gives an emitter with room for what the longest body asks for, as bodies come from
// compilers.
func newEmitter(o *output) *emitter {
	longest := 0
	for i := range o.m.Codes {
		longest = max(longest, len(o.m.Codes[i].Body))
	}
	longest = min(longest, 1<<16)
	e := &emitter{out: o}
	e.b = make([]byte, 0, 2*longest)
	e.sites, e.events = make([]site, 0, longest/6), make([]event, 0, longest/3)
	e.nodes, e.trees = make([]node, 0, longest/12), make([]tree, 0, longest/12)
	e.edges, e.weigh, e.order = make([]edge, 0, longest/8), make([]weight, 0, longest/8), make([]int32, 0, longest/8)
	return e
}

// Locals that are added behind those of the function, as many as it needs.
const (
	localDepth = iota // i64: depth left at the start, in functions that catch
	localWait         // see waitLocals
)

func (e *emitter) locals() []wasm.LocalRun {
	switch {
	case e.fn.waits:
		return append([]wasm.LocalRun{{N: localWait, Type: wasm.I64}}, waitLocals...)
	case e.fn.catches:
		return []wasm.LocalRun{{N: localWait, Type: wasm.I64}}
	}
	return nil
}

// function writes the whole body.
func (e *emitter) function() {
	if e.fn.catches {
		e.globalGet(e.out.depth)
		e.localSet(e.added + localDepth)
	}
	if e.exitCaught { // a block takes the place of the function's label
		e.block(wasm.OpBlock, e.out.mod.types.block(nil, e.fn.typ.Results))
	}
	e.edge(0, -1)
	last, done := 0, 0 // where the last site ended, and up to where the body has been written
	for i := range e.sites {
		s := &e.sites[i]
		before := last
		if last = s.end; s.kind == siteCharge && !e.changes(s.edge) {
			continue
		}
		s.test = max(s.test, before)
		e.raw(e.body[done:e.from(s)])
		e.site(s)
		done = s.end
	}
	e.raw(e.body[done:])
	if e.exitCaught {
		e.restoreDepth()
		e.end()
	}
}

func (e *emitter) site(s *site) {
	switch s.kind {
	case siteCharge:
		e.edge(s.edge, s.loop)
	case siteCheck:
		e.check(e.nodes[s.arg].debt, nil)
	case siteDead:
		if s.flag {
			e.op(wasm.OpUnreachable)
		}
	case siteIndex:
		e.opU32(s.op, e.out.index(s.arg))
	case siteTail:
		e.tail(s)
	case siteLoop:
		e.loopStart(s)
	case siteLoopEnd:
		e.loopEnd(s)
	case siteBr:
		e.br(s.arg + e.shift(s.loop, s.target))
	case siteElse:
		if e.changes(s.edge) {
			e.op(wasm.OpElse)
			e.edge(s.edge, s.loop)
		}
	case siteBrIf:
		e.branchIf(s)
	case siteBack:
		e.back(s.edge, s.arg+e.shift(s.loop, s.target), s.loop)
	case siteBackIf:
		if !e.edges[s.edge].checked && !e.changes(s.edge) {
			e.brIf(s.arg + e.shift(s.loop, s.target))
			return
		}
		e.taken(s)
		e.back(s.edge, s.arg+e.shift(s.loop, s.target)+1, s.loop)
		e.end()
	case siteTable:
		e.branchTable(s)
	case siteCaught:
		e.restoreDepth()
	case siteOr:
		if s.op < wasm.OpI64Eqz {
			e.i32(0)
			e.op(wasm.OpI32Or)
		} else {
			e.i64(0)
			e.op(wasm.OpI64Or)
		}
	case siteBulk:
		e.bulk(e.body[s.pos:s.end])
	case siteWait:
		e.wait(e.body[s.pos:s.end])
	}
}

// changes tells whether anything is to be done on an edge.
func (e *emitter) changes(i int32) bool { return e.edges[i].charge != 0 || e.edges[i].depth != 0 }

// edge does what is to be done on an edge that is no back edge.
func (e *emitter) edge(i, loop int32) {
	e.charge(e.edges[i].charge)
	e.takeDepth(i, loop)
}

// takeDepth takes or gives back call depth. To take it is what every cycle of
// calls passes, so that is where fuel is checked too.
func (e *emitter) takeDepth(i, loop int32) {
	depth := e.edges[i].depth
	if depth == 0 {
		return
	}
	e.globalGet(e.out.depth)
	e.minus(depth)
	e.globalSet(e.out.depth)
	if depth < 0 {
		return
	}
	e.globalGet(e.out.depth)
	e.globalGet(e.out.fuel)
	e.op(wasm.OpI64Or)
	n := &e.nodes[e.edges[i].to]
	e.coldCheck(n.debt-n.paid, e.liveAt(i, loop))
}

// liveAt lists the locals to save on an edge that takes depth. Those that the
// loop around it does not change are better left alone.
func (e *emitter) liveAt(i, loop int32) []uint32 {
	live := e.points[i]
	switch {
	case live == nil || !e.known:
		return nil
	case loop >= 0:
		return e.list(live, e.loops[loop].modified)
	default:
		return e.list(live, live)
	}
}

// restoreDepth sets the depth to what it was at the start: whoever threw did not
// give back what was taken since.
func (e *emitter) restoreDepth() {
	e.localGet(e.added + localDepth)
	e.globalSet(e.out.depth)
}

// charge takes units from the fuel; fewer than none gives them back.
func (e *emitter) charge(units int64) {
	if units == 0 {
		return
	}
	e.globalGet(e.out.fuel)
	e.minus(units)
	e.globalSet(e.out.fuel)
}

// minus takes n from the i64 on top of the stack. Constants are positive: only
// those become part of an instruction.
func (e *emitter) minus(n int64) {
	switch {
	case n > 0:
		e.i64(n)
		e.op(wasm.OpI64Sub)
	case n < 0:
		e.i64(-n)
		e.op(wasm.OpI64Add)
	}
}

// check looks at the fuel in place.
func (e *emitter) check(debt int64, saved []uint32) {
	e.globalGet(e.out.fuel)
	e.coldCheck(debt, saved)
}

// coldCheck calls the host if the i64 on top of the stack is negative. The hot
// way comes first: what follows both takes over its registers.
func (e *emitter) coldCheck(debt int64, saved []uint32) {
	e.i64(0)
	e.op(wasm.OpI64GeS)
	e.block(wasm.OpIf, wasm.BlockEmpty)
	e.op(wasm.OpElse)
	e.cold(debt, saved)
	e.end()
}

// cold calls the host. The locals that are live and modified go through the call and
// come back from it, so that the compiler sees no value live across it and keeps
// them in registers on the hot way.
func (e *emitter) cold(debt int64, saved []uint32) {
	slices.SortStableFunc(saved, func(a, b uint32) int { return int(e.types[a]) - int(e.types[b]) })
	e.passed = e.passed[:0]
	for _, x := range saved {
		e.localGet(x)
		e.passed = append(e.passed, e.types[x])
	}
	e.i64(debt)
	e.call(e.out.pause(append(e.passed, wasm.I64)))
	for _, x := range slices.Backward(saved) {
		e.localSet(x)
	}
}

func (e *emitter) loopStart(s *site) {
	e.edge(s.edge, s.loop)
	l := &e.loops[s.arg]
	head := e.body[s.pos+1 : s.end] // the block type
	switch e.form(l) {
	case formBlock:
		e.op(wasm.OpBlock)
		e.raw(head)
		return
	case formShared:
		e.op(wasm.OpBlock)
		e.raw(head)
		e.op(wasm.OpLoop)
		e.raw(head)
		e.block(wasm.OpBlock, l.typ)
	}
	e.raw(e.body[s.pos:s.end])
	if l.caught {
		e.restoreDepth()
	}
	if e.form(l) == formHeader {
		e.check(e.nodes[l.header].debt, e.savedIn(l))
	}
}

// loopEnd closes a loop, and what was opened around it: the block that is left
// when the loop ends, the loop that enters it anew, and the block that is left to
// call the host.
func (e *emitter) loopEnd(s *site) {
	e.end()
	l := &e.loops[s.target]
	if e.form(l) != formShared {
		return
	}
	e.br(2)
	e.end()
	e.cold(e.nodes[l.header].debt, e.savedIn(l))
	e.br(0)
	e.end()
	e.end()
}

// shift is by how much the depth of a label grows that is in the body of a loop,
// or the function's if that is -1, as seen from within other loops in there.
func (e *emitter) shift(from, outer int32) uint32 {
	if from == outer {
		return 0
	}
	n := e.loops[from].labels
	if outer >= 0 {
		n -= e.loops[outer].labels
	}
	return n
}

func (e *emitter) branchIf(s *site) {
	depth := s.arg + e.shift(s.loop, s.target)
	if !e.changes(s.edge) {
		e.brIf(depth)
		return
	}
	e.taken(s)
	e.edge(s.edge, s.loop)
	e.br(depth + 1)
	e.end()
}

// back charges and checks a back edge and goes along it. The hot way is one
// conditional branch.
func (e *emitter) back(edge int32, depth uint32, loop int32) {
	target := e.edges[edge].loop
	e.takeDepth(edge, loop)
	if !e.edges[edge].checked {
		e.charge(e.edges[edge].charge)
		e.br(depth)
		return
	}
	e.charge(e.edges[edge].charge)
	e.globalGet(e.out.fuel)
	e.i64(0)
	e.op(wasm.OpI64GeS)
	e.block(wasm.OpIf, e.loops[target].typ) // a br_if would be a critical edge, which wazero can't fuse
	e.br(depth + 1)
	e.op(wasm.OpElse) // not end: to the compiler an else that is not there is one more block
	l := &e.loops[target]
	if e.form(l) == formShared {
		e.br(depth + 2)
	} else {
		e.cold(e.nodes[l.header].debt, e.savedIn(l))
		e.br(depth + 1)
	}
	e.end()
	e.op(wasm.OpUnreachable)
}

// savedIn lists the locals to save where the host is called in a loop, if that
// pays.
func (e *emitter) savedIn(l *loop) []uint32 {
	if !e.known || !e.worth(l) {
		return nil
	}
	return e.list(l.live, l.modified)
}

// worth tells whether to save locals in a loop.
func (g *graph) worth(l *loop) bool {
	return (l.backs > 0 || l.caught) && (l.tight() || g.form(l) != formPlain)
}

// saves tells whether locals may be saved anywhere in the function.
func (g *graph) saves() bool {
	for i := range g.loops {
		if g.worth(&g.loops[i]) {
			return true
		}
	}
	return g.fn.header
}

// maxSaved bounds the locals saved around one call; with more of them the call is
// made without, which is slower and as right.
const maxSaved = 48

// list is the locals in both sets, until the next list is made.
func (e *emitter) list(a, b bits) []uint32 {
	e.saved = e.saved[:0]
	for i := range a {
		for word := a[i] & b[i]; word != 0; word &= word - 1 {
			if len(e.saved) == maxSaved {
				return nil
			}
			e.saved = append(e.saved, uint32(64*i+mathbits.TrailingZeros64(word)))
		}
	}
	return e.saved
}

// branchTable gives each loop among the targets a landing, innermost first, on
// which its back edge is charged and checked.
func (e *emitter) branchTable(s *site) {
	landings := e.landings[s.target : s.target+int32(s.arg)]
	landed := make(map[uint32]uint32, len(landings))
	for i, l := range landings {
		landed[l.depth] = uint32(i)
		e.block(wasm.OpBlock, s.typ)
	}
	r := wasm.NewReader(e.body[s.pos:s.end], 0)
	r.Next(&e.in)
	e.opU32(wasm.OpBrTable, uint32(len(e.in.Targets)-1))
	for i, depth := range e.in.Targets {
		n, ok := landed[depth]
		if !ok {
			n = depth + uint32(len(landings)) + e.shift(s.loop, e.outers[int(s.table)+i])
		}
		e.b = wasm.AppendU32(e.b, n)
	}
	for i, l := range landings {
		e.end()
		e.back(s.edge+int32(i), l.depth+uint32(len(landings)-1-i)+e.shift(s.loop, l.loop), s.loop)
	}
}

func (e *emitter) tail(s *site) {
	e.edge(s.edge, s.loop)
	if s.op == wasm.OpReturnCall {
		e.opU32(s.op, e.out.index(s.arg))
	} else {
		e.raw(e.body[s.pos:s.end])
	}
}
