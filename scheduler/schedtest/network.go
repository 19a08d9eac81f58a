package schedtest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
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
func (w *world) send(from, to wire.NodeID, m wire.Message) {
	b, err := wire.Encode(m)
	if err != nil {
		w.violated("a core sends what cannot be sent: %v", err)
	}
	if to != from && w.faulty(0.03) {
		return
	}
	w.carry(from, to, b)
	if to != from && w.faulty(0.03) {
		w.carry(from, to, b)
	}
}

func (w *world) carry(from, to wire.NodeID, b []byte) {
	delay := time.Duration(0)
	if from != to {
		w.report.Messages++
		delay = w.delay()
		if w.faulty(0.02) {
			delay += w.upTo(4 * time.Second)
		}
	}
	w.after(delay, func() {
		receiver := w.byID[to]
		if receiver == nil || w.cut[pairOf(from, to)] {
			return
		}
		m, err := wire.Decode(b)
		if err != nil {
			w.violated("a core sends what cannot be read: %v", err)
		}
		receiver.receive(from, m.(wire.Message))
	})
}

// delay is the time of a way from one node to another.
func (w *world) delay() time.Duration { return 100*time.Microsecond + w.upTo(4*time.Millisecond) }

// fault lets something go wrong, and another thing later.
func (w *world) fault() {
	if w.calm {
		return
	}
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	switch w.rng.IntN(5) {
	case 0:
		n.crash()
		w.after(w.upTo(8*time.Second), n.restart)
	case 1:
		w.partition()
	case 2:
		n.pause(w.upTo(6 * time.Second))
	case 3:
		n.drain(w.upTo(3 * time.Second))
		w.after(w.upTo(10*time.Second), n.undrain)
	case 4:
		w.disconnect(n.id, w.nodes[w.rng.IntN(len(w.nodes))].id, w.upTo(5*time.Second))
	}
	w.after(w.upTo(6*time.Second), w.fault)
}

// partition cuts a random half off the others for a while; in a large mesh of some.
func (w *world) partition() {
	d := w.upTo(15 * time.Second)
	some := w.nodes
	if most := 24; len(some) > most {
		from := w.rng.IntN(len(some) - most)
		some = some[from : from+most]
	}
	side := make(map[wire.NodeID]bool)
	for _, n := range some {
		side[n.id] = w.chance(0.5)
	}
	for i, a := range some {
		for _, b := range some[:i] {
			if side[a.id] != side[b.id] {
				w.disconnect(a.id, b.id, d)
			}
		}
	}
}

// disconnect cuts a link for a while. The two may notice or not.
func (w *world) disconnect(a, b wire.NodeID, d time.Duration) {
	if a == b {
		return
	}
	w.note("cut %s-%s for %v", w.byID[a].name(), w.byID[b].name(), d)
	w.cut[pairOf(a, b)] = true
	if w.chance(0.7) {
		w.after(w.upTo(2*time.Second), func() { w.tell(a, b, false) })
		w.after(w.upTo(2*time.Second), func() { w.tell(b, a, false) })
	}
	w.after(d, func() { w.connect(a, b) })
}

func (w *world) connect(a, b wire.NodeID) {
	delete(w.cut, pairOf(a, b))
	w.after(w.upTo(time.Second), func() { w.tell(a, b, true) })
	w.after(w.upTo(time.Second), func() { w.tell(b, a, true) })
}

// tell lets a node notice that another can be reached, or not.
func (w *world) tell(who, of wire.NodeID, connected bool) {
	n, ok := w.byID[who].(*node)
	if !ok {
		return
	}
	if connected {
		n.both(scheduler.Connected{Node: of})
	} else {
		n.both(scheduler.Disconnected{Node: of})
	}
}

// heal ends all faults.
func (w *world) heal() {
	w.calm = true
	w.note("heal")
	for _, n := range w.nodes {
		n.restart()
		n.undrain()
	}
	cuts := slices.SortedFunc(maps.Keys(w.cut), func(x, y pair) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	for _, c := range cuts {
		w.connect(c.a, c.b)
	}
}
