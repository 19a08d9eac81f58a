package activation

import (
	"context"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

// firstIndex is where the log of a new actor begins.
const firstIndex = 1

// Export writes a checkpoint of an actor as a CAR file (checkpoint.Export): memory,
// mailbox and spec, but not the module, which it names.
func (e *Engine) Export(ctx context.Context, actor wire.ActorID, id cid.Cid, w io.Writer) error {
	signed, err := e.load(actor, id)
	if err != nil {
		return err
	}
	return checkpoint.Export(&interruptible{ctx, w}, signed, e.cfg.Store)
}

// interruptible stops writing when its context is done.
type interruptible struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer.
func (i *interruptible) Write(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.w.Write(p)
}

// Import reads what Export wrote, of whatever actor and node, as the beginning of a new
// actor: its memory and timers, without mail (mailbox.State.Copy). The spec is the old
// one with what change sets. What comes back is the base of the new actor's log. Errors
// of what is read wrap those of checkpoint.Import, mailbox.ErrState or wire.ErrInvalid.
func (e *Engine) Import(ctx context.Context, r io.Reader, actor wire.ActorID, change func(*wire.Spec)) (wire.Spec, wire.Checkpoint, error) {
	b := e.cfg.Store.Begin()
	defer b.Close()
	signed, err := checkpoint.Import(r, checkpoint.Ed25519{}, interruptibleSink{ctx, b}, uint64(e.cfg.PushBytes))
	if err != nil {
		return wire.Spec{}, wire.Checkpoint{}, err
	}
	state, err := signed.ReadState(b)
	if err != nil {
		return wire.Spec{}, wire.Checkpoint{}, err
	}
	until, m, err := decodeState(state.Sections[sectionGuest])
	if err == nil && !m.Quiet() {
		err = fmt.Errorf("in the middle of a message: %w", mailbox.ErrState)
	}
	if err != nil {
		return wire.Spec{}, wire.Checkpoint{}, err
	}
	spec := m.Spec()
	spec.Module = m.Module()
	change(&spec)
	if err := spec.Validate(); err != nil {
		return wire.Spec{}, wire.Checkpoint{}, err
	}
	state.Sections[sectionGuest] = encodeState(until, m.Copy(actor, &spec, firstIndex))
	c, err := e.begun(b, signed, state, actor)
	return spec, c, err
}

// begun makes the first checkpoint of an actor of another one's last.
func (e *Engine) begun(b *store.Batch, from *checkpoint.Signed, state *checkpoint.State, actor wire.ActorID) (wire.Checkpoint, error) {
	before, manifest := *from, *from.Manifest
	manifest.Order = checkpoint.Order{} // that of another name
	before.Manifest = &manifest
	cfg := checkpoint.Config{Name: actor.String(), Module: from.Module, Owner: e.cfg.Owner}
	chain, err := checkpoint.Resume(cfg, &before, b)
	if err != nil {
		return wire.Checkpoint{}, err
	}
	ready, err := chain.Update(checkpoint.Capture{
		Order: checkpoint.Order{Epoch: 1, Sequence: 1}, Time: e.cfg.Now(), Fuel: from.Fuel, Size: from.Memory.Size, State: *state,
	})
	if err == nil {
		err = b.Save(ready)
	}
	if err != nil {
		return wire.Checkpoint{}, err
	}
	return checkpointOf(ready.Signed, firstIndex), nil
}

// interruptibleSink takes no more when its context is done.
type interruptibleSink struct {
	ctx context.Context
	checkpoint.Sink
}

// Put implements checkpoint.Sink.
func (s interruptibleSink) Put(o checkpoint.Object) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return s.Sink.Put(o)
}
