package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

func (g *graph) branch(in *wasm.Instr) {
	f := g.frame(in.A)
	if f.op == wasm.OpLoop {
		e := g.backEdge(g.cur, f, g.ahead(in, f))
		g.site(site{kind: siteBack, pos: in.Pos, end: in.End, edge: e, arg: in.A, target: f.loop})
	} else {
		g.chargeAt(in.Pos, g.edge(g.cur, g.label(f), often(f.depth)))
		g.site(site{kind: siteBr, pos: in.Pos, end: in.End, arg: in.A, target: f.outer})
	}
	g.event(evBranch, in.A)
	g.event(evStop, 0)
	g.die(in)
}

func (g *graph) backEdge(from int32, f *frame, ahead bool) int32 {
	e := g.edge(from, f.label, g.base())
	l := &g.loops[f.loop]
	g.edges[e].loop, g.edges[e].ahead, g.edges[e].counted = f.loop, ahead, l.counted
	if ahead || l.counted {
		l.jumps = true
	} else {
		l.backs++
	}
	return e
}

// placeChecks decides which back edges carry a check, and by how much the loops'
// forms deepen labels.
func (g *graph) placeChecks() {
	for i := range g.loops { // parents come first
		l := &g.loops[i]
		l.labels = g.form(l).labels()
		if l.parent >= 0 {
			l.labels += g.loops[l.parent].labels
		}
	}
	for i := range g.edges {
		if e := &g.edges[i]; e.loop >= 0 {
			e.checked = !e.ahead && !e.counted && g.form(&g.loops[e.loop]) != formHeader
		}
	}
}

func (g *graph) branchIf(in, last *wasm.Instr) {
	f := g.frame(in.A)
	g.event(evBranch, in.A)
	s := site{kind: siteBrIf, pos: in.Pos, end: in.End, arg: in.A, target: f.outer, typ: g.mod.identity(f.types), op: last.Op, test: last.Pos}
	if f.op == wasm.OpLoop {
		s.kind = siteBackIf
		s.edge = g.backEdge(g.cur, f, false)
	} else {
		s.edge = g.edge(g.cur, g.label(f), often(f.depth)+taken)
	}
	src := g.cur
	g.site(s)
	g.cur = g.newNode()
	g.chargeAt(in.End, g.edge(src, g.cur, g.base()))
}

// landing is where a br_table that goes back to a loop lands first.
type landing struct {
	depth uint32
	loop  int32
}

// branchTable charges once before the br_table, for all its forward targets,
// whose debts are therefore equal. A target that is a loop gets a landing of
// its own, on which the back edge is charged and checked.
func (g *graph) branchTable(in *wasm.Instr) {
	mid := g.newNode()
	g.chargeAt(in.Pos, g.edge(g.cur, mid, g.base()))
	g.cur = mid
	g.table++
	s := site{kind: siteTable, pos: in.Pos, end: in.End, edge: int32(len(g.edges)), target: int32(len(g.landings)), table: int32(len(g.outers))}
	for _, depth := range in.Targets {
		f := g.frame(depth)
		g.outers = append(g.outers, f.outer)
		if f.mark == g.table {
			continue
		}
		f.mark = g.table
		g.event(evBranch, depth)
		if f.op == wasm.OpLoop {
			g.backEdge(mid, f, false)
			g.landings = append(g.landings, landing{depth, f.loop})
			s.arg++
			s.typ = g.mod.landing(f.types)
		} else {
			g.equal = append(g.equal, [2]int32{mid, g.label(f)})
		}
	}
	g.event(evStop, 0)
	g.site(s)
	g.die(in)
}

// other takes the instructions that leave the control flow alone.
func (g *graph) other(in *wasm.Instr) {
	switch in.Op {
	case wasm.OpCall:
		g.invoke(in, g.mod.callee(in.A))
		g.site(site{kind: siteIndex, pos: in.Pos, end: in.End, arg: in.A, op: in.Op})
	case wasm.OpCallIndirect:
		g.invoke(in, g.mod.indirect(in.A))
	case wasm.OpReturnCall:
		g.tailCall(in, g.mod.callee(in.A))
	case wasm.OpReturnCallIndirect:
		g.tailCall(in, g.mod.indirect(in.A))
	case wasm.OpRefFunc:
		g.site(site{kind: siteIndex, pos: in.Pos, end: in.End, arg: in.A, op: in.Op})
	case wasm.OpMemoryAtomicWait32, wasm.OpMemoryAtomicWait64:
		if g.fn.waits {
			g.site(site{kind: siteWait, pos: in.Pos, end: in.End})
		}
	default:
		if isBulk(in.Op) {
			g.invoke(in, bulkCallee)
			g.site(site{kind: siteBulk, pos: in.Pos, end: in.End})
		}
	}
}

// invoke accounts for a call: what it prepays, and what must hold of the debt.
// A callee that may reach the host or throw needs the exact total, and so does
// one that may lead to more of the same, or what is owed on all levels would add
// up; one with checks needs a debt that is not negative, so that the host never believes
// more to have been executed than was; to any other the debt is nothing.
func (g *graph) invoke(in *wasm.Instr, c callee) {
	g.nodes[g.cur].cost += c.prepaid
	switch {
	case c.host || c.deep:
		g.split(in.Pos, splitPin)
	case c.checks:
		g.split(in.Pos, splitSoft)
	}
	if c.deep && g.fn.header {
		n := &g.nodes[g.cur] // the call's own: it has just been split off
		n.deep, n.paid = true, c.prepaid
	}
	g.nodes[g.cur].cost += c.postpaid
	g.afterCall(c)
}

// afterCall notes what the way through a callee adds. What follows a call that
// takes depth runs once for each level when they all return, one after another:
// little of it may pass unchecked.
func (g *graph) afterCall(c callee) {
	p := &g.path
	p.add(c.unchecked)
	switch {
	case c.resets:
		p.acc, p.max = 0, 0
	case c.deep:
		p.acc = max(p.acc, maxUnchecked-maxReturn)
		p.leaf = p.leaf && !g.fn.header
	}
	g.checks = g.checks || c.checks
	if c.charges {
		g.charges = true
		for l := g.loop; l >= 0 && !g.loops[l].calls; l = g.loops[l].parent {
			g.loops[l].calls = true
		}
	}
}

// tailCall leaves the function. A cycle of tail calls takes no depth, so it is
// checked here.
func (g *graph) tailCall(in *wasm.Instr, c callee) {
	if c.deep {
		g.check(in.Pos)
	}
	g.nodes[g.cur].cost += c.prepaid
	e := g.edge(g.cur, exit, once-half)
	g.afterCall(c)
	g.arrive(exit)
	g.event(evStop, 0)
	g.site(site{kind: siteTail, pos: in.Pos, end: in.End, edge: e, arg: in.A, op: in.Op})
	g.die(in)
}
