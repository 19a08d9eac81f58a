package actortest

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// replica is the shell of a group.
type replica struct {
	n      *node
	actor  *actor
	number uint64
	g      *group.Group
	dead   bool // dropped: what was begun for it has no effect
	timer  time.Time

	log     []wire.Committed // behind the base
	epoch   uint64           // in which it leads
	act     *activation
	waiters map[wire.MessageID]map[wire.NodeID]bool
}

// String says which replica of which actor it is, and where.
func (r *replica) String() string {
	return fmt.Sprintf("%s/%s.%d", r.n.name(), r.actor.name, r.number)
}

// try steps an event that may be refused.
func (r *replica) try(ev group.Event) {
	if err := r.step(ev); err != nil {
		r.n.w.note("%s refuses %T: %v", r, ev, err)
	}
}

// step steps the group and carries out what it says. The node may crash on the way.
func (r *replica) step(ev group.Event) error {
	if r.dead {
		return nil
	}
	ready, err := r.g.Step(r.n.w.now, ev)
	if errors.Is(err, group.ErrBroken) {
		r.n.w.violated("%s: %T: %v", r, ev, err)
	}
	life := r.n.life
	for _, stage := range []func(){
		func() { r.sendAll(ready.Messages) },
		func() { r.write(ready.Write) },
		func() { r.committed(ready.Committed) },
		func() { r.effects(ready.Effects) },
	} {
		r.n.stumble(ev)
		if r.n.life != life {
			return nil
		}
		stage()
	}
	r.schedule()
	return err
}

// stumble may have the node crash, more likely when it votes. It is back soon, so that
// others meet what it has forgotten.
func (n *node) stumble(ev group.Event) {
	p := 0.00005
	if m, ok := ev.(group.Received); ok && isVote(m.Message) {
		p = 0.02
	}
	if n.w.faulty(p) {
		n.crash()
		n.w.after(n.w.upTo(30*time.Millisecond), n.restart)
	}
}

func isVote(m wire.NodeMessage) bool {
	r, ok := m.(wire.Raft)
	var v raftpb.Message
	return ok && proto.Unmarshal(r.Data, &v) == nil && v.GetType() == raftpb.MsgVote
}

func (r *replica) sendAll(messages []group.Outgoing) {
	for _, m := range messages {
		r.n.w.send(r.n.id, m.To, m.Message)
	}
}

func (r *replica) write(w *group.Write) {
	if w == nil {
		return
	}
	r.n.write(func() {
		if s := r.n.disk.replicas[r.actor.id]; s != nil && s.number == r.number {
			s.apply(w)
		}
	}, func() { r.step(group.Written{Number: w.Number}) })
}

func (r *replica) committed(list []wire.Committed) {
	for _, c := range list {
		r.n.w.check.committed(r, c)
		r.log = append(r.log, c)
		r.acknowledge(&c)
		switch {
		case r.act != nil:
			r.act.add(c)
		case r.activates(&c):
			r.activate()
		}
	}
}

// activates tells whether an entry begins the epoch that this replica leads.
func (r *replica) activates(c *wire.Committed) bool {
	return r.epoch > 0 && c.Epoch == r.epoch && len(c.Entry.Items) > 0 && c.Entry.Items[0].Activate != nil
}

// acknowledge tells who waits that a client's message is committed.
func (r *replica) acknowledge(c *wire.Committed) {
	if r.epoch == 0 || c.Epoch != r.epoch {
		return
	}
	for _, i := range c.Entry.Items {
		if m := i.Message; m != nil && m.From.IsZero() {
			r.respond(m.ID, wire.Response{Phase: wire.Acknowledged})
		}
	}
}

func (r *replica) effects(list []group.Effect) {
	for _, e := range list {
		if r.dead {
			return
		}
		switch e := e.(type) {
		case group.Elected:
			r.n.w.note("%s leads in epoch %d", r, e.Epoch)
			r.n.w.report.Elections++
			r.halt()
			r.epoch = e.Epoch
			r.n.w.after(0, r.n.inThisLife(r.begin))
		case group.Deposed:
			r.n.w.note("%s leads no more in epoch %d", r, e.Epoch)
			r.halt()
		case group.Confirmed:
			if r.act != nil {
				r.act.release()
			}
		case group.Installed:
			r.n.w.note("%s is given the base at %d", r, e.Base.Checkpoint.Index)
			r.log = nil
			r.n.w.after(time.Millisecond, r.n.inThisLife(r.keep))
		case group.Based:
			r.n.w.check.based(r, e.Base)
			r.cut(e.Base.Checkpoint.Index)
		case group.Agreed:
			r.n.w.check.agreed(r, e.Checkpoint)
			r.n.w.report.Checkpoints++
		case group.Changed:
			r.changed(e)
		case group.Gone:
			r.n.w.note("%s is gone", r)
			r.drop()
		}
	}
}

// begin proposes the entry that activates.
func (r *replica) begin() {
	if r.epoch == 0 || r.dead {
		return
	}
	item := wire.Item{Activate: &wire.Activate{Node: r.n.id, Reason: wire.ReasonFailure}}
	if err := r.propose(item); err != nil {
		r.n.w.note("%s cannot begin: %v", r, err)
	}
	r.tend()
}

// halt ends an activation.
func (r *replica) halt() {
	r.act, r.epoch = nil, 0
	clear(r.waiters)
}

func (r *replica) propose(items ...wire.Item) error {
	entry := wire.Entry{Time: r.n.clock().UnixNano(), Seed: r.n.w.seed(), Items: items}
	return r.step(group.Propose{Entry: entry})
}

func (r *replica) schedule() {
	at := r.g.Deadline()
	if at.IsZero() || at.Equal(r.timer) {
		return
	}
	r.timer = at
	r.n.w.after(max(at.Sub(r.n.w.now), 0), r.n.inThisLife(func() {
		if !r.dead && r.timer.Equal(at) {
			r.timer = time.Time{}
			r.step(group.Tick{})
		}
	}))
}

// cut forgets what is before the base, and checkpoints that nobody goes back to.
func (r *replica) cut(index uint64) {
	for len(r.log) > 0 && r.log[0].Index <= index {
		r.log = r.log[1:]
	}
	r.n.write(func() { r.n.w.check.forget(r.n.disk, r.actor.id, index) }, func() {})
}

// store puts a checkpoint on this node's disk.
func (r *replica) store(c wire.Checkpoint, b []byte) {
	r.n.write(func() {
		r.n.disk.objects[c.Manifest] = b
		r.n.w.check.stored(r.actor.id, c)
	}, func() {
		if !r.dead {
			r.try(group.Hold{Node: r.n.id, Checkpoint: c})
		}
	})
}

// push sends a checkpoint to all members.
func (r *replica) push(c wire.Checkpoint, b []byte) {
	for _, m := range r.g.Roster().Members {
		other := r.n.w.byID[m.Node]
		if other == r.n || r.n.w.faulty(0.3) {
			continue
		}
		r.n.w.after(r.n.w.delay(), func() {
			if r.n.w.reachable(r.n, other) {
				other.awake(func() {
					if to := other.replicas[r.actor.id]; to != nil {
						to.store(c, b)
					}
				})
			}
		})
	}
}

// keep fetches the base that this replica was given, from whoever has it.
func (r *replica) keep() {
	c := r.g.Base().Checkpoint
	if r.dead || c == nil || r.n.disk.objects[c.Manifest] != nil {
		return
	}
	r.fetch()
	r.n.w.after(50*time.Millisecond, r.n.inThisLife(r.keep))
}

// changed brings up a replica that is new.
func (r *replica) changed(e group.Changed) {
	r.n.w.note("%s: voters %v, learners %v", r, e.Roster.Voters, e.Roster.Learners)
}

// tend looks, now and then, after a group that has learners: they are made, brought up
// and promoted, each in place of another replica.
func (r *replica) tend() {
	r.n.w.after(150*time.Millisecond, r.n.inThisLife(func() {
		if r.epoch == 0 || r.dead {
			return
		}
		defer r.tend()
		roster := r.g.Roster()
		for _, id := range roster.Learners {
			base := r.actor.base
			base.Members, base.NextReplica = roster.Members, id+100
			to := roster.Members.Node(id)
			r.n.w.send(r.n.id, to, wire.Create{Base: base, Replica: id, Joining: true})
			if r.act != nil && r.act.s.Index() > r.act.captured {
				r.act.worked = true
				r.act.capture()
			}
			r.promote(to, roster)
		}
	}))
}

func (r *replica) promote(to wire.NodeID, roster group.Roster) {
	change := group.Change{Promote: to}
	if len(roster.Voters) >= r.n.w.cfg.Replicas {
		for _, id := range roster.Voters {
			if node := roster.Members.Node(id); node != r.n.id && (change.Remove == "" || r.n.suspects[node]) {
				change.Remove = node
			}
		}
	}
	if err := r.step(change); err == nil {
		r.n.w.report.Replaced++
		r.n.w.note("%s promotes %s in place of %s", r, r.n.w.byID[to].name(), change.Remove.Short())
	}
}

// drop deletes the replica.
func (r *replica) drop() {
	r.halt()
	r.dead = true
	delete(r.n.replicas, r.actor.id)
	number := r.number
	r.n.write(func() {
		if s := r.n.disk.replicas[r.actor.id]; s != nil && s.number == number {
			delete(r.n.disk.replicas, r.actor.id)
		}
	}, func() {})
}

// deliver carries an output to where it belongs.
func (r *replica) deliver(o mailbox.Output) {
	switch o := o.(type) {
	case mailbox.Answer:
		r.respond(o.ID, wire.Response{Phase: wire.Answered, Result: &o.Result})
	case mailbox.Controlled:
		r.respond(o.ID, wire.Response{Phase: wire.Answered, Result: &o.Result})
	case mailbox.Spawn:
		r.n.w.check.spawned(r, o)
		_ = r.propose(wire.Item{Reply: &wire.Reply{Ask: o.Ask, Result: wire.Result{Outcome: wire.OK}}}) // made again if not
	case mailbox.Taken:
		for _, other := range r.n.w.nodes { // whoever leads the sender knows what to do with it
			r.n.w.send(r.n.id, other.id, wire.Ack{Actor: o.From, To: o.To, Seq: o.Seq})
		}
	case mailbox.Sent:
		to := r.n.w.byName[o.To]
		r.n.w.send(r.n.id, r.n.find(to), wire.Request{Actor: to.id, Message: &o.Message})
	}
}

// respond tells all who wait for a message.
func (r *replica) respond(id wire.MessageID, m wire.Response) {
	m.Actor, m.ID = r.actor.id, id
	for _, n := range r.n.w.nodes {
		if r.waiters[id][n.id] {
			r.n.w.send(r.n.id, n.id, m)
		}
	}
}
