package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// view is the mesh as a submitter sees it: what nodes said of themselves, less
// what was asked of them since.
type view struct {
	cfg   SubmitterConfig
	nodes []placement.Node // in no order that means anything
	known map[wire.NodeID]*known
	turn  uint64 // counts choices
	wakes timers[wire.NodeID]
}

// known is what is known of a node besides what placement needs.
type known struct {
	index int // in view.nodes
	// reported is what the node last said to be free, asked what Reserves on the
	// way to it would take of that.
	reported wire.Capacity
	asked    wire.Profile
	heard    time.Time // its last vector
	// pausedUntil keeps tasks off a node, for a reason. A node that did not answer
	// or broke its word, strikes times in a row, rests longer each time.
	pausedUntil time.Time
	pausedFor   wire.Refusal
	strikes     int
}

// The bounds of the pause after a strike.
const (
	minPause = time.Second
	maxPause = time.Minute
	// gonePause is that after a connection has closed, unless it comes back.
	gonePause = 5 * time.Second
)

func newView(cfg SubmitterConfig) view {
	return view{cfg: cfg, known: make(map[wire.NodeID]*known), wakes: newTimers[wire.NodeID]()}
}

func (v *view) node(id wire.NodeID) (*known, *placement.Node) {
	k := v.known[id]
	if k == nil {
		return nil, nil
	}
	return k, &v.nodes[k.index]
}

// learn takes a vector and tells whether it is news. One that is older than what
// is known, or a node too many, is ignored.
func (v *view) learn(now time.Time, vec *wire.Vector) bool {
	k, n := v.node(vec.Node)
	if k == nil {
		if len(v.nodes) >= v.cfg.MaxNodes && vec.Node != v.cfg.Self {
			return false
		}
		k = &known{index: len(v.nodes)}
		v.known[vec.Node] = k
		v.nodes = append(v.nodes, placement.Node{
			ID: vec.Node, Self: vec.Node == v.cfg.Self, Trust: v.cfg.Trust(vec.Node), Health: placement.Health{SuccessRate: 1},
		})
		n = &v.nodes[k.index]
	} else if !vec.After(n.Vector) {
		return false
	}
	n.Vector, k.reported, k.heard = vec, vec.Free, now
	n.Health.LastSeen = now
	n.Tasks = int(vec.Running)
	v.update(now, k, n)
	return true
}

// report takes what a node says to have free.
func (v *view) report(now time.Time, id wire.NodeID, free wire.Capacity) {
	if k, n := v.node(id); k != nil {
		k.reported = free
		n.Health.LastSeen = now
		v.update(now, k, n)
	}
}

// ask notes that a node was asked to reserve.
func (v *view) ask(id wire.NodeID, needs wire.Profile) {
	if k, n := v.node(id); k != nil {
		v.turn++
		n.Turn = v.turn
		k.asked.CPU += needs.CPU
		k.asked.Memory += needs.Memory
		k.asked.Storage += needs.Storage
		k.asked.Network += needs.Network
		k.refresh(n)
	}
}

// answered ends ask.
func (v *view) answered(id wire.NodeID, needs wire.Profile) {
	if k, n := v.node(id); k != nil {
		k.asked.CPU -= min(needs.CPU, k.asked.CPU)
		k.asked.Memory -= min(needs.Memory, k.asked.Memory)
		k.asked.Storage -= min(needs.Storage, k.asked.Storage)
		k.asked.Network -= min(needs.Network, k.asked.Network)
		k.refresh(n)
	}
}

// joined notes that a node has one more task.
func (v *view) joined(id wire.NodeID) {
	if k, n := v.node(id); k != nil {
		n.Tasks++
	}
}

// left notes that a node has a task no more.
func (v *view) left(id wire.NodeID) {
	if k, n := v.node(id); k != nil {
		n.Tasks = max(0, n.Tasks-1)
	}
}

// refresh works out what is free.
func (k *known) refresh(n *placement.Node) {
	n.Free = k.reported
	n.Free.CPU -= min(n.Free.CPU, k.asked.CPU)
	n.Free.Memory -= min(n.Free.Memory, k.asked.Memory)
	n.Free.Storage -= min(n.Free.Storage, k.asked.Storage)
	n.Free.Network -= min(n.Free.Network, k.asked.Network)
}

// update works out whether the node can be asked, and when to look again.
func (v *view) update(now time.Time, k *known, n *placement.Node) {
	k.refresh(n)
	paused := k.pausedUntil.After(now)
	switch {
	case n.Vector.Draining || n.Vector.Leaving:
		n.Out = wire.RefusedDraining
	case paused:
		n.Out = k.pausedFor
	default:
		n.Out = ""
	}
	at := k.heard.Add(v.cfg.ForgetAfter)
	if paused {
		at = earliest(at, k.pausedUntil)
	}
	v.wakes.set(n.ID, at)
}

// wake ends pauses and forgets silent nodes; it tells whether anything changed.
func (v *view) wake(now time.Time) (changed bool) {
	for {
		id, ok := v.wakes.pop(now)
		if !ok {
			return changed
		}
		changed = true
		k, n := v.node(id)
		if now.Sub(k.heard) >= v.cfg.ForgetAfter {
			v.forget(k)
			continue
		}
		v.update(now, k, n)
	}
}

// stoodStill is time in which nobody could be heard.
func (v *view) stoodStill(now time.Time, gap time.Duration) {
	for i := range v.nodes {
		k := v.known[v.nodes[i].ID]
		k.heard = k.heard.Add(gap)
		v.update(now, k, &v.nodes[i])
	}
}

func (v *view) forget(k *known) {
	last := len(v.nodes) - 1
	delete(v.known, v.nodes[k.index].ID)
	if k.index != last {
		v.nodes[k.index] = v.nodes[last]
		v.known[v.nodes[k.index].ID].index = k.index
	}
	v.nodes[last] = placement.Node{}
	v.nodes = v.nodes[:last]
}

// measured takes a round trip, smoothed as TCP does (RFC 6298: one eighth of the
// newest).
func (v *view) measured(id wire.NodeID, rtt time.Duration) {
	if k, n := v.node(id); k != nil && rtt > 0 {
		if n.RTT == 0 {
			n.RTT = rtt
		}
		n.RTT += (rtt - n.RTT) / 8
	}
}

// setGone notes whether a node has a connection. One without may still be there:
// connections that nobody uses are closed.
func (v *view) setGone(now time.Time, id wire.NodeID, gone bool) {
	if k, n := v.node(id); k != nil {
		k.pausedUntil = time.Time{}
		if gone {
			k.pausedUntil, k.pausedFor = now.Add(gonePause), wire.RefusedSilent
		}
		v.update(now, k, n)
	}
}

// rest pauses a node for a reason that holds for every task.
func (v *view) rest(now time.Time, id wire.NodeID, why wire.Refusal, d time.Duration) {
	if k, n := v.node(id); k != nil {
		k.pausedUntil, k.pausedFor = now.Add(d), why
		v.update(now, k, n)
	}
}

// strike pauses a node that did not answer or broke its word, each time longer.
func (v *view) strike(now time.Time, id wire.NodeID) {
	if k := v.known[id]; k != nil {
		v.rest(now, id, wire.RefusedSilent, min(minPause<<min(k.strikes, 10), maxPause))
		k.strikes++
	}
}

// worked notes how an attempt on a node went.
func (v *view) worked(id wire.NodeID, ok bool, took time.Duration) {
	k, n := v.node(id)
	if k == nil {
		return
	}
	const weight = 0.2 // of the newest
	h := &n.Health
	if !ok {
		h.SuccessRate *= 1 - weight
		h.ConsecutiveFailures++
		return
	}
	k.strikes = 0
	h.ConsecutiveFailures = 0
	h.SuccessRate += weight * (1 - h.SuccessRate)
	if h.AvgCompletion == 0 {
		h.AvgCompletion = took
	}
	h.AvgCompletion += time.Duration(weight * float64(took-h.AvgCompletion))
}

// sorted are the nodes by id, for people.
func (v *view) sorted() []placement.Node {
	return slices.SortedFunc(slices.Values(v.nodes), func(a, b placement.Node) int { return cmp.Compare(a.ID, b.ID) })
}
