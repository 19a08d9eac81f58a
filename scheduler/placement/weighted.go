package placement

import (
	"encoding/binary"
	"math/bits"
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

// Judge implements Policy.
func (w *Weighted) Judge(c *Candidate, r *Request) {
	if c.Refuse(checkAll(r, c.Node, w.MinTrust, w.MaxLatency)); c.Out == "" {
		w.score(c, r)
	}
}

func (w *Weighted) score(c *Candidate, r *Request) {
	n := c.Node
	c.Add("trust", n.Trust, w.Trust)
	c.Add("capacity", n.Free.Ratio(n.Vector.Total), w.Capacity)
	c.Add("queue", 1-min(float64(n.Tasks)/queueFull, 1), w.Queue)
	c.Add("spread", spread(r.Task, n.ID)*indicator(!w.NoSpread), w.Spread)
	if w.Local > 0 {
		c.Add("local", indicator(n.Self), w.Local)
	}
	wishes(c, r, w)
}

// wishes adds the terms that a request asks for.
func wishes(c *Candidate, r *Request, w *Weighted) {
	n := c.Node
	if h := r.Hints; h != nil {
		if len(h.Prefer) > 0 {
			c.Add("prefer", indicator(slices.Contains(h.Prefer, n.ID)), w.Prefer)
		}
		if h.Region != "" {
			c.Add("region", indicator(n.Vector.Region == h.Region), w.Region)
		}
		if len(h.Near) > 0 {
			c.Add("near", held(n.Vector.Blobs, h.Near), w.Near)
		}
	}
	if r.Beside != "" {
		c.Add("beside", indicator(r.Beside == n.ID), w.Beside)
	}
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
// the same node best get different ones. The end of a node's id is of its key, and
// most of a task's is random; mixed, they make a hash (the finish of MurmurHash3).
func spread(task wire.TaskID, node wire.NodeID) float64 {
	h := binary.BigEndian.Uint64(task[:])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(task[8:])
	for i := max(0, len(node)-8); i < len(node); i++ {
		h = bits.RotateLeft64(h, 8) ^ uint64(node[i])
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return float64((h^h>>33)>>11) / (1 << 53)
}
