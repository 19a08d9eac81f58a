package placement

import (
	"slices"
	"strings"

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

// row is what of a node decides whether a task fits, and its share of the hash.
type row struct {
	memory, storage, network uint64 // the lesser of what is free and what there is
	gpu                      uint64 // see largestGPU
	marks                    uint64 // of region and labels: see mark
	hash                     uint64
	factor                   float64
	cpu                      uint32
	out, self                bool // out of the question whatever the request
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
	free, total := &n.Free, &n.Vector.Total
	x.rows[i] = row{
		cpu: min(free.CPU, total.CPU), memory: min(free.Memory, total.Memory),
		storage: min(free.Storage, total.Storage), network: min(free.Network, total.Network),
		gpu: largestGPU(free.GPUs), marks: marksOf(n.Vector), hash: mixNode(n.ID), factor: x.linear.factor(n), self: n.Self,
		out: n.Out != "" || n.Distrusts || x.linear.gate(n) != "",
	}
	for c, class := range classes {
		terms := x.linear.fixed(n, class)
		x.fixed[c][i] = add(0, terms[:])
	}
}

// largestGPU is 1 more than the memory of the largest device that is available, 0 if
// there is none.
func largestGPU(devices []wire.GPUDevice) (size uint64) {
	for i := range devices {
		if devices[i].Available {
			size = max(size, 1+devices[i].Memory)
		}
	}
	return size
}

// mark is one bit for a label. A node without that bit has not that label.
func mark(key, value string) uint64 {
	h := uint32(2166136261) // FNV-1a
	for _, s := range [...]string{key, "=", value} {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
	}
	return 1 << (h >> 26)
}

func marksOf(v *wire.Vector) (marks uint64) {
	for k, l := range v.Labels {
		marks |= mark(k, l)
	}
	if v.Region != "" {
		marks |= mark("region", v.Region)
	}
	return marks
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

// query is what of a request is the same for all nodes.
type query struct {
	index *Index
	r     *Request
	fixed []float64
	task  uint64

	cpu                      uint32
	memory, storage, network uint64
	gpu, marks               uint64
	self                     bool // only this node may have it
	careful                  bool // the rows do not tell everything

	spread, hash float64 // weight of the hash, and as much if it counts
	wishes       []Term  // each of value 1
	total        float64 // of all weights
}

func (x *Index) query(r *Request) query {
	q := query{
		index: x, r: r, fixed: x.fixed[max(0, slices.Index(classes[:], r.Class))], task: mixTask(r.Task),
		cpu: r.Needs.CPU, memory: r.Needs.Memory, storage: r.Needs.Storage, network: r.Needs.Network,
		self: r.Placement == wire.PlaceLocal, careful: r.MaxCost > 0,
	}
	if g := r.Needs.GPU; g != nil && g.Required {
		q.gpu, q.careful = 1+g.Memory, true
	}
	if r.Hints != nil && !r.Hints.Require.IsZero() {
		q.marks, q.careful = required(&r.Hints.Require), true
	}
	if len(x.nodes) > 0 {
		q.weigh(&x.nodes[0])
	}
	return q
}

// required are the marks that a node must have.
func required(h *wire.Wishes) (marks uint64) {
	for _, l := range h.Labels {
		key, value, _ := strings.Cut(l, "=")
		marks |= mark(key, value)
	}
	if h.Region != "" {
		marks |= mark("region", h.Region)
	}
	return marks
}

// weigh works out the weights, which are the same for any node.
func (q *query) weigh(any *Node) {
	x, r := q.index, q.r
	fixed := x.linear.fixed(any, r.Class)
	for _, t := range fixed {
		q.total += t.Weight
	}
	_, weight, counts := x.linear.spread(r.Class)
	q.spread, q.hash = weight, weight*indicator(counts)
	q.total += weight
	x.terms = wishes(x.terms[:0], r, any, x.linear.weights(r.Class))
	for i := range x.terms {
		x.terms[i].Value = 1
		q.total += x.terms[i].Weight
	}
	q.wishes = x.terms
}

// fits tells what a row tells.
func (q *query) fits(w *row) bool {
	return !w.out && w.cpu >= q.cpu && w.memory >= q.memory && w.storage >= q.storage && w.network >= q.network &&
		w.gpu >= q.gpu && w.marks&q.marks == q.marks && (!q.self || w.self)
}

// most is the highest score that a node could have: every term that is yet to be
// worked out counts in full, in the order of score, so that no rounding makes it
// less than the score.
func (q *query) most(i int) float64 {
	s := q.fixed[i] + q.hash
	for k := range q.wishes {
		s += q.wishes[k].Weight
	}
	return settled(s, q.total, q.index.rows[i].factor)
}

func (q *query) score(i int) float64 {
	w := &q.index.rows[i]
	s := q.fixed[i]
	if q.hash > 0 {
		s += float64(spread(q.task, w.hash) * q.spread)
	}
	if len(q.wishes) > 0 {
		var room [8]Term
		s = add(s, wishes(room[:0], q.r, &q.index.nodes[i], q.index.linear.weights(q.r.Class)))
	}
	return settled(s, q.total, w.factor)
}

func (q *query) candidate(r *Request, i int) Candidate {
	x := q.index
	c := Candidate{Node: &x.nodes[i], Factor: x.rows[i].factor}
	if !q.fits(&x.rows[i]) || q.careful {
		if c.Refuse(checkAll(r, c.Node, x.linear)); c.Out != "" {
			c.Factor = 1
			return c
		}
	}
	c.Score = q.score(i)
	return c
}
