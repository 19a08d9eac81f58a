package actors

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

const (
	// maintainEvery is the time between looks at the members of an actor that works.
	maintainEvery = time.Second
	// placeTime bounds the search for a node for a replica.
	placeTime = 10 * time.Second
)

// maintain brings the replicas of an actor that is led here to the number that it
// wants, one step at a time: a lost one is replaced by one that learns first, and taken
// out when that counts.
func (l *loop) maintain(now time.Time, r *replica) {
	if !r.executed || r.changing || r.handover != nil || now.Before(r.maintained.Add(l.maintainEvery())) {
		return
	}
	r.maintained = now
	if l.draining {
		l.leave(now, r)
	}
	progress := r.group.Progress()
	if i := slices.IndexFunc(progress, func(p group.Progress) bool { return p.Learner }); i >= 0 {
		l.raise(now, r, progress[i])
		return
	}
	if node := l.mute(now, r, progress); node != "" {
		l.change(now, r, group.Change{Remove: node})
		return
	}
	lost := 0
	for _, p := range progress {
		if l.liveness.deadFor(now, p.Node) >= l.host.cfg.ReplaceAfter {
			lost++
		}
	}
	leaving, room := l.leaving(r.where.Members), l.room(now, r)
	if room {
		lost += len(leaving)
	}
	switch {
	case len(progress) > r.spec.Replicas && !l.draining: // what is drained adds who it moves to
		l.dismiss(now, r, progress)
	case len(leaving) > 0 && !room && l.outvoted(r.where.Members, leaving):
		l.change(now, r, group.Change{Remove: l.dispensable(r.where.Members, leaving)})
	case len(progress)-lost < r.spec.Replicas:
		l.recruit(r)
	default:
		l.improve(now, r)
	}
	if r.live != nil {
		l.maintainIn(r, l.maintainEvery())
	}
}

// muteFor is after what time a voter is taken out that says nothing while its node lives.
const muteFor = 5 * time.Second

// mute is the node of a voter that has answered nothing since this leader was elected,
// though it lives: it has no replica, since it was never told to make one, or one that is
// broken. Without it the actor hangs on fewer replicas than it seems, and never rests.
func (l *loop) mute(now time.Time, r *replica, progress []group.Progress) (node wire.NodeID) {
	if r.mute == nil {
		r.mute = make(map[wire.NodeID]time.Time)
	}
	for _, p := range progress {
		switch since, known := r.mute[p.Node]; {
		case p.Node == l.host.cfg.Self, p.Match > 0, !l.liveness.alive(p.Node):
			delete(r.mute, p.Node)
		case !known:
			r.mute[p.Node] = now
		case now.Sub(since) >= muteFor:
			node = p.Node
		}
	}
	return node
}

// improveEvery is the time between looks whether an actor would better be elsewhere.
const improveEvery = 5 * time.Second

// improve moves an actor where it would better be, if the Placer knows such a place.
func (l *loop) improve(now time.Time, r *replica) {
	if l.draining || r.recruiting || now.Before(r.improved.Add(improveEvery)) {
		return
	}
	r.improved = now
	id, p := r.id, l.placement(r)
	l.host.background(func() {
		to, reason := l.host.cfg.Placer.Better(p)
		if to != "" && to != l.host.cfg.Self {
			l.host.moveAway(id, MigrateOptions{To: to, Reason: reason})
		}
	})
}

// leave moves an actor away that has come to be led here while this node is drained, as
// when its leader has died. The drain itself moves those that were here before.
func (l *loop) leave(now time.Time, r *replica) {
	if r.improved.IsZero() {
		r.improved = now
	}
	if now.Before(r.improved.Add(improveEvery)) || !l.canLeave(now, r) {
		return
	}
	r.improved = now
	id := r.id
	l.host.background(func() { l.host.moveAway(id, MigrateOptions{Reason: wire.ReasonDrain}) })
}

// canLeave tells whether there is a node that could lead an actor instead of this one.
func (l *loop) canLeave(now time.Time, r *replica) bool {
	for _, m := range r.where.Members {
		if m.Node != l.host.cfg.Self && l.liveness.alive(m.Node) && !l.pulses.draining(m.Node) {
			return true
		}
	}
	return l.room(now, r)
}

// moveAway moves an actor that is led here, if it can be.
func (h *Host) moveAway(id wire.ActorID, o MigrateOptions) {
	ctx, cancel := context.WithTimeout(h.ctx, handoverTime)
	defer cancel()
	if _, err := h.migrate(ctx, id, o); err != nil {
		h.cfg.Log.Debug("move an actor", "id", id, "to", o.To, "reason", o.Reason, "err", err)
	}
}

func (l *loop) maintainEvery() time.Duration { return min(maintainEvery, l.host.cfg.ReplaceAfter/2) }

// raise makes a learner a voter, once it can be one. One that is lost is taken out.
func (l *loop) raise(now time.Time, r *replica, p group.Progress) {
	if !l.liveness.alive(p.Node) {
		if l.liveness.deadFor(now, p.Node) >= l.host.cfg.ReplaceAfter {
			l.change(now, r, group.Change{Remove: p.Node})
		}
		return
	}
	err := l.change(now, r, group.Change{Promote: p.Node})
	if !errors.Is(err, group.ErrNotReady) || r.live == nil {
		return
	}
	if p.Match == 0 && now.After(r.invited.Add(inviteAgain)) {
		r.invited = now
		l.invite(r, p.Node, p.Replica)
	}
	if base := r.group.Base().Checkpoint; base != nil && p.Held < base.Index && r.pushes[p.Node] == nil {
		l.push(r, p.Node, stored{*base, math.MaxInt64}) // all of it
	}
	l.maintainIn(r, raiseAgain)
}

const (
	// raiseAgain is the wait until a learner that is not ready is looked at again.
	raiseAgain = 30 * time.Millisecond
	// inviteAgain is the wait until a node that has not made its replica is asked again.
	inviteAgain = 500 * time.Millisecond
)

// invite has a node make a replica that learns the rest.
func (l *loop) invite(r *replica, node wire.NodeID, number uint64) {
	base := r.group.Base()
	base.Members = r.group.Roster().Members
	for _, m := range base.Members {
		base.NextReplica = max(base.NextReplica, m.Replica+1)
	}
	l.send(node, wire.Create{Base: base, Replica: number, Joining: true})
}

// joined notes that an invited node has made its replica, or will not.
func (l *loop) joined(now time.Time, r *replica, node wire.NodeID, c wire.Created) {
	if r.where.Members.Replica(node) != c.Replica {
		return
	}
	if c.Refusal == "" {
		return // it learns now
	}
	for _, p := range r.group.Progress() {
		if p.Node == node && p.Learner {
			r.refused = append(r.refused, node)
			l.change(now, r, group.Change{Remove: node})
		}
	}
}

// dismiss takes out a replica too many: the one that is dead longest, else the one that
// the actor has moved from, else the last.
func (l *loop) dismiss(now time.Time, r *replica, progress []group.Progress) {
	progress = slices.DeleteFunc(progress, func(p group.Progress) bool { return p.Node == l.host.cfg.Self })
	if len(progress) == 0 {
		return
	}
	worst := slices.MaxFunc(progress, func(a, b group.Progress) int {
		return cmp.Or(
			cmp.Compare(l.liveness.deadFor(now, a.Node), l.liveness.deadFor(now, b.Node)),
			cmp.Compare(rank(l.pulses.draining(a.Node)), rank(l.pulses.draining(b.Node))),
			cmp.Compare(a.Replica, b.Replica))
	})
	l.change(now, r, group.Change{Remove: worst.Node})
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// recruit adds a node that learns: one that the Placer chooses.
func (l *loop) recruit(r *replica) {
	add := func(now time.Time, node wire.NodeID) {
		if l.change(now, r, group.Change{Add: node}) == nil {
			l.event(now, r, "replaced", string(node))
		}
	}
	if r.recruiting {
		return
	}
	r.recruiting = true
	live, p := r.live, l.placement(r)
	l.host.background(func() {
		ctx, cancel := context.WithTimeout(l.host.ctx, placeTime)
		defer cancel()
		nodes := l.host.cfg.Placer.Place(ctx, p, wire.MaxReplicas)
		l.inbox.put(func(now time.Time) {
			if r.live != live || r.live == nil {
				return
			}
			r.recruiting = false
			nodes = slices.DeleteFunc(nodes, func(node wire.NodeID) bool {
				return !l.lives(node) || l.pulses.draining(node) // the Placer may not know that yet
			})
			if len(nodes) == 0 {
				r.crowded = now
			}
			if len(nodes) > 0 && r.leading && r.where.Members.Replica(nodes[0]) == 0 {
				add(now, nodes[0])
			}
		})
	})
}

// placement is what a Placer is told.
func (l *loop) placement(r *replica) Placement {
	spec := r.spec
	p := Placement{Actor: r.id, Spec: &spec, Leader: r.where.Leader, Messages: make(map[wire.NodeID]uint64, len(r.sources))}
	for _, m := range r.where.Members {
		p.Members = append(p.Members, m.Node)
	}
	p.Without = append(slices.Clone(p.Members), r.refused...)
	for node, n := range r.sources {
		p.Messages[node] = n
	}
	return p
}

// change has the members changed.
func (l *loop) change(now time.Time, r *replica, c group.Change) error {
	r.changing = true
	err := l.step(now, r, c)
	if err != nil && r.live != nil {
		r.changing = false
	}
	return err
}

// traffic counts where an actor's messages come from.
func (l *loop) traffic(r *replica, from wire.NodeID, messages int) {
	if r.sources == nil {
		r.sources = make(map[wire.NodeID]uint64)
	}
	if _, known := r.sources[from]; known || len(r.sources) < 64 {
		r.sources[from] += uint64(messages)
	}
}

// maintainIn has a replica maintained after a while, unless that is arranged already.
func (l *loop) maintainIn(r *replica, wait time.Duration) {
	if r.arranged {
		return
	}
	r.arranged = true
	live := r.live
	l.later(wait, func(now time.Time) {
		if r.live != live || r.live == nil {
			return
		}
		if r.arranged, r.maintained = false, (time.Time{}); r.leading {
			l.maintain(now, r)
			l.touch(r)
		}
	})
}

const (
	// reviewMost is how many parked actors are taken up at a time to be looked after, and
	// reviewAgain the time until the same one is again: it may be that nothing can be done.
	reviewMost  = 16
	reviewAgain = time.Minute
)

// review looks after parked actors that lack replicas, since a node is lost for long or
// since there are more: those that are led here come up, a few at a time.
func (l *loop) review(now time.Time) {
	if now.Before(l.reviewed.Add(l.maintainEvery())) {
		return
	}
	l.reviewed = now
	if !l.lostAny(now) {
		return
	}
	n, nodes := 0, len(l.others())+1
	for _, r := range l.replicas {
		if n >= reviewMost {
			return
		}
		if r.live != nil || r.where.Leader != l.host.cfg.Self || now.Sub(r.reviewed) < reviewAgain {
			continue
		}
		if l.lacks(now, r, nodes) {
			n++
			r.reviewed = now
			l.want(now, r, wire.ReasonWoken)
		}
	}
}

// lostAny tells whether a node that actors are shared with is lost for long, or drained.
func (l *loop) lostAny(now time.Time) bool {
	for node, p := range l.liveness.nodes {
		if p.shared > 0 && (l.liveness.deadFor(now, node) >= l.host.cfg.ReplaceAfter || l.pulses.draining(node)) {
			return true
		}
	}
	return false
}

// lacks tells whether something could be done about a parked actor's replicas.
func (l *loop) lacks(now time.Time, r *replica, nodes int) bool {
	for _, m := range r.where.Members {
		if l.liveness.deadFor(now, m.Node) >= l.host.cfg.ReplaceAfter {
			return nodes >= len(r.where.Members)
		}
	}
	return l.drained(now, r)
}
