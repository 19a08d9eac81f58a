package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
)

// ErrNotTaken is wrapped by what Captures.Take returns if a snapshot could not be kept, but the
// next one perhaps can.
var ErrNotTaken = errors.New("the snapshot was not kept")

// Captures has a run captured while it goes on (Task.Captures), so that it can be finished
// elsewhere: with Task.From, and the task as it was. The guest stands still only while it is
// being captured; what becomes of a snapshot is decided beside it.
type Captures struct {
	// Pace is the time between two snapshots, and how it stretches when they are not kept as
	// fast. Zero means checkpoint.DefaultPace.
	Pace checkpoint.Pace
	// After is the time until the first one, if it is to be more than that: until then the run
	// costs what any other does.
	After time.Duration
	// Take keeps a snapshot: one at a time, in order, on a goroutine that has ended when Run
	// returns. Its Order is Take's to fill in; its memory stays as it is until Take returns.
	//
	// If the error wraps ErrNotTaken the next snapshot has what was in this one. Any other
	// stops the guest, and is Run's.
	Take func(context.Context, *Snapshot) error
	// Now, if not nil, asks for a snapshot before it is due with everything that comes.
	Now <-chan struct{}
	// Stop, if not nil, suspends the guest when it is closed: Take gets a last snapshot, and the
	// run's result is StatusSuspended, unless the guest ends before its next safepoint.
	Stop <-chan struct{}
	// StopAfter, if not 0, does the same at the first safepoint at which the guest has used so
	// much fuel, in units: the same one on every machine.
	StopAfter uint64
}

// Snapshot is a capture of a run in the middle of a call, and what its guest had written by
// then, in bytes: what came later it will write again.
type Snapshot struct {
	checkpoint.Capture
	Stdout, Stderr uint64
	// Last is set if the guest does not go on.
	Last bool
}

// capturer captures one run.
type capturer struct {
	cfg  *Captures
	inst *Instance
	fail context.CancelCauseFunc // stops the guest
	pace checkpoint.Pace
	err  error // of Take; set before fail is called
}

// runCaptured makes the calls of a run while snapshots are made of it.
func (i *Instance) runCaptured(ctx context.Context, cfg *Captures, stages []stage) (values []uint64, err error) {
	guest, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c := &capturer{cfg: cfg, inst: i, fail: fail, pace: cfg.Pace}
	if c.pace == (checkpoint.Pace{}) {
		c.pace = checkpoint.DefaultPace()
	}
	if cfg.StopAfter > 0 {
		i.SuspendAfter(cfg.StopAfter)
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run(beside)
	}()
	values, err = i.runStages(guest, stages, c.stopped)
	stop()
	<-ended
	if c.err != nil {
		return nil, c.err
	}
	if errors.Is(err, ErrSuspended) {
		if failed := c.last(ctx); failed != nil {
			return nil, failed
		}
	}
	return values, err
}

// stopped tells whether the guest was suspended for good, and not for a snapshot that nobody
// waits for any more.
func (c *capturer) stopped() bool {
	if c.cfg.StopAfter > 0 && c.inst.FuelUsed() >= c.cfg.StopAfter {
		return true
	}
	select {
	case <-c.cfg.Stop:
		return true
	default:
		return false
	}
}

// run makes snapshots until ctx is done.
func (c *capturer) run(ctx context.Context) {
	stop := c.cfg.Stop
	timer := time.NewTimer(max(c.cfg.After, c.pace.Next()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stop:
			c.inst.Suspend()
			stop = nil
			continue
		case <-timer.C:
		case <-c.cfg.Now:
		}
		begun := time.Now()
		if c.err = c.one(ctx, begun); c.err != nil {
			c.fail(c.err)
			return
		}
		timer.Reset(max(0, c.pace.Next()-time.Since(begun)))
	}
}

// one makes a snapshot, if the guest is where it can be captured.
func (c *capturer) one(ctx context.Context, now time.Time) error {
	s, err := c.inst.snapshot()
	switch {
	case errors.Is(err, ErrInCall), errors.Is(err, ErrEnded):
		return nil
	case err != nil:
		return err
	}
	s.Time = now
	err = c.cfg.Take(ctx, s)
	if errors.Is(err, ErrNotTaken) {
		c.inst.Uncapture()
		c.pace = c.pace.Failed()
		return nil
	}
	c.pace = c.pace.Stored(time.Since(now))
	return err
}

// last makes a snapshot of a guest that stays suspended.
func (c *capturer) last(ctx context.Context) error {
	now := time.Now()
	capture, err := c.inst.Capture()
	if err != nil {
		return err
	}
	s := &Snapshot{Capture: capture, Last: true}
	s.Stdout, s.Stderr = c.inst.written()
	s.Time = now
	return c.cfg.Take(ctx, s)
}

// snapshot captures the guest in the middle of a call. Between two calls of a run it does not:
// nobody could tell which is next.
func (i *Instance) snapshot() (*Snapshot, error) {
	r, err := i.captureRunning()
	if err != nil {
		return nil, err
	}
	if r.capture.State.Sections[sectionCall] == nil { // it returned before it was to stop
		i.Uncapture()
		return nil, ErrInCall
	}
	return &Snapshot{Capture: r.capture, Stdout: r.stdout, Stderr: r.stderr}, nil
}

// written is how much the guest has written to its standard streams, in bytes.
func (i *Instance) written() (stdout, stderr uint64) {
	if i.system == nil {
		return 0, 0
	}
	return i.system.Written()
}

// checkCaptures tells why a run cannot be captured while it goes on.
func (m *Module) checkCaptures(c *Captures) error {
	if c.Take == nil {
		return errors.New("captures that nobody takes")
	}
	if c.Pace != (checkpoint.Pace{}) {
		if err := c.Pace.Validate(); err != nil {
			return err
		}
	}
	if why := m.Unsuspendable(); why != "" {
		return fmt.Errorf("%w while it runs: %s", ErrNotCapturable, why)
	}
	return nil
}
