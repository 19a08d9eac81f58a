package placement

import (
	"cmp"
	"slices"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Ranker applies a policy to many nodes. It keeps memory between calls, and so
// must not be used by two goroutines at once.
type Ranker struct {
	policy Policy
	ranked []Candidate
	one    Candidate
}

// NewRanker makes a ranker.
func NewRanker(p Policy) *Ranker { return &Ranker{policy: p} }

// Rank returns a candidate for each node: those that can have the task, best
// first, then the others by reason. The result is good until the next call, and
// points into nodes.
func (k *Ranker) Rank(r *Request, nodes []Node) []Candidate {
	if cap(k.ranked) < len(nodes) {
		k.ranked = append(k.ranked[:cap(k.ranked)], make([]Candidate, len(nodes)-cap(k.ranked))...)
	}
	k.ranked = k.ranked[:len(nodes)]
	for i := range nodes {
		k.judge(&k.ranked[i], r, &nodes[i])
	}
	slices.SortFunc(k.ranked, func(a, b Candidate) int {
		if a.Out != b.Out { // "" comes first
			return cmp.Compare(a.Out, b.Out)
		}
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Node.ID, b.Node.ID))
	})
	return k.ranked
}

// Best is the node that Rank puts first of those not tried, nil if there is none,
// and its score. fit tells whether any node, tried or not, can have the task.
func (k *Ranker) Best(r *Request, nodes []Node, tried map[wire.NodeID]bool) (best *Node, score float64, fit bool) {
	for i := range nodes {
		n := &nodes[i]
		if k.judge(&k.one, r, n); k.one.Out != "" {
			continue
		}
		fit = true
		if tried[n.ID] {
			continue
		}
		if best == nil || k.one.Score > score || k.one.Score == score && n.ID < best.ID {
			best, score = n, k.one.Score
		}
	}
	return best, score, fit
}

// judge fills in a candidate, whose memory it uses again.
func (k *Ranker) judge(c *Candidate, r *Request, n *Node) {
	*c = Candidate{Node: n, Factor: 1, Terms: c.Terms[:0]}
	k.policy.Judge(c, r)
	if c.Out == "" {
		c.settle()
	}
}
