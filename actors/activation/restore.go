package activation

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/runtime"
)

const (
	exportStart      = "_start"
	exportInitialize = "_initialize"
	// sectionGuest is where a checkpoint has what guest.Capture returned.
	sectionGuest = "host:" + actor.ModuleName
	// sectionAbsent marks a checkpoint of an actor that has no instance: it has ended,
	// or could not begin.
	sectionAbsent = "absent"
)

// begin makes a run that stands where the base is.
func (a *Activation) begin(b base) (*run, error) {
	r := &run{Activation: a}
	r.guest.run = r
	r.streams = [2]*stream{
		{name: "stdout", say: func(s, line string) { r.say(s, "", line) }},
		{name: "stderr", say: func(s, line string) { r.say(s, "", line) }},
	}
	r.last, r.worked, r.before = a.engine.cfg.Now(), b.worked, b.worked
	if !b.id.Defined() {
		r.adopt(mailbox.New(a.start.Actor, &a.start.Spec))
		return r, nil
	}
	a.engine.count(func(s *Stats) { s.Restores++ })
	if err := r.restore(b); err != nil {
		return nil, errors.Join(fmt.Errorf("restore %s at entry %d: %w", a.name, b.index, err), r.close())
	}
	return r, nil
}

func (r *run) adopt(s *mailbox.State) { r.state, r.clock.state = s, s }

// restore makes the run that of a checkpoint.
func (r *run) restore(b base) error {
	e := r.engine
	signed, err := e.cfg.Store.Load(b.id)
	if err != nil {
		return err
	}
	if signed.Name != r.name {
		return fmt.Errorf("a checkpoint of %q: %w", signed.Name, runtime.ErrSaved)
	}
	state, err := signed.ReadState(e.cfg.Store)
	if err != nil {
		return err
	}
	until, m, err := decodeState(state.Sections[sectionGuest])
	if err != nil {
		return err
	}
	if m.Actor() != r.start.Actor || m.Index() != b.index || !m.Module().Equals(signed.Module) {
		return fmt.Errorf("mailbox of actor %s, entry %d: %w", m.Actor(), m.Index(), runtime.ErrSaved)
	}
	r.adopt(m)
	r.until = until
	r.origin, r.changed = signed, m.Index()
	r.seen = r.position()
	if state.Sections[sectionAbsent] != nil {
		return nil
	}
	return r.restoreInstance(signed, state)
}

func (r *run) restoreInstance(signed *checkpoint.Signed, state *checkpoint.State) (err error) {
	if err := r.useModule(signed.Module); err != nil {
		return err
	}
	if r.image, err = r.engine.images.take(r.file, signed.Memory); err != nil {
		return err
	}
	if err := r.openDevices(); err != nil {
		return err
	}
	r.clock.still = true
	defer func() { r.clock.still = false }()
	inst, err := r.module.code.Restore(r.ctx, r.task(), runtime.Saved{
		Module: signed.Module, Fuel: signed.Fuel, State: state, Size: signed.Memory.Size, Memory: r.image.file,
	})
	r.setInstance(inst)
	return err
}

// useModule loads a module.
func (r *run) useModule(id cid.Cid) error {
	m, err := r.engine.modules.use(r.ctx, id)
	if err != nil {
		return err
	}
	r.module, r.process = m, m.process
	return nil
}

// instantiate makes an instance of a module, instead of the one there is.
func (r *run) instantiate(id cid.Cid) error {
	if err := r.closeInstance(); err != nil {
		return err
	}
	if err := r.useModule(id); err != nil {
		return err
	}
	if !r.module.process && !r.module.reactor {
		return &unfitError{"the module is no actor: it exports neither " + actor.ExportHandle + " nor " + exportStart}
	}
	if err := r.openDevices(); err != nil {
		return err
	}
	inst, err := r.module.code.Instantiate(r.ctx, r.task())
	r.setInstance(inst)
	return err
}

func (r *run) setInstance(i *runtime.Instance) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.inst = i
}

func (r *run) task() runtime.Task {
	spec := r.start.Spec
	return runtime.Task{
		Args: append([]string{spec.Name}, spec.Args...), Env: spec.Env,
		Stdout: r.streams[0], Stderr: r.streams[1],
		Sources: r.clock.sources(),
		State:   r.hostState(),
		Limits:  runtime.Limits{Fuel: spec.Fuel, Memory: spec.Memory, OutputBytes: r.engine.cfg.OutputBytes},
	}
}

// closeInstance frees the instance and what it was made of.
func (r *run) closeInstance() error {
	r.lock.Lock()
	defer r.lock.Unlock()
	var errs []error
	if r.inst != nil {
		errs = append(errs, r.inst.Close())
	}
	errs = append(errs, r.closeDevices())
	if r.image != nil {
		r.image.release()
	}
	if r.module != nil {
		errs = append(errs, r.engine.modules.release(r.module))
	}
	r.inst, r.image, r.module = nil, nil, nil
	r.origin, r.chain = nil, nil
	return errors.Join(errs...)
}

func (r *run) close() error { return r.closeInstance() }

// precopy copies what was written, from another goroutine.
func (r *run) precopy() error {
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.inst == nil {
		return nil
	}
	return r.inst.Precopy()
}
