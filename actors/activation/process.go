package activation

import (
	"context"
	"math"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
)

// receive ends the delivery in progress and waits for the next one, on the goroutine
// of a process.
func (r *run) receive(ctx context.Context, wait time.Duration) (mailbox.Delivery, error) {
	for _, s := range r.streams {
		s.end()
	}
	if d := r.early; d != nil {
		r.early = nil
		return *d, nil
	}
	again := r.again
	r.again, r.ask = false, 0
	if !again {
		if err := r.finish(); err != nil {
			return mailbox.Delivery{}, err
		}
		r.until = math.MaxInt64
		if wait >= 0 {
			r.until = r.state.Now() + int64(min(wait, wire.MaxWait))
		}
		if r.suspends && (r.observing() || r.overdue() || r.captures(r.engine.cfg.Now())) {
			return mailbox.Delivery{}, actor.ErrSuspend
		}
	}
	for {
		d, ok := r.next(r.until)
		if !ok {
			if err := r.block(ctx); err != nil {
				return d, err
			}
			continue
		}
		if done, err := r.offer(d, r.until); done {
			return d, err
		}
	}
}

// next is the next delivery for a process that waits until then, if there is one.
func (r *run) next(until int64) (d mailbox.Delivery, ok bool) {
	if d, ok = r.state.Next(); ok || !r.state.Quiet() {
		return d, ok
	}
	if r.state.Now() >= until {
		return r.state.TimeOut()
	}
	if until < math.MaxInt64 {
		r.state.SetWake(time.Duration(until - r.state.Now()))
	}
	return d, false
}

// offer decides what of a delivery gets to a process. Not done means that it is not for
// the guest, and that there is nothing in progress again.
func (r *run) offer(d mailbox.Delivery, until int64) (done bool, err error) {
	switch {
	case r.known(d.Number) != nil:
		if err := r.skip(d.Number); err != nil {
			r.abort(err)
		}
		return false, nil
	case d.Kind == mailbox.Upgrade && !r.state.Spec().Stateless:
		_, out := r.state.Fail(errProcess.Error())
		r.emit(out)
		return false, nil
	case d.Kind == mailbox.Upgrade:
		r.upgrade = &d
		panic(hostabi.Exit{}) // ends the process
	case d.Kind == mailbox.Timeout && r.state.Now() >= until:
		return true, r.received(actor.ErrTimeout)
	case d.Kind == mailbox.Timeout || d.Kind == mailbox.Start:
		r.emit(r.state.Finish()) // what came before it has been delivered meanwhile
		return false, nil
	}
	return true, r.received(nil)
}

// received has the guest go on with a new delivery.
func (r *run) received(outcome error) error {
	r.engine.count(func(s *Stats) { s.Deliveries++ })
	r.clock.begin()
	r.inst.Refuel(r.state.Spec().Fuel)
	if len(r.out) > 0 && time.Since(r.flushed) > flushTime {
		r.flush(r.state.Index())
	}
	if err := r.yield(); err != nil {
		return err
	}
	return outcome
}
