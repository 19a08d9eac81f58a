package activation

import (
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
)

// suspended tells whether the guest waits in the middle of a call.
func (r *run) suspended() bool { return r.inst != nil && r.inst.Suspended() }

// goOn has a guest that waits go on, once there is what it waits for. Done means that
// there is nothing left to do.
func (r *run) goOn() (done bool, err error) {
	if err := r.captureIfDue(); err != nil {
		return true, err
	}
	for !r.awaited() {
		applied, err := r.advance()
		if err != nil {
			return true, err
		}
		if !applied {
			return true, r.idle()
		}
	}
	if r.ask == 0 { // it waits for its next message
		if err := r.cover(); err != nil {
			return true, err
		}
	}
	if err := r.resume(); err != nil {
		return true, err
	}
	return false, r.between()
}

// awaited tells whether there is something new to a guest that waits.
func (r *run) awaited() bool {
	status, _ := r.state.Status()
	if r.ask > 0 {
		_, done, err := r.state.Result(r.ask)
		return done || err != nil || status != mailbox.Running
	}
	waiting, _ := r.state.Waiting()
	return status == mailbox.Running && r.state.Quiet() && (waiting > 0 || r.state.Now() >= r.until)
}

// resume has the guest go on in the call in which it waits.
func (r *run) resume() error {
	r.again, r.suspends = true, true
	began := time.Now()
	defer func() {
		r.again, r.suspends = false, false
		r.worked += time.Since(began)
	}()
	ctx, done := r.bounded()
	defer done()
	_, err := r.inst.Resume(ctx)
	for _, s := range r.streams {
		s.end()
	}
	if r.process {
		err = r.exited(err)
	}
	return r.over(err)
}
