package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/runtime/internal/linmem"
	"github.com/godwit-run/godwit/runtime/internal/suspend"
)

const wasiModule = wasi.ModuleName

// Instance is a module in the middle of its life: memory, globals, tables, and
// the state that host modules keep for it. It is used by one goroutine at a
// time.
type Instance struct {
	module *Module
	limits Limits
	guest  api.Module
	memory *firstMemory
	alloc  *linmem.Allocator
	budget budget
	tank   fuelTank
	depth  api.MutableGlobal
	system *wasi.System
	state  map[string]any

	suspension suspension
	clones     map[string]*cloneInstance // by their points

	recordMu  sync.Mutex
	recorder  *recorder // nil until the first capture or a restore
	parts     *parts    // nil until they are needed
	functions map[string]api.Function
	begun     time.Time
	deadline  time.Time // zero if there is none
	overrun   int64     // debt at the check that found the fuel used up
	busy      atomic.Bool
	end       *GuestError // how it ended, if it did other than by returning
	closed    bool
}

// firstMemory remembers where the instance's linear memory is.
type firstMemory struct {
	*linmem.Memory
	bytes []byte
}

// Reallocate implements experimental.LinearMemory.
func (m *firstMemory) Reallocate(size uint64) []byte {
	b := m.Memory.Reallocate(size)
	if b != nil {
		m.bytes = b
	}
	return b
}

// Instantiate makes an instance and runs the module's start function, if it has
// one, but neither _start nor _initialize. Of the task, Invoke is of no account
// here. If the guest's start function ends it, the error is a *GuestError and
// the instance is returned all the same, for its fuel and output; any other
// error is the system's.
func (m *Module) Instantiate(ctx context.Context, task Task) (*Instance, error) {
	i, err := m.instance(ctx, task)
	if err != nil {
		return i, err
	}
	if start := m.plan.Start; start != "" {
		if _, err := i.call(ctx, start); err != nil {
			return i, err
		}
	}
	return i, nil
}

// instance makes an instance, and runs nothing of it.
func (m *Module) instance(ctx context.Context, task Task) (*Instance, error) {
	i, err := m.prepare(task)
	if err != nil {
		return nil, err
	}
	if err := i.setUpWASI(task); err != nil {
		return nil, err
	}
	if m.loaded.memory > i.limits.Memory {
		return i, i.ended(&GuestError{
			Status: StatusFailed, Reason: ReasonOutOfMemory,
			Message: fmt.Sprintf("the module needs %d bytes of memory to start, more than the limit of %d", m.loaded.memory, i.limits.Memory),
		})
	}
	if m.whole {
		return i, i.ended(&GuestError{Status: StatusFailed, Reason: ReasonOutOfMemory, Message: errWhole.Error()})
	}
	if m.misfit {
		return i, i.ended(&GuestError{
			Status: StatusFailed, Reason: ReasonTrap, Message: "at instantiation: out of bounds table access",
		})
	}
	i.budget.tables(m.elements)
	if err = i.instantiate(ctx); err == nil {
		err = i.fill()
	}
	if err != nil {
		if guest, ok := errors.AsType[*GuestError](err); ok {
			return i, i.ended(guest)
		}
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// prepare makes an instance that has no guest yet.
func (m *Module) prepare(task Task) (*Instance, error) {
	if err := task.Limits.Validate(); err != nil {
		return nil, err
	}
	i := &Instance{
		module: m, limits: task.Limits.withDefaults(), state: task.State,
		functions: make(map[string]api.Function, 4), begun: time.Now(),
	}
	if i.limits.WallTime > 0 {
		i.deadline = i.begun.Add(i.limits.WallTime)
	}
	i.budget = budget{limit: i.limits.Memory}
	return i, nil
}

func (i *Instance) setUpWASI(task Task) (err error) {
	if i.module.wasi {
		i.system, err = wasi.New(i.wasiConfig(task))
	}
	return err
}

func (i *Instance) wasiConfig(task Task) wasi.Config {
	return wasi.Config{
		Args: task.Args, Env: task.Env,
		Stdin: task.Stdin, Stdout: task.Stdout, Stderr: task.Stderr,
		Inputs: task.Inputs, Deterministic: task.Deterministic, Sources: task.Sources,
		MaxOpenFiles: i.limits.OpenFiles, MaxOutputBytes: i.limits.OutputBytes,
	}
}

// instantiate makes the guest proper.
func (i *Instance) instantiate(ctx context.Context) error {
	e := i.module.engine
	i.alloc = e.pool.NewAllocator(linmem.Options{Grow: i.growMemory, Movable: !i.module.shared})
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(i.allocate))
	guest, err := i.module.runtime.InstantiateModule(ctx, i.module.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil { // the module is valid, so what failed is one of its segments
		return &GuestError{Status: StatusFailed, Reason: ReasonTrap, Message: "at instantiation: " + err.Error()}
	}
	i.guest = guest
	fuel, ok1 := guest.ExportedGlobal(i.module.plan.Fuel).(api.MutableGlobal)
	depth, ok2 := guest.ExportedGlobal(i.module.plan.Depth).(api.MutableGlobal)
	if !ok1 || !ok2 {
		return errors.New("metered module lacks its globals")
	}
	i.depth = depth
	i.tank.start(fuel, e.slices, i.limits.Fuel, i.module.plan.StartCost)
	return i.setUpSuspension()
}

// maxPages is the most pages of 64 KiB that a linear memory may have: wazero 1.12's
// compiler keeps the length in bytes in 32 bits, so that one of 65,536 pages is empty.
const maxPages = 1<<16 - 1

var errWhole = fmt.Errorf("the module needs a memory of 4 GiB to start, when %d pages of 64 KiB are the most", maxPages)

// growMemory takes what a linear memory grows by, or refuses it.
func (i *Instance) growMemory(have, want uint64) bool {
	if want > maxPages<<16 {
		i.budget.refused = true
		return false
	}
	return i.budget.resize(have, want)
}

// fill gives the memory its initial contents.
func (i *Instance) fill() error {
	if err := i.module.initial.Copy(i.Memory()); err != nil {
		return &GuestError{Status: StatusFailed, Reason: ReasonTrap, Message: "at instantiation: " + err.Error()}
	}
	return nil
}

func (i *Instance) allocate(capacity, max uint64) experimental.LinearMemory {
	i.memory = &firstMemory{Memory: i.alloc.Allocate(capacity, max)}
	return i.memory
}

// Memory implements hostabi.Caller: the linear memory, nil if there is none. It
// is valid until the guest runs on.
func (i *Instance) Memory() []byte {
	if i.memory == nil {
		return nil
	}
	return i.memory.bytes
}

// State implements hostabi.Caller.
func (i *Instance) State(module string) any {
	if module == wasiModule {
		return i.system
	}
	return i.state[module]
}

// Call calls an exported function. Arguments and results are one value a slot,
// as in hostabi.Func; vectors take two. If the guest does not return, the error
// is a *GuestError and the instance takes no more calls.
func (i *Instance) Call(ctx context.Context, name string, args ...uint64) ([]uint64, error) {
	t, ok := i.module.exports[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNoExport, name)
	}
	if want := slots(t.Params); len(args) != want {
		return nil, fmt.Errorf("%w: %q takes %d values, not %d", ErrArguments, name, want, len(args))
	}
	results, err := i.call(ctx, name, args...)
	narrow(t.Results, results)
	return results, err
}

// narrow clears the upper halves of 32-bit results, where the compiler leaves
// whatever was there.
func narrow(types []ValueType, results []uint64) {
	at := 0
	for _, t := range types {
		if at >= len(results) {
			return
		}
		if t == I32 || t == F32 {
			results[at] = uint64(uint32(results[at]))
		}
		at += slots([]ValueType{t})
	}
}

func slots(types []ValueType) int {
	n := len(types)
	for _, t := range types {
		if t == V128 {
			n++
		}
	}
	return n
}

func (i *Instance) call(ctx context.Context, name string, args ...uint64) ([]uint64, error) {
	if !i.busy.CompareAndSwap(false, true) {
		return nil, ErrInCall
	}
	defer i.busy.Store(false)
	if err := i.usable(); err != nil {
		return nil, err
	}
	if i.Suspended() {
		return nil, ErrSuspended
	}
	f := i.functions[name]
	if f == nil {
		f = i.guest.ExportedFunction(name)
		i.functions[name] = f
	}
	ctx, cancel := i.limited(ctx)
	defer cancel()
	return i.run(ctx, name, f, args)
}

// limited is the context of a call.
func (i *Instance) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if i.deadline.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, i.deadline)
}

func (i *Instance) run(ctx context.Context, export string, f api.Function, args []uint64) ([]uint64, error) {
	if ctx.Err() != nil {
		return nil, i.ended(stopped(ctx))
	}
	i.depth.Set(uint64(i.limits.CallDepth))
	i.tank.since = time.Now()
	if int64(i.tank.left.Get()) <= 0 && !i.tank.grant(0) {
		return nil, i.ended(&GuestError{Status: StatusFailed, Reason: ReasonOutOfFuel, Message: "out of fuel"})
	}
	i.begin()
	return i.enter(ctx, export, f, args)
}

// enter runs the guest until it returns, ends or is suspended.
func (i *Instance) enter(ctx context.Context, export string, f api.Function, args []uint64) ([]uint64, error) {
	results, err := f.Call(&callContext{ctx, i}, args...)
	for err == nil && i.unwound(export) {
		if !i.attend() {
			i.over()
			return nil, ErrSuspended
		}
		if f, err = i.rewind(ctx); err != nil {
			i.over()
			return nil, err
		}
		i.tank.since = time.Now()
		results, err = f.Call(&callContext{ctx, i})
	}
	defer i.over()
	if err != nil {
		err = trapOrFault(err)
	}
	guest, ended := errors.AsType[*GuestError](err)
	if byItself := err == nil || ended && guest.exited(); byItself && i.tank.used() > i.tank.limit {
		guest, ended = &GuestError{Status: StatusFailed, Reason: ReasonOutOfFuel, Message: "out of fuel"}, true
	}
	switch {
	case ended:
		return nil, i.ended(guest)
	case err == nil:
		return results, nil
	}
	return nil, i.ended(&GuestError{Status: StatusFailed, Reason: ReasonTrap, Message: err.Error()}, err)
}

// aborted is the trap of a guest that gives up, as allocators do.
const aborted = "unreachable"

// ended notes how the guest ended. A fault of the system goes along.
func (i *Instance) ended(how *GuestError, fault ...error) error {
	if i.budget.refused && how.Reason == ReasonTrap && strings.HasPrefix(how.Message, aborted) {
		how.Reason = ReasonOutOfMemory
		how.Message = "the memory limit was reached; " + how.Message
	}
	i.end = how
	if len(fault) > 0 {
		return fault[0]
	}
	return how
}

// trapOrFault sorts wazero's errors: how we stopped the guest, the guest's own
// trap, or a fault that is ours.
func trapOrFault(err error) error {
	if guest, ok := errors.AsType[*GuestError](err); ok {
		return guest
	}
	if fault, ok := errors.AsType[hostabi.Fault](err); ok {
		return fault
	}
	const prefix, overflow = "wasm error: ", "stack overflow"
	if text := err.Error(); strings.HasPrefix(text, prefix) || strings.HasPrefix(text, overflow) {
		return &GuestError{Status: StatusFailed, Reason: ReasonTrap, Message: guestStack(strings.TrimPrefix(text, prefix))}
	}
	return err
}

// guestStack leaves out of a trap's words the frames that are not the guest's.
func guestStack(text string) string {
	if !strings.Contains(text, suspend.GateName) {
		return text
	}
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.Contains(line, "."+suspend.GateName+"(")
	})
	return strings.Join(lines, "\n")
}

// FuelUsed is the fuel used so far, in units; see Result.FuelUsed.
func (i *Instance) FuelUsed() uint64 {
	if i.tank.left == nil {
		return 0
	}
	return uint64(max(0, i.tank.used()+i.overrun))
}

// MemoryPeakBytes is the largest sum over memories and tables so far, in bytes.
func (i *Instance) MemoryPeakBytes() uint64 { return i.budget.peak }

// Close frees the instance. It may be called more than once.
func (i *Instance) Close() error {
	if i.closed {
		return nil
	}
	i.closed = true
	errs := []error{i.closeClones()}
	if i.guest != nil {
		errs = append(errs, i.guest.Close(context.Background()))
	}
	if i.alloc != nil {
		errs = append(errs, i.alloc.Close())
	}
	if i.system != nil {
		errs = append(errs, i.system.Close())
	}
	i.recordMu.Lock()
	defer i.recordMu.Unlock()
	i.memory, i.recorder = nil, nil
	return errors.Join(errs...)
}
