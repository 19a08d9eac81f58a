package meter

import "slices"

// zero is the node whose debt is 0 by definition: what precedes the entry and
// what follows every exit.
const zero = 0

// node is a straight run of instructions: it is entered at its start and left
// at its end.
type node struct {
	cost  int64 // units that running through it takes
	acc   int64 // most units since the last check on any path to its start
	debt  int64 // units executed but not charged at its start; see solve
	pin   bool  // the debt must be 0
	soft  bool  // the debt must be in [0, maxCallDebt]
	cold  bool  // ends in a trap
	entry bool
}

// edge is a way from the end of one node to the start of another.
type edge struct {
	from, to int32
	weight   float64 // guess of what a charge on it would cost, all told
	charge   int64   // units to charge on it; see solve
}

// flow is the control flow of one function. Node 0 is zero.
type flow struct {
	nodes []node
	edges []edge
	equal [][2]int32 // nodes that must have the same debt

	parent []int32 // union-find: parent and debt relative to the parent
	offset []int64
	order  []int32
}

// find returns the root of n's tree, and n's debt relative to the root's.
func (f *flow) find(n int32) (root int32, offset int64) {
	root = n
	for f.parent[root] != root {
		offset += f.offset[root]
		root = f.parent[root]
	}
	for rest := offset; f.parent[n] != root && n != root; {
		next, step := f.parent[n], f.offset[n]
		f.parent[n], f.offset[n] = root, rest
		rest -= step
		n = next
	}
	return root, offset
}

// unite demands debt(b) = debt(a) + delta, unless a and b are tied already.
func (f *flow) unite(a, b int32, delta int64) {
	ra, oa := f.find(a)
	rb, ob := f.find(b)
	if ra == rb {
		return
	}
	f.parent[rb], f.offset[rb] = ra, oa+delta-ob
}

// solve chooses every node's debt, and from them every edge's charge:
//
//	charge(u→v) = debt(u) + cost(u) − debt(v)
//
// so that charges along any path add up to the costs. The heaviest edges that
// form a forest get a charge of zero (Kruskal's algorithm, as in Knuth's
// placement of profile counters). Nodes that break a rule after that are pinned
// to zero and the rest is solved anew; pins only grow, so it ends.
func (f *flow) solve() {
	f.sortEdges()
	for round := 0; ; round++ {
		f.tie()
		if !f.pinViolators(round >= 4) {
			break
		}
	}
	for i := range f.edges {
		e := &f.edges[i]
		e.charge = f.nodes[e.from].debt + f.nodes[e.from].cost - f.nodes[e.to].debt
	}
}

func (f *flow) sortEdges() {
	f.order = f.order[:0]
	for i := range f.edges {
		f.order = append(f.order, int32(i))
	}
	slices.SortStableFunc(f.order, func(a, b int32) int {
		switch wa, wb := f.edges[a].weight, f.edges[b].weight; {
		case wa > wb:
			return -1
		case wa < wb:
			return 1
		}
		return 0
	})
}

// tie runs the union-find over pins, equalities and edges, and reads off debts.
func (f *flow) tie() {
	f.parent, f.offset = f.parent[:0], f.offset[:0]
	for i := range f.nodes {
		f.parent, f.offset = append(f.parent, int32(i)), append(f.offset, 0)
	}
	for i := range f.nodes {
		if f.nodes[i].pin {
			f.unite(zero, int32(i), 0)
		}
	}
	for _, p := range f.equal {
		f.unite(p[0], p[1], 0)
	}
	for _, i := range f.order {
		e := &f.edges[i]
		f.unite(e.from, e.to, f.nodes[e.from].cost)
	}
	for i := range f.nodes {
		f.unite(zero, int32(i), 0)
		_, o := f.find(int32(i))
		_, z := f.find(zero)
		f.nodes[i].debt = o - z
	}
}

// pinViolators pins the nodes whose debt is out of bounds, or, when all is
// set, every node that a bound applies to; it reports whether there were any.
func (f *flow) pinViolators(all bool) bool {
	pinned := false
	for i := range f.nodes {
		n := &f.nodes[i]
		if !n.pin && f.violates(n) {
			pinned = true
			n.pin = true
		}
	}
	if !pinned || !all {
		return pinned
	}
	for i := range f.nodes {
		f.nodes[i].pin = true
	}
	return true
}

func (f *flow) violates(n *node) bool {
	switch {
	case n.soft:
		return n.debt < 0 || n.debt > maxCallDebt
	case n.entry:
		return n.debt > 0 || n.debt < -maxPrepay
	default:
		return n.debt > maxDebt || n.debt < -maxDebt
	}
}
