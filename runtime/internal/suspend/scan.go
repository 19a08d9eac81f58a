package suspend

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// call is one that a function makes.
type call struct {
	pos    int    // in the body
	end    int    // of the call, or of the local.sets that take a pause's results
	inner  int32  // innermost construct there, or -1
	opened int32  // constructs that have been opened before it
	event  int32  // that passes it
	typ    uint32 // type of what is called
	callee uint32 // vertex of the call graph
	table  uint32 // of an indirect call
	last   bool   // it is followed by unreachable
	pause  bool   // nothing but the results of the call is to be had again
}

// point is a place in a function where the stack may unwind.
type point struct {
	call
	live bits // locals whose value matters after it; nil: all
	base int  // number of its base, counted from 1; 0 is none
	gate gate // what a call of it would go through

	// Of functions that may have batches:
	gated   bool  // it is in a batch
	ends    bool  // it is the last in it
	row     int32 // number of its row of calls, with nothing but quiet code between them
	effects int32 // accesses before it that a gate could be for
	paid    int64 // what the function has been charged for before it in its row
}

// construct is a block, loop, if or try_table.
type construct struct {
	pos, end int // of the opening instruction
	other    int // end of the else, 0 if there is none
	parent   int32
	block    wasm.BlockType
	op       wasm.Op
	holds    bool // there is a point in it
}

// scan is what one walk over a body finds. Which of the calls are points is settled later.
type scan struct {
	calls      []call
	points     []point
	constructs []construct
	events     []event
	open       []int32  // constructs
	tails      []uint32 // what is called in place of the function: vertices of the call graph
	catches    bool
	ends       bool // some point is the last
	branches   int  // places where control flow divides or meets
	nesting    int
	sets       int // local.sets still to come that belong to the last point
	unchecked  int // points that have no check of their own
	err        error
}

// read walks over a body.
func (s *scan) read(mod *module, code *wasm.Code) {
	r := wasm.NewReader(code.Body, code.Offset)
	var in wasm.Instr
	for r.Next(&in) {
		if in.Op <= wasm.OpLocalTee { // others need no note
			s.note(mod, &in)
		}
	}
	s.err = r.Err()
}

// again is an empty scan in the room of one that is not needed any more.
func (s *scan) again() scan {
	return scan{calls: s.calls[:0], constructs: s.constructs[:0], events: s.events[:0], open: s.open[:0], tails: s.tails[:0]}
}

// next is an empty scan in the room that s has left.
func (s *scan) next() scan {
	return scan{calls: rest(s.calls), constructs: rest(s.constructs), events: rest(s.events), open: s.open[:0], tails: s.tails[:0]}
}

// rest is the room behind a list, or some more if there is little left.
func rest[T any](list []T) []T {
	const least = 256
	if list = list[len(list):]; cap(list) < least {
		list = make([]T, 0, 8*least)
	}
	return list
}

// bytes is about how much memory a scan takes.
func (s *scan) bytes() int {
	return 256 + 48*len(s.calls) + 56*len(s.constructs) + 4*len(s.events)
}

// settle makes points of those of the calls that may unwind, in a list that is not needed any more. A
// function of too many is not going to be rewritten.
func (s *scan) settle(mod *module, code *wasm.Code, points []point) {
	s.points = points[:0]
	for i := range s.calls {
		c := &s.calls[i]
		if !mod.unwinds(c.callee) {
			s.events[c.event] = eventOf(evNone, 0)
			continue
		}
		if len(s.points) == maxPoints {
			return
		}
		s.events[c.event] = eventOf(evPoint, uint32(len(s.points)))
		s.hold(c)
		s.points = append(s.points, point{call: *c, gate: mod.gateOf(c)})
	}
	s.findBatches(code, mod.code.Fuel)
}

// hold notes what there is a point in.
func (s *scan) hold(p *call) {
	s.ends = s.ends || p.last
	for c := p.inner; c >= 0 && !s.constructs[c].holds; c = s.constructs[c].parent {
		s.constructs[c].holds = true
	}
}

func (s *scan) inner() int32 {
	if len(s.open) == 0 {
		return -1
	}
	return s.open[len(s.open)-1]
}

// note notes what an instruction is.
func (s *scan) note(mod *module, in *wasm.Instr) {
	switch in.Op {
	case wasm.OpLocalGet:
		s.event(evGet, in.A)
	case wasm.OpLocalSet:
		s.event(evSet, in.A)
		if s.sets > 0 {
			s.calls[len(s.calls)-1].end = in.End
			if s.sets--; s.sets == 0 {
				s.pass()
			}
		}
	case wasm.OpLocalTee:
		s.event(evSet, in.A)
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpTryTable:
		s.openConstruct(in)
	case wasm.OpElse:
		c := &s.constructs[s.inner()]
		c.other = in.End
		s.branches++
		s.event(evElse, 0)
	case wasm.OpEnd:
		if len(s.open) > 0 {
			s.event(evEnd, uint32(s.inner()))
			s.open = s.open[:len(s.open)-1]
		}
	case wasm.OpBr:
		s.branches++
		s.event(evBranch, in.A)
		s.event(evStop, 0)
	case wasm.OpBrIf:
		s.branches++
		s.event(evBranch, in.A)
	case wasm.OpBrTable:
		s.branches += len(in.Targets)
		for _, t := range in.Targets {
			s.event(evBranch, t)
		}
		s.event(evStop, 0)
	case wasm.OpUnreachable:
		s.unreachable(in)
		s.event(evStop, 0)
	case wasm.OpReturn, wasm.OpThrow, wasm.OpThrowRef:
		s.event(evStop, 0)
	case wasm.OpReturnCall, wasm.OpReturnCallIndirect:
		s.tails = append(s.tails, mod.callee(in))
		s.event(evStop, 0)
	case wasm.OpCall:
		if mod.role[in.A] == rolePause {
			s.pause(mod, in)
		} else {
			s.point(mod, in, mod.funcs[in.A])
		}
	case wasm.OpCallIndirect:
		s.point(mod, in, in.A)
	}
}

func (s *scan) openConstruct(in *wasm.Instr) {
	s.catches = s.catches || in.Op == wasm.OpTryTable
	s.constructs = append(s.constructs, construct{op: in.Op, block: in.Block, pos: in.Pos, end: in.End, parent: s.inner()})
	index := int32(len(s.constructs) - 1)
	s.open = append(s.open, index)
	s.branches++
	s.nesting = max(s.nesting, len(s.open))
	switch in.Op {
	case wasm.OpLoop:
		s.event(evLoop, uint32(index))
	case wasm.OpIf:
		s.event(evIf, uint32(index))
	default:
		s.event(evBlock, uint32(index))
	}
}

func (s *scan) add(mod *module, in *wasm.Instr, typ uint32, pause bool) {
	s.calls = append(s.calls, call{
		pos: in.Pos, end: in.End, inner: s.inner(), opened: int32(len(s.constructs)),
		typ: typ, callee: mod.callee(in), table: in.B, pause: pause,
	})
}

func (s *scan) point(mod *module, in *wasm.Instr, typ uint32) {
	s.add(mod, in, typ, false)
	s.pass()
}

// pass notes that the last call is passed.
func (s *scan) pass() {
	c := len(s.calls) - 1
	s.calls[c].event = int32(len(s.events))
	s.event(evPoint, uint32(c))
}

// pause is a point whose results are right also while the stack unwinds. What the meter
// passes through the call it sets right after it.
func (s *scan) pause(mod *module, in *wasm.Instr) {
	s.add(mod, in, mod.funcs[in.A], true)
	if t := mod.typeOf(in.A); len(t.Params) == len(t.Results)+1 {
		s.sets = len(t.Results)
	}
	if s.sets == 0 {
		s.pass()
	}
}

// unreachable notes that a call is not expected to return.
func (s *scan) unreachable(in *wasm.Instr) {
	if n := len(s.calls); n > 0 && s.calls[n-1].end == in.Pos && !s.calls[n-1].pause {
		s.calls[n-1].last = true
	}
}

// elseAt tells whether a position within the construct is on its else branch.
func (c *construct) elseAt(pos int) bool { return c.other > 0 && pos >= c.other }

// path lists the constructs around a point, outermost first.
func (s *scan) path(p *point) []int32 {
	var path []int32
	for c := p.inner; c >= 0; c = s.constructs[c].parent {
		path = append(path, c)
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}
