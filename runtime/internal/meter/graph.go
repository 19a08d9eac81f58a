package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// frame is an open control construct.
type frame struct {
	op    wasm.Op // block, loop, if, else or try_table; OpEnd for the function
	label int32   // node that a branch to it reaches, or -1 while there is none
	loop  int32   // index of the loop, for a loop
	src   int32   // for an if without else so far: the node that its test ends
	outer int32   // the loop whose body a branch to it leads to, or -1
	types []wasm.ValType
	depth int   // loop depth at its end
	mark  int32 // the br_table that last named it
	start int   // where it starts in the body

	caught bool // a catch clause branches to it
}

// loop is a loop of the function being rewritten.
type loop struct {
	header   int32
	typ      wasm.BlockType // of a block that passes on what the header takes
	parent   int32          // enclosing loop, or -1
	calls    bool           // something in it may change the fuel global
	backs    int            // number of back edges to it that are to be checked
	jumps    bool           // there are others: see graph.ahead
	counted  bool           // see counter
	caught   bool           // a catch clause branches to it: a cycle without a back edge
	labels   uint32         // labels added around it and the loops around it
	live     bits           // locals whose value at the header matters
	modified bits           // locals set within
	dispatch dispatch
}

// loopForm says how a loop's back edges are checked.
type loopForm uint8

const (
	// formPlain: each with its own call of the host.
	formPlain loopForm = iota
	// formShared: each for itself, with one call of the host for all, outside of
	// the loop, which is then entered anew.
	formShared
	// formHeader: not at all, but the header is: slower, and the least code.
	formHeader
	// formBlock: nothing goes back to it.
	formBlock
)

// maxShared is how many back edges of a loop are checked each for itself.
const maxShared = 64

// labels is how many labels the form adds around a loop.
func (f loopForm) labels() uint32 {
	if f == formShared {
		return 3
	}
	return 0
}

func (g *graph) form(l *loop) loopForm {
	switch {
	case l.caught || l.backs > maxShared:
		return formHeader
	case l.backs == 0 && !l.jumps:
		return formBlock
	case l.backs <= 1 || g.fn.catches:
		return formPlain
	}
	return formShared
}

// tight tells whether the loop may be hot enough for a check to matter.
func (l *loop) tight() bool { return !l.calls }

// graph builds a function's flow, and the list of sites where its body will be
// changed, in one walk over its instructions.
type graph struct {
	flow
	mod    *module
	fn     *function
	sites  []site
	frames []frame
	loops  []loop
	events []event

	fusion   fusion
	landings []landing
	outers   []int32        // of the targets of br_tables
	targets  []target       // of those that loops begin with
	points   map[int32]bits // what is live on edges that take depth
	sets     bits           // of the loops
	lives    liveWalk
	living   bool // events are asked for
	probing  bool // only the costs are: no sites, no events

	walk
}

// walk is where the graph's walk over the instructions has come.
type walk struct {
	lead  lead
	set   setting
	limit int64 // how many instructions may be added without a look at their sum, and
	room  int64 // how many of these are left
	nest  int   // how deep its loops nest

	cur        int32 // the node being filled, or -1 in dead code
	path       path  // the ways to here
	loop       int32 // innermost loop, or -1
	depth      int   // loop depth
	table      int32 // number of br_tables so far
	ways       path  // to all exits
	checks     bool  // some check was placed
	exitCaught bool  // a catch clause branches to the function's label
	charges    bool  // a callee or a bulk instruction may charge

	opened    int   // number of loops so far, those in dead code included
	dead      int   // constructs opened in dead code
	deadStart int32 // where the dead code began
	afterEnd  bool  // it began after an end
}

const dead = -1

func (g *graph) reset(mod *module, fn *function) {
	g.mod, g.fn, g.walk = mod, fn, walk{loop: -1, lead: lead{end: -1}, path: path{leaf: true}}
	g.nodes, g.edges, g.equal = g.nodes[:0], g.edges[:0], g.equal[:0]
	g.sites, g.frames, g.loops, g.events = g.sites[:0], g.frames[:0], g.loops[:0], g.events[:0]
	g.landings, g.outers, g.targets, g.points = g.landings[:0], g.outers[:0], g.targets[:0], nil
	g.living = (fn.loops || fn.header) && !g.probing
	g.fusion.reset()
	g.nodes = append(g.nodes, node{pin: true}, node{open: !fn.fixed}, node{open: !fn.fixed, pin: fn.fixed || fn.tails})
	if fn.settled {
		g.nodes[entry].pin, g.nodes[entry].at = !fn.fixed, -fn.callee.prepaid
		g.nodes[exit].pin, g.nodes[exit].at = true, fn.callee.postpaid
	}
	g.cur = entry
	g.edge(zero, entry, once)
	g.frames = append(g.frames, frame{op: wasm.OpEnd, start: -1, label: exit, outer: -1, types: fn.typ.Results})
	g.refill()
}

// newNode adds a node that is reached from here.
func (g *graph) newNode() int32 {
	g.nodes = append(g.nodes, node{in: g.path})
	return int32(len(g.nodes) - 1)
}

func (g *graph) edge(from, to int32, weight weight) int32 {
	g.edges = append(g.edges, edge{from: from, to: to, weight: weight, loop: -1})
	return int32(len(g.edges) - 1)
}

// base is the guess of how often the current place runs.
func (g *graph) base() weight { return often(g.depth) }

// arrive notes that the current path reaches n.
func (g *graph) arrive(n int32) {
	if n == exit {
		g.ways.merge(g.path)
		return
	}
	g.nodes[n].in.merge(g.path)
}

// instr takes the next instruction. Most are counted by what is left of the room.
func (g *graph) instr(kind kind, in, last *wasm.Instr) {
	if kind == kindOrder && g.cur != dead && g.fusion.hazard(last) {
		g.site(site{kind: siteOr, pos: in.Pos, end: in.Pos, op: in.Op})
	}
	switch {
	case kind == kindOther || g.room == 0:
		g.add(g.limit - g.room)
		g.step(kind, in, last)
		g.refill()
	default:
		g.value(kind, in, last)
		g.room--
	}
}

// refill sets how many instructions may follow before the current node or the path to
// here has too many.
func (g *graph) refill() {
	g.limit = 0
	if g.cur != dead {
		g.limit = max(0, 1+min(maxUnchecked-g.path.acc, maxRun-g.nodes[g.cur].cost))
	}
	g.room = g.limit
}

func (g *graph) step(kind kind, in, last *wasm.Instr) {
	if g.cur == dead {
		g.skip(in)
		return
	}
	if g.path.acc > maxUnchecked && in.Op != wasm.OpEnd && in.Op != wasm.OpElse {
		g.check(in.Pos)
	}
	if g.nodes[g.cur].cost > maxRun {
		g.split(in.Pos, splitPin)
	}
	g.add(Cost(in.Op))
	if kind == kindOther {
		g.dispatch(in, last)
	} else {
		g.value(kind, in, last)
	}
}

// value takes an instruction that only computes or moves values.
func (g *graph) value(kind kind, in, last *wasm.Instr) {
	switch kind {
	case kindGet:
		g.leadGet(in)
		g.event(evGet, in.A)
	case kindSet:
		g.setLocal(in, last)
		g.fusion.set(in, last)
		g.event(evSet, in.A)
	case kindAnd:
		g.fusion.seen = true
	}
}

func (g *graph) add(units int64) {
	if units != 0 {
		g.nodes[g.cur].cost += units
		g.path.add(units)
	}
}

func (g *graph) dispatch(in, last *wasm.Instr) {
	switch in.Op {
	case wasm.OpBlock, wasm.OpTryTable:
		g.openBlock(in)
	case wasm.OpLoop:
		g.openLoop(in)
	case wasm.OpIf:
		g.openIf(in)
	case wasm.OpElse:
		g.elseBranch(in)
	case wasm.OpEnd:
		g.closeFrame(in)
	case wasm.OpBr:
		g.branch(in)
	case wasm.OpBrIf:
		g.branchIf(in, last)
	case wasm.OpBrTable:
		g.leadTable(in)
		g.branchTable(in)
	case wasm.OpReturn:
		g.chargeAt(in.Pos, g.leave())
		g.die(in)
	case wasm.OpUnreachable:
		g.nodes[g.cur].cold = true
		g.event(evStop, 0)
		g.die(in)
	case wasm.OpThrow, wasm.OpThrowRef:
		g.split(in.Pos, splitPin)
		g.event(evStop, 0)
		g.die(in)
	default:
		g.other(in)
	}
}

// leave ends the current node with an edge to the function's exit.
func (g *graph) leave() int32 {
	g.event(evStop, 0)
	g.arrive(exit)
	return g.edge(g.cur, exit, once-half)
}

// die begins dead code after the instruction.
func (g *graph) die(in *wasm.Instr) {
	g.cur, g.dead, g.deadStart, g.afterEnd = dead, 0, int32(in.End), false
}

// skip passes over an instruction that is never reached, up to the end of the
// construct.
func (g *graph) skip(in *wasm.Instr) {
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpTryTable:
		g.dead++
		if in.Op == wasm.OpLoop {
			g.opened++
		}
		return
	case wasm.OpEnd:
		if g.dead > 0 {
			g.dead--
			return
		}
	case wasm.OpElse:
		if g.dead > 0 {
			return
		}
	default:
		return
	}
	if int(g.deadStart) < in.Pos {
		g.site(site{kind: siteDead, pos: int(g.deadStart), end: in.Pos, flag: g.afterEnd})
	}
	g.dispatch(in, nil)
}

// A split ends the current node before an instruction, so that the debt there
// can be bounded.
type splitKind int

const (
	splitFree splitKind = iota
	splitSoft           // 0 ≤ debt ≤ maxCallDebt
	splitPin            // debt 0
)

func (g *graph) split(pos int, kind splitKind) {
	n := g.newNode()
	g.nodes[n].pin, g.nodes[n].soft = kind == splitPin, kind == splitSoft
	g.chargeAt(pos, g.edge(g.cur, n, g.base()))
	g.cur = n
}

// check places a check before the instruction at pos.
func (g *graph) check(pos int) {
	g.split(pos, splitPin)
	g.site(site{kind: siteCheck, pos: pos, end: pos, arg: uint32(g.cur)})
	g.path.acc, g.path.max = 0, 0
	g.nodes[g.cur].in = g.path
	g.checks, g.charges = true, true
}

func (g *graph) chargeAt(pos int, e int32) {
	g.event(evPoint, uint32(e))
	g.site(site{kind: siteCharge, pos: pos, end: pos, edge: e})
}

func (g *graph) site(s site) {
	if !g.probing {
		s.loop = g.loop
		g.sites = append(g.sites, s)
	}
}

// label is the node that a branch to the frame reaches, made at need.
func (g *graph) label(f *frame) int32 {
	if f.label < 0 {
		f.label = g.newNode()
	}
	g.arrive(f.label)
	return f.label
}

func (g *graph) frame(depth uint32) *frame { return &g.frames[len(g.frames)-1-int(depth)] }

func (g *graph) openBlock(in *wasm.Instr) {
	if in.Op == wasm.OpTryTable {
		for i := range in.Catches {
			g.catch(g.frame(in.Catches[i].Label))
		}
	}
	g.leadBlock(in)
	g.event(evBlock, 0)
	t := g.mod.blockType(in.Block)
	g.frames = append(g.frames, frame{op: in.Op, start: in.Pos, label: -1, outer: g.loop, depth: g.depth, types: t.Results})
}

// catch makes a frame the target of a catch clause: whoever throws has a debt
// of zero, so the label has.
func (g *graph) catch(f *frame) {
	g.fn.catches = true
	f.caught = true
	n := g.label(f)
	if n == exit {
		g.exitCaught, g.nodes[exit].pin = true, true
		return
	}
	g.nodes[n].pin, g.nodes[n].caught = true, true
	g.nodes[n].in = path{acc: maxUnchecked + 1}
	if f.op == wasm.OpLoop {
		g.loops[f.loop].caught = true
	}
}

func (g *graph) openLoop(in *wasm.Instr) {
	counted := g.countRounds(in)
	header := g.newNode()
	e := g.edge(g.cur, header, g.base())
	g.loops = append(g.loops, loop{header: header, parent: g.loop, counted: counted})
	index := int32(len(g.loops) - 1)
	g.site(site{kind: siteLoop, pos: in.Pos, end: in.End, edge: e, arg: uint32(index)})
	g.event(evPoint, uint32(e))
	g.event(evLoop, uint32(index))
	t := g.mod.blockType(in.Block)
	g.loops[index].typ = g.mod.identity(t.Params)
	g.frames = append(g.frames, frame{op: wasm.OpLoop, start: in.Pos, label: header, loop: index, outer: index, types: t.Params})
	g.cur, g.loop, g.depth = header, index, g.depth+1
	g.nest = max(g.nest, g.depth)
	g.checks = true
	g.lead = lead{loop: index, end: in.End}
}

// countRounds accounts for all rounds but the first of a loop before it begins, if it is
// a counted one. No check comes between the rounds.
func (g *graph) countRounds(in *wasm.Instr) bool {
	loop := g.opened
	g.opened++
	if loop >= len(g.fn.rounds) || g.fn.rounds[loop] == 0 {
		return false
	}
	more := g.fn.rounds[loop]
	if g.path.acc+2*more > maxUnchecked { // the round is none dearer
		g.check(in.Pos)
	}
	g.add(more)
	return true
}

func (g *graph) openIf(in *wasm.Instr) {
	g.event(evIf, 0)
	t := g.mod.blockType(in.Block)
	src := g.cur
	g.nodes[src].in = g.path // from here on, the ways to its end
	g.frames = append(g.frames, frame{op: wasm.OpIf, start: in.Pos, label: -1, src: src, outer: g.loop, depth: g.depth, types: t.Results})
	g.cur = g.newNode()
	g.chargeAt(in.End, g.edge(src, g.cur, g.base()-half))
}

func (g *graph) elseBranch(in *wasm.Instr) {
	f := g.frame(0)
	if g.cur != dead {
		g.chargeAt(in.Pos, g.edge(g.cur, g.label(f), g.base()-half))
	}
	g.event(evElse, 0)
	f.op = wasm.OpElse
	g.path = g.nodes[f.src].in
	g.cur = g.newNode()
	g.chargeAt(in.End, g.edge(f.src, g.cur, g.base()-half))
}

func (g *graph) closeFrame(in *wasm.Instr) {
	f := g.frame(0)
	if f.op == wasm.OpEnd {
		if g.cur != dead {
			g.chargeAt(in.Pos, g.leave())
		}
		g.frames = g.frames[:0]
		return
	}
	if f.op == wasm.OpLoop {
		g.loop, g.depth = g.loops[f.loop].parent, g.depth-1
		g.site(site{kind: siteLoopEnd, pos: in.Pos, end: in.End, target: f.loop})
		g.event(evEnd, uint32(f.loop)+1)
	} else {
		g.join(in, f)
		g.event(evEnd, 0)
	}
	g.frames = g.frames[:len(g.frames)-1]
	if g.cur == dead {
		g.dead, g.deadStart, g.afterEnd = 0, int32(in.End), true
	}
}

// join lets all paths to a construct's end meet.
func (g *graph) join(in *wasm.Instr, f *frame) {
	if either := f.op == wasm.OpIf || f.op == wasm.OpElse; g.cur != dead && (f.label >= 0 || either) {
		weight := g.base()
		if either {
			weight -= half
		}
		g.chargeAt(in.Pos, g.edge(g.cur, g.label(f), weight))
		g.cur = f.label
	}
	if f.op == wasm.OpIf {
		g.path = g.nodes[f.src].in
		e := g.edge(f.src, g.label(f), g.base())
		g.site(site{kind: siteElse, pos: in.Pos, end: in.Pos, edge: e})
	}
	if f.label >= 0 {
		g.cur = f.label
		g.path = g.nodes[g.cur].in
	}
	if f.caught {
		g.site(site{kind: siteCaught, pos: in.End, end: in.End})
	}
}
