package actors

import (
	"time"

	"github.com/godwit-run/godwit/actors/activation"
	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// sink brings what an activation says to the loop.
type sink struct {
	inbox *inbox
	actor wire.ActorID
	live  *live
}

// activity is one thing that an activation has said.
type activity struct {
	sink     *sink
	outputs  []mailbox.Output
	summary  *activation.Summary
	captured *activation.Captured
	failed   error
}

// Outputs implements activation.Sink.
func (s *sink) Outputs(_ uint64, out []mailbox.Output) {
	s.inbox.put(activity{sink: s, outputs: out})
}

// Executed implements activation.Sink.
func (s *sink) Executed(sum activation.Summary) { s.inbox.put(activity{sink: s, summary: &sum}) }

// Captured implements activation.Sink.
func (s *sink) Captured(c activation.Captured) { s.inbox.put(activity{sink: s, captured: &c}) }

// Failed implements activation.Sink.
func (s *sink) Failed(err error) { s.inbox.put(activity{sink: s, failed: err}) }

// activate has the actor come up here: its Activate is committed.
func (l *loop) activate(now time.Time, r *replica) {
	if r.active != nil || !r.leading {
		return
	}
	if r.wanted = l.halting[r.id] > 0; r.wanted {
		return // see halt
	}
	replay := r.replayed()
	s := &sink{inbox: l.inbox, actor: r.id, live: r.live}
	active, err := l.host.engine.Activate(activation.Start{
		Actor: r.id, Spec: r.spec, Checkpoint: r.group.Base().Checkpoint, Entries: r.log[:replay], Epoch: r.epoch,
	}, s)
	if err != nil {
		l.activationFailed(now, r, err)
		return
	}
	r.active, r.sink = active, s
	active.Apply(r.log[replay:])
}

// replayed tells how many entries of the log are of earlier epochs: what they led to was
// said then, or will be asked for again. The Activate of this one is their end.
func (r *replica) replayed() int {
	for i := range r.log {
		items := r.log[i].Entry.Items
		if r.log[i].Epoch == r.epoch && len(items) > 0 && items[0].Activate != nil {
			return i + 1
		}
	}
	return 0
}

// sunk takes what an activation has said.
func (l *loop) sunk(now time.Time, a activity) {
	r := l.replicas[a.sink.actor]
	if r == nil || r.live == nil || r.live != a.sink.live || r.sink != a.sink {
		return
	}
	switch {
	case a.outputs != nil:
		l.release(now, r, a.outputs)
	case a.summary != nil:
		l.wasExecuted(now, r, a.summary)
		l.handoverStep(now, r)
	case a.captured != nil:
		l.wasCaptured(now, r, a.captured)
	case a.failed != nil:
		l.activationFailed(now, r, a.failed)
	}
	l.touch(r)
}

// wasExecuted notes how far the guest is.
func (l *loop) wasExecuted(now time.Time, r *replica, s *activation.Summary) {
	first, module := !r.executed, r.summary.Module
	r.summary, r.executed = *s, true
	r.intake.executed(s.Index)
	if !first {
		if s.Module != module {
			l.event(now, r, "upgraded", "")
		}
		return
	}
	took := now.Sub(r.began)
	l.host.cfg.Observer.Activated(took)
	if r.reason == wire.ReasonFailure {
		l.host.cfg.Observer.FailedOver(took, len(r.log))
	}
	l.event(now, r, "activated", string(r.reason))
	r.restarted = 0
	l.maintain(now, r)
}

// activationFailed gives the actor away, and tries it again here if that does not work.
func (l *loop) activationFailed(now time.Time, r *replica, err error) {
	l.logFailure(r, "cannot be active here", err)
	l.event(now, r, "failed", err.Error())
	r.restarted++
	for _, m := range r.where.Members {
		if m.Node != l.host.cfg.Self && l.liveness.alive(m.Node) && l.step(now, r, group.Transfer{To: m.Node}) == nil {
			break
		}
	}
	if r.live == nil || !r.leading {
		return
	}
	live, sunk := r.live, r.sink
	wait := min(100*time.Millisecond<<min(r.restarted, 6), 5*time.Second)
	l.later(wait, func(now time.Time) {
		if r.live == live && r.sink == sunk && r.leading {
			l.halt(r)
			l.activate(now, r)
			l.touch(r)
		}
	})
}

// halt ends the activation, on a goroutine of its own: the guest may be anywhere.
func (l *loop) halt(r *replica) {
	a := r.active
	r.active, r.sink, r.executed = nil, nil, false
	r.summary = activation.Summary{}
	if a == nil {
		return
	}
	l.halting[r.id]++
	l.host.background(func() {
		if err := a.Halt(); err != nil {
			l.host.cfg.Log.Warn("halt an actor", "id", r.id, "err", err)
		}
		l.inbox.put(func(now time.Time) { l.halted(now, r.id) })
	})
}

// halted notes that an activation has ended, and begins the next if it waits for that.
func (l *loop) halted(now time.Time, id wire.ActorID) {
	if l.halting[id]--; l.halting[id] > 0 {
		return
	}
	delete(l.halting, id)
	if r := l.replicas[id]; r != nil && r.live != nil && r.wanted {
		l.activate(now, r)
		l.touch(r)
	}
}

// retire ends what this replica does as a leader.
func (l *loop) retire(now time.Time, r *replica) {
	if r.live == nil || !r.leading {
		return
	}
	r.leading = false
	l.scatter(now, r)
	l.halt(r)
	l.channels.forget(r.id)
	r.kept, r.asked, r.asking = nil, 0, false
	r.pushes = make(map[wire.NodeID]*push)
	r.reason, r.dueAsked, r.changing = "", time.Time{}, false
	r.mute = nil
	l.handoverEnded(now, r)
}

// confirm asks whether this replica still leads, if something waits for that.
func (l *loop) confirm(now time.Time, r *replica) {
	if len(r.kept) == 0 || r.asking {
		return
	}
	r.asked, r.asking = len(r.kept), true
	if err := l.step(now, r, group.Confirm{}); err != nil && r.live != nil {
		r.asking = false
	}
}

// confirmed lets out what had waited when the question was asked.
func (l *loop) confirmed(now time.Time, r *replica) {
	out := r.kept[:min(r.asked, len(r.kept))]
	r.kept = append([]mailbox.Output(nil), r.kept[len(out):]...)
	r.asked, r.asking = 0, false
	for _, o := range out {
		l.output(now, r, o)
	}
}

// release lets outputs out if it is sure that this replica leads.
func (l *loop) release(now time.Time, r *replica, out []mailbox.Output) {
	r.work = now
	if len(r.kept) > 0 || !r.group.Fresh(now) {
		r.kept = append(r.kept, out...)
		return
	}
	for _, o := range out {
		l.output(now, r, o)
	}
}

// output has one output leave.
func (l *loop) output(now time.Time, r *replica, o mailbox.Output) {
	switch o := o.(type) {
	case mailbox.Answer:
		l.answered(now, r, o.ID, o.From, o.Result)
	case mailbox.Controlled:
		l.answered(now, r, o.ID, wire.ActorID{}, o.Result)
	case mailbox.Taken:
		l.taken(now, r, o)
	case mailbox.Sent:
		var target wire.ActorID
		if p := l.directory.byName(o.To); p != nil {
			target = p.Actor
		}
		l.channels.put(now, r.id, o, target)
	case mailbox.Spawn:
		l.spawn(now, r, o)
	case mailbox.Halted:
		l.event(now, r, "stopped", o.Reason)
	case mailbox.Removed: // the group says so as well, on every replica
	}
}

// answered tells who asked.
func (l *loop) answered(now time.Time, r *replica, id wire.MessageID, from wire.ActorID, result wire.Result) {
	to := r.requesters[from]
	if w := r.waiting[id]; w != nil {
		to = w.from
		delete(r.waiting, id)
	}
	if to == "" && !from.IsZero() {
		to = l.route(from, "")
	}
	if to != "" {
		l.respond(now, r, to, wire.Response{ID: id, Phase: wire.Answered, Result: &result})
	}
}

// taken acknowledges the messages of a channel.
func (l *loop) taken(now time.Time, r *replica, t mailbox.Taken) {
	to := r.requesters[t.From]
	if to == "" {
		to = l.route(t.From, "")
	}
	m := wire.Ack{Actor: t.From, To: t.To, Seq: t.Seq}
	switch to {
	case "":
	case l.host.cfg.Self:
		l.channels.acked(now, m)
	default:
		l.send(to, m)
	}
}

// settle has an item proposed to the log of an actor that is active here.
func (l *loop) settle(actor wire.ActorID, item wire.Item) {
	r := l.replicas[actor]
	if r == nil || r.live == nil || !r.leading {
		return
	}
	r.intake.add(item, itemBytes(item))
	l.touch(r)
}
