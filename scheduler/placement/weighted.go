package placement

import (
	"cmp"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Weighted is the default policy: trust is a gate and then, with what is free,
// how many tasks wait or run, and a spread by hash, a term of the score. What a
// request asks for besides adds terms of its own. The score is the weighted mean,
// so it stays between 0 and 1.
type Weighted struct {
	// MinTrust keeps out nodes trusted less.
	MinTrust float64
	// Weights of what counts for every task.
	Trust, Capacity, Queue, Spread float64
	// Weights of what counts if the request asks for it: preferred nodes, a region,
	// nodes that hold the CIDs of Hints.Near, the node of another task. Prefer and
	// Beside outweigh the rest: there, if it fits.
	Prefer, Region, Near, Beside float64
	// Local is the weight of being this node.
	Local float64
	// MaxLatency keeps out nodes whose measured round trip is longer; 0 is no bound.
	MaxLatency time.Duration
	// NoSpread makes the spread count nothing for every node.
	NoSpread bool
}

// Default is the policy with the weights of the documents.
func Default() *Weighted {
	return &Weighted{
		MinTrust: minTrust,
		Trust:    0.4, Capacity: 0.3, Queue: 0.2, Spread: 0.1,
		Prefer: 2.5, Region: 0.5, Near: 0.5, Beside: 2.5,
	}
}

// queueFull is the number of tasks at which a queue counts as long.
const queueFull = 10

// Rank implements Policy.
func (w *Weighted) Rank(dst []Candidate, r *Request, nodes []Node) []Candidate {
	return rank(dst, r, nodes, gates{w.MinTrust, w.MaxLatency}, w)
}

// scorer gives a candidate that is in its terms.
type scorer interface {
	score(c *Candidate, r *Request)
}

// rank does what all policies share.
func rank(dst []Candidate, r *Request, nodes []Node, g gates, s scorer) []Candidate {
	start := len(dst)
	for i := range nodes {
		dst = appendCandidate(dst, &nodes[i])
		c := &dst[len(dst)-1]
		if c.Out, c.Never = Check(r, c.Node); c.Out == "" || !c.Never {
			if out, never := g.check(c.Node); out != "" {
				c.Out, c.Never = out, never
			}
		}
		if c.Out == "" {
			s.score(c, r)
			c.settle()
		}
	}
	sortCandidates(dst[start:])
	return dst
}

func (w *Weighted) score(c *Candidate, r *Request) {
	n := c.Node
	c.add("trust", n.Trust, w.Trust)
	c.add("capacity", n.Free.Ratio(n.Vector.Total), w.Capacity)
	c.add("queue", 1-min(float64(n.Tasks)/queueFull, 1), w.Queue)
	c.add("spread", spread(r.Task, n.ID)*indicator(!w.NoSpread), w.Spread)
	if w.Local > 0 {
		c.add("local", indicator(n.Self), w.Local)
	}
	wishes(c, r, w)
}

// wishes adds the terms that a request asks for.
func wishes(c *Candidate, r *Request, w *Weighted) {
	n := c.Node
	if h := r.Hints; h != nil {
		if len(h.Prefer) > 0 {
			c.add("prefer", indicator(slices.Contains(h.Prefer, n.ID)), w.Prefer)
		}
		if h.Region != "" {
			c.add("region", indicator(n.Vector.Region == h.Region), w.Region)
		}
		if len(h.Near) > 0 {
			c.add("near", held(n.Vector.Blobs, h.Near), w.Near)
		}
	}
	if r.Beside != "" {
		c.add("beside", indicator(r.Beside == n.ID), w.Beside)
	}
}

// appendCandidate keeps the memory of a candidate that was there before.
func appendCandidate(dst []Candidate, n *Node) []Candidate {
	var terms []Term
	if len(dst) < cap(dst) {
		terms = dst[:len(dst)+1][len(dst)].Terms[:0]
	}
	return append(dst, Candidate{Node: n, Terms: terms})
}

func (c *Candidate) add(name string, value, weight float64) {
	c.Terms = append(c.Terms, Term{name, value, weight})
}

// settle makes the weights sum to 1, and the score of the terms.
func (c *Candidate) settle() {
	total := 0.0
	for _, t := range c.Terms {
		total += t.Weight
	}
	for i := range c.Terms {
		t := &c.Terms[i]
		t.Weight /= max(total, 1e-9)
		c.Score += t.Weight * t.Value
	}
}

// sortCandidates puts the best first, and those that are out last. Ties go by id,
// so that ranks are the same every time.
func sortCandidates(list []Candidate) {
	slices.SortFunc(list, func(a, b Candidate) int {
		return cmp.Or(
			cmp.Compare(len(a.Out), len(b.Out)), // "" is in
			cmp.Compare(a.Out, b.Out),
			cmp.Compare(b.Score, a.Score),
			cmp.Compare(a.Node.ID, b.Node.ID),
		)
	})
}

func indicator(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// held is the part of some links that a filter has.
func held(f wire.Filter, links []wire.Link) float64 {
	n := 0
	for _, l := range links {
		if f.Has(l) {
			n++
		}
	}
	return float64(n) / float64(len(links))
}

// spread is a number from 0 to 1 for a task and a node: tasks that would all find
// the same node best get different ones (FNV-1a and the finish of MurmurHash3).
func spread(task wire.TaskID, node wire.NodeID) float64 {
	h := uint64(14695981039346656037)
	for _, b := range task {
		h = (h ^ uint64(b)) * 1099511628211
	}
	for i := range len(node) {
		h = (h ^ uint64(node[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return float64((h^h>>33)>>11) / (1 << 53)
}
