package activation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/checkpoint"
)

const (
	// sweepEvery is how often checkpoints are removed that no log needs.
	sweepEvery = time.Second
	// collectEvery is how often the store is rid of what they alone needed.
	collectEvery = time.Minute
	// spare is how many checkpoints are kept behind the one that the log names: for
	// whom a push of a later one is under way.
	spare = 2
	// maxPace is the longest time between two checkpoints, when the disk is slow.
	maxPace = 10 * time.Second
)

// Run removes what is not needed any more, and keeps the memories of followed actors
// ready, until ctx is done. It returns ctx's error.
func (e *Engine) Run(ctx context.Context) error {
	sweep, collect := time.NewTicker(sweepEvery), time.NewTicker(collectEvery)
	defer sweep.Stop()
	defer collect.Stop()
	var follower sync.WaitGroup
	defer follower.Wait()
	follower.Go(func() { e.runFollower(ctx) })
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-sweep.C:
			e.sweep()
		case <-collect.C:
			if _, err := e.cfg.Store.Collect(ctx); err != nil && ctx.Err() == nil {
				slog.Warn("collecting checkpoints", "err", err)
			}
		}
	}
}

// Needed says which checkpoint of an actor its log begins with: older ones may go.
func (e *Engine) Needed(actor wire.ActorID, id cid.Cid) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.needed[actor], e.stale[actor] = id, true
}

// sweep removes the checkpoints that are not needed since the last time.
func (e *Engine) sweep() {
	e.mu.Lock()
	needed := map[wire.ActorID]cid.Cid{}
	for actor := range e.stale {
		needed[actor] = e.needed[actor]
		delete(e.needed, actor)
	}
	e.stale = map[wire.ActorID]bool{}
	e.mu.Unlock()
	var remove []cid.Cid
	for actor, id := range needed {
		remove = append(remove, e.superfluous(actor, id)...)
	}
	if len(remove) == 0 {
		return
	}
	if err := e.cfg.Store.Remove(remove...); err != nil {
		slog.Warn("removing checkpoints", "err", err)
	}
}

// runFollower brings the images of followed actors to what was pushed, at once: whoever
// pushes may be about to hand the actor over.
func (e *Engine) runFollower(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.pushed:
		}
		e.mu.Lock()
		follow := e.follow
		e.follow = map[wire.ActorID]checkpoint.Memory{}
		e.mu.Unlock()
		for actor, m := range follow {
			if ctx.Err() != nil {
				return
			}
			if err := e.prepare(actor, m); err != nil {
				slog.Warn("memory of an actor", "actor", actor, "err", err)
			}
		}
	}
}

// superfluous lists the checkpoints of an actor that are older than the one its log
// names, but for some.
func (e *Engine) superfluous(actor wire.ActorID, id cid.Cid) (ids []cid.Cid) {
	refs := e.cfg.Store.List(actor.String())
	at := -1
	for i, ref := range refs {
		if ref.ID == id {
			at = i
		}
	}
	for i := range max(0, at-spare) {
		ids = append(ids, refs[i].ID)
	}
	return ids
}

// prepare brings the image of a followed actor up to date.
func (e *Engine) prepare(actor wire.ActorID, m checkpoint.Memory) error {
	e.mu.Lock()
	active := e.active[actor] != nil
	e.mu.Unlock()
	if active {
		return nil
	}
	return e.images.follow(actor.String(), m)
}

// Follow brings the image of a followed actor to the newest checkpoint that is here, and
// returns when that is done: the actor is about to come.
func (e *Engine) Follow(actor wire.ActorID) error {
	refs := e.cfg.Store.List(actor.String())
	if len(refs) == 0 {
		return nil
	}
	signed, err := e.load(actor, refs[len(refs)-1].ID)
	if err != nil {
		return err
	}
	return e.prepare(actor, signed.Memory)
}

// Prepare has a module compiled, so that an actor of it is activated without delay.
func (e *Engine) Prepare(ctx context.Context, module cid.Cid) error {
	m, err := e.modules.use(ctx, module)
	if err != nil {
		return err
	}
	return e.modules.release(m)
}

// Forget removes all that this node has of an actor, which must not be active.
func (e *Engine) Forget(actor wire.ActorID) error {
	e.mu.Lock()
	delete(e.needed, actor)
	delete(e.stale, actor)
	delete(e.follow, actor)
	e.mu.Unlock()
	e.recent.Forget(actor.String())
	var ids []cid.Cid
	for _, ref := range e.cfg.Store.List(actor.String()) {
		ids = append(ids, ref.ID)
	}
	err := errors.Join(e.images.forget(actor.String()), e.journals.forget(actor.String()))
	if len(ids) > 0 {
		err = errors.Join(err, e.cfg.Store.Remove(ids...))
	}
	return err
}
