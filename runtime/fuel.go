package runtime

import (
	"context"
	"errors"
	"time"

	"github.com/tetratelabs/wazero/api"
)

const (
	// A slice is the fuel that a guest gets at once; when it is used up the
	// guest is back in Go for a moment, where the scheduler and the garbage
	// collector get their turn and cancellation is noticed. Slices are sized to
	// take sliceTime; their size has no influence on what is counted.
	minSlice  = 1 << 12
	maxSlice  = 1 << 18
	sliceTime = 250 * time.Microsecond
)

// fuelTank is the host's side of the fuel. What the guest has used is what was
// granted less what its fuel global still holds.
type fuelTank struct {
	left    api.MutableGlobal // the guest's fuel global
	limit   int64
	granted int64
	pause   int64 // used, at which a slice ends: the guest is to stop there
	slice   int64
	bounds  sliceBounds
	since   time.Time // when the current slice was granted
}

// sliceBounds bounds the size of a slice, in units.
type sliceBounds struct{ min, max int64 }

func (t *fuelTank) start(global api.MutableGlobal, bounds sliceBounds, limit uint64, cost uint64) {
	t.left, t.bounds, t.limit, t.slice = global, bounds, int64(limit), bounds.min
	t.granted, t.pause = 0, never
	t.left.Set(uint64(-int64(cost)))
}

// resume makes that so much has been used.
func (t *fuelTank) resume(used uint64) {
	t.granted = int64(used)
	t.left.Set(0)
}

// used is the fuel charged so far.
func (t *fuelTank) used() int64 { return t.granted - int64(t.left.Get()) }

// giveBack makes that no more than so much has been used of what was granted.
func (t *fuelTank) giveBack(used int64) { t.left.Set(uint64(t.granted - used)) }

// charge takes units, and reports whether more must be granted before the guest
// goes on.
func (t *fuelTank) charge(units uint64) bool {
	left := int64(t.left.Get()) - int64(min(units, MaxFuel))
	t.left.Set(uint64(left))
	return left < 0
}

// grant gives the guest its next slice, or reports that it is out of fuel. debt
// is what has been executed but not charged, or, negative, charged before it
// was executed. The limit itself is a slice's end, so that every run passes
// through the same state there, whatever its slices were; beyond the limit a
// guest that has prepaid gets no more than it has executed.
func (t *fuelTank) grant(debt int64) bool {
	used := t.used()
	if used > t.limit && used+debt > t.limit {
		return false
	}
	now := time.Now()
	t.resize(now.Sub(t.since))
	t.since = now
	t.granted = max(used, min(used+t.slice, t.limit, t.pause))
	t.left.Set(uint64(t.granted - used))
	return true
}

func (t *fuelTank) resize(took time.Duration) {
	switch {
	case took < sliceTime/2:
		t.slice = min(2*t.slice, t.bounds.max)
	case took > 2*sliceTime:
		t.slice = max(t.slice/4, t.bounds.min)
	case took > sliceTime:
		t.slice = max(t.slice/2, t.bounds.min)
	}
}

// check is where the guest arrives when its fuel or its call depth is below
// zero, and now and then in between.
func (i *Instance) check(ctx context.Context, debt int64) {
	if int64(i.tank.left.Get()) < 0 && !i.tank.grant(debt) {
		i.outOfFuel(debt)
	}
	if int64(i.depth.Get()) < 0 {
		panic(&GuestError{Status: StatusFailed, Reason: ReasonTrap, Message: "stack overflow: the limit on call depth"})
	}
	i.stopIfDone(ctx)
}

// Charge implements hostabi.Caller.
func (i *Instance) Charge(units uint64) {
	if i.tank.charge(units) && !i.tank.grant(0) {
		i.outOfFuel(0)
	}
}

// maxOvershoot is more than a guest can execute beyond its limit, in units (see
// internal/meter).
const maxOvershoot = 1 << 16

// outOfFuel ends the guest. What is charged beyond maxOvershoot is a bulk
// instruction or a host function that has not run, and does not count.
func (i *Instance) outOfFuel(debt int64) {
	i.overrun = debt
	if over := i.tank.used() + debt - i.tank.limit; over > maxOvershoot {
		i.overrun = debt - over
	}
	panic(&GuestError{Status: StatusFailed, Reason: ReasonOutOfFuel, Message: "out of fuel"})
}

// stopIfDone stops the guest when its context is done.
func (i *Instance) stopIfDone(ctx context.Context) {
	if ctx.Err() != nil {
		panic(stopped(ctx))
	}
}

func stopped(ctx context.Context) *GuestError {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return &GuestError{Status: StatusFailed, Reason: ReasonTimeout, Message: "out of time"}
	}
	return &GuestError{Status: StatusCancelled, Message: "cancelled"}
}

func exitError(code uint32) *GuestError {
	if code == 0 {
		return &GuestError{Status: StatusSucceeded}
	}
	return &GuestError{Status: StatusFailed, Reason: ReasonExit, Code: code}
}
