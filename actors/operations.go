package actors

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/activation"
	"github.com/godwit-run/godwit/actors/wire"
)

// Send gives an actor a message, and returns its id when it is acknowledged: it
// cannot be lost any more. Errors: ErrNotFound, ErrAmbiguous, ErrInvalid, ErrStopped,
// ErrBusy, ErrUnavailable, ErrTimeout.
func (h *Host) Send(ctx context.Context, actor string, payload []byte, o MessageOptions) (wire.MessageID, error) {
	if len(payload) > wire.MaxPayload {
		return wire.MessageID{}, fmt.Errorf("%w: payload of %d bytes, more than %d", ErrInvalid, len(payload), wire.MaxPayload)
	}
	if o.ID.IsZero() {
		ids, err := h.SendAll(ctx, actor, [][]byte{payload})
		if err != nil {
			return wire.MessageID{}, err
		}
		return ids[0], nil
	}
	end, err := h.call(ctx, &clientCall{actor: actor, message: &wire.Message{ID: o.ID, Payload: payload}})
	return end.id, err
}

// Ask gives an actor a message and returns its reply. It is held through failover and
// migration until ctx is done, at most Config.Deadline if that has no deadline.
// Errors: those of Send, *RefusedError.
func (h *Host) Ask(ctx context.Context, actor string, payload []byte, o MessageOptions) ([]byte, error) {
	if len(payload) > wire.MaxPayload {
		return nil, fmt.Errorf("%w: payload of %d bytes, more than %d", ErrInvalid, len(payload), wire.MaxPayload)
	}
	end, err := h.call(ctx, &clientCall{actor: actor, ask: true, message: &wire.Message{ID: o.ID, Ask: true, Payload: payload}})
	if err != nil {
		return nil, err
	}
	return end.result.Payload, nil
}

// control has something done to an actor.
func (h *Host) control(ctx context.Context, actor string, c wire.Control) error {
	rand.Read(c.ID[:])
	_, err := h.call(ctx, &clientCall{actor: actor, ask: true, control: &c})
	return err
}

// Remove ends an actor for good and deletes its replicas; those that cannot be
// reached delete theirs when they can.
func (h *Host) Remove(ctx context.Context, actor string) error {
	began := time.Now()
	where, err := h.locate(ctx, actor)
	if err != nil {
		return surely(err)
	}
	for range maxNamed {
		err = h.control(ctx, where.Actor.String(), wire.Control{Verb: wire.VerbRemove})
		switch {
		case errors.Is(err, ErrStopped):
			return nil
		case err == nil:
			h.loop.inbox.put(func(time.Time) { h.loop.outlived(where.Actor) })
			return nil
		case !errors.Is(err, ErrNotFound):
			return err
		}
		next, err := h.relocate(ctx, actor, where)
		if err = surely(err); errors.Is(err, ErrNotFound) || err == nil && next.Created > began.UnixMilli() {
			return nil // it is gone, and a later one is not meant
		} else if err != nil {
			return err
		}
		where = next
	}
	return err
}

// surely is an error, but for ErrNotFound that nobody is sure of.
func surely(err error) error {
	if errors.Is(err, errUnsure) {
		return fmt.Errorf("%w: nodes that may have it cannot be reached", ErrUnavailable)
	}
	return err
}

// relocate finds the actor that has an actor's name after that one has gone. Errors:
// ErrNotFound if there is none.
func (h *Host) relocate(ctx context.Context, actor string, gone wire.Where) (wire.Where, error) {
	err := h.loop.do(ctx, func(now time.Time) {
		if r := h.loop.replicas[gone.Actor]; r == nil {
			h.loop.directory.forget(gone.Actor)
		} else {
			h.loop.want(now, r, "") // who has seen its end says so
		}
	})
	if err != nil {
		return wire.Where{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	for end := time.Now().Add(unsureWait); ; {
		where, err := h.locate(ctx, actor)
		if err != nil || where.Actor != gone.Actor {
			return where, err
		}
		if time.Now().After(end) {
			return wire.Where{}, errUnsure // another one may have the name, behind what is left of this
		}
		select {
		case <-time.After(callNowhere): // a replica here is about to hear it
		case <-ctx.Done():
			return wire.Where{}, errUnsure
		}
	}
}

// Upgrade gives an actor another module, between two messages, after it has been
// tried on a copy. Errors: ErrNotFound, ErrInvalid, ErrUnavailable; a *RefusedError if
// the trial failed.
func (h *Host) Upgrade(ctx context.Context, actor string, o UpgradeOptions) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Deadline)
	defer cancel()
	if o.Rollback == o.Module.Defined() {
		return Status{}, fmt.Errorf("%w: either a module or a rollback", ErrInvalid)
	}
	var s Status
	c, err := h.ofLeader(ctx, actor, forUpgrade, o, &s)
	if err != nil {
		return Status{}, err
	}
	return s, c.Close()
}

// serveUpgrade upgrades an actor that is led here.
func (h *Host) serveUpgrade(ctx context.Context, c *command) error {
	var o UpgradeOptions
	if err := json.Unmarshal(c.detail, &o); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	module := o.Module
	err := h.leading(ctx, c.actor, func(_ time.Time, r *replica) error {
		if o.Rollback {
			module = r.summary.Previous.Cid
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !module.Defined() {
		return fmt.Errorf("%w: there was no other module before", ErrInvalid)
	}
	if err := h.cfg.Modules.Hold(ctx, module); err != nil {
		return fmt.Errorf("%w: module: %w", ErrInvalid, err)
	}
	if err := h.tryUpgrade(ctx, c.actor, module); err != nil || o.DryRun {
		return c.end(err, h.shown(ctx, c.actor))
	}
	change := wire.Control{Verb: wire.VerbUpgrade, Module: wire.Link{Cid: module}}
	if o.Rollback {
		change = wire.Control{Verb: wire.VerbRollback}
	}
	err = h.control(ctx, c.actor.String(), change)
	return c.end(err, h.shown(ctx, c.actor))
}

// end answers how it went.
func (c *command) end(err error, s Status) error {
	if err != nil {
		return err
	}
	return c.ok(s)
}

// shown is an actor that is led here.
func (h *Host) shown(ctx context.Context, actor wire.ActorID) (s Status) {
	err := h.leading(ctx, actor, func(now time.Time, r *replica) error {
		s = h.loop.status(now, r)
		return nil
	})
	if err != nil {
		h.cfg.Log.Debug("status of an actor", "id", actor, "err", err)
	}
	return s
}

// tryUpgrade tries another module on a copy of an actor. One that cannot be captured now,
// as a process that is not suspended never can, is tried as if it began anew: that is all
// there is to try if its memory may be dropped, and tells what can never be.
func (h *Host) tryUpgrade(ctx context.Context, actor wire.ActorID, module cid.Cid) error {
	at, busy := h.checkpointed(ctx, actor)
	if busy != nil && !errors.Is(busy, ErrBusy) {
		return busy
	}
	var spec wire.Spec
	err := h.leading(ctx, actor, func(_ time.Time, r *replica) error {
		spec = r.spec
		if at == nil && r.summary.Module.Defined() {
			spec.Module = r.summary.Module // the one of now
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = h.engine.DryRun(ctx, actor, spec, at, module)
	switch {
	case errors.Is(err, activation.ErrUnfit):
		return &RefusedError{Reason: err.Error()}
	case err == nil && !spec.Stateless:
		return busy
	}
	return err
}

// checkpointed returns a checkpoint of an actor, as it is now, that is on this node's
// disk; nil if nothing ever happened to it.
func (h *Host) checkpointed(ctx context.Context, actor wire.ActorID) (*wire.Checkpoint, error) {
	var at *wire.Checkpoint
	want := uint64(0)
	err := h.leading(ctx, actor, func(now time.Time, r *replica) error {
		if want == 0 {
			want = max(r.lastWork(), 1)
		}
		switch {
		case r.captured.Index >= want:
			c := r.captured
			at = &c
		case r.group.Base().Checkpoint != nil && r.group.Base().Checkpoint.Index >= want:
			at = r.group.Base().Checkpoint
		case r.summary.InCall:
			return fmt.Errorf("%w: the actor is in the middle of a message, where it cannot be captured", ErrBusy)
		default:
			r.active.Checkpoint()
			return errNotYet
		}
		return nil
	})
	return at, err
}

// Snapshot writes an actor as a CAR file: a checkpoint of now, with its name,
// settings and mailbox.
func (h *Host) Snapshot(ctx context.Context, actor string, w io.Writer) error {
	c, err := h.ofLeader(ctx, actor, forSnapshot, nil, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Reset() })
	defer stop()
	_, err = io.Copy(w, &unseries{conn: c})
	return err
}

// serveSnapshot writes an actor that is led here.
func (h *Host) serveSnapshot(ctx context.Context, c *command) error {
	at, err := h.checkpointed(ctx, c.actor)
	if err != nil {
		return err
	}
	if err := c.ok(nil); err != nil {
		return err
	}
	w := series{c.conn}
	if err := h.engine.Export(ctx, c.actor, at.Manifest.Cid, w); err != nil {
		return errors.Join(err, c.Reset())
	}
	return w.Close()
}

// Restore makes an actor, under a name that may be another one, of what Snapshot
// has written. Errors: those of Create.
func (h *Host) Restore(ctx context.Context, name string, r io.Reader) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Deadline)
	defer cancel()
	if err := h.awaitReady(ctx); err != nil {
		return Status{}, err
	}
	id := newActorID(time.Now())
	spec, at, err := h.engine.Import(ctx, r, id, func(s *wire.Spec) {
		s.Creator, s.Created, s.Parent = h.cfg.Self, time.Now().UnixMilli(), wire.ActorID{}
		if name != "" {
			s.Name = name
		}
	})
	if err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := h.make(ctx, &making{}, id, spec, &at); err != nil {
		h.forget(id, cid.Undef)
		return Status{}, err
	}
	return h.begun(ctx, id)
}

// locate finds an actor. While nodes are away that may have it, it waits for them as a
// message does.
func (h *Host) locate(ctx context.Context, actor string) (wire.Where, error) {
	for end := time.Now().Add(unsureWait); ; {
		where, err := h.locateNow(ctx, actor)
		if !errors.Is(err, errUnsure) || time.Now().After(end) {
			return where, err
		}
		select {
		case <-ctx.Done():
			return where, err
		case <-time.After(callNowhere):
		}
	}
}

func (h *Host) locateNow(ctx context.Context, actor string) (wire.Where, error) {
	type found struct {
		where wire.Where
		err   error
	}
	done := make(chan found, 1)
	err := h.do(ctx, func(now time.Time) {
		h.loop.resolve(now, actor, func(_ time.Time, w wire.Where, err error) { done <- found{w, err} })
	})
	if err != nil {
		return wire.Where{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	select {
	case f := <-done:
		return f.where, f.err
	case <-ctx.Done():
		return wire.Where{}, fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	}
}

// route is where to ask for an actor.
func (h *Host) route(ctx context.Context, actor wire.ActorID, avoid wire.NodeID) (to wire.NodeID) {
	if h.do(ctx, func(time.Time) { to = h.loop.route(actor, avoid) }) != nil {
		return ""
	}
	return to
}

// redirected notes who leads an actor.
func (h *Host) redirected(actor wire.ActorID, leader wire.NodeID) {
	h.loop.inbox.put(func(time.Time) {
		if p := h.loop.directory.known[actor]; p != nil && leader != "" {
			p.Leader = leader
		}
	})
}

func (h *Host) redirectedByName(actor string, leader wire.NodeID) {
	h.loop.inbox.put(func(time.Time) {
		if p := h.loop.directory.byName(actor); p != nil && !p.held {
			p.Leader = leader
		}
	})
}

// Alive tells whether a node is connected and has been heard of lately.
func (h *Host) Alive(node wire.NodeID) (alive bool) {
	err := h.doNow(func(time.Time) { alive = node == h.cfg.Self || h.loop.liveness.alive(node) })
	return err == nil && alive
}
