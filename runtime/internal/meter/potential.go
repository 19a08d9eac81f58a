package meter

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
	paid   int64 // for the call that it starts with, if deep is set
	in     path  // the worst of all ways to its start
	pin    bool  // the debt must be at
	soft   bool  // the debt must be in [0, maxCallDebt]
	open   bool  // callers make up for the debt, as far as they can
	caught bool  // a catch clause leads here: no depth may be taken
	deep   bool  // it starts with a call that needs the depth to be taken
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
	charge   int64 // units to charge on it; see solve
	depth    int64 // call depth to take on it, or, negative, to give back; see solveDepth
	loop     int32 // the loop that it goes back to, or -1
	weight   weight
	ahead    bool // it goes on ahead from there: it closes no cycle
	counted  bool // what it would charge is charged elsewhere; see counter
	checked  bool // it carries a check anyway
}

// flow is the control flow of one function. Node 0 is zero.
type flow struct {
	nodes []node
	edges []edge
	equal [][2]int32 // nodes that must have the same debt

	forest
	ranking
	votes     []vote
	contested []int32 // edges between a settled node and one that is not
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
	f.weigh = f.weigh[:0]
	for i := range f.edges {
		e := &f.edges[i]
		w := e.weight
		switch {
		case e.checked || e.depth != 0:
			w = weightless
		case f.nodes[e.to].cold:
			w -= cold
		}
		f.weigh = append(f.weigh, w)
	}
	f.rank()
	for f.tie(); f.pinViolators(); f.tie() {
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
	f.weigh = f.weigh[:0]
	for i := range f.edges {
		f.weigh = append(f.weigh, f.edges[i].weight)
	}
	f.rank()
	f.plant(f.nodes)
	for i := range f.nodes {
		switch n := &f.nodes[i]; {
		case n.deep:
			f.unite(zero, int32(i), depth)
		case n.caught:
			f.unite(zero, int32(i), 0)
		}
	}
	f.unite(zero, exit, 0)
	for _, p := range f.equal {
		f.unite(p[0], p[1], 0)
	}
	for _, i := range f.order {
		f.unite(f.edges[i].from, f.edges[i].to, 0)
	}
	f.readLevels()
	for i := range f.edges {
		e := &f.edges[i]
		e.depth = f.nodes[e.to].level - f.nodes[e.from].level
	}
}

// readLevels reads off levels: that of zero is 0, and so is the first of those that are not tied to it.
func (f *flow) readLevels() {
	root, bottom := f.find(zero)
	for i := range f.nodes {
		r, level := f.find(int32(i))
		if r != root {
			f.trees[r].parent, f.trees[r].offset = root, bottom-level
			level = bottom
		}
		f.nodes[i].level = level - bottom
	}
}

// tie runs the union-find over equalities and edges, and reads off debts.
func (f *flow) tie() {
	f.plant(f.nodes)
	for _, p := range f.equal {
		f.join(p[0], p[1])
	}
	for group := range f.groups {
		f.tieEqually(group)
	}
	for i := range f.nodes { // the first node of a tree has no debt, if that is within bounds
		root, offset := f.find(int32(i))
		b := &f.trees[root].interval
		if !b.settled() {
			d := min(max(-offset, b.least), b.most)
			*b = interval{d, d}
		}
		f.nodes[i].debt = b.least + offset
	}
}

// tieEqually ties what edges of the same weight lead to. Trees in which the debts are not
// settled are tied first; then of each such tree the edges that lead to settled nodes
// vote for its debts, since only those that agree get a charge of zero.
func (f *flow) tieEqually(edges []int32) {
	f.contested, f.votes = f.contested[:0], f.votes[:0]
	for _, i := range edges {
		e := &f.edges[i]
		a, oa := f.find(e.from)
		b, ob := f.find(e.to)
		settled := f.trees[a].settled()
		switch {
		case a == b || e.counted:
		case settled != f.trees[b].settled():
			f.contested = append(f.contested, i)
		case !settled:
			f.link(a, b, oa+f.nodes[e.from].cost-ob)
		}
	}
	for _, i := range f.contested {
		f.vote(&f.edges[i])
	}
	f.count()
}

// pinViolators pins to zero the nodes that an equality has led out of bounds, and reports
// whether there were any.
func (f *flow) pinViolators() bool {
	if len(f.equal) == 0 {
		return false
	}
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
