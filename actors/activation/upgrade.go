package activation

import (
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/hostabi/actor"
)

// unfitError is what is wrong with a module, or with what a guest does at an upgrade.
// It is the same on every replay.
type unfitError struct{ text string }

func (e *unfitError) Error() string { return e.text }

// Unwrap returns ErrUnfit.
func (e *unfitError) Unwrap() error { return ErrUnfit }

// change has the actor go on as another module, which takes over what the one before
// hands it.
func (r *run) change(d mailbox.Delivery) error {
	state, err := r.handOver()
	if err != nil {
		return err
	}
	if err := r.state.Upgraded(); err != nil {
		return err
	}
	if err := r.instantiate(d.Module.Cid); err != nil {
		return err
	}
	switch {
	case state != nil && (r.process || !r.module.loads):
		return &unfitError{"the new module does not export " + actor.ExportLoad}
	case r.process:
		r.guest.current = nil
		return r.runProcess()
	}
	if r.module.initialises {
		if err := r.call(exportInitialize); err != nil {
			return err
		}
	}
	if state == nil {
		return nil
	}
	return r.load(state)
}

// handOver has the guest save its state; nil if there is none to hand over.
func (r *run) handOver() ([]byte, error) {
	if r.inst == nil || r.state.Spec().Stateless {
		return nil, nil
	}
	if r.process {
		return nil, errProcess
	}
	if !r.module.saves {
		return nil, &unfitError{"the module does not export " + actor.ExportSave}
	}
	s := &saving{}
	r.guest.save = s
	err := r.call(actor.ExportSave)
	r.guest.save = nil
	if err == nil && !s.done {
		err = &unfitError{actor.ExportSave + " has handed over nothing"}
	}
	return s.state, err
}

// load has the new module take over the state.
func (r *run) load(state []byte) error {
	r.guest.current = &actor.Message{Kind: actor.KindLoad, Payload: state}
	err := r.call(actor.ExportLoad)
	r.guest.current = nil
	return err
}
