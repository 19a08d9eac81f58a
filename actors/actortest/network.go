package actortest

import (
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// pair is two nodes, the lesser id first.
type pair struct{ a, b wire.NodeID }

func pairOf(a, b wire.NodeID) pair {
	if b < a {
		a, b = b, a
	}
	return pair{a, b}
}

// send takes a message on its way, on which anything may happen to it.
func (w *world) send(from, to wire.NodeID, m wire.NodeMessage) {
	b, err := wire.Encode(m)
	if err != nil {
		w.violated("%s sends what cannot be sent: %v", w.byID[from].name(), err)
	}
	if from != to && w.faulty(0.02) {
		return
	}
	w.carry(from, to, b)
	if from != to && w.faulty(0.02) {
		w.carry(from, to, b)
	}
}

func (w *world) carry(from, to wire.NodeID, b []byte) {
	delay := time.Duration(0)
	if from != to {
		delay = w.delay()
		if w.faulty(0.01) {
			delay += w.upTo(3 * time.Second)
		}
	}
	w.after(delay, func() {
		if w.cut[pairOf(from, to)] {
			return
		}
		m, err := wire.Decode(b)
		if err != nil {
			w.violated("%s sends what cannot be read: %v", w.byID[from].name(), err)
		}
		w.byID[to].receive(from, m.(wire.NodeMessage))
	})
}

// delay is the time of a way from one node to another.
func (w *world) delay() time.Duration { return 100*time.Microsecond + w.upTo(2*time.Millisecond) }

// reachable tells whether two nodes can talk.
func (w *world) reachable(a, b *node) bool { return a.up && b.up && !w.cut[pairOf(a.id, b.id)] }

// fault lets something go wrong, and another thing later.
func (w *world) fault() {
	if w.calm {
		return
	}
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	switch w.rng.IntN(9) {
	case 0, 1:
		n.crash()
		w.after(w.upTo(4*time.Second), n.restart)
	case 2:
		w.partition()
	case 3:
		n.pause(w.upTo(12 * time.Second))
	case 4:
		w.disconnect(n, w.nodes[w.rng.IntN(len(w.nodes))], w.upTo(4*time.Second))
	case 5:
		w.suspectWrongly(n)
	case 6:
		w.anyLeader((*replica).handOver)
	case 7:
		w.anyLeader((*replica).replace)
	case 8:
		n.park()
	}
	w.after(w.upTo(1500*time.Millisecond), w.fault)
}

// anyLeader calls do for the leader of some actor.
func (w *world) anyLeader(do func(*replica)) {
	if r := w.check.leader(w.actors[w.rng.IntN(len(w.actors))]); r != nil {
		r.n.awake(func() {
			if r.act != nil {
				do(r)
			}
		})
	}
}

// partition cuts a random half off the others for a while.
func (w *world) partition() {
	d := w.upTo(6 * time.Second)
	side := make(map[wire.NodeID]bool)
	for _, n := range w.nodes {
		side[n.id] = w.chance(0.5)
	}
	for i, a := range w.nodes {
		for _, b := range w.nodes[:i] {
			if side[a.id] != side[b.id] {
				w.disconnect(a, b, d)
			}
		}
	}
}

// disconnect cuts a link for a while.
func (w *world) disconnect(a, b *node, d time.Duration) {
	if a == b || w.cut[pairOf(a.id, b.id)] {
		return
	}
	w.note("cut %s-%s for %v", a.name(), b.name(), d)
	w.cut[pairOf(a.id, b.id)] = true
	w.lost(a, b)
	w.lost(b, a)
	w.after(d, func() { w.connect(a, b) })
}

func (w *world) connect(a, b *node) {
	delete(w.cut, pairOf(a.id, b.id))
	w.after(w.upTo(200*time.Millisecond), func() { w.watch(a, b) })
	w.after(w.upTo(200*time.Millisecond), func() { w.watch(b, a) })
}

// lost has a node notice that another is not there any more: at once, when the
// connection closes, or after some heartbeats.
func (w *world) lost(who, of *node) {
	d := w.upTo(5 * time.Millisecond)
	if w.chance(0.5) {
		d = 250*time.Millisecond + w.upTo(150*time.Millisecond)
	}
	w.after(d, func() { w.watch(who, of) })
}

// watch tells a node how it is with another.
func (w *world) watch(who, of *node) {
	who.awake(func() { who.watched(of.id, w.reachable(who, of) && !of.pausedLong()) })
}

// suspectWrongly has others take a node for dead, and be told better later.
func (w *world) suspectWrongly(n *node) {
	for _, other := range w.nodes {
		if other != n && w.chance(0.6) {
			other.awake(func() { other.watched(n.id, false) })
			w.after(w.upTo(time.Second), func() { w.watch(other, n) })
		}
	}
}

// heal ends all faults.
func (w *world) heal() {
	w.calm = true
	w.note("heal")
	if w.cfg.Burn {
		w.nodes[w.rng.IntN(len(w.nodes))].burn()
	}
	for i, a := range w.nodes {
		a.pausedUntil = w.now
		a.restart()
		for _, b := range w.nodes[:i] {
			w.connect(a, b)
		}
	}
	w.after(time.Second, w.wake)
}

// wake has a leader wanted for every actor: somebody may wait for it.
func (w *world) wake() {
	for _, n := range w.nodes {
		for _, a := range w.actors {
			if r := n.replicas[a.id]; r != nil {
				r.try(group.Campaign{})
			}
		}
	}
	w.after(time.Second, w.wake)
}
