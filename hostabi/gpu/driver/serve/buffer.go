package serve

import (
	"errors"
	"fmt"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
	"github.com/godwit-run/godwit/hostabi/gpu/opencl"
)

// buffer is memory that is shared with the node: the device's own, or what is
// copied to and from it.
type buffer struct {
	unit   *unit
	shared []byte
	memory opencl.Memory
}

func (s *session) newBuffer(m wire.NewBuffer) error {
	b, err := s.makeBuffer(m)
	if err == nil {
		s.buffers[m.ID] = b
	}
	return s.answer(m.Seq, err, device.Times{})
}

func (s *session) makeBuffer(m wire.NewBuffer) (*buffer, error) {
	f, err := s.conn.File()
	if err != nil {
		return nil, err
	}
	shared, err := link.Map(f, m.Size)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	b := &buffer{shared: shared}
	if s.buffers[m.ID] != nil || m.ID == 0 {
		err = fmt.Errorf("buffer %d twice: %w", m.ID, device.ErrArgument)
	} else {
		err = b.give(s, m)
	}
	if err != nil {
		return nil, errors.Join(err, link.Unmap(shared))
	}
	return b, nil
}

// give gives the memory to the device.
func (b *buffer) give(s *session, m wire.NewBuffer) (err error) {
	if b.unit, err = s.unit(m.Device); err != nil {
		return err
	}
	if !m.Staged {
		b.memory, err = b.unit.context.ShareMemory(b.shared)
		return err
	}
	if b.memory, err = b.unit.context.NewMemory(m.Size); err != nil {
		return err
	}
	// The shared memory is zero; what the device's is, nobody knows.
	e, err := b.unit.queue.Write(b.memory, 0, b.shared)
	if err == nil {
		err = errors.Join(e.Wait(), e.Release())
	}
	if err != nil {
		return errors.Join(err, b.memory.Release())
	}
	return nil
}

// dropBuffer frees a buffer once what was queued before has ended.
func (s *session) dropBuffer(id uint64) {
	b := s.buffers[id]
	if b == nil {
		return
	}
	delete(s.buffers, id)
	b.unit.fresh = append(b.unit.fresh, item{after: func() {
		// There is no answer to a free; what cannot be freed ends with the process.
		_ = errors.Join(b.memory.Release(), link.Unmap(b.shared))
	}})
}

// find is a buffer, and checks that a range is inside of it.
func (s *session) find(id, offset, size uint64) (*buffer, error) {
	b := s.buffers[id]
	if b == nil {
		return nil, fmt.Errorf("buffer: %w", device.ErrClosed)
	}
	return b, device.CheckRange(uint64(len(b.shared)), offset, size)
}

// sync copies between shared and device memory.
func (s *session) sync(m wire.Sync, push bool) error {
	b, err := s.find(m.Buffer, m.Offset, m.Size)
	if err == nil && m.Size == 0 {
		err = device.ErrRange
	}
	if err != nil {
		return s.answer(m.Seq, err, device.Times{})
	}
	part := b.shared[m.Offset : m.Offset+m.Size]
	var e opencl.Event
	if push {
		e, err = b.unit.queue.Write(b.memory, m.Offset, part)
	} else {
		e, err = b.unit.queue.Read(b.memory, m.Offset, part)
	}
	return b.unit.queued(m.Seq, e, err, nil)
}

func (s *session) copy(m wire.Copy) error {
	to, err := s.find(m.To, m.ToOffset, m.Size)
	from, err2 := s.find(m.From, m.FromOffset, m.Size)
	if err = errors.Join(err, err2); err == nil && to.unit != from.unit {
		err = fmt.Errorf("copy between devices: %w", device.ErrArgument)
	}
	if err != nil {
		return s.answer(m.Seq, err, device.Times{})
	}
	e, err := to.unit.queue.Copy(to.memory, m.ToOffset, from.memory, m.FromOffset, m.Size)
	return to.unit.queued(m.Seq, e, err, nil)
}
