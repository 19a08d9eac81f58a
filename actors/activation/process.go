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
	if waiting, _ := r.state.Waiting(); wait == 0 && waiting == 0 {
		r.emit(r.state.Release())
		return mailbox.Delivery{}, actor.ErrTimeout // the delivery goes on: so the guest may go on to call
	}
	until, err := r.limit(wait)
	if err != nil {
		return mailbox.Delivery{}, err
	}
	r.emit(r.state.Finish())
	for {
		d, ok := r.state.Next()
		if !ok {
			if err := r.block(ctx); err != nil {
				return d, err
			}
			continue
		}
		if done, err := r.offer(d, until); done {
			return d, err
		}
	}
}

// limit sets a timer for a receive that is not to wait for ever, and returns when it is
// due by the actor's clock.
func (r *run) limit(wait time.Duration) (until int64, err error) {
	switch {
	case wait < 0:
		return math.MaxInt64, nil
	case wait == 0:
		return 0, nil
	}
	if r.waiting, err = r.state.SetTimer(wait, waitToken); err != nil {
		return 0, callError(err)
	}
	return r.state.Now() + int64(min(wait, wire.MaxWait)), nil
}

// offer decides what of a delivery gets to a process. Not done means that it is not for
// the guest, and that there is nothing in progress again.
func (r *run) offer(d mailbox.Delivery, until int64) (done bool, err error) {
	silent := d.Kind == mailbox.Start || d.Kind == mailbox.Timer && d.Token == waitToken
	switch {
	case r.known(d.Number) != nil:
		r.emit(r.state.Skip(r.known(d.Number)))
		r.settle()
		return false, nil
	case d.Kind == mailbox.Upgrade && !r.state.Spec().Stateless:
		_, out := r.state.Fail((&unfitError{"a process has no way to hand over its state"}).Error())
		r.emit(out)
		return false, nil
	case d.Kind == mailbox.Upgrade:
		r.upgrade = &d
		panic(hostabi.Exit{}) // ends the process
	case silent && r.state.Now() < until:
		r.emit(r.state.Finish())
		return false, nil
	case silent:
		r.waiting = 0
		return true, r.received(actor.ErrTimeout)
	}
	if r.waiting > 0 {
		_ = r.state.CancelTimer(r.waiting) // if it is due already it is known by its token
		r.waiting = 0
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
