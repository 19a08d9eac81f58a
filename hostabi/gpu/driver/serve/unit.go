package serve

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
	"github.com/godwit-run/godwit/hostabi/gpu/opencl"
)

// unit is a device of a session, with a context of its own: on most GPUs that is an
// address space of its own.
type unit struct {
	session *session
	device  opencl.Device
	info    device.Info

	context opencl.Context
	queue   opencl.Queue
	fresh   []item    // queued by the message that is being handled
	items   chan item // what is waited for elsewhere; nil until the unit is opened
	under   atomic.Int32
	waiting sync.WaitGroup

	head atomic.Pointer[opencl.Event] // what is waited for
	look sync.RWMutex                 // held to look at head's event, and to release it
}

// item is something that has been queued, or is to be freed after it.
type item struct {
	seq   uint64
	event *opencl.Event
	after func() // called once the event has ended; may be nil
}

// open makes context and queue when they are first needed.
func (u *unit) open() (err error) {
	if u.items != nil {
		return nil
	}
	if u.context, err = u.device.NewContext(); err != nil {
		return err
	}
	if u.queue, err = u.context.NewQueue(); err != nil {
		return errors.Join(err, u.context.Release())
	}
	u.items = make(chan item, 2*wire.MaxQueued)
	u.waiting.Go(u.wait)
	return nil
}

// close waits for all that was queued.
func (u *unit) close() {
	if u.items == nil {
		return
	}
	close(u.items)
	u.waiting.Wait()
	_ = errors.Join(u.queue.Release(), u.context.Release()) // nobody is left to be told
}

// wait waits for what is queued, in order, and answers.
func (u *unit) wait() {
	for it := range u.items {
		u.end(it)
		u.under.Add(-1)
	}
}

// settle sees that somebody waits for what the last message has queued: the goroutine of
// the messages itself if there is nothing else to do, which saves a change of threads, or else wait.
func (u *unit) settle(nothingElse bool) {
	for _, it := range u.fresh {
		if nothingElse && u.under.Load() == 0 {
			u.end(it)
			continue
		}
		u.under.Add(1)
		u.items <- it
	}
	clear(u.fresh)
	u.fresh = u.fresh[:0]
}

func (u *unit) end(it item) {
	if it.event != nil {
		u.finish(it)
	}
	if it.after != nil {
		it.after()
	}
}

func (u *unit) finish(it item) {
	u.head.Store(it.event)
	err := it.event.Wait()
	u.session.conn.Rouse() // it wakes while the answer is made
	var times device.Times
	if err == nil {
		times = it.event.Times()
	}
	// A node that has gone sees no answer; the work is still waited for.
	_ = u.session.answer(it.seq, err, times)
	u.look.Lock()
	defer u.look.Unlock()
	u.head.Store(nil)
	_ = it.event.Release()
}

// running tells whether the device is at something of this session now.
func (u *unit) running() bool {
	u.look.RLock()
	defer u.look.RUnlock()
	e := u.head.Load()
	return e != nil && e.Running()
}

// queued takes what was put into the queue, or answers why it could not.
func (u *unit) queued(seq uint64, e opencl.Event, err error, after func()) error {
	if err == nil {
		err = u.queue.Flush()
	}
	if err != nil {
		if after != nil {
			u.fresh = append(u.fresh, item{after: after})
		}
		return u.session.answer(seq, err, device.Times{})
	}
	u.fresh = append(u.fresh, item{seq: seq, event: &e, after: after})
	return nil
}
