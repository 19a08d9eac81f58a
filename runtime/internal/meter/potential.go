package meter

import (
	"cmp"
	"math"
	"slices"
)

// Nodes that every function has.
const (
	zero  = iota // what its debt is relative to: 0 by definition
	entry        // where it starts
	exit         // what follows every return
)

// node is a straight run of instructions: it is entered at its start and left
// at its end.
type node struct {
	cost   int64 // units that running through it takes
	debt   int64 // units executed but not charged at its start; see solve
	at     int64 // what the debt must be, if pin is set
	level  int64 // call depth that the function has taken at its start; see solveDepth
	in     path  // the worst of all ways to its start
	pin    bool  // the debt must be at
	soft   bool  // the debt must be in [0, maxCallDebt]
	open   bool  // callers make up for the debt, as far as they can
	caught bool  // a catch clause leads here: no depth may be taken
	deep   bool  // it starts with a call that needs the depth to be taken,
	paid   int64 // and for which so much has been prepaid
	cold   bool  // it ends in a trap
}

// path sums up the ways from a function's start to a place in it.
type path struct {
	acc  int64 // most units since the last check
	max  int64 // most units since the last check, or the start, without a call
	leaf bool  // that takes depth, if there is such a way
}

func (p *path) add(units int64) {
	p.acc, p.max = p.acc+units, p.max+units
}

// merge adds the ways of q.
func (p *path) merge(q path) {
	p.acc = max(p.acc, q.acc)
	switch {
	case !q.leaf:
	case !p.leaf:
		p.max, p.leaf = q.max, true
	default:
		p.max = max(p.max, q.max)
	}
}

// edge is a way from the end of one node to the start of another.
type edge struct {
	from, to int32
	weight   float64 // guess of what a charge on it would cost, all told
	charge   int64   // units to charge on it; see solve
	depth    int64   // call depth to take on it, or, negative, to give back; see solveDepth
	loop     int32   // the loop that it goes back to, or -1
	ahead    bool    // it goes on ahead from there: it closes no cycle
	counted  bool    // what it would charge is charged elsewhere; see counter
	checked  bool    // it carries a check anyway
}

// flow is the control flow of one function. Node 0 is zero.
type flow struct {
	nodes []node
	edges []edge
	equal [][2]int32 // nodes that must have the same debt

	parent []int32 // union-find: parent and debt relative to the parent
	offset []int64
	bounds []interval // of roots: debts that keep the whole tree within bounds
	order  []uint64   // edges, in the lower halves
	votes  []vote
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
// placement of profile counters), but for those on which some node's debt would be out
// of its bounds: of each tree it is known which debts of its root keep all within.
func (f *flow) solve() {
	f.sortEdges(func(e *edge) float64 {
		switch {
		case e.checked || e.depth != 0:
			return 0
		case f.nodes[e.to].cold:
			return e.weight / 100
		}
		return e.weight
	})
	for {
		f.tie()
		if !f.pinViolators() {
			break
		}
	}
	for i := range f.edges {
		if e := &f.edges[i]; !e.counted {
			e.charge = f.nodes[e.from].debt + f.nodes[e.from].cost - f.nodes[e.to].debt
		}
	}
}

// solveDepth chooses where a function takes the depth that its calls need, and
// where it gives it back, in the same way: the level is 0 outside and depth at
// the calls, and the heaviest edges that can have the same level at both ends
// do. So ways on which nothing is called take nothing.
func (f *flow) solveDepth(depth int64) {
	f.sortEdges(func(e *edge) float64 { return e.weight })
	f.clear()
	for i := range f.nodes {
		switch n := &f.nodes[i]; {
		case n.deep:
			f.unite(zero, int32(i), depth)
		case n.caught:
			f.unite(zero, int32(i), 0)
		}
	}
	f.unite(zero, exit, 0)
	f.tieEqual()
	for _, key := range f.order {
		e := &f.edges[uint32(key)]
		f.unite(e.from, e.to, 0)
	}
	for i := range f.nodes {
		f.unite(zero, int32(i), 0)
		f.nodes[i].level = f.value(int32(i))
	}
	for i := range f.edges {
		e := &f.edges[i]
		e.depth = f.nodes[e.to].level - f.nodes[e.from].level
	}
}

// sortEdges orders the edges by falling weight, and by number where they weigh the
// same: as keys of which the upper half falls with the weight.
func (f *flow) sortEdges(weight func(*edge) float64) {
	f.order = f.order[:0]
	for i := range f.edges {
		w := math.Float32bits(float32(weight(&f.edges[i]))) // weights are not negative
		f.order = append(f.order, uint64(^w)<<32|uint64(i))
	}
	slices.Sort(f.order)
}

// clear starts a new union-find, in which nothing is tied.
func (f *flow) clear() {
	f.parent, f.offset = f.parent[:0], f.offset[:0]
	for i := range f.nodes {
		f.parent, f.offset = append(f.parent, int32(i)), append(f.offset, 0)
	}
}

func (f *flow) tieEqual() {
	for _, p := range f.equal {
		f.unite(p[0], p[1], 0)
	}
}

// value is what n comes to, zero being 0.
func (f *flow) value(n int32) int64 {
	_, o := f.find(n)
	_, z := f.find(zero)
	return o - z
}

// tie runs the union-find over equalities and edges, and reads off debts.
func (f *flow) tie() {
	f.clear()
	f.bounds = f.bounds[:0]
	for i := range f.nodes {
		f.bounds = append(f.bounds, f.nodes[i].bounds())
	}
	for _, p := range f.equal {
		f.join(p[0], p[1], 0, true)
	}
	for rest := f.order; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n]>>32 == rest[0]>>32 {
			n++
		}
		f.tieEqually(rest[:n])
		rest = rest[n:]
	}
	for i := range f.nodes { // the first node of a tree has no debt, if that is within bounds
		root, offset := f.find(int32(i))
		b := &f.bounds[root]
		if b.least < b.most {
			d := min(max(-offset, b.least), b.most)
			*b = interval{d, d}
		}
		f.nodes[i].debt = b.least + offset
	}
}

// tieEqually ties what edges of the same weight lead to. Trees in which the debts are not
// settled are tied first; then of each such tree the edges that lead to settled nodes
// vote for its debts, since only those that agree get a charge of zero.
func (f *flow) tieEqually(keys []uint64) {
	f.votes = f.votes[:0]
	for _, key := range keys {
		e := &f.edges[uint32(key)]
		if a, b := f.settled(e.from), f.settled(e.to); !a && !b && !e.counted {
			f.join(e.from, e.to, f.nodes[e.from].cost, false)
		}
	}
	for _, key := range keys {
		if e := &f.edges[uint32(key)]; !e.counted {
			f.vote(e)
		}
	}
	f.count()
	for _, key := range keys {
		if e := &f.edges[uint32(key)]; !e.counted {
			f.join(e.from, e.to, f.nodes[e.from].cost, false)
		}
	}
}

// vote is for what the debt of a tree's root should be.
type vote struct {
	root int32
	turn int32
	debt int64
}

// settled tells whether only one debt is left for n.
func (f *flow) settled(n int32) bool {
	root, _ := f.find(n)
	return f.bounds[root].least == f.bounds[root].most
}

// vote takes down what an edge between a settled node and one that is not votes for.
func (f *flow) vote(e *edge) {
	ra, oa := f.find(e.from)
	rb, ob := f.find(e.to)
	shift := oa + f.nodes[e.from].cost - ob // of b's root against a's
	a, b, turn := f.bounds[ra], f.bounds[rb], int32(len(f.votes))
	switch {
	case (a.least == a.most) == (b.least == b.most):
	case a.least == a.most:
		f.votes = append(f.votes, vote{rb, turn, a.least + shift})
	default:
		f.votes = append(f.votes, vote{ra, turn, b.least - shift})
	}
}

// count settles the trees that have been voted on: the most votes win, and the first
// of as many.
func (f *flow) count() {
	slices.SortFunc(f.votes, func(a, b vote) int {
		return cmp.Or(cmp.Compare(a.root, b.root), cmp.Compare(a.debt, b.debt), cmp.Compare(a.turn, b.turn))
	})
	for rest := f.votes; len(rest) > 0; {
		first, most, best := rest[0], 0, vote{}
		for len(rest) > 0 && rest[0].root == first.root {
			n, v := 1, rest[0]
			for n < len(rest) && rest[n].root == v.root && rest[n].debt == v.debt {
				n++
			}
			rest = rest[n:]
			if b := f.bounds[v.root]; b.least <= v.debt && v.debt <= b.most && (n > most || n == most && v.turn < best.turn) {
				most, best = n, v
			}
		}
		if most > 0 {
			f.bounds[best.root] = interval{best.debt, best.debt}
		}
	}
}

// interval is what a debt may be.
type interval struct{ least, most int64 }

// join demands debt(b) = debt(a) + delta, unless a and b are tied already, or, if the demand
// need not be met, no debt would be left for their root.
func (f *flow) join(a, b int32, delta int64, must bool) {
	ra, oa := f.find(a)
	rb, ob := f.find(b)
	if ra == rb {
		return
	}
	shift := oa + delta - ob // of b's root against a's
	both := interval{max(f.bounds[ra].least, f.bounds[rb].least-shift), min(f.bounds[ra].most, f.bounds[rb].most-shift)}
	if both.least > both.most {
		if !must {
			return
		}
		both = f.bounds[ra]
	}
	f.parent[rb], f.offset[rb] = ra, shift
	f.bounds[ra] = both
}

// pinViolators pins to zero the nodes that an equality has led out of bounds, and reports
// whether there were any.
func (f *flow) pinViolators() bool {
	pinned := false
	for i := range f.nodes {
		n := &f.nodes[i]
		b := n.bounds()
		if !n.pin && (n.debt < b.least || n.debt > b.most) {
			pinned, n.pin = true, true
		}
	}
	return pinned
}

// bounds are those of a node's debt.
func (n *node) bounds() interval {
	switch {
	case n.pin:
		return interval{n.at, n.at}
	case n.soft:
		return interval{0, maxCallDebt}
	case n.open:
		return interval{-maxPrepay, maxCallDebt}
	}
	return interval{-maxDebt, maxDebt}
}
