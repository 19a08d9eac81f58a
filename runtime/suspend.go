package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/suspend"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

var (
	// ErrSuspended: the guest has been suspended in the middle of a call; Resume goes
	// on with it.
	ErrSuspended = errors.New("guest is suspended")
	// ErrNotSuspended: no call of the instance has been suspended.
	ErrNotSuspended = errors.New("guest is not suspended")
)

// suspension is the part of an instance that stops it in the middle of a call. Without
// flag the guest cannot be.
type suspension struct {
	flag   api.MutableGlobal // not 0 while the stack unwinds
	wanted chan struct{}     // closed when the guest is to stop
	after  int64             // fuel used after which it is to stop
	unwinder
	loads []uint64      // words that clones are to load
	saved *continuation // nil unless a call is suspended
}

// never is a fuel that no guest uses.
const never = math.MaxInt64

func (i *Instance) setUpSuspension() error {
	s := &i.suspension
	s.after, s.wanted = never, make(chan struct{})
	if i.module.clones == nil {
		return nil
	}
	if s.flag = i.globalNamed(i.module.clones.plan.Flag); s.flag == nil {
		return errors.New("rewritten module lacks its flag")
	}
	return nil
}

// MaySuspend implements hostabi.Suspender.
func (i *Instance) MaySuspend() bool { return i.suspension.flag != nil }

// SuspendWanted implements hostabi.Suspender.
func (i *Instance) SuspendWanted() <-chan struct{} {
	i.wantMu.Lock()
	defer i.wantMu.Unlock()
	return i.suspension.wanted
}

// Suspend asks for the guest to stop at its next safepoint: the call it is in then returns
// ErrSuspended. It may be called from any goroutine. If no call is running, the next one
// stops; where the module cannot be suspended nothing happens.
func (i *Instance) Suspend() {
	i.wantMu.Lock()
	defer i.wantMu.Unlock()
	select {
	case <-i.suspension.wanted:
	default:
		close(i.suspension.wanted)
	}
}

// SuspendAfter asks for the guest to stop at the first safepoint at which it has used so
// much fuel, the same one on every machine.
func (i *Instance) SuspendAfter(fuel uint64) {
	i.suspension.after = int64(min(fuel, MaxFuel))
	i.tank.pause = i.suspension.after
}

// Suspended tells whether a call has been suspended, so that Resume may go on with it.
func (i *Instance) Suspended() bool { return i.suspension.saved != nil }

// Unsuspendable says why guests of the module cannot be suspended in a call, or nothing if
// they can.
func (m *Module) Unsuspendable() string {
	switch {
	case m.clones != nil:
		return ""
	case m.plan.Suspend.Refused != "":
		return m.plan.Suspend.Refused
	}
	return "the engine does not rewrite modules so that they can be suspended"
}

// wants tells whether the guest is to stop.
func (i *Instance) wants() bool {
	if i.suspension.flag == nil {
		return false
	}
	if i.tank.used() >= i.suspension.after {
		return true
	}
	select {
	case <-i.SuspendWanted():
		return true
	default:
		return false
	}
}

// unwind makes the guest's functions save their frames and return.
func (i *Instance) unwind() { i.suspension.flag.Set(1) }

// unwound takes what has been saved, if the stack was unwound.
func (i *Instance) unwound(export string) bool {
	s := &i.suspension
	if s.flag == nil || s.flag.Get() == 0 {
		return false
	}
	s.flag.Set(0)
	s.saved = &continuation{export: export, depth: int64(i.depth.Get()), frames: s.frames}
	s.unwinder = unwinder{}
	i.calm()
	return true
}

// calm forgets that the guest was to stop.
func (i *Instance) calm() {
	i.wantMu.Lock()
	defer i.wantMu.Unlock()
	i.suspension.after, i.tank.pause = never, never
	select {
	case <-i.suspension.wanted:
		i.suspension.wanted = make(chan struct{})
	default:
	}
}

// Resume goes on with the call that was suspended, and returns what it does. A host
// function that suspended the guest is called anew. The error may be ErrSuspended again,
// or ErrNotSuspended.
func (i *Instance) Resume(ctx context.Context) ([]uint64, error) {
	if !i.busy.CompareAndSwap(false, true) {
		return nil, ErrInCall
	}
	defer i.busy.Store(false)
	if err := i.usable(); err != nil {
		return nil, err
	}
	c := i.suspension.saved
	if c == nil {
		return nil, ErrNotSuspended
	}
	ctx, cancel := i.limited(ctx)
	defer cancel()
	linked, err := i.linked(ctx, c.frames)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, i.ended(stopped(ctx))
	}
	i.suspension.saved = nil
	i.suspension.loads = c.pack(linked.clone)
	i.depth.Set(uint64(c.depth))
	f := linked.function(c.frames[len(c.frames)-1].point)
	results, err := i.enter(ctx, c.export, f, nil)
	narrow(i.resultsOf(c.export), results)
	return results, err
}

// resultsOf is what an export returns; the start function, which is one to us,
// nothing.
func (i *Instance) resultsOf(export string) []wasm.ValType {
	return i.module.exports[export].Results
}

// restoreCall makes a suspended call of what a capture holds.
func (i *Instance) restoreCall(ctx context.Context, section []byte) error {
	if i.module.clones == nil {
		return fmt.Errorf("%w: a call was suspended, which cannot go on here: %s", ErrSaved, (&Module{loaded: i.module.loaded}).Unsuspendable())
	}
	c, err := decodeContinuation(section, i.module.clones.hash)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSaved, err)
	}
	if _, ok := i.module.exports[c.export]; !ok && c.export != i.module.plan.Start {
		return fmt.Errorf("%w: a call of %q was suspended, which is not exported", ErrSaved, c.export)
	}
	linked, err := i.linked(ctx, c.frames)
	if err != nil {
		return err
	}
	if err := linked.check(c.frames, i.resultsOf(c.export)); err != nil {
		return err
	}
	i.suspension.saved = c
	return nil
}

// hostSave takes words of frames.
func hostSave(ctx context.Context, stack []uint64) {
	instanceOf(ctx).suspension.take(stack[:suspend.Chunk])
}

// hostLoad gives words of frames.
func hostLoad(ctx context.Context, stack []uint64) {
	s := &instanceOf(ctx).suspension
	n := copy(stack[:suspend.Chunk], s.loads)
	s.loads = s.loads[n:]
}

// suspendIn suspends the guest in a host function, before which it had used so much fuel.
func (i *Instance) suspendIn(function string, f *hostabi.Func, used int64) {
	if !f.Suspends || i.suspension.flag == nil {
		panic(&hostPanicError{function, "suspends a guest that cannot be suspended there"})
	}
	i.tank.giveBack(used)
	i.unwind()
}
