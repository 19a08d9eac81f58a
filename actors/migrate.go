package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// handover is an actor on its way to another node. At each step, if anything goes
// wrong, it goes on where it is: until leadership is transferred here, then there.
type handover struct {
	to     wire.NodeID
	reason wire.Reason
	phase  phase
	round  int
	// goal is what the checkpoint of this round has, as an index of the log.
	goal uint64
	// began and stopped are when it began and when nothing was worked on any more.
	began, stopped time.Time
	until          time.Time
	bytes          int64
	whole          bool       // the last checkpoint has all there is
	done           chan error // has room for one
}

// phase is a step of a handover.
type phase int

const (
	copying  phase = iota // checkpoints go ahead while the guest works
	stopping              // nothing more is taken in; what was is worked on
	last                  // the last checkpoint goes
	handing               // the other node is being made the leader
)

const (
	// handoverTime bounds a handover, and stopTime the time in which nothing is worked on
	// before it is given up.
	handoverTime = 2 * time.Minute
	stopTime     = 3 * time.Second
	// maxRounds is how many checkpoints go ahead at most.
	maxRounds = 4
	// replayTime is for how much work the guest is not stopped once more for a checkpoint:
	// the target repeats it.
	replayTime = 8 * time.Millisecond
	// firstLook is the first wait for what is only a moment away; it doubles up to
	// lastLook.
	firstLook, lastLook = 100 * time.Microsecond, 5 * time.Millisecond
	// fewEntries is with how many entries behind the checkpoint the guest is stopped.
	fewEntries = 64
)

// Migrate moves an actor while it runs, and returns when it is active on the target.
// Errors: ErrNotFound, ErrAmbiguous, ErrInvalid (no such node, or it refuses),
// ErrUnavailable: the actor is where it was, or, if contact was lost in the last
// step, where Show says.
func (h *Host) Migrate(ctx context.Context, actor string, o MigrateOptions) (Migration, error) {
	ctx, cancel := context.WithTimeout(ctx, handoverTime)
	defer cancel()
	orDefault(&o.Reason, wire.ReasonManual)
	var m Migration
	c, err := h.ofLeader(ctx, actor, forMigrate, o, &m)
	if err != nil {
		return Migration{}, err
	}
	h.redirectedByName(actor, m.To)
	return m, c.Close()
}

// serveMigrate moves an actor that is led here.
func (h *Host) serveMigrate(ctx context.Context, c *command) error {
	var o MigrateOptions
	if err := json.Unmarshal(c.detail, &o); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	m, err := h.migrate(ctx, c.actor, o)
	if err != nil {
		return err
	}
	return c.ok(m)
}

// migrate moves an actor that is led here.
func (h *Host) migrate(ctx context.Context, actor wire.ActorID, o MigrateOptions) (Migration, error) {
	m := Migration{From: h.cfg.Self}
	began := time.Now()
	to, err := h.target(ctx, actor, o)
	if err != nil {
		return m, err
	}
	m.To = to
	if to == h.cfg.Self {
		return m, fmt.Errorf("%w: the actor is on that node", ErrInvalid)
	}
	if err := h.makeMember(ctx, actor, to); err != nil {
		return m, err
	}
	b := wire.Bulk{Actor: actor, Purpose: forHandover, Detail: []byte(o.Reason)}
	if c, err := h.request(ctx, to, b, nil); err != nil {
		return m, fmt.Errorf("the target is not ready: %w", err)
	} else if err := c.Close(); err != nil {
		return m, err
	}
	over, err := h.handOver(ctx, actor, to, o.Reason)
	if err != nil {
		return m, err
	}
	return h.arrived(ctx, actor, m, over, began)
}

// target is where an actor is to go.
func (h *Host) target(ctx context.Context, actor wire.ActorID, o MigrateOptions) (to wire.NodeID, err error) {
	var p Placement
	err = h.leading(ctx, actor, func(_ time.Time, r *replica) error {
		p = h.loop.placement(r)
		to = o.To
		for _, m := range r.where.Members { // a replica has most of it already
			if to == "" && m.Node != h.cfg.Self && h.loop.liveness.alive(m.Node) && !h.loop.pulses.draining(m.Node) {
				to = m.Node
			}
		}
		return nil
	})
	if err != nil || to != "" {
		return to, err
	}
	if nodes := h.cfg.Placer.Place(ctx, p, 1); len(nodes) > 0 {
		return nodes[0], nil
	}
	return "", fmt.Errorf("%w: there is no other node", ErrUnavailable)
}

// leading calls f on the loop's goroutine if an actor is led here and active. A leader that
// takes too many of the others for dead may be wrong, as all are on a machine that is
// overloaded: it has callWithout to hear of them.
func (h *Host) leading(ctx context.Context, actor wire.ActorID, f func(now time.Time, r *replica) error) error {
	var result error
	until := time.Now().Add(callWithout)
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		err := h.loop.do(ctx, func(now time.Time) {
			r, err := h.loop.led(now, actor)
			switch {
			case err == errWithout && now.Before(until):
				result = errNotYet
			case err != nil:
				result = err
			default:
				result = f(now, r)
				h.loop.touch(r)
				until = now.Add(callWithout)
			}
		})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if !errors.Is(result, errNotYet) {
			return result
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// errNotYet: the same will do a moment later.
var errNotYet = errors.New("not yet")

// errWithout: this node leads, and too few of the other replicas live.
var errWithout = fmt.Errorf("%w: too few of its replicas can be reached", ErrUnavailable)

// led returns an actor's replica if it leads and is active; if it could lead, it is
// had try.
func (l *loop) led(now time.Time, actor wire.ActorID) (*replica, error) {
	r := l.replicas[actor]
	if r == nil {
		if l.buried.has(actor) {
			return nil, ErrNotFound
		}
		return nil, &redirectError{l.route(actor, l.host.cfg.Self)}
	}
	if err := l.unpark(now, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.work = now
	leader, _ := r.group.Leader()
	switch {
	case !l.quorum(r) && r.leading:
		return nil, errWithout
	case !l.quorum(r):
		return nil, fmt.Errorf("%w: too few of its nodes can be reached", ErrUnavailable)
	case r.leading && r.executed:
		return r, nil
	case r.leading:
		return nil, errNotYet
	case leader != "" && leader != l.host.cfg.Self && l.liveness.alive(leader):
		return nil, &redirectError{leader}
	}
	l.want(now, r, "")
	return nil, errNotYet
}

// makeMember makes a node a voter of an actor's group, if it is not one.
func (h *Host) makeMember(ctx context.Context, actor wire.ActorID, node wire.NodeID) error {
	asked := false
	return h.leading(ctx, actor, func(now time.Time, r *replica) error {
		if !h.loop.liveness.alive(node) {
			return fmt.Errorf("%w: the node cannot be reached", ErrInvalid)
		}
		if slices.Contains(r.refused, node) {
			r.refused = slices.DeleteFunc(r.refused, func(n wire.NodeID) bool { return n == node })
			return fmt.Errorf("%w: the node refuses", ErrInvalid)
		}
		for _, p := range r.group.Progress() {
			if p.Node == node && !p.Learner && !r.changing {
				return nil
			}
		}
		switch {
		case r.changing:
		case r.where.Members.Replica(node) != 0:
			r.maintained = time.Time{}
			h.loop.maintain(now, r)
		case !asked:
			asked = h.loop.change(now, r, group.Change{Add: node}) == nil
		default:
			return fmt.Errorf("%w: the node is no replica", ErrInvalid)
		}
		return errNotYet
	})
}

// serveHandover prepares for an actor that is about to come.
func (h *Host) serveHandover(ctx context.Context, c *command) error {
	var module wire.Link
	err := h.loop.do(ctx, func(now time.Time) {
		r := h.loop.replicas[c.actor]
		if r == nil || h.loop.draining || h.loop.unpark(now, r) != nil {
			return
		}
		module, r.reason, r.began = r.spec.Module, wire.Reason(c.detail), now
	})
	if err != nil {
		return err
	}
	if !module.Defined() {
		return fmt.Errorf("%w: the node takes no actors, or has no replica of this one", ErrInvalid)
	}
	if err := errors.Join(h.engine.Prepare(ctx, module.Cid), h.engine.Follow(c.actor)); err != nil {
		return err
	}
	return c.ok(nil)
}

// handOver carries out a handover, and returns it when this node leads no more.
func (h *Host) handOver(ctx context.Context, actor wire.ActorID, to wire.NodeID, reason wire.Reason) (*handover, error) {
	over := &handover{to: to, reason: reason, began: time.Now(), until: time.Now().Add(handoverTime), done: make(chan error, 1)}
	err := h.leading(ctx, actor, func(now time.Time, r *replica) error {
		if r.handover != nil {
			return fmt.Errorf("%w: it is on its way already", ErrBusy)
		}
		r.handover = over
		h.loop.handoverStep(now, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	select {
	case err := <-over.done:
		return over, err
	case <-ctx.Done():
		h.loop.inbox.put(func(now time.Time) {
			if r := h.loop.replicas[actor]; r != nil && r.live != nil && r.handover == over {
				h.loop.abandon(now, r, ErrTimeout)
			}
		})
		return nil, ErrTimeout
	}
}

// arrived waits until an actor is active on the node that it has gone to.
func (h *Host) arrived(ctx context.Context, actor wire.ActorID, m Migration, over *handover, began time.Time) (Migration, error) {
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		var s Status
		c, err := h.request(ctx, m.To, wire.Bulk{Actor: actor, Purpose: forShow}, &s)
		if err == nil {
			c.Close()
			m.Epoch, m.Pause, m.Took, m.Bytes = s.Epoch, time.Since(over.stopped), time.Since(began), over.bytes
			h.cfg.Observer.Migrated(over.reason, m.Pause)
			return m, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return m, fmt.Errorf("%w: it was handed over, and there is no word of it", ErrUnavailable)
		}
	}
}

// handoverStep goes on with a handover after something has happened.
func (l *loop) handoverStep(now time.Time, r *replica) {
	h := r.handover
	if h == nil || !r.leading {
		return
	}
	switch {
	case now.After(h.until), h.phase > copying && h.phase < handing && now.Sub(h.stopped) >= stopTime:
		l.abandon(now, r, ErrTimeout)
	case r.active == nil: // it is being made again
	case !l.liveness.alive(h.to):
		l.abandon(now, r, fmt.Errorf("%w: the target is gone", ErrUnavailable))
	case h.phase == copying && l.copied(now, r):
		l.stop(now, r)
		l.handoverStep(now, r)
	case h.phase == stopping && r.intake.proposed == 0 && l.littleSince(now, r):
		h.phase = last
		l.handoverStep(now, r)
	case h.phase == stopping && r.caughtUp():
		h.phase, h.whole = last, true
		r.active.Checkpoint()
		l.handoverStep(now, r)
	case h.phase == last && (!h.whole || l.lastCopied(r)):
		if err := l.step(now, r, group.Transfer{To: h.to}); err == nil {
			h.phase = handing
		} else if !errors.Is(err, group.ErrBusy) && r.live != nil {
			l.abandon(now, r, fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
	}
}

// stop has nothing more taken in, but not for ever, whatever does not happen then.
func (l *loop) stop(now time.Time, r *replica) {
	h := r.handover
	h.phase, h.stopped, r.intake.paused = stopping, now, true
	l.later(stopTime, func(now time.Time) {
		if r.live != nil && r.handover == h {
			l.handoverStep(now, r)
		}
	})
}

// littleSince tells whether the target has a checkpoint so young that working on what is
// behind it again takes less than another checkpoint would.
func (l *loop) littleSince(now time.Time, r *replica) bool {
	c := r.captured
	little := now.Sub(r.capturedAt) <= replayTime || r.caughtUp() && r.summary.Behind <= replayTime
	return little && c.Index > 0 && r.agreedIndex >= c.Index && l.heldBy(r, r.handover.to) >= c.Index
}

// copied tells whether the target has nearly all there is; else it gets more.
func (l *loop) copied(now time.Time, r *replica) bool {
	h := r.handover
	l.hasten(r)
	held := min(l.heldBy(r, h.to), r.agreedIndex)
	switch {
	case r.summary.InCall && h.round > 0, l.littleSince(now, r):
		return true
	case h.round > 0 && (held < h.goal || r.pushes[h.to] != nil):
		return false // it is on its way
	case h.round >= maxRounds:
		return true
	case h.round > 0 && r.lastIndex()-min(held, r.lastIndex()) <= fewEntries:
		return true
	}
	h.round++
	h.goal = r.lastWork()
	r.active.Checkpoint()
	return held >= h.goal
}

// hasten sees to it that the target gets the last checkpoint that there is, without
// waiting for a turn.
func (l *loop) hasten(r *replica) {
	l.supply(r, r.handover.to)
	if p := r.pushes[r.handover.to]; p != nil {
		p.hurried()
	}
}

// lastCopied tells whether the target has all there is.
func (l *loop) lastCopied(r *replica) bool {
	if r.summary.InCall {
		return true // it replays the rest
	}
	l.hasten(r)
	return l.heldBy(r, r.handover.to) >= r.lastWork() && r.agreedIndex >= r.lastWork()
}

// heldBy is the checkpoint that a node has, by its index.
func (l *loop) heldBy(r *replica, node wire.NodeID) uint64 {
	for _, p := range r.group.Progress() {
		if p.Node == node {
			return p.Held
		}
	}
	return 0
}

// caughtUp tells whether all that is committed is worked on.
func (r *replica) caughtUp() bool {
	return r.executed && r.intake.proposed == 0 && r.summary.Index >= r.lastIndex()
}

// lastIndex is the last entry that was committed.
func (r *replica) lastIndex() uint64 {
	if len(r.log) == 0 {
		return r.group.Applied()
	}
	return r.log[len(r.log)-1].Index
}

// abandon ends a handover: the actor stays.
func (l *loop) abandon(now time.Time, r *replica, why error) {
	h := r.handover
	if h == nil {
		return
	}
	l.host.cfg.Log.Debug("a move was given up", "actor", r.id, "to", h.to, "phase", h.phase, "err", why,
		"work", r.lastWork(), "agreed", r.agreedIndex, "captured", r.captured.Index, "held", l.heldBy(r, h.to))
	r.handover, r.intake.paused = nil, false
	h.done <- why
	l.touch(r)
}

// handoverFailed is told when the other node has not taken the leadership.
func (l *loop) handoverFailed(now time.Time, r *replica) {
	l.abandon(now, r, fmt.Errorf("%w: the target did not take over", ErrUnavailable))
}

// handoverEnded is told when this node leads no more, for whatever reason.
func (l *loop) handoverEnded(now time.Time, r *replica) {
	h := r.handover
	if h == nil {
		return
	}
	r.handover = nil
	if h.phase != handing {
		h.done <- fmt.Errorf("%w: the actor has got another leader meanwhile", ErrUnavailable)
		return
	}
	r.gave, r.gaveAt = h.to, now
	l.event(now, r, "migrated", string(h.reason))
	h.done <- nil
}
