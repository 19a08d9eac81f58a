package gpu

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

const (
	eachLaunch = 1000 // units
	itemsUnit  = 8    // work-items for one unit
	rangeSize  = 80
	timesSize  = 32
)

// launch is a launch or a copy that was put into a queue. When it has ended it is settled:
// paid for, and its times kept.
type launch struct {
	event   device.Event
	paid    uint64 // units, beforehand
	settled bool
	times   device.Times
	failed  bool
}

// timesOf are the times of a launch that has ended, as the guest sees them.
func (s *State) timesOf(l *launch) device.Times {
	switch {
	case s.cfg.Deterministic:
		return device.Times{}
	case l.settled:
		return l.times
	}
	return l.event.Times()
}

func (l *launch) free() error { return nil }

func (l *launch) ended() bool {
	select {
	case <-l.event.Done():
		return true
	default:
		return false
	}
}

func (c call) launch(a []uint64) errno {
	k, e := find[*kernel](c.State, a[0])
	if e != success {
		return e
	}
	var handle []byte
	if uint32(a[2]) != 0 {
		if handle, e = c.bytes(a[2], 8); e != success {
			return e
		}
		if len(c.objects) >= maxHandles {
			return emfile
		}
	}
	r, e := c.shape(a[1])
	if e != success {
		return e
	}
	if e := c.room(); e != success {
		return e
	}
	l, e := c.enqueue(k, r)
	if e == success && handle != nil {
		le.PutUint64(handle, c.put(l))
	}
	return e
}

// shape reads a range.
func (c call) shape(ptr uint64) (r device.Range, e errno) {
	b, e := c.bytes(ptr, rangeSize)
	if e != success {
		return r, e
	}
	if le.Uint32(b) > 3 || le.Uint32(b[4:]) != 0 {
		return r, einval
	}
	r.Dims = int(le.Uint32(b))
	for i := range 3 {
		r.Offset[i], r.Global[i], r.Local[i] = le.Uint64(b[8+8*i:]), le.Uint64(b[32+8*i:]), le.Uint64(b[56+8*i:])
	}
	return r, success
}

// room waits until one more may be put into the queues.
func (c call) room() errno {
	if err := c.open(c.ctx); err != nil {
		return c.failed(err)
	}
	if len(c.pending) >= maxPending {
		if e := c.await(c.pending[0]); e != success {
			return e
		}
	}
	c.settleEnded()
	return success
}

func (c call) enqueue(k *kernel, r device.Range) (*launch, errno) {
	values, e := k.values()
	if e != success {
		return nil, e
	}
	if r, e = k.fit(r, values); e != success {
		return nil, e
	}
	if most := c.cfg.DeviceTime; most > 0 && c.kept.Busy >= most {
		return nil, edquot
	}
	items := max(r.Items(), k.operations(values))
	units := items/itemsUnit + min(1, items%itemsUnit)
	c.caller.Charge(eachLaunch + units)
	event, err := k.Launch(c.ctx, r, values...)
	if errors.Is(err, device.ErrQuota) {
		return nil, edquot
	}
	if err != nil {
		return nil, c.failed(err)
	}
	l := &launch{event: event, paid: units}
	c.launches++
	k.program.on.last = l
	c.pending = append(c.pending, l)
	return l, success
}

// await waits for a launch. The guest may be suspended meanwhile, and then makes the call
// again: so nothing may be settled before.
func (c call) await(l *launch) errno {
	if l.settled || l.ended() {
		return success
	}
	if device.Watch(l.event); l.ended() {
		return success
	}
	var wanted <-chan struct{}
	if s, ok := c.caller.(hostabi.Suspender); ok && s.MaySuspend() {
		wanted = s.SuspendWanted()
	}
	select {
	case <-l.event.Done():
		return success
	case <-c.ctx.Done():
		return eintr
	case <-wanted:
		panic(hostabi.Suspend{})
	}
}

// idle waits for all that was launched on devices, and tells of a failure that nobody has
// been told of.
func (c call) idle(devices ...*slot) errno {
	for _, d := range devices {
		if d.last == nil {
			continue
		}
		if e := c.await(d.last); e != success {
			return e
		}
	}
	c.settleEnded()
	if c.kept.Failed {
		c.kept.Failed = false
		return eio
	}
	return success
}

// settleEnded settles what has ended.
func (c call) settleEnded() {
	if debt := c.kept.Debt; debt > 0 {
		c.kept.Debt = 0
		c.caller.Charge(debt)
	}
	for len(c.pending) > 0 {
		i := slices.IndexFunc(c.pending, (*launch).ended)
		if i < 0 {
			return
		}
		l := c.pending[i]
		c.pending = slices.Delete(c.pending, i, i+1)
		if err := c.settle(l, c.caller.Charge); err != nil {
			c.failed(err)
		}
	}
}

// settle notes how a launch has ended, and charges for the time that was not paid for.
func (s *State) settle(l *launch, charge func(units uint64)) error {
	if l.settled || !l.ended() {
		return nil
	}
	l.settled, l.times = true, l.event.Times()
	busy := l.times.Busy()
	s.kept.Busy += busy
	err := l.event.Err()
	l.event = nil // with all that it holds
	if err != nil {
		l.failed, s.kept.Failed = true, true
	}
	if n := uint64(busy.Nanoseconds()); n > l.paid && !s.cfg.Deterministic {
		charge(n - l.paid)
	}
	return err
}

// drain waits until all queues are empty. The guest pays when it is there again.
func (s *State) drain(ctx context.Context) error {
	for _, l := range s.pending {
		err := device.Wait(ctx, l.event)
		if ctx.Err() != nil || errors.Is(err, device.ErrLost) {
			return errors.Join(err, ctx.Err())
		}
		s.settle(l, func(units uint64) { s.kept.Debt += units }) // what failed is known to s
	}
	s.pending = nil
	return nil
}

func (c call) wait(a []uint64) errno {
	if a[0] == 0 {
		all := make([]*slot, len(c.devices))
		for i := range c.devices {
			all[i] = &c.devices[i]
		}
		return c.idle(all...)
	}
	l, e := find[*launch](c.State, a[0])
	if e != success {
		return e
	}
	if e := c.await(l); e != success {
		return e
	}
	c.settleEnded()
	c.observed++
	if l.failed {
		c.kept.Failed = false
		return eio
	}
	return success
}

func (c call) done(a []uint64) errno {
	to, e := c.bytes(a[1], 4)
	if e != success {
		return e
	}
	l, e := find[*launch](c.State, a[0])
	if e != success {
		return e
	}
	if e := c.look(l); e != success {
		return e
	}
	le.PutUint32(to, 0)
	if l.settled {
		le.PutUint32(to, 1)
	}
	return success
}

// look settles a launch if it has ended. In a deterministic run every launch has: as if devices
// were infinitely fast.
func (c call) look(l *launch) errno {
	if c.cfg.Deterministic {
		if e := c.await(l); e != success {
			return e
		}
	}
	c.settleEnded()
	c.observed++
	return success
}

func (c call) times(a []uint64) errno {
	to, e := c.bytes(a[1], timesSize)
	if e != success {
		return e
	}
	l, e := find[*launch](c.State, a[0])
	if e != success {
		return e
	}
	if e := c.look(l); e != success {
		return e
	}
	if !l.settled {
		return eagain
	}
	t := c.timesOf(l)
	for i, at := range []time.Duration{t.Queued, t.Submitted, t.Started, t.Ended} {
		le.PutUint64(to[8*i:], uint64(at))
	}
	return success
}
