package placement

import (
	"slices"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Index keeps many nodes in a form that is quick to rank: what the scores of this
// package's policies have in common for all requests is worked out when a node
// changes, not when a task is placed. It finds what a [Ranker] finds. With a policy
// of one's own it asks that policy of every node.
//
// It keeps memory between calls, and so must not be used by two goroutines at once.
type Index struct {
	policy Policy
	linear linear // nil if the policy is one's own
	nodes  []Node // in no order that means anything
	at     map[wire.NodeID]int
	rows   []row
	// fixed are the sums of fixed terms, by class.
	fixed [len(classes)][]float64

	judged Candidate
	terms  []Term // scratch
	ranked []Candidate
	sorter sorter
}

var classes = [...]wire.Class{wire.ClassDefault, wire.ClassLatency, wire.ClassThroughput}

// NewIndex makes an index without nodes.
func NewIndex(p Policy) *Index {
	l, _ := p.(linear)
	return &Index{policy: p, linear: l, at: make(map[wire.NodeID]int)}
}

// Len is the number of nodes.
func (x *Index) Len() int { return len(x.nodes) }

// Nodes are all nodes, in no order that means anything. They are not to be changed,
// and good until the next change.
func (x *Index) Nodes() []Node { return x.nodes }

// Node is the node of that id, nil if there is none. After changing it, call
// Changed. It is good until a node is added or removed.
func (x *Index) Node(id wire.NodeID) *Node {
	if i, ok := x.at[id]; ok {
		return &x.nodes[i]
	}
	return nil
}

// Put adds a node, or replaces the one of its id.
func (x *Index) Put(n Node) *Node {
	i, ok := x.at[n.ID]
	if !ok {
		i = len(x.nodes)
		x.at[n.ID] = i
		x.nodes, x.rows = append(x.nodes, Node{}), append(x.rows, row{})
		for c := range x.fixed {
			x.fixed[c] = append(x.fixed[c], 0)
		}
	}
	x.nodes[i] = n
	x.Changed(n.ID)
	return &x.nodes[i]
}

// Remove takes a node out.
func (x *Index) Remove(id wire.NodeID) {
	i, ok := x.at[id]
	if !ok {
		return
	}
	last := len(x.nodes) - 1
	x.at[x.nodes[last].ID] = i
	delete(x.at, id)
	x.nodes, x.rows = swapOut(x.nodes, i), swapOut(x.rows, i)
	for c := range x.fixed {
		x.fixed[c] = swapOut(x.fixed[c], i)
	}
}

// swapOut removes an element; the last one takes its place.
func swapOut[T any](list []T, i int) []T {
	last := len(list) - 1
	list[i] = list[last]
	clear(list[last:])
	return list[:last]
}

// Changed takes in what has changed of a node.
func (x *Index) Changed(id wire.NodeID) {
	i, ok := x.at[id]
	if !ok || x.linear == nil {
		return
	}
	n := &x.nodes[i]
	x.rows[i] = newRow(n, x.linear)
	for c, class := range classes {
		terms := x.linear.fixed(n, class)
		x.fixed[c][i] = add(0, terms[:])
	}
}

// Reasons judges one node: with all terms of its score.
func (x *Index) Reasons(r *Request, n *Node) Candidate {
	c := Candidate{Node: n}
	judge(x.policy, &c, r)
	return c
}

// Best is the node that Rank puts first of those not tried, nil if there is none,
// and its score. fit tells whether any node, tried or not, can have the task.
func (x *Index) Best(r *Request, tried map[wire.NodeID]bool) (best *Node, score float64, fit bool) {
	if x.linear == nil {
		return bestOf(x.policy, &x.judged, r, x.nodes, tried)
	}
	q := x.query(r)
	at := -1
	for i := range x.rows {
		if !q.fits(&x.rows[i]) || at >= 0 && q.most(i) < score {
			continue
		}
		s := q.score(i)
		if at >= 0 && (s < score || s == score && !x.before(q.task, i, at)) {
			continue
		}
		if q.careful && !x.passes(r, i) { // last, since it takes longest
			continue
		}
		fit = true
		if len(tried) == 0 || !tried[x.nodes[i].ID] {
			at, score = i, s
		}
	}
	if at < 0 {
		return nil, 0, fit
	}
	return &x.nodes[at], score, true
}

// passes is what a row does not tell.
func (x *Index) passes(r *Request, i int) bool {
	out, _ := checkAll(r, &x.nodes[i], x.linear)
	return out == ""
}

// before orders nodes of equal score.
func (x *Index) before(task uint64, i, j int) bool {
	return compareEqual(task, &x.nodes[i], &x.nodes[j]) < 0
}

// Rank returns a candidate for each node: those that can have the task, best
// first, then the others by reason. The candidates have no Terms: [Index.Reasons]
// tells them of one. The result is good until the next call or change.
func (x *Index) Rank(r *Request) []Candidate {
	x.ranked = slices.Grow(x.ranked[:0], len(x.nodes))[:len(x.nodes)]
	if x.linear == nil {
		for i := range x.nodes {
			x.judged.Node = &x.nodes[i]
			judge(x.policy, &x.judged, r)
			x.ranked[i] = x.judged
			x.ranked[i].Terms = nil
		}
	} else {
		q := x.query(r)
		for i := range x.nodes {
			x.ranked[i] = q.candidate(r, i)
		}
	}
	x.ranked = x.sorter.sort(mixTask(r.Task), x.ranked)
	return x.ranked
}
