package activation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/runtime"
)

// run is a mailbox and an instance that go on together from a base, until a message
// fails: then there is another one. It belongs to the activation's goroutine.
type run struct {
	*Activation
	state *mailbox.State
	clock clock
	guest guest

	module *module
	lock   sync.Mutex        // held while inst changes, or is used by another goroutine
	inst   *runtime.Instance // nil before Init, or when there is none any more
	image  *image            // that inst is mapped from, if any
	// origin is what inst was restored from, nil if it has begun anew: the chain of its
	// checkpoints goes on from there.
	origin *checkpoint.Signed
	chain  *checkpoint.Chain
	// process: the guest is one that loops; otherwise it is called for each message.
	process bool
	// upgrade is what a process was ended for; early a delivery that its first receive
	// returns.
	upgrade, early *mailbox.Delivery
	// stopped: the guest was ended in the middle of a delivery, as the actor is to stop.
	stopped bool
	// suspends: the guest may be suspended where it waits, in the call that it is in.
	suspends bool
	broken   error // what the guest was ended for, if not for something of its own
	// again: the call that the guest makes next is the one in which it was suspended;
	// until is when a receive that was is over, and ask what an await waits for, 0 in a
	// receive.
	again bool
	until int64
	ask   uint64
	// trial: this is a copy on which an upgrade is tried.
	trial bool
	// devices are what the instance has of GPUs, nil if it has not asked; covered is
	// what it had seen of them at the last capture.
	devices *gpu.State
	covered uint64
	called  time.Time // when the guest began or went on last

	quiet   uint64   // up to this delivery, which is known to fail
	after   [32]byte // hash of the mailbox then
	out     []mailbox.Output
	flushed time.Time
	told    Summary // the last one
	streams [2]*stream
	last    time.Time     // of the last capture
	changed uint64        // the last entry that is worth a checkpoint
	seen    position      // at the last capture
	worked  time.Duration // by the guest since the activation began, without repetitions
	before  time.Duration // worked at the last capture
	turnAt  time.Time     // of the next one, if it has to wait for that
}

// position tells how far a state is.
type position struct{ index, deliveries uint64 }

func (r *run) position() position { return position{r.changed, r.state.Deliveries()} }

// changes tells whether an entry is worth a checkpoint by itself. One that says that
// there is a checkpoint is not, nor is time; or there would be no end of it.
func changes(e *wire.Entry) bool {
	return slices.ContainsFunc(e.Items, func(i wire.Item) bool { return i.Checkpoint == nil })
}

// failure has the activation go back to its base, when a delivery has failed.
type failure struct {
	number uint64
	after  [32]byte // hash of the mailbox after it
}

func (f *failure) Error() string { return fmt.Sprintf("delivery %d has failed", f.number) }

// turn executes what is there, and returns when nothing is left to do.
func (r *run) turn() error {
	for {
		if r.suspended() {
			if done, err := r.goOn(); done || err != nil {
				return err
			}
			continue
		}
		d, ok := r.state.Next()
		switch {
		case !ok:
			applied, err := r.advance()
			if err != nil {
				return err
			}
			if !applied {
				return r.idle()
			}
		case r.known(d.Number) != nil:
			if err := r.skip(d.Number); err != nil {
				return err
			}
		default:
			if err := r.cover(); err != nil {
				return err
			}
			if err := r.handle(d); err != nil {
				return err
			}
			if err := r.between(); err != nil {
				return err
			}
		}
	}
}

// advance applies the next entry, if there is one.
func (r *run) advance() (applied bool, err error) {
	e, ok, became := r.take()
	if became {
		r.emit(r.state.Outbox())
		r.flush(0)
		e, ok, _ = r.take()
	}
	if !ok {
		return false, nil
	}
	if e.Index <= r.state.Index() {
		return true, nil
	}
	r.emit(r.state.Apply(e))
	if changes(&e.Entry) {
		r.changed = e.Index
	}
	r.clock.begin()
	return true, r.settle()
}

// skip passes over a delivery that has failed before.
func (r *run) skip(number uint64) error {
	r.emit(r.state.Skip(r.known(number)))
	return r.settle()
}

// settle ends the quiet when the delivery that had failed is over. By then all must be
// as it was: if it is not, the log does not say all that the guest has seen.
func (r *run) settle() error {
	if r.quiet == 0 || r.trial || r.state.Deliveries() < r.quiet || !r.state.Quiet() {
		return nil
	}
	r.quiet = 0
	if r.devices != nil && r.devices.Observed() > 0 {
		return nil // which the log does not say, and nobody else was told
	}
	if r.after != sha256.Sum256(r.state.Encode()) {
		return fmt.Errorf("actor %s, entry %d: %w", r.name, r.state.Index(), ErrDiverged)
	}
	return nil
}

// known is how a delivery has failed before, nil if it has not.
func (r *run) known(number uint64) *mailbox.Failed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed[number]
}

// emit keeps outputs until they are flushed; in a replay they have been seen before.
func (r *run) emit(out []mailbox.Output) {
	if len(out) > 0 && r.quiet == 0 && r.live && !r.hold(out) {
		r.out = append(r.out, out...)
	}
}

// flush gives outputs away, as those of an entry.
func (r *run) flush(index uint64) {
	r.unhold()
	if len(r.out) == 0 {
		return
	}
	out := r.out
	r.out, r.flushed = nil, time.Now()
	r.tell(func(s Sink) { s.Outputs(index, out) })
}

// deliver gives outputs away. That an upgrade is done is told after which module the actor
// has now: who hears of it looks at once. How far it is, it is told at rest.
func (r *run) deliver(index uint64) {
	if len(r.out) > 0 && r.told.Module.Defined() && r.told.Module != r.state.Module() {
		r.told.Module, r.told.Previous = r.state.Module(), r.state.Previous()
		told := r.told
		r.tell(func(sink Sink) { sink.Executed(told) })
	}
	r.flush(index)
}

// flushTime is how long outputs of a long entry are kept back.
const flushTime = 500 * time.Microsecond

// between is called between two deliveries.
func (r *run) between() error {
	if len(r.out) > 0 && time.Since(r.flushed) > flushTime {
		r.deliver(r.state.Index())
	}
	if err := r.captureIfDue(); err != nil {
		return err
	}
	return r.yield()
}

// idle is called when nothing is left to do, but the guest is not blocked.
func (r *run) idle() error {
	r.deliver(r.state.Index())
	if err := r.captureIfDue(); err != nil {
		return err
	}
	r.report(!r.state.Quiet())
	return nil
}

// block waits for another entry while the guest is in a call. If the actor has stopped
// then, and not between two deliveries, the guest does not go on.
func (r *run) block(ctx context.Context) error {
	r.emit(r.state.Release())
	if r.trial {
		panic(hostabi.Exit{}) // that far it works
	}
	for {
		applied, err := r.advance()
		if status, _ := r.state.Status(); status != mailbox.Running && !r.state.Quiet() {
			r.stopped = true
			panic(hostabi.Exit{})
		}
		if err != nil {
			r.abort(err)
		}
		if applied {
			return nil
		}
		if r.suspends {
			return actor.ErrSuspend
		}
		r.deliver(r.state.Index())
		r.report(true)
		if err := r.await(ctx); err != nil {
			return err
		}
	}
}

// abort ends the guest, in a call of it, for an error of the system's.
func (r *run) abort(err error) {
	r.broken = err
	panic(hostabi.Exit{})
}

// report tells what the actor's state says of itself, if it is new.
func (r *run) report(inCall bool) {
	r.mu.Lock()
	base, kept, live := r.base, r.kept, r.live
	r.mu.Unlock()
	if !live || r.quiet > 0 {
		return
	}
	s := summary(r.state)
	if s.History = r.told.History; s.History == nil || r.told.Epoch != s.Epoch {
		s.History = r.state.History()
	}
	s.Settled = s.Settled && len(r.held) == 0
	s.Checkpointed, s.Kept, s.InCall, s.Behind = base.index, kept, inCall, r.worked-base.worked
	r.told = s
	r.tell(func(sink Sink) { sink.Executed(s) })
}

func summary(s *mailbox.State) Summary {
	status, reason := s.Status()
	waiting, _ := s.Waiting()
	return Summary{
		Index: s.Index(), Epoch: s.Epoch(), Status: status, Reason: reason, Module: s.Module(), Previous: s.Previous(),
		Waiting: waiting, Due: s.NextDue(), Settled: s.Settled(),
	}
}

// handle gives the guest a delivery.
func (r *run) handle(d mailbox.Delivery) error {
	r.engine.count(func(s *Stats) { s.Deliveries++ })
	began := time.Now()
	defer func() { r.worked += time.Since(began) }()
	r.guest.deliver(d)
	r.clock.begin()
	var err error
	switch {
	case d.Kind == mailbox.Upgrade:
		err = r.change(d)
	case d.Kind == mailbox.Init || r.inst == nil:
		err = r.initialise(d)
	case d.Kind != mailbox.Start:
		err = r.handleMessage()
	}
	return r.over(err)
}

// over is called when the guest is back: it is done, or has failed, or is suspended.
func (r *run) over(err error) error {
	for r.upgrade != nil && r.ctx.Err() == nil { // a process was ended for it
		d := *r.upgrade
		r.upgrade = nil
		err = r.change(d)
	}
	switch {
	case errors.Is(err, runtime.ErrSuspended):
		return nil
	case err != nil:
		return r.fails(err)
	}
	return r.finish()
}

// finish ends the delivery in progress; the last thing in it is that the actor stops,
// if it is to.
func (r *run) finish() error {
	if r.guest.stop != nil {
		r.emit(r.state.Release()) // so that there is room for one more call
		if err := r.state.Stop(*r.guest.stop); err != nil {
			return fmt.Errorf("stop %s: %w", r.name, err)
		}
		r.guest.stop = nil
	}
	r.emit(r.state.Finish())
	return nil
}

// call calls an export of the guest with the fuel of a message.
func (r *run) call(export string) error {
	r.inst.Refuel(r.state.Spec().Fuel)
	ctx, done := r.bounded()
	defer done()
	_, err := r.inst.Call(ctx, export)
	for _, s := range r.streams {
		s.end()
	}
	return err
}

// initialise makes the instance and has it begin: a reactor initialises itself, a
// process runs until it ends. A message that had to wait for it comes then.
func (r *run) initialise(d mailbox.Delivery) error {
	if err := r.instantiate(r.state.Module().Cid); err != nil {
		return err
	}
	isMessage := d.Kind != mailbox.Init && d.Kind != mailbox.Start
	if r.process {
		if isMessage {
			r.early = &d
		}
		return r.runProcess()
	}
	if r.module.initialises {
		if err := r.call(exportInitialize); err != nil {
			return err
		}
	}
	if isMessage {
		return r.handleMessage()
	}
	return nil
}

// handleMessage has a reactor handle the delivery in progress.
func (r *run) handleMessage() error {
	r.suspends = r.inst.MaySuspend()
	defer func() { r.suspends = false }()
	return r.call(actor.ExportHandle)
}

// runProcess runs a process to its end, or until it is suspended.
func (r *run) runProcess() error {
	r.suspends = r.inst.MaySuspend()
	defer func() { r.suspends = false }()
	return r.exited(r.call(exportStart))
}

// exited notes that a process has ended.
func (r *run) exited(err error) error {
	if r.upgrade != nil || r.stopped || r.broken != nil {
		return err
	}
	if end, ok := errors.AsType[*runtime.GuestError](err); ok && end.Status == runtime.StatusSucceeded {
		err = nil
	}
	if err != nil {
		return err
	}
	if r.guest.stop == nil {
		r.guest.Stop("it has ended")
	}
	return r.closeInstance()
}

// fails ends a delivery that the guest has failed at. The error is a *failure, unless
// it is not the guest's.
func (r *run) fails(err error) error {
	end, ok := errors.AsType[*runtime.GuestError](err)
	unfit, isUnfit := errors.AsType[*unfitError](err)
	switch {
	case r.ctx.Err() != nil:
		return ErrHalted
	case r.broken != nil:
		return r.broken
	case r.stopped:
		return r.failedBy("stopped")
	case isUnfit:
		return r.failedBy(unfit.Error())
	case !ok || end.Status == runtime.StatusCancelled:
		return fmt.Errorf("actor %s: %w", r.name, err)
	}
	if end.Reason == runtime.ReasonTimeout {
		r.covered = unseen // another node may be faster
	}
	_, stack, _ := strings.Cut(end.Message, "\n")
	r.say("log", "error", strings.TrimSpace("the message has failed: "+cause(end)+"\n"+stack))
	return r.failedBy(cause(end))
}

func (r *run) failedBy(cause string) error {
	r.engine.count(func(s *Stats) { s.Failures++ })
	if r.observing() {
		r.depends = r.sequence + 1 // the run that has seen it ends here
	}
	f, out := r.state.Fail(cause)
	r.emit(out)
	r.flush(r.state.Index())
	r.mu.Lock()
	r.Activation.failed[f.Number] = f
	r.mu.Unlock()
	return &failure{f.Number, sha256.Sum256(r.state.Encode())}
}

// maxCause bounds what a failure is said to be, in bytes.
const maxCause = 256

// cause is why a guest has failed, in words that do not depend on the engine.
func cause(end *runtime.GuestError) string {
	switch {
	case end.Status == runtime.StatusSucceeded:
		return "exit: 0"
	case end.Reason == runtime.ReasonExit:
		return fmt.Sprintf("exit: %d", end.Code)
	case end.Reason != runtime.ReasonTrap:
		return string(end.Reason)
	}
	line, _, _ := strings.Cut(end.Message, "\n")
	return string(end.Reason) + ": " + text([]byte(line[:min(len(line), maxCause)]))
}

// say writes a line to the actor's log, unless it was said before. That logs cannot be
// written is no reason to stop the actor: it is told with the next failure.
func (r *run) say(stream, level, line string) {
	if r.quiet > 0 {
		return
	}
	l := Line{Time: time.Unix(0, r.state.Now()), Index: r.state.Index(), Epoch: r.state.Epoch(), Stream: stream, Level: level, Text: line}
	if err := r.log.write(l); err != nil {
		r.engine.logFailed(err)
	}
}
