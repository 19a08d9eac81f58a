package detect

import (
	"cmp"
	"container/heap"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// world is detectors on a network, on virtual time.
type world struct {
	t      testing.TB
	rng    *rand.Rand
	now    time.Time
	queue  eventHeap
	seq    int
	nodes  []*node
	byID   map[wire.NodeID]*node
	cut    map[[2]int]bool
	delay  func() time.Duration // one way
	logged []string
}

// node is the shell of a detector.
type node struct {
	w     *world
	index int
	id    wire.NodeID
	d     *Detector
	dead  bool // killed: nobody listens
	// stopped until then: what comes waits.
	stopped time.Time
	timer   time.Time
	changes []told
}

type told struct {
	Change
	at time.Duration
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return cmp.Or(h[i].at.Compare(h[j].at), cmp.Compare(h[i].seq, h[j].seq)) < 0
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}

var begin = time.Unix(1_700_000_000, 0)

func nodeID(i int) wire.NodeID {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1] = byte(i), byte(i>>8)
	return wire.NodeIDOf(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

// newWorld connects n nodes, each with a way of about rtt/2 to the others, of whom
// the first watches the second.
func newWorld(t testing.TB, seed uint64, n int, rtt time.Duration) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: begin, byID: make(map[wire.NodeID]*node), cut: make(map[[2]int]bool)}
	w.delay = func() time.Duration { return rtt/2 + time.Duration(w.rng.Int64N(int64(rtt)/10)) }
	for i := range n {
		w.add(i, 1)
	}
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if a != b {
				a.step(Connected{b.id})
				a.step(Measured{b.id, rtt})
			}
		}
	}
	w.nodes[0].step(Watch{w.nodes[1].id})
	return w
}

func (w *world) add(i int, incarnation int64) {
	d, err := New(Config{Self: nodeID(i), Incarnation: incarnation})
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{w: w, index: i, id: nodeID(i), d: d}
	w.nodes = append(w.nodes[:i], n)
	w.byID[n.id] = n
}

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now.Add(d), w.seq, do})
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for len(w.queue) > 0 && !w.queue[0].at.After(end) {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

func (w *world) apart(a, b *node) bool {
	return w.cut[[2]int{min(a.index, b.index), max(a.index, b.index)}]
}

// step steps a node, once it is not stopped any more.
func (n *node) step(ev Event) {
	switch wait := n.stopped.Sub(n.w.now); {
	case n.dead:
		return
	case wait > 0:
		n.w.after(wait, func() { n.step(ev) })
		return
	}
	n.carryOut(n.d.Step(n.w.now, ev))
	if at := n.d.Deadline(); !at.IsZero() && !at.Equal(n.timer) {
		n.timer = at
		n.w.after(max(0, at.Sub(n.w.now)), func() {
			if at.Equal(n.timer) {
				n.timer = time.Time{}
				n.step(Tick{})
			}
		})
	}
}

func (n *node) carryOut(r Ready) {
	for _, c := range r.Changes {
		at := n.w.now.Sub(begin)
		n.changes = append(n.changes, told{c, at})
		n.w.logged = append(n.w.logged, fmt.Sprintf("%v n%d: n%d is %s", at, n.index, n.w.byID[c.Node].index, c.State))
	}
	for _, m := range r.Messages {
		to := n.w.byID[m.To]
		n.w.after(n.w.delay(), func() {
			if !to.dead && !n.w.apart(n, to) && n.w.byID[to.id] == to {
				to.step(Received{n.id, m.Message})
			}
		})
	}
	for _, id := range r.Knocks {
		n.knock(n.w.byID[id])
	}
}

// knock answers after a round trip, or not for a while.
func (n *node) knock(to *node) {
	outcome, took := Reached, 2*n.w.delay()
	switch {
	case n.w.apart(n, to) || to.stopped.After(n.w.now) && !to.dead:
		outcome, took = Failed, time.Second
	case to.dead:
		outcome = Refused
	}
	n.w.after(took, func() {
		if outcome == Reached {
			n.step(Connected{to.id})
			to.step(Connected{n.id})
		}
		n.step(Knocked{to.id, outcome})
	})
}

// kill ends a process: its machine closes all connections.
func (n *node) kill() {
	n.dead = true
	for _, other := range n.w.nodes {
		if other != n {
			n.w.after(n.w.delay(), func() { other.step(Disconnected{n.id}) })
		}
	}
}

// last is the last time that the first node found the second one to be so.
func (w *world) last(s State) (at time.Duration, times int) {
	for _, c := range w.nodes[0].changes {
		if c.State == s && c.Node == w.nodes[1].id {
			at, times = c.at, times+1
		}
	}
	return at, times
}
