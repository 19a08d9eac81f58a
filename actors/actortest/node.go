package actortest

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// node is the shell of one node.
type node struct {
	w     *world
	index int
	id    wire.NodeID
	skew  time.Duration // of its clock

	up, burnt   bool
	life        int // counts boots: what was begun in another life has no effect
	pausedUntil time.Time

	disk     *disk
	replicas map[wire.ActorID]*replica
	suspects map[wire.NodeID]bool
	hints    map[wire.ActorID]wire.NodeID
	calls    map[wire.MessageID]*call
	sessions map[wire.ActorID]*session
}

func newNode(w *world, index int) *node {
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], w.cfg.Seed)
	seed[8] = byte(index)
	key := ed25519.NewKeyFromSeed(seed[:])
	return &node{w: w, index: index, disk: newDisk(), id: swire.NodeIDOf(key.Public().(ed25519.PublicKey)),
		skew: w.upTo(400*time.Millisecond) - 200*time.Millisecond}
}

func (n *node) name() string { return fmt.Sprintf("n%d", n.index) }

// clock is what the node takes for the time.
func (n *node) clock() time.Time { return n.w.now.Add(n.skew) }

// newActor puts a new actor on some nodes' disks.
func (w *world) newActor(i int) error {
	a := &actor{id: wire.ActorID{byte(i + 1), byte(w.cfg.Seed), byte(w.cfg.Seed >> 8)}, name: fmt.Sprintf("a%d", i)}
	a.base = wire.Base{Actor: a.id, NextReplica: uint64(w.cfg.Replicas) + 1, Spec: wire.Spec{
		Name: a.name, Module: linkOf([]byte("module")), Replicas: w.cfg.Replicas, Fuel: 1, Memory: 1,
		OnFailure: wire.Restart, Restarts: 1000, Within: time.Millisecond, Creator: w.nodes[0].id, Created: 1}}
	nodes := w.rng.Perm(len(w.nodes))[:w.cfg.Replicas]
	for r, n := range nodes {
		a.base.Members = append(a.base.Members, wire.Member{Replica: uint64(r) + 1, Node: w.nodes[n].id})
	}
	first, err := group.First(a.base)
	if err != nil {
		return err
	}
	for r, n := range nodes {
		w.nodes[n].disk.replicas[a.id] = &saved{number: uint64(r) + 1, group: first}
	}
	w.actors = append(w.actors, a)
	w.byName[a.name], w.byKey[a.id] = a, a
	return nil
}

// boot starts the node with what is on its disk.
func (n *node) boot() {
	n.up, n.life = true, n.life+1
	n.replicas = make(map[wire.ActorID]*replica)
	n.suspects, n.hints = make(map[wire.NodeID]bool), make(map[wire.ActorID]wire.NodeID)
	n.calls, n.sessions = make(map[wire.MessageID]*call), make(map[wire.ActorID]*session)
	for _, a := range n.w.actors {
		if s := n.disk.replicas[a.id]; s != nil {
			n.load(a, s)
		}
	}
}

// load takes up a replica that is on disk.
func (n *node) load(a *actor, s *saved) *replica {
	g, err := group.New(group.Config{Self: n.id, Join: s.join}, a.id, s.number, s.group)
	if err != nil {
		n.w.violated("%s: %s: %v", n.name(), a.name, err)
	}
	r := &replica{n: n, actor: a, number: s.number, g: g, waiters: make(map[wire.MessageID]map[wire.NodeID]bool)}
	n.replicas[a.id] = r
	for _, other := range n.w.nodes {
		if n.suspects[other.id] {
			r.step(group.Suspect{Node: other.id})
		}
	}
	r.step(group.Tick{})
	if c := g.Base().Checkpoint; c != nil && n.disk.objects[c.Manifest] != nil {
		r.step(group.Hold{Node: n.id, Checkpoint: *c})
	}
	return r
}

func (n *node) crash() {
	if !n.up {
		return
	}
	n.w.note("%s crashes", n.name())
	n.w.report.Crashes++
	n.w.check.crashed(n)
	n.up = false
	n.life++
	n.disk.crash(n.w)
	for _, other := range n.w.nodes {
		if other != n {
			n.w.lost(other, n)
		}
	}
}

// burn ends a node for good.
func (n *node) burn() {
	n.crash()
	n.burnt, n.disk, n.calls = true, newDisk(), nil
	n.w.note("%s burns down", n.name())
}

func (n *node) restart() {
	if n.up || n.burnt {
		return
	}
	n.w.note("%s restarts", n.name())
	n.boot()
	for _, other := range n.w.nodes {
		if other != n {
			n.w.after(n.w.upTo(200*time.Millisecond), func() { n.w.watch(n, other); n.w.watch(other, n) })
		}
	}
}

// pause lets the node stand still.
func (n *node) pause(d time.Duration) {
	if !n.up {
		return
	}
	n.w.note("%s pauses %v", n.name(), d)
	n.w.report.Pauses++
	if until := n.w.now.Add(d); until.After(n.pausedUntil) {
		n.pausedUntil = until
	}
	for _, other := range n.w.nodes {
		if other != n {
			n.w.after(350*time.Millisecond, func() { n.w.watch(other, n) })
			n.w.after(d+time.Millisecond, func() { n.w.watch(other, n) })
		}
	}
}

// pausedLong tells whether others have noticed.
func (n *node) pausedLong() bool { return n.pausedUntil.After(n.w.now) }

// awake runs do if the node is up: now, or when its pause has ended.
func (n *node) awake(do func()) {
	if !n.up {
		return
	}
	life := n.life
	if wait := n.pausedUntil.Sub(n.w.now); wait > 0 {
		n.w.after(wait, func() {
			if n.life == life {
				n.awake(do)
			}
		})
		return
	}
	do()
}

// inThisLife is do, unless the node has crashed until then.
func (n *node) inThisLife(do func()) func() {
	life := n.life
	return func() {
		if n.life == life {
			n.awake(do)
		}
	}
}

// watched takes in whether another node is there.
func (n *node) watched(of wire.NodeID, there bool) {
	n.w.note("%s: %s is there: %v", n.name(), n.w.byID[of].name(), there)
	n.suspects[of] = !there
	for _, a := range n.w.actors {
		r := n.replicas[a.id]
		if r == nil {
			continue
		}
		if there {
			r.step(group.Trust{Node: of})
			continue
		}
		r.step(group.Suspect{Node: of})
		if leader, _ := r.g.Leader(); leader == of && !r.dead {
			r.step(group.Campaign{})
		}
	}
}

func (n *node) receive(from wire.NodeID, m wire.NodeMessage) {
	n.awake(func() {
		switch m := m.(type) {
		case wire.Raft:
			n.toReplica(m.Actor, from, m)
		case wire.Held:
			n.toReplica(m.Actor, from, m)
		case wire.Evicted:
			n.toReplica(m.Actor, from, m)
		case wire.Vouch:
			n.toReplica(m.Actor, from, m)
		case wire.Create:
			n.create(m)
		case wire.Request:
			n.request(from, m)
		case wire.Response:
			n.response(from, m)
		case wire.Ack:
			if r := n.replicas[m.Actor]; r != nil && r.act != nil {
				_ = r.propose(wire.Item{Ack: &wire.Settled{To: m.To, Seq: m.Seq}}) // sent again, acked again
			}
		}
	})
}

func (n *node) toReplica(actor wire.ActorID, from wire.NodeID, m wire.NodeMessage) {
	if r := n.replicas[actor]; r != nil {
		if err := r.step(group.Received{From: from, Message: m}); err != nil {
			n.w.violated("%s: %T from %s: %v", r, m, n.w.byID[from].name(), err)
		}
	}
}

// create begins a replica that joins.
func (n *node) create(m wire.Create) {
	id := m.Base.Actor
	if r := n.replicas[id]; r != nil {
		if r.number >= m.Replica {
			return
		}
		r.drop()
	}
	if s := n.disk.replicas[id]; s != nil && s.number >= m.Replica {
		return
	}
	a := n.w.byKey[id]
	n.w.note("%s joins %s as %d", n.name(), a.name, m.Replica)
	s := &saved{number: m.Replica, join: m.Base.Members}
	n.write(func() { n.disk.replicas[id] = s }, func() {})
	n.load(a, s)
}

func (r *replica) handOver() {
	members := r.g.Roster().Members
	to := members[r.n.w.rng.IntN(len(members))].Node
	r.n.w.note("%s hands over to %s", r, r.n.w.byID[to].name())
	r.act.capture()
	r.try(group.Transfer{To: to})
}

// replace adds a replica, which will take another one's place: see tend.
func (r *replica) replace() {
	to := r.n.w.nodes[r.n.w.rng.IntN(len(r.n.w.nodes))]
	if len(r.g.Roster().Learners) == 0 && r.g.Roster().Members.Replica(to.id) == 0 {
		r.n.w.note("%s adds %s", r, to.name())
		r.try(group.Change{Add: to.id})
	}
}

// park drops the groups that have nothing to do, and takes them up again from disk.
func (n *node) park() {
	n.awake(func() {
		for _, a := range n.w.actors {
			r, s := n.replicas[a.id], n.disk.replicas[a.id]
			onDisk := r != nil && s != nil && s.number == r.number
			if onDisk && r.g.Idle() && (r.act == nil || r.act.s.Settled()) {
				n.w.note("%s is parked", r)
				r.halt()
				r.dead = true
				n.load(a, s)
			}
		}
	})
}
