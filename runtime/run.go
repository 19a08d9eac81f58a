package runtime

import (
	"context"
	"errors"
	"fmt"
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
		values, err = i.runEntry(ctx, name, args, task.From != nil)
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
	if task.From != nil {
		return m.Restore(ctx, task, *task.From)
	}
	return m.Instantiate(ctx, task)
}

// entry is what to call, and with what.
func (m *Module) entry(task Task) (name string, args []uint64, err error) {
	if name = task.Invoke; name == "" {
		name = startExport
	}
	t, ok := m.exports[name]
	if task.Invoke == "" && (task.From != nil || task.Keep != nil) {
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

// runEntry calls the entry, a reactor's initialization first unless the instance
// was restored.
func (i *Instance) runEntry(ctx context.Context, name string, args []uint64, restored bool) ([]uint64, error) {
	if t, ok := i.module.exports[initializeExport]; ok && !restored && name != startExport && name != initializeExport &&
		len(t.Params) == 0 && len(t.Results) == 0 {
		if _, err := i.call(ctx, initializeExport); err != nil {
			return nil, err
		}
	}
	if i.Suspended() {
		return i.Resume(ctx)
	}
	return i.Call(ctx, name, args...)
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
	guest, ok := errors.AsType[*GuestError](err)
	if !ok {
		return err
	}
	r.Status, r.Reason, r.ExitCode, r.Message = guest.Status, guest.Reason, guest.Code, guest.Message
	return nil
}
