package suspend

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// point is a place in a function where the stack may unwind.
type point struct {
	pos     int    // of the call
	end     int    // of the call, or of the local.sets that take a pause's results
	inner   int32  // innermost construct there, or -1
	last    bool   // it is followed by unreachable
	pause   bool   // nothing but the results of the call is to be had again
	typ     uint32 // type of what is called
	live    bits   // locals whose value matters after it; nil: all
	base    int    // number of its base, counted from 1; 0 is none
	gate    gate   // what a call of it would go through
	row     int    // number of the row of calls that it is in, with nothing but quiet code between
	effects int    // accesses before it that a gate could be for
	gated   bool   // it is in a batch
	paid    int64  // what the function has been charged for before it in its row
	ends    bool   // it is the last in it
}

// construct is a block, loop, if or try_table.
type construct struct {
	op       wasm.Op
	pos, end int // of the opening instruction
	other    int // end of the else, 0 if there is none
	parent   int32
	holds    bool // there is a point in it
}

// scan is what one walk over a body finds.
type scan struct {
	points     []point
	constructs []construct
	events     []event
	open       []int32 // constructs
	catches    bool
	ends       bool // some point is the last
	branches   int  // places where control flow divides or meets
	nesting    int
	sets       int // local.sets still to come that belong to the last point
	unchecked  int // points that have no check of their own
	live       []uint64
	word       liveWord
	column     []int32 // see columns
}

// read walks over a body.
func (s *scan) read(mod *module, code *wasm.Code) error {
	*s = scan{
		points: s.points[:0], constructs: s.constructs[:0], events: s.events[:0], open: s.open[:0],
		live: s.live, word: s.word, column: s.column,
	}
	r := wasm.NewReader(code.Body, code.Offset)
	var in wasm.Instr
	for r.Next(&in) {
		s.note(mod, &in)
	}
	s.findBatches(code, mod.code.Fuel)
	return r.Err()
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
			s.points[len(s.points)-1].end = in.End
			if s.sets--; s.sets == 0 {
				s.event(evPoint, uint32(len(s.points)-1))
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
	case wasm.OpReturn, wasm.OpThrow, wasm.OpThrowRef, wasm.OpReturnCall, wasm.OpReturnCallIndirect:
		s.event(evStop, 0)
	case wasm.OpCall:
		switch mod.role[in.A] {
		case rolePause:
			s.pause(mod, in)
		case roleFrame, roleBlock:
			s.point(in, mod.funcs[in.A])
		}
	case wasm.OpCallIndirect:
		if mod.sigs[mod.sig[in.A]] {
			s.point(in, in.A)
		}
	}
}

func (s *scan) openConstruct(in *wasm.Instr) {
	s.catches = s.catches || in.Op == wasm.OpTryTable
	s.constructs = append(s.constructs, construct{op: in.Op, pos: in.Pos, end: in.End, parent: s.inner()})
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

func (s *scan) add(in *wasm.Instr, typ uint32, pause bool) {
	for _, c := range s.open {
		s.constructs[c].holds = true
	}
	s.points = append(s.points, point{pos: in.Pos, end: in.End, inner: s.inner(), typ: typ, pause: pause})
}

func (s *scan) point(in *wasm.Instr, typ uint32) {
	s.add(in, typ, false)
	s.event(evPoint, uint32(len(s.points)-1))
}

// pause is a point whose results are right also while the stack unwinds. What the meter
// passes through the call it sets right after it.
func (s *scan) pause(mod *module, in *wasm.Instr) {
	s.add(in, mod.funcs[in.A], true)
	if t := mod.typeOf(in.A); len(t.Params) == len(t.Results)+1 {
		s.sets = len(t.Results)
	}
	if s.sets == 0 {
		s.event(evPoint, uint32(len(s.points)-1))
	}
}

// unreachable notes that a call is not expected to return.
func (s *scan) unreachable(in *wasm.Instr) {
	if n := len(s.points); n > 0 && s.points[n-1].end == in.Pos && !s.points[n-1].pause {
		s.points[n-1].last, s.ends = true, true
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
