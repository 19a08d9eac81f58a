package actors

import (
	"context"
	"errors"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// maxSpawns is how many actors are made at a time on this node for others that want
// them, however many these are: each has several nodes write and a guest begin, and
// clients wait behind that. The rest wait for their turn.
const maxSpawns = 32

// spawn makes an actor that another one wants, when it is its turn.
func (l *loop) spawn(now time.Time, r *replica, s mailbox.Spawn) {
	if l.spawning[s.Actor] {
		return
	}
	l.spawning[s.Actor] = true
	spec := r.spec
	spec.Name, spec.Parent, spec.Created, spec.Creator = s.Name, r.id, now.UnixMilli(), l.host.cfg.Self
	spec.Module = r.summary.Module
	if s.Module.Defined() {
		spec.Module = s.Module
	} else if !spec.Module.Defined() {
		spec.Module = r.spec.Module
	}
	l.spawns = append(l.spawns, spawn{s.Actor, r.id, s.Ask, spec, r.live})
	l.spawnNext()
}

// spawn is an actor to make for another one.
type spawn struct {
	actor, parent wire.ActorID
	ask           uint64
	spec          wire.Spec
	live          *live // of the parent
}

// spawnNext makes the next ones, as long as there is room.
func (l *loop) spawnNext() {
	for len(l.spawns) > 0 && l.spawned < maxSpawns {
		s := l.spawns[0]
		l.spawns = l.spawns[1:]
		if !l.wants(s) {
			delete(l.spawning, s.actor)
			continue
		}
		l.spawned++
		l.host.background(func() { l.make(s) })
	}
	if len(l.spawns) == 0 {
		l.spawns = nil
	}
}

// wants tells whether the parent is still led here: else whoever leads it spawns it again.
func (l *loop) wants(s spawn) bool {
	r := l.replicas[s.parent]
	return r != nil && r.live == s.live
}

// make makes an actor for another one, beside the loop, and tells that how it went.
func (l *loop) make(s spawn) {
	ctx, cancel := context.WithTimeout(l.host.ctx, l.host.cfg.Deadline)
	defer cancel()
	err := l.host.make(ctx, &making{}, s.actor, s.spec, nil)
	l.inbox.put(func(time.Time) {
		l.spawned--
		delete(l.spawning, s.actor)
		if l.wants(s) {
			l.settle(s.parent, replyItem(s.ask, spawnResult(err)))
		}
		l.spawnNext()
	})
}

// spawnResult is what the parent is told. A name that is taken is no failure.
func spawnResult(err error) wire.Result {
	if err == nil || errors.Is(err, ErrExists) {
		return wire.Result{Outcome: wire.OK}
	}
	return wire.Result{Outcome: wire.Refused, Payload: []byte(err.Error())}
}
