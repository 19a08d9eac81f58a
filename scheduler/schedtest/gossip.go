package schedtest

import (
	"crypto/ed25519"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// announceEvery is the longest time between two vectors of a node in a small mesh.
const announceEvery = 5 * time.Second

// checkCapacity is how often a node looks whether what it has free has changed.
const checkCapacity = 500 * time.Millisecond

// announce has everybody told what this node has, again and again.
func (n *node) announce(life int) {
	if n.life != life {
		return
	}
	n.awake(func() {
		n.forgetPartners()
		nodes := max(n.s.KnownNodes(), 1)
		due, _ := n.pace.Due(n.now(), nodes, n.differs())
		if !due {
			return
		}
		n.pace.Said(n.now(), nodes)
		n.w.report.Vectors++
		n.w.broadcast(n.key, n.vector(), n.hears)
	})
	n.w.after(checkCapacity, func() { n.announce(life) })
}

// differs tells whether what is free differs by a tenth from what was announced.
func (n *node) differs() bool {
	free := n.e.Free()
	cpu := max(free.CPU, n.announced.CPU) - min(free.CPU, n.announced.CPU)
	memory := max(free.Memory, n.announced.Memory) - min(free.Memory, n.announced.Memory)
	return cpu >= n.total.CPU/10 || memory >= n.total.Memory/10 || len(free.GPUs) != len(n.announced.GPUs)
}

// vector is what the node says of itself.
func (n *node) vector() wire.Vector {
	n.vectors++
	n.announced = n.e.Free()
	return wire.Vector{
		Node: n.id, Started: n.started, Seq: n.vectors, Total: n.e.Total(), Free: n.e.Free(), Running: uint32(n.e.Runs()),
		Draining: n.e.Draining(), Every: n.pace.Interval(n.s.KnownNodes()),
	}
}

// broadcast carries a vector to everybody whom it reaches.
func (w *world) broadcast(key ed25519.PrivateKey, v wire.Vector, to []*node) {
	envelope, err := wire.Seal(v, key)
	if err != nil {
		w.violated("%v", err)
	}
	vec, err := wire.Open[wire.Vector](envelope)
	if err != nil {
		w.violated("%v", err)
	}
	w.gossip(v.Node, to, func(n *node) {
		n.meet(v.Node)
		n.stepS(scheduler.Learned{Vector: vec}, nil)
	})
}

// ask carries a request to everybody whom it reaches.
func (n *node) ask(q wire.Request) {
	n.w.report.Auctions++
	envelope, err := wire.Seal(q, n.key)
	if err != nil {
		n.w.violated("%v", err)
	}
	request, err := wire.Open[wire.Request](envelope)
	if err != nil {
		n.w.violated("%v", err)
	}
	n.w.gossip(n.id, n.hears, func(to *node) {
		rtt := time.Duration(0)
		if to != n {
			rtt = 2 * n.w.delay()
		}
		v := to.vector()
		n.w.note("%s is asked for %s", to.name(), q.Ref)
		to.stepE(scheduler.Asked{Request: request, Vector: v, RTT: rtt})
	})
	for _, l := range n.w.liars {
		n.w.after(n.w.delay(), func() { l.asked(request) })
	}
}

// gossip has nodes hear something, each after a while, and some not.
func (w *world) gossip(from wire.NodeID, to []*node, hear func(*node)) {
	together := w.upTo(50 * time.Millisecond)
	for _, n := range to {
		if n.id != from && (w.faulty(0.1) || w.cut[pairOf(from, n.id)]) {
			continue
		}
		life, after := n.life, together
		if len(to) < 64 {
			after = w.upTo(50 * time.Millisecond)
		}
		w.after(after, func() {
			if n.life == life {
				n.awake(func() { hear(n) })
			}
		})
	}
}
