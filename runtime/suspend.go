package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/checkpoint"
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
	flag  api.MutableGlobal // not 0 while the stack unwinds
	after int64             // fuel used after which the guest is to stop
	waits bool              // a host function stopped it
	loads []uint64          // words that clones are to load
	saved *continuation     // nil unless a call is suspended
	unwinder

	mu       sync.Mutex
	wanted   chan struct{} // closed when the guest is to stop,
	asked    bool          // because of Suspend,
	requests []*request    // or for these
	running  bool          // a call is, so requests will be met
}

// request is for a capture of a guest that runs.
type request struct {
	done    chan struct{} // closed when it has been met
	capture checkpoint.Capture
	err     error

	stdout, stderr uint64 // written by then
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
	if i.module.clones.plan.Code.Ref == 0 {
		return nil
	}
	_, err := i.reach() // frames may hold references
	return err
}

// MaySuspend implements hostabi.Suspender.
func (i *Instance) MaySuspend() bool { return i.suspension.flag != nil }

// SuspendWanted implements hostabi.Suspender.
func (i *Instance) SuspendWanted() <-chan struct{} {
	i.suspension.mu.Lock()
	defer i.suspension.mu.Unlock()
	return i.suspension.wanted
}

// Suspend asks for the guest to stop at its next safepoint: the call it is in then returns
// ErrSuspended. It may be called from any goroutine. If no call is running, the next one
// stops; where the module cannot be suspended nothing happens.
func (i *Instance) Suspend() {
	s := &i.suspension
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = true
	s.want()
}

func (s *suspension) want() {
	select {
	case <-s.wanted:
	default:
		close(s.wanted)
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
	return true
}

// attend does what the guest has been stopped for, and tells whether it is to go on at
// once.
func (i *Instance) attend() bool {
	s := &i.suspension
	spent := i.tank.used() >= s.after
	asked, requests := s.calm(true)
	stay := asked || spent || s.waits && len(requests) == 0
	if s.waits = false; spent {
		s.after, i.tank.pause = never, never
	}
	i.meet(requests)
	return !stay
}

// begin lets others ask for captures while a call runs, and end meets those that have come
// too late to stop it.
func (i *Instance) begin() {
	s := &i.suspension
	if s.flag == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
}

func (i *Instance) over() {
	s := &i.suspension
	if s.flag == nil {
		return
	}
	s.after, i.tank.pause = never, never
	_, requests := s.calm(false)
	i.meet(requests)
}

// calm takes what the guest was to stop for.
func (s *suspension) calm(running bool) (asked bool, requests []*request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, requests = s.asked, s.requests
	s.asked, s.requests, s.running = false, nil, running
	select {
	case <-s.wanted:
		s.wanted = make(chan struct{})
	default:
	}
	return asked, requests
}

func (i *Instance) meet(requests []*request) {
	for _, r := range requests {
		r.capture, r.err = i.capture()
		r.stdout, r.stderr = i.written()
		close(r.done)
	}
}

// patience is how long a capture waits for a guest to come to a safepoint: it gets there
// within a slice, unless it is in a host function.
const patience = 100 * time.Millisecond

// captureRunning captures a guest that is in a call. The error may be that of the capture.
func (i *Instance) captureRunning() (*request, error) {
	s := &i.suspension
	r := &request{done: make(chan struct{})}
	if !s.request(r) {
		return nil, ErrInCall
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		if s.withdraw(r) {
			return nil, ErrInCall
		}
		<-r.done
	}
	return r, r.err
}

// request asks for a capture, unless nobody would meet the request.
func (s *suspension) request(r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return false
	}
	s.requests = append(s.requests, r)
	s.want()
	return true
}

// withdraw takes a request back, unless it is being met.
func (s *suspension) withdraw(r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.Index(s.requests, r)
	if n < 0 {
		return false
	}
	s.requests = slices.Delete(s.requests, n, n+1)
	if len(s.requests) == 0 && !s.asked {
		s.wanted = make(chan struct{})
	}
	return true
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
	if !i.Suspended() {
		return nil, ErrNotSuspended
	}
	ctx, cancel := i.limited(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return nil, i.ended(stopped(ctx))
	}
	export := i.suspension.saved.export
	i.begin()
	results, err := i.goOn(ctx, export)
	narrow(i.resultsOf(export), results)
	return results, err
}

// goOn runs the guest on from where it was suspended until it returns, ends or is
// suspended again.
func (i *Instance) goOn(ctx context.Context, export string) ([]uint64, error) {
	f, err := i.rewind(ctx)
	if err != nil {
		i.over()
		return nil, err
	}
	i.tank.since = time.Now()
	return i.enter(ctx, export, f, nil)
}

// rewind makes ready what goes on with the call that is suspended.
func (i *Instance) rewind(ctx context.Context) (api.Function, error) {
	s := &i.suspension
	c := s.saved
	linked, err := i.linked(ctx, c.frames)
	if err != nil {
		return nil, err
	}
	s.saved, s.loads = nil, c.pack(linked.clone)
	i.depth.Set(uint64(c.depth))
	return linked.function(c.frames[len(c.frames)-1].point), nil
}

// resultsOf is what an export returns; the start function, which is one to us,
// nothing.
func (i *Instance) resultsOf(export string) []wasm.ValType {
	return i.module.exports[export].Results
}

// references is one more than the highest number of a reference that frames may hold.
func (i *Instance) references() int {
	if i.parts == nil {
		return 1
	}
	return len(i.parts.refs)
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
	if err := linked.check(c.frames, i.resultsOf(c.export), i.references()); err != nil {
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

// hostRef numbers a reference that a frame holds, as the plan of the module's state does.
func hostRef(ctx context.Context, stack []uint64) {
	slot, ok := instanceOf(ctx).parts.slotOf(stack[0])
	if !ok {
		panic(&GuestError{Status: StatusFailed, Reason: ReasonTrap, Message: errForeign.Error()})
	}
	stack[0] = uint64(slot)
}

// hostDeref gives the reference that has a number.
func hostDeref(ctx context.Context, stack []uint64) {
	stack[0] = instanceOf(ctx).parts.refs[uint32(stack[0])]
}

// suspendIn suspends the guest in a host function, before which it had used so much fuel.
func (i *Instance) suspendIn(function string, f *hostabi.Func, used int64) {
	if !f.Suspends || i.suspension.flag == nil {
		panic(&hostPanicError{function, "suspends a guest that cannot be suspended there"})
	}
	i.tank.giveBack(used)
	i.suspension.waits = true
	i.unwind()
}
