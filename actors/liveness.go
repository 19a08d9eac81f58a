package actors

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// liveness judges which nodes live, once a node instead of once an actor. It is pure:
// time comes in as an argument.
//
// A node is dead when its last connection has closed, or when it was silent for too
// long while actors are shared with it, and alive again with the next word of it. A
// node that nothing is shared with is alive while it is connected.
//
// One that was taken for dead and is heard again soon was only slow, as all are on a
// machine that is overloaded; each such error costs a failover, and so more load. For
// graceTime it is given twice the silence that it took, up to maxGrace times what is
// usual (the timeout that grows with each false suspicion is that of Chandra and Toueg,
// Unreliable Failure Detectors, 1996, §6). A connection that closes tells as soon as ever.
//
// Whoever was itself stopped for a while (SIGSTOP, a suspended machine) finds all
// others silent on waking. It must not judge by that: see look.
type liveness struct {
	every   time.Duration // between heartbeats
	suspect time.Duration // silence after which a node is dead
	nodes   map[wire.NodeID]*pulse
	beat    time.Time // when the last heartbeats went out
	looked  time.Time // when look was called last
}

// pulse is what is known of one node.
type pulse struct {
	connected bool
	dead      bool
	heard     time.Time
	since     time.Time // when it was taken for dead
	shared    int       // actors that both have a replica of

	silence time.Duration // for which it is not taken for dead, if that is more than usual
	graced  time.Time     // since when that is so
}

// For how long, and how many times the usual silence, a slow node is borne with.
const (
	graceTime = time.Minute
	maxGrace  = 4
)

func newLiveness(every, suspect time.Duration) *liveness {
	return &liveness{every: every, suspect: suspect, nodes: make(map[wire.NodeID]*pulse)}
}

func (l *liveness) pulse(node wire.NodeID) *pulse {
	p := l.nodes[node]
	if p == nil {
		p = &pulse{dead: true}
		l.nodes[node] = p
	}
	return p
}

// heard notes a word of a node, and tells whether it was dead before.
func (l *liveness) heard(now time.Time, node wire.NodeID) (revived bool) {
	p := l.pulse(node)
	revived = p.dead
	if revived && p.connected && p.shared > 0 {
		l.bear(now, p)
	}
	p.heard, p.dead = now, false
	return revived
}

// bear gives a node more time that was taken for dead by its silence, and was not.
func (l *liveness) bear(now time.Time, p *pulse) {
	if silent := now.Sub(p.heard); silent >= l.suspect && silent < maxGrace*l.suspect {
		p.silence, p.graced = min(2*silent, maxGrace*l.suspect), now
	}
}

// silentFor is after what silence a node is dead.
func (l *liveness) silentFor(now time.Time, p *pulse) time.Duration {
	if now.Sub(p.graced) >= graceTime {
		return l.suspect
	}
	return max(p.silence, l.suspect)
}

// connection notes that the first connection with a node has come or the last one
// gone, and tells whether its life has changed by that.
func (l *liveness) connection(now time.Time, node wire.NodeID, up bool) (changed bool) {
	p := l.pulse(node)
	p.connected = up
	if up {
		return l.heard(now, node)
	}
	changed = !p.dead
	l.bury(now, p)
	l.forget(node, p)
	return changed
}

// believe takes what another detector says of a node, and tells whether its life has
// changed by that. A node that nobody is connected with does not live.
func (l *liveness) believe(now time.Time, node wire.NodeID, alive bool) (changed bool) {
	p := l.nodes[node]
	switch {
	case p == nil || p.dead != alive || alive && !p.connected:
		return false
	case alive:
		return l.heard(now, node)
	}
	l.bury(now, p)
	return true
}

func (l *liveness) bury(now time.Time, p *pulse) {
	if !p.dead {
		p.dead, p.since = true, now
	}
}

// forget drops a node that is of no interest any more.
func (l *liveness) forget(node wire.NodeID, p *pulse) {
	if !p.connected && p.shared == 0 {
		delete(l.nodes, node)
	}
}

// share notes that so many more actors, or fewer, are shared with a node, and returns
// how many are.
func (l *liveness) share(now time.Time, node wire.NodeID, more int) (shared int) {
	p := l.pulse(node)
	if p.shared == 0 {
		p.heard = now // silence counts from here
		if p.dead && p.since.IsZero() {
			p.since = now
		}
	}
	p.shared += more
	l.forget(node, p)
	return p.shared
}

// alive tells whether a node lives.
func (l *liveness) alive(node wire.NodeID) bool {
	p := l.nodes[node]
	return p != nil && !p.dead
}

// deadFor is since when a node is dead; zero if it lives or was never known.
func (l *liveness) deadFor(now time.Time, node wire.NodeID) time.Duration {
	p := l.nodes[node]
	if p == nil || !p.dead || p.since.IsZero() {
		return 0
	}
	return now.Sub(p.since)
}

// living goes through the nodes that live, in no order.
func (l *liveness) living() iter.Seq[wire.NodeID] {
	return func(yield func(wire.NodeID) bool) {
		for node, p := range l.nodes {
			if !p.dead && !yield(node) {
				return
			}
		}
	}
}

// look is to be called when deadline has come: beats are the nodes to send a heartbeat
// to, died those taken for dead from now on. If look was called far too late, this
// node stood still: then nobody is judged, and all have the full time again.
func (l *liveness) look(now time.Time) (beats, died []wire.NodeID) {
	if !l.looked.IsZero() && now.Sub(l.looked) > l.suspect*2/3 {
		for _, p := range l.nodes {
			p.heard = now
		}
	}
	l.looked = now
	beat := now.Sub(l.beat) >= l.every
	for _, node := range slices.Sorted(maps.Keys(l.nodes)) {
		p := l.nodes[node]
		if p.shared == 0 {
			continue
		}
		if !p.dead && now.Sub(p.heard) >= l.silentFor(now, p) {
			l.bury(now, p)
			died = append(died, node)
		}
		if beat && p.connected {
			beats = append(beats, node)
		}
	}
	if beat {
		l.beat = now
	}
	return beats, died
}

// deadline is when to look next.
func (l *liveness) deadline() time.Time { return l.beat.Add(l.every) }
