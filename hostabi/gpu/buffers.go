package gpu

import (
	"context"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

const eachBuffer = 256 // units

// buffer is memory of a device.
type buffer struct {
	device.Buffer
	on     *slot
	handle uint64
	freed  bool
}

func (b *buffer) free() error {
	b.freed = true
	b.on.used -= b.Size()
	return b.Free()
}

func (c call) buffer(a []uint64) errno {
	d, e := c.slotOf(a[0])
	if e != success {
		return e
	}
	handle, e := c.bytes(a[2], 8)
	if e != success {
		return e
	}
	switch size := a[1]; {
	case size == 0:
		return einval
	case size > d.most-d.used:
		return enomem
	case len(c.objects) >= maxHandles:
		return emfile
	}
	c.caller.Charge(eachBuffer + hostabi.UnitsFor(a[1]))
	b, err := c.newBuffer(c.ctx, d, a[1])
	if err != nil {
		return c.failed(err)
	}
	b.handle = c.put(b)
	le.PutUint64(handle, b.handle)
	return success
}

func (s *State) newBuffer(ctx context.Context, d *slot, size uint64) (*buffer, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	b, err := s.session.NewBuffer(ctx, d.number, size)
	if err != nil {
		return nil, err
	}
	d.used += size
	var used uint64
	for _, other := range s.devices {
		used += other.used
	}
	s.kept.Peak = max(s.kept.Peak, used)
	return &buffer{Buffer: b, on: d}, nil
}

func (c call) size(a []uint64) errno {
	to, e := c.bytes(a[1], 8)
	if e != success {
		return e
	}
	b, e := find[*buffer](c.State, a[0])
	if e == success {
		le.PutUint64(to, b.Size())
	}
	return e
}

// transfer checks a read or write: the buffer, and the guest's memory.
func (c call) transfer(a []uint64) (*buffer, []byte, errno) {
	p, e := c.bytes(a[2], a[3])
	if e != success {
		return nil, nil, e
	}
	b, e := find[*buffer](c.State, a[0])
	if e != success {
		return nil, nil, e
	}
	if err := device.CheckRange(b.Size(), a[1], uint64(len(p))); err != nil {
		return nil, nil, errnoOf(err)
	}
	if e := c.idle(b.on); e != success {
		return nil, nil, e
	}
	c.caller.Charge(hostabi.UnitsFor(uint64(len(p))))
	return b, p, success
}

func (c call) write(a []uint64) errno {
	b, p, e := c.transfer(a)
	if e != success {
		return e
	}
	if err := b.Write(c.ctx, a[1], p); err != nil {
		return c.failed(err)
	}
	return success
}

func (c call) read(a []uint64) errno {
	b, p, e := c.transfer(a)
	if e != success {
		return e
	}
	c.observed++
	if err := b.Read(c.ctx, a[1], p); err != nil {
		return c.failed(err)
	}
	return success
}

func (c call) copy(a []uint64) errno {
	from, e := find[*buffer](c.State, a[0])
	if e != success {
		return e
	}
	to, e := find[*buffer](c.State, a[2])
	if e != success {
		return e
	}
	fromAt, toAt, n := a[1], a[3], a[4]
	if device.CheckRange(from.Size(), fromAt, n) != nil || device.CheckRange(to.Size(), toAt, n) != nil {
		return erange
	}
	if from == to && fromAt < toAt+n && toAt < fromAt+n {
		return einval
	}
	if e := c.room(); e != success || n == 0 {
		return e
	}
	units := hostabi.UnitsFor(n)
	c.caller.Charge(units)
	event, err := c.session.Copy(c.ctx, to.Buffer, toAt, from.Buffer, fromAt, n)
	if err != nil {
		return c.failed(err)
	}
	l := &launch{event: event, paid: units}
	from.on.last, to.on.last = l, l
	c.pending = append(c.pending, l)
	return success
}

func (c call) free(a []uint64) errno {
	o, e := find[object](c.State, a[0])
	if e != success {
		return e
	}
	delete(c.objects, a[0])
	if err := o.free(); err != nil {
		return c.failed(err)
	}
	return success
}
