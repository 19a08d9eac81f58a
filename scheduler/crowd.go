package scheduler

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// When many submitters choose at once, all know the same node to be best, and most of
// them are refused. A refusal for want of capacity shows that it is so: the view said
// that there was room. For a while after it this node chooses among those that are
// nearly as good as the best with chances in proportion to the room that they have
// (by weighted rendezvous hashing, so that the same task in the same view goes to the
// same node). Without a crowd the best node gets the task.
const (
	// crowdFor is how long after a refusal others are taken to be choosing too.
	crowdFor = time.Second
	// crowdBand is how much less than the best score is nearly as good: the emptiest
	// node is not much better than a half full one, but a node that the task prefers
	// is better than one that it does not.
	crowdBand = 0.25
	// crowdView is in how large a view at most: in larger ones there are so many good
	// nodes that the hash spreads them well enough, and ranking all takes long.
	crowdView = 1024
)

// crowded tells whether a refusal shows that others place tasks by the same view.
func crowded(why wire.Refusal) bool {
	switch why {
	case wire.RefusedCPU, wire.RefusedMemory, wire.RefusedStorage, wire.RefusedNetwork, wire.RefusedGPU, wire.RefusedShare:
		return true
	}
	return false
}

// roomy is a node for a task while there is a crowd, and its score; nil if there is
// none. fit is as in placement.Index.Best.
func (s *Submitter) roomy(r *placement.Request, tried map[wire.NodeID]bool) (best *placement.Node, score float64, fit bool) {
	least, shortest := math.Inf(-1), math.Inf(1)
	for _, c := range s.view.index.Rank(r) { // best first
		if c.Out != "" || c.Score < least {
			break
		}
		fit = true
		if tried[c.Node.ID] {
			continue
		}
		if best == nil {
			least = c.Score - crowdBand
		}
		// The least of exponential variables, each of a rate, is each with a chance in
		// proportion to its rate.
		if d := -math.Log(fraction(r.Task, c.Node.ID)) / room(c.Node, &r.Needs); d < shortest {
			best, score, shortest = c.Node, c.Score, d
		}
	}
	return best, score, fit
}

// room is how many tasks of the kind a node has room for, at least 1.
func room(n *placement.Node, needs *wire.Profile) float64 {
	slots := math.Inf(1)
	for _, part := range [][2]uint64{
		{uint64(n.Free.CPU), uint64(needs.CPU)}, {n.Free.Memory, needs.Memory},
		{n.Free.Storage, needs.Storage}, {n.Free.Network, needs.Network},
	} {
		if part[1] > 0 {
			slots = min(slots, float64(part[0]/part[1]))
		}
	}
	return max(1, min(slots, 1<<20))
}

// fraction is a number above 0 and below 1 for a task and a node (the finish of
// MurmurHash3 over what of their ids is random).
func fraction(task wire.TaskID, node wire.NodeID) float64 {
	h := binary.BigEndian.Uint64(task[8:]) ^ bits.RotateLeft64(binary.BigEndian.Uint64(task[:8]), 32)
	for i := max(0, len(node)-8); i < len(node); i++ {
		h = bits.RotateLeft64(h, 8) ^ uint64(node[i])
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return (float64((h^h>>33)>>11) + 0.5) / (1 << 53)
}
