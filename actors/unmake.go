package actors

import (
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// unmaking is an actor that was made in vain, as its maker remembers it: the nodes that
// were to have it are told that it is gone, again and again until each has answered.
type unmaking struct {
	wait time.Duration
	left map[wire.NodeID]bool // have not answered
}

// The first and the last wait until nodes are told again.
const unmakeAgain, unmakeSeldom = 500 * time.Millisecond, time.Minute

// unmake deletes what there is of an actor that was made in vain, wherever that is: else
// a node would keep its replica, and nobody else could have its name. This node remembers
// it on disk, for nodes that are away for longer.
func (h *Host) unmake(base wire.Base) {
	h.loop.inbox.put(func(now time.Time) {
		l := h.loop
		delete(l.making, base.Actor)
		l.directory.forget(base.Actor)
		if r := l.replicas[base.Actor]; r != nil && l.unpark(now, r) == nil {
			l.gone(now, r, true)
		} else {
			l.remove(now, base.Actor, base.Members)
		}
		u := &unmaking{wait: unmakeAgain, left: make(map[wire.NodeID]bool)}
		for _, m := range base.Members {
			if m.Node != h.cfg.Self {
				u.left[m.Node] = true
			}
		}
		l.unmakings[base.Actor] = u
		l.tellUnmade(base.Actor, u)
	})
}

// tellUnmade tells the nodes that have not answered, and so on until all have.
func (l *loop) tellUnmade(id wire.ActorID, u *unmaking) {
	if len(u.left) == 0 || !l.buried.has(id) {
		delete(l.unmakings, id)
		return
	}
	for node := range u.left {
		if l.liveness.alive(node) {
			l.evict(node, id)
		}
	}
	l.later(u.wait, func(time.Time) { l.tellUnmade(id, u) })
	u.wait = min(2*u.wait, unmakeSeldom)
}

// unmade takes a node's word about an actor that may have been made in vain: that it has
// nothing of it, or that it has, since it was told to make it later than that there is none.
func (l *loop) unmade(from wire.NodeID, c wire.Created) {
	switch u := l.unmakings[c.Actor]; {
	case c.Refusal == "":
		l.evict(from, c.Actor)
	case u != nil:
		delete(u.left, from)
	}
}

// evictedHere takes the word of an actor's maker that it was made in vain, of a replica
// that has never heard of a leader: members are believed by the group itself. The answer
// is that nothing is here.
func (l *loop) evictedHere(now time.Time, from wire.NodeID, m wire.Evicted) (done bool) {
	r := l.replicas[m.Actor]
	switch {
	case !m.Removed:
		return false
	case r == nil:
		l.send(from, wire.Created{Actor: m.Actor, Replica: m.Replica, Refusal: noReplica})
		return true
	case r.number != m.Replica || r.where.Epoch != 0 || l.unpark(now, r) != nil:
		return false
	case r.group.Base().Spec.Creator != from:
		return false
	}
	l.gone(now, r, true)
	reply := wire.Created{Actor: m.Actor, Replica: m.Replica, Refusal: noReplica}
	l.out.after = append(l.out.after, func() { l.inbox.put(func(time.Time) { l.send(from, reply) }) })
	return true
}

const noReplica = "there is no replica here"
