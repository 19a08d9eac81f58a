package placement

import (
	"cmp"
	"slices"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Ranker applies a policy to nodes as they are: one after the other, with all
// reasons. For a few, such as those that have made an offer; an [Index] is for many.
//
// It keeps memory between calls, and so must not be used by two goroutines at once.
type Ranker struct {
	policy Policy
	ranked []Candidate
	one    Candidate
}

// NewRanker makes a ranker.
func NewRanker(p Policy) *Ranker { return &Ranker{policy: p} }

// Rank returns a candidate for each node: those that can have the task, best
// first, then the others by reason. Among equals the task's hash decides, so that
// a crowd of tasks does not meet on one node. The result is good until the next
// call, and points into nodes.
func (k *Ranker) Rank(r *Request, nodes []Node) []Candidate {
	if cap(k.ranked) < len(nodes) {
		k.ranked = append(k.ranked[:cap(k.ranked)], make([]Candidate, len(nodes)-cap(k.ranked))...)
	}
	k.ranked = k.ranked[:len(nodes)]
	for i := range nodes {
		k.ranked[i].Node = &nodes[i]
		judge(k.policy, &k.ranked[i], r)
	}
	task := mixTask(r.Task)
	slices.SortStableFunc(k.ranked, func(a, b Candidate) int { return compare(task, &a, &b) })
	return k.ranked
}

// Best is the node that Rank puts first of those not tried, nil if there is none,
// and its score. fit tells whether any node, tried or not, can have the task.
func (k *Ranker) Best(r *Request, nodes []Node, tried map[wire.NodeID]bool) (best *Node, score float64, fit bool) {
	return bestOf(k.policy, &k.one, r, nodes, tried)
}

// bestOf judges one node after the other. c is scratch.
func bestOf(p Policy, c *Candidate, r *Request, nodes []Node, tried map[wire.NodeID]bool) (best *Node, score float64, fit bool) {
	task := mixTask(r.Task)
	for i := range nodes {
		c.Node = &nodes[i]
		if judge(p, c, r); c.Out != "" {
			continue
		}
		fit = true
		if tried[c.Node.ID] {
			continue
		}
		if best == nil || c.Score > score || c.Score == score && compareEqual(task, c.Node, best) < 0 {
			best, score = c.Node, c.Score
		}
	}
	return best, score, fit
}

// judge fills in a candidate that has a node, and whose memory it uses again.
func judge(p Policy, c *Candidate, r *Request) {
	*c = Candidate{Node: c.Node, Factor: 1, Terms: c.Terms[:0]}
	p.Judge(c, r)
	if c.Out == "" {
		c.settle()
	}
}

// compare orders candidates: those that fit, best first, then the others by reason.
func compare(task uint64, a, b *Candidate) int {
	switch {
	case a.Out != b.Out: // "" comes first
		return cmp.Compare(a.Out, b.Out)
	case a.Out != "":
		return 0
	}
	return cmp.Or(cmp.Compare(b.Score, a.Score), compareEqual(task, a.Node, b.Node))
}

// compareEqual orders nodes of equal score, for each task in another way.
func compareEqual(task uint64, a, b *Node) int {
	return cmp.Or(cmp.Compare(spread(task, mixNode(b.ID)), spread(task, mixNode(a.ID))), cmp.Compare(a.ID, b.ID))
}
