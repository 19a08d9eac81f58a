package activation

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/runtime"
)

// DryRun tries on a copy, made of a checkpoint that is on this node, whether an actor
// can become another module. Nothing of it leaves or is kept. The error wraps ErrUnfit
// if it cannot. Without a checkpoint, as of a process, it is tried whether the other
// module can begin.
func (e *Engine) DryRun(ctx context.Context, actor wire.ActorID, spec wire.Spec, c *wire.Checkpoint, module cid.Cid) error {
	a := e.newActivation(ctx, Start{Actor: actor, Spec: spec, Checkpoint: c}, nil)
	a.halted = true // the sink is told nothing
	a.file += " on trial"
	defer a.cancel()
	if err := a.enter(); err != nil {
		return err
	}
	defer a.leave()
	r, err := a.begin(a.base)
	if err != nil {
		return err
	}
	err = r.try(module)
	return errors.Join(err, r.close(), e.images.forget(a.file))
}

// try has a copy of the actor change to a module, with the limits of a message.
func (r *run) try(module cid.Cid) error {
	r.trial, r.quiet = true, math.MaxUint64
	spec := r.state.Spec()
	copied := r.state.Copy(r.start.Actor, &spec, firstIndex)
	r.adopt(copied)
	d, ok := upgradeOf(copied, module)
	if !ok {
		return fmt.Errorf("%w: it has stopped", ErrUnfit)
	}
	err := r.loses()
	if err == nil {
		err = r.change(d)
	}
	end, guests := errors.AsType[*runtime.GuestError](err)
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case guests && end.Status == runtime.StatusSucceeded && r.process:
		return nil // the process waits for messages
	case guests:
		return fmt.Errorf("%w: %s", ErrUnfit, cause(end))
	}
	return err
}

// loses tells whether the actor is a process, which cannot hand over its state, and has
// some.
func (r *run) loses() error {
	if r.module != nil || r.state.Spec().Stateless {
		return nil
	}
	m, err := r.engine.modules.use(r.ctx, r.state.Module().Cid)
	if err != nil {
		return err
	}
	if m.process {
		err = errProcess
	}
	return errors.Join(err, r.engine.modules.release(m))
}

var errProcess = &unfitError{"a process has no way to hand over its state"}

// upgradeOf begins an upgrade as the next delivery of a copy.
func upgradeOf(s *mailbox.State, module cid.Cid) (d mailbox.Delivery, ok bool) {
	control := wire.Control{Verb: wire.VerbUpgrade, Module: wire.Link{Cid: module}, ID: wire.MessageID{1}}
	s.Apply(wire.Committed{Index: firstIndex + 1, Epoch: 1, Entry: wire.Entry{Items: []wire.Item{{Control: &control}}}})
	for {
		if d, ok = s.Next(); !ok || d.Kind == mailbox.Upgrade {
			return d, ok
		}
		s.Finish()
	}
}
