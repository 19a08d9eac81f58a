package actortest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// lease is for how long after another leader's activation outputs may still leave the
// leader before: group.Config.Lease.
const lease = 500 * time.Millisecond

// checker knows what really happened, and what must follow from it.
type checker struct {
	w       *world
	history map[wire.ActorID]map[uint64][]byte
	states  map[wire.ActorID]map[uint64][32]byte
	epochs  map[wire.ActorID][]activated
	done_   map[wire.ActorID]map[uint64]time.Time // when an entry was first executed
	kept    map[wire.ActorID][]wire.Checkpoint
	newest  map[wire.ActorID]uint64 // checkpoint that was agreed on
	ops     []*operation
	lost    map[wire.ActorID]time.Time // since when its leader's node has been down
	// children are those that an actor has made, by id, with their names.
	children map[wire.ActorID]map[wire.ActorID]string
}

// activated is when an epoch began.
type activated struct {
	epoch uint64
	at    time.Time
}

// operation is a call as its client saw it.
type operation struct {
	node     *node
	life     int
	call     *call
	begun    int64
	ended    int64
	acked    bool
	answered bool
	result   wire.Result
}

func (c *checker) init(w *world) {
	c.w = w
	c.history, c.states = make(map[wire.ActorID]map[uint64][]byte), make(map[wire.ActorID]map[uint64][32]byte)
	c.epochs, c.done_ = make(map[wire.ActorID][]activated), make(map[wire.ActorID]map[uint64]time.Time)
	c.kept = make(map[wire.ActorID][]wire.Checkpoint)
	c.children = make(map[wire.ActorID]map[wire.ActorID]string)
	c.newest, c.lost = make(map[wire.ActorID]uint64), make(map[wire.ActorID]time.Time)
}

func in[K comparable, V any](m map[wire.ActorID]map[K]V, a wire.ActorID) map[K]V {
	if m[a] == nil {
		m[a] = make(map[K]V)
	}
	return m[a]
}

// committed: the same everywhere, for ever.
func (c *checker) committed(r *replica, e wire.Committed) {
	b, err := wire.Encode(e.Entry)
	if err != nil {
		c.w.violated("%s: %v", r, err)
	}
	b = fmt.Appendf(b, "epoch %d", e.Epoch)
	h := in(c.history, r.actor.id)
	if was, ok := h[e.Index]; ok && !slices.Equal(was, b) {
		c.w.violated("%s: entry %d is two different ones", r, e.Index)
	}
	if _, ok := h[e.Index]; !ok {
		c.first(r, e)
	}
	h[e.Index] = b
}

// first: an entry is committed, as far as anybody can know.
func (c *checker) first(r *replica, e wire.Committed) {
	for _, i := range e.Entry.Items {
		if i.Activate != nil {
			c.epochs[r.actor.id] = append(c.epochs[r.actor.id], activated{e.Epoch, c.w.now})
		}
	}
}

// state: equal after equal entries.
func (c *checker) state(r *replica, index uint64, hash [32]byte) {
	s := in(c.states, r.actor.id)
	if was, ok := s[index]; ok && was != hash {
		c.w.violated("%s: another state after entry %d", r, index)
	}
	s[index] = hash
}

// released: nothing leaves a leader that has been replaced for longer than a lease.
func (c *checker) released(r *replica, epoch uint64) {
	for _, a := range c.epochs[r.actor.id] {
		if a.epoch > epoch && c.w.now.Sub(a.at) > lease {
			c.w.violated("%s: epoch %d speaks %v after epoch %d has begun", r, epoch, c.w.now.Sub(a.at), a.epoch)
		}
	}
}

func (c *checker) executed(r *replica, index uint64) {
	if d := in(c.done_, r.actor.id); d[index].IsZero() {
		d[index] = c.w.now
	}
}

// activated: how much work is done again, and how long the actor was away.
func (c *checker) activated(r *replica, a *activation) {
	var from time.Time
	for _, e := range a.entries {
		at := c.done_[r.actor.id][e.Index]
		if from.IsZero() && works(&e) {
			from = at
		}
		if !at.IsZero() && !from.IsZero() {
			c.w.report.Repeated = max(c.w.report.Repeated, at.Sub(from))
		}
	}
	if since, ok := c.lost[r.actor.id]; ok {
		c.w.report.Gap = max(c.w.report.Gap, c.w.now.Sub(since))
		delete(c.lost, r.actor.id)
	}
}

func (c *checker) crashed(n *node) {
	for id, r := range n.replicas {
		if r.act != nil {
			c.lost[id] = c.w.now
		}
	}
}

// agreed: a majority of the voters has what it takes to go on: the checkpoint on disk,
// or an older one and all entries behind it.
func (c *checker) agreed(r *replica, p wire.Checkpoint) {
	roster := r.g.Roster()
	if p.Index <= c.newest[r.actor.id] {
		return
	}
	c.newest[r.actor.id] = p.Index
	if roster.Joint || c.w.cfg.Burn {
		return
	}
	n := 0
	for _, id := range roster.Voters {
		if c.goesOn(c.w.byID[roster.Members.Node(id)], r.actor, p) {
			n++
		}
	}
	if n <= len(roster.Voters)/2 {
		c.w.violated("%s: checkpoint %d is agreed on and %d voters of %d can go on", r, p.Index, n, len(roster.Voters))
	}
}

func (c *checker) goesOn(n *node, a *actor, p wire.Checkpoint) bool {
	if _, ok := n.disk.objects[p.Manifest]; ok {
		return true
	}
	r := n.replicas[a.id]
	if !n.up || r == nil {
		return n.disk.replicas[a.id] != nil // who is down has what it had
	}
	base := r.g.Base().Checkpoint
	return base == nil || n.disk.objects[base.Manifest] != nil
}

// based: who forgets entries has what stands for them.
func (c *checker) based(r *replica, b wire.Base) {
	if _, ok := r.n.disk.objects[b.Checkpoint.Manifest]; !ok {
		c.w.violated("%s: forgets entries up to %d without the checkpoint", r, b.Checkpoint.Index)
	}
}

// stored and forget keep account of the checkpoints on disks: those before an actor's
// base are deleted.
func (c *checker) stored(a wire.ActorID, p wire.Checkpoint) { c.kept[a] = append(c.kept[a], p) }

func (c *checker) forget(d *disk, a wire.ActorID, base uint64) {
	for _, p := range c.kept[a] {
		if p.Index < base {
			delete(d.objects, p.Manifest)
		}
	}
}

func (c *checker) begin(n *node, call *call) *operation {
	op := &operation{node: n, life: n.life, call: call, begun: c.tick(), ended: math.MaxInt64}
	c.ops = append(c.ops, op)
	return op
}

func (c *checker) tick() int64 { return c.w.now.Sub(start).Nanoseconds() }

func (c *checker) acknowledged(_ *node, call *call) {
	call.op.acked = true
	if !call.ask {
		call.op.ended = c.tick()
	}
}

func (c *checker) answered(_ *node, call *call, r wire.Result) {
	call.op.answered, call.op.result, call.op.ended = true, r, c.tick()
	failing := call.text[:3] == "tra" || call.text[:3] == "try"
	if want := map[bool]wire.Outcome{true: wire.Failed, false: wire.OK}[failing]; r.Outcome != want && r.Outcome != wire.Forgotten {
		c.w.violated("%s %q comes to %s %q", call.id, call.text, r.Outcome, r.Payload)
	}
}

// spawned: whoever makes an actor again, since it does not know that it has, makes the
// same.
func (c *checker) spawned(r *replica, s mailbox.Spawn) {
	made := in(c.children, r.actor.id)
	if name, ok := made[s.Actor]; ok && name != s.Name {
		c.w.violated("%s: actor %s is %s and %s", r, s.Actor, name, s.Name)
	}
	made[s.Actor] = s.Name
}

// done tells whether there is nothing left to wait for.
func (c *checker) done() bool {
	for _, n := range c.w.nodes {
		if len(n.calls) > 0 {
			return false
		}
	}
	for _, a := range c.w.actors {
		if r := c.leader(a); r == nil || !r.act.s.Settled() || len(r.act.todo)+len(r.act.held) > 0 || !r.act.s.NextDue().IsZero() {
			return false
		}
	}
	return true
}

// leader is who executes an actor, in the highest epoch.
func (c *checker) leader(a *actor) *replica {
	var leader *replica
	for _, n := range c.w.nodes {
		if r := n.replicas[a.id]; r != nil && r.act != nil && (leader == nil || r.epoch > leader.epoch) {
			leader = r
		}
	}
	return leader
}

func (c *checker) atEnd() {
	money := int64(0)
	for _, a := range c.w.actors {
		r := c.leader(a)
		if r == nil {
			c.w.violated("nobody leads %s at the end", a.name)
		}
		if !r.act.s.Settled() || len(r.act.todo) > 0 {
			c.w.violated("%s: not settled at the end: %d outputs are not, guest waits %v, %d entries to do", r, len(r.act.s.Outbox()), r.act.wait != nil, len(r.act.todo))
		}
		money += r.act.mem.Money
		if made := len(c.children[a.id]); made != r.act.mem.Spawned {
			c.w.violated("%s: %d actors were made, not %d", r, made, r.act.mem.Spawned)
		}
		c.effects(r)
		c.linearizable(a)
	}
	if money != 0 {
		c.w.violated("%d of money too much", money)
	}
	for _, op := range c.ops {
		if op.answered {
			c.w.report.Answered++
		} else if op.call.ask {
			c.w.report.Unknown++
		}
	}
}

// effects: what was acknowledged has had its effect; what failed has had none.
func (c *checker) effects(r *replica) {
	for _, op := range c.ops {
		if op.call.actor != r.actor || !op.acked && !op.answered {
			continue
		}
		fails := op.call.text[:3] == "tra" || op.call.text[:3] == "try"
		if slices.Contains(r.act.mem.Seen, op.call.id) == fails {
			c.w.violated("%s: %s %q was acknowledged: %v, answered: %v; has had an effect: %v", r, op.call.id, op.call.text, op.acked, op.answered, fails)
		}
	}
}

// linearizable checks the totals that clients saw of an actor.
func (c *checker) linearizable(a *actor) {
	var list []porcupine.Operation
	for i, op := range c.ops {
		adds, gets := op.call.text[:3] == "add", op.call.text == "get" && op.answered
		if op.call.actor != a || !adds && !gets {
			continue
		}
		in := int64(0)
		_, _ = fmt.Sscanf(op.call.text, "add %d", &in) // 0 of a get
		list = append(list, porcupine.Operation{ClientId: i, Input: in, Call: op.begun, Output: op.output(), Return: op.ended})
	}
	if porcupine.CheckOperationsTimeout(counter, list, 5*time.Second) == porcupine.Illegal {
		c.w.violated("what clients saw of %s is not linearizable", a.name)
	}
}

// output is the total that the client saw; -1 if none.
func (o *operation) output() int64 {
	n := int64(-1)
	if o.answered && o.result.Outcome == wire.OK {
		_, _ = fmt.Sscan(string(o.result.Payload), &n)
	}
	return n
}

// counter adds its inputs; outputs are totals, -1 where nobody saw them.
var counter = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		total := state.(int64) + input.(int64)
		return output.(int64) == -1 || output.(int64) == total, total
	},
}

// askOf is the number of an ask that was sent as a message.
func askOf(o mailbox.Output, id wire.MessageID) (uint64, bool) {
	s, ok := o.(mailbox.Sent)
	return s.Ask, ok && s.Message.ID == id && s.Ask > 0
}
