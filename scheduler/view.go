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
	cfg    SubmitterConfig
	index  *placement.Index
	known  map[wire.NodeID]*known
	health health
	turn   uint64 // counts choices
	wakes  timers[wire.NodeID]
}

// known is what is known of a node besides what placement needs.
type known struct {
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
	// distrustsUntil is until when it counts as one that trusts this node too little.
	distrustsUntil time.Time
}

// The bounds of the pause after a strike.
const (
	minPause = time.Second
	maxPause = time.Minute
	// gonePause is that after a connection has closed, unless it comes back.
	gonePause = 5 * time.Second
	// distrustFor is for how long a node is taken at its word that it trusts this one
	// too little: longer than auctions of one task pause, so that one that nobody else
	// may have ends.
	distrustFor = 15 * time.Second
)

func newView(cfg SubmitterConfig) view {
	return view{
		cfg: cfg, index: placement.NewIndex(cfg.Policy), known: make(map[wire.NodeID]*known),
		health: newHealth(cfg.MaxNodes), wakes: newTimers[wire.NodeID](),
	}
}

// node is what is known of a node, nil if nothing. Whoever changes the second says so
// to the index.
func (v *view) node(id wire.NodeID) (*known, *placement.Node) {
	k := v.known[id]
	if k == nil {
		return nil, nil
	}
	return k, v.index.Node(id)
}

// learn takes a vector and tells whether it is news. One that is older than what
// is known, or a node too many, is ignored.
func (v *view) learn(now time.Time, vec *wire.Vector) bool {
	k, n := v.node(vec.Node)
	if k == nil {
		if v.index.Len() >= v.cfg.MaxNodes && vec.Node != v.cfg.Self {
			return false
		}
		k = &known{}
		v.known[vec.Node] = k
		n = v.index.Put(placement.Node{
			ID: vec.Node, Self: vec.Node == v.cfg.Self, Vector: vec, Trust: v.cfg.Trust(vec.Node),
		})
	} else if !vec.After(n.Vector) {
		return false
	}
	n.Vector, k.reported, k.heard = vec, vec.Free, now
	n.Health, n.Health.LastSeen = v.health.of(now, vec.Node), now
	n.Tasks, n.Distrusts = int(vec.Running), k.distrustsUntil.After(now)
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
		v.refresh(k, n)
	}
}

// answered ends ask.
func (v *view) answered(id wire.NodeID, needs wire.Profile) {
	if k, n := v.node(id); k != nil {
		k.asked.CPU -= min(needs.CPU, k.asked.CPU)
		k.asked.Memory -= min(needs.Memory, k.asked.Memory)
		k.asked.Storage -= min(needs.Storage, k.asked.Storage)
		k.asked.Network -= min(needs.Network, k.asked.Network)
		v.refresh(k, n)
	}
}

// joined notes that a node has one more task.
func (v *view) joined(id wire.NodeID) {
	if k, n := v.node(id); k != nil {
		n.Tasks++
		v.index.Changed(id)
	}
}

// left notes that a node has a task no more.
func (v *view) left(id wire.NodeID) {
	if k, n := v.node(id); k != nil {
		n.Tasks = max(0, n.Tasks-1)
		v.index.Changed(id)
	}
}

// refresh works out what is free.
func (v *view) refresh(k *known, n *placement.Node) {
	n.Free = k.reported
	n.Free.CPU -= min(n.Free.CPU, k.asked.CPU)
	n.Free.Memory -= min(n.Free.Memory, k.asked.Memory)
	n.Free.Storage -= min(n.Free.Storage, k.asked.Storage)
	n.Free.Network -= min(n.Free.Network, k.asked.Network)
	v.index.Changed(n.ID)
}

// update works out whether the node can be asked, and when to look again.
func (v *view) update(now time.Time, k *known, n *placement.Node) {
	paused := k.pausedUntil.After(now)
	switch {
	case n.Vector.Draining || n.Vector.Leaving:
		n.Out = wire.RefusedDraining
	case paused:
		n.Out = k.pausedFor
	default:
		n.Out = ""
	}
	v.refresh(k, n)
	at := k.heard.Add(v.forgetAfter(n))
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
		if now.Sub(k.heard) >= v.forgetAfter(n) {
			v.forget(id)
			continue
		}
		v.update(now, k, n)
	}
}

// stoodStill is time in which nobody could be heard.
func (v *view) stoodStill(now time.Time, gap time.Duration) {
	for i := range v.index.Nodes() {
		k, n := v.node(v.index.Nodes()[i].ID)
		k.heard = k.heard.Add(gap)
		v.update(now, k, n)
	}
}

func (v *view) forget(id wire.NodeID) {
	delete(v.known, id)
	v.index.Remove(id)
}

// trust takes in how far nodes are trusted now.
func (v *view) trust() {
	for id := range v.known {
		v.index.Node(id).Trust = v.cfg.Trust(id)
		v.index.Changed(id)
	}
}

// distrusted notes that a node trusts this one too little; for a while, and until it
// says more of itself, it is not asked again.
func (v *view) distrusted(now time.Time, id wire.NodeID) {
	if k, n := v.node(id); k != nil {
		n.Distrusts, k.distrustsUntil = true, now.Add(distrustFor)
		v.index.Changed(id)
	}
}

// measured takes a round trip, smoothed as TCP does (RFC 6298: one eighth of the
// newest).
func (v *view) measured(id wire.NodeID, rtt time.Duration) {
	if k, n := v.node(id); k != nil && rtt > 0 {
		if n.RTT == 0 {
			n.RTT = rtt
		}
		n.RTT += (rtt - n.RTT) / 8
		v.index.Changed(id)
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

// worked notes how an attempt on a node went, also of one that has left the view.
func (v *view) worked(now time.Time, id wire.NodeID, ok bool, took time.Duration) {
	v.health.worked(now, id, ok, took)
	if k, n := v.node(id); k != nil {
		seen := n.Health.LastSeen
		n.Health, n.Health.LastSeen = v.health.of(now, id), seen
		if ok {
			k.strikes = 0
		}
		v.index.Changed(id)
	}
}

// sorted are the nodes by id, for people.
func (v *view) sorted() []placement.Node {
	return slices.SortedFunc(slices.Values(v.index.Nodes()), func(a, b placement.Node) int { return cmp.Compare(a.ID, b.ID) })
}
