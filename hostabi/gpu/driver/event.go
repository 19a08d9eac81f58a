package driver

import (
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// event is anything that the driver was asked and will answer. What is above done is set
// before it is closed, and read after.
type event struct {
	err   error
	times device.Times
	built *wire.Built
	done  chan struct{}

	session *session
	device  int
	sent    time.Time
	// queued events take a place among the wire.MaxQueued and end in order.
	queued bool
	// after is called once it has ended; may be nil.
	after func()
}

var _ device.Event = (*event)(nil)

func (e *event) Done() <-chan struct{} { return e.done }

func (e *event) ended() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

func (e *event) Err() error {
	if !e.ended() {
		return nil
	}
	return e.err
}

func (e *event) Times() device.Times {
	if !e.ended() {
		return device.Times{}
	}
	return e.times
}

// Watch is what device.Watch calls. It looks for the end, or sleeps for it, or leaves it to Done: as
// long as what ended last took.
func (e *event) Watch() {
	if e.session == nil || e.ended() {
		return
	}
	s := e.session
	took := time.Duration(s.took.Load())
	if took > link.Patient {
		return
	}
	var look, most time.Duration
	if took <= link.Eager {
		look = link.Eager
	}
	select {
	case s.process.beds <- struct{}{}:
		defer func() { <-s.process.beds }()
		most = link.Patient
	default:
	}
	s.conn.Watch(s.hear, e.ended, look, most)
}

// possible are the times that can be: the device has not worked longer than it is since
// the event was sent, whatever its driver says.
func (e *event) possible(t device.Times) device.Times {
	if most := time.Since(e.sent); t.Busy() > most {
		t.Ended = t.Started + most
	}
	return t
}

// end ends the event.
func (e *event) end(err error, times device.Times) {
	e.err, e.times = err, times
	close(e.done)
	if e.after != nil {
		e.after()
	}
}

// nothing is an event of what needed nothing to be done.
func nothing() *event {
	e := &event{done: make(chan struct{})}
	close(e.done)
	return e
}
