package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	startExport      = "_start"
	initializeExport = "_initialize"
)

// Run runs a task to its end. The error is the system's or the caller's
// (ErrNoExport, ErrArguments); what becomes of the guest is in the Result.
func (e *Engine) Run(ctx context.Context, m *Module, task Task) (*Result, error) {
	name, args, err := m.entry(task)
	if err != nil {
		return nil, err
	}
	i, err := m.begin(ctx, task)
	if i == nil {
		return nil, err
	}
	var values []uint64
	if err == nil {
		values, err = i.runTask(ctx, task, name, args)
	}
	if err == nil && task.Keep != nil {
		if err := task.Keep(i); err != nil {
			return nil, errors.Join(err, i.Close())
		}
	}
	result := i.result(name, values)
	if err = i.settle(result, err); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return result, i.Close()
}

// begin makes the instance that runs a task.
func (m *Module) begin(ctx context.Context, task Task) (*Instance, error) {
	if task.Captures != nil {
		if err := m.checkCaptures(task.Captures); err != nil {
			return nil, err
		}
	}
	if task.From != nil {
		return m.Restore(ctx, task, *task.From)
	}
	return m.instance(ctx, task)
}

// entry is what to call, and with what.
func (m *Module) entry(task Task) (name string, args []uint64, err error) {
	if name = task.Invoke; name == "" {
		name = startExport
	}
	t, ok := m.exports[name]
	if task.Invoke == "" && (task.Keep != nil || task.From != nil && !task.From.inCall()) {
		return "", nil, fmt.Errorf("%w: a run that is kept or goes on needs an export to invoke", ErrNoExport)
	}
	if !ok && task.Invoke == "" {
		return "", nil, fmt.Errorf("%w: %q: the module is no program; name an export to invoke", ErrNoExport, name)
	}
	if !ok {
		return "", nil, fmt.Errorf("%w: %q", ErrNoExport, name)
	}
	if task.Invoke == "" && (len(t.Params) > 0 || len(t.Results) > 0) {
		return "", nil, fmt.Errorf("%w: _start has the signature %v", ErrNoExport, t)
	}
	if len(task.InvokeArgs) != len(t.Params) {
		return "", nil, fmt.Errorf("%w: %q takes %d, not %d", ErrArguments, name, len(t.Params), len(task.InvokeArgs))
	}
	for i, p := range t.Params {
		v, err := ParseValue(p, task.InvokeArgs[i])
		if err != nil {
			return "", nil, err
		}
		args = append(args, v.Bits)
	}
	return name, args, nil
}

// stage is one of the calls that make up a run.
type stage struct {
	export string
	args   []uint64
}

// stages are the calls that make up a run, or what is left of them where one was suspended: the
// start function, a reactor's initialization, and the entry.
func (i *Instance) stages(name string, args []uint64, restored bool) ([]stage, error) {
	var all []stage
	suspended := i.suspension.saved
	if start := i.module.plan.Start; start != "" {
		all = append(all, stage{export: start})
	}
	if t, ok := i.module.exports[initializeExport]; ok && name != startExport && name != initializeExport &&
		len(t.Params) == 0 && len(t.Results) == 0 {
		all = append(all, stage{export: initializeExport})
	}
	all = append(all, stage{name, args})
	if suspended != nil {
		n := slices.IndexFunc(all, func(s stage) bool { return s.export == suspended.export })
		if n < 0 {
			return nil, fmt.Errorf("%w: a call of %q was suspended, which is not part of this run", ErrSaved, suspended.export)
		}
		return all[n:], nil
	}
	if restored {
		return all[len(all)-1:], nil
	}
	return all, nil
}

// runTask makes the calls of a run.
func (i *Instance) runTask(ctx context.Context, task Task, name string, args []uint64) ([]uint64, error) {
	stages, err := i.stages(name, args, task.From != nil)
	if err != nil {
		return nil, err
	}
	if task.Captures != nil {
		return i.runCaptured(ctx, task.Captures, stages)
	}
	return i.runStages(ctx, stages, func() bool { return true })
}

// runStages makes calls, and returns what the last one does. One that is suspended goes on,
// unless the guest was stopped.
func (i *Instance) runStages(ctx context.Context, stages []stage, stopped func() bool) (values []uint64, err error) {
	for _, s := range stages {
		if i.Suspended() {
			values, err = i.Resume(ctx)
		} else {
			values, err = i.call(ctx, s.export, s.args...)
			narrow(i.resultsOf(s.export), values)
		}
		for errors.Is(err, ErrSuspended) && !stopped() {
			values, err = i.Resume(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (i *Instance) result(name string, values []uint64) *Result {
	r := &Result{
		Status:          StatusSucceeded,
		Started:         i.guest != nil,
		FuelUsed:        i.FuelUsed(),
		MemoryPeakBytes: i.MemoryPeakBytes(),
		Wall:            time.Since(i.begun),
		system:          i.system,
	}
	if i.limits.Fuel < MaxFuel {
		r.FuelLimit = i.limits.Fuel
	}
	for _, t := range i.module.exports[name].Results {
		if len(values) < slots([]ValueType{t}) {
			break
		}
		v := Value{Type: t, Bits: values[0]}
		if t == V128 {
			v.High = values[1]
		}
		r.Values, values = append(r.Values, v), values[slots([]ValueType{t}):]
	}
	return r
}

// settle fills in how the guest ended, and passes on what is not the guest's.
func (i *Instance) settle(r *Result, err error) error {
	if errors.Is(err, ErrSuspended) {
		r.Status = StatusSuspended
		return nil
	}
	guest, ok := errors.AsType[*GuestError](err)
	if !ok {
		return err
	}
	r.Status, r.Reason, r.ExitCode, r.Message = guest.Status, guest.Reason, guest.Code, guest.Message
	return nil
}
