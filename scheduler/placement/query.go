package placement

import (
	"slices"
	"strings"

	"github.com/godwit-run/godwit/scheduler/wire"
)

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
	labels                   bool // a row without the marks is all that keeps its node out

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
		q.labels = r.MaxCost == 0 && !q.self && labelsFirst(&r.Hints.Require)
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

// labelsFirst tells whether nothing is required that Check looks at before labels.
func labelsFirst(h *wire.Wishes) bool {
	return len(h.Labels) > 0 && len(h.Avoid) == 0 && len(h.Prefer) == 0 && h.Region == ""
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
	if q.labels && x.rows[i].marks&q.marks != q.marks {
		c.Factor = 1
		c.Refuse(wire.RefusedLabel, true)
		return c
	}
	if !q.fits(&x.rows[i]) || q.careful {
		if c.Refuse(checkAll(r, c.Node, x.linear)); c.Out != "" {
			c.Factor = 1
			return c
		}
	}
	c.Score = q.score(i)
	return c
}
