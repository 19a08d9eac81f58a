package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// buffer is memory that this process shares with the driver's.
type buffer struct {
	session *session
	id      uint64
	device  int
	size    uint64
	staged  bool

	mu     sync.RWMutex // held to look at shared, and to take it away
	shared []byte       // nil once the buffer is freed
}

var _ device.Buffer = (*buffer)(nil)

func (s *session) NewBuffer(ctx context.Context, dev int, size uint64) (device.Buffer, error) {
	if dev < 0 || dev >= len(s.infos) || size == 0 {
		return nil, fmt.Errorf("buffer of %d bytes on device %d: %w", size, dev, device.ErrArgument)
	}
	if most := s.infos[dev].MaxBuffer; size > most {
		return nil, fmt.Errorf("buffer of %d bytes where the most is %d: %w", size, most, device.ErrMemory)
	}
	if err := s.reserve(size); err != nil {
		return nil, err
	}
	b, err := s.share(ctx, dev, size)
	if err != nil {
		s.release(size)
		return nil, err
	}
	return b, nil
}

// reserve takes memory of the session's limit.
func (s *session) reserve(size uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if limit := s.limits.Memory; limit > 0 && (size > limit || s.used.Memory > limit-size) {
		return fmt.Errorf("%d bytes more than %d of %d: %w", size, s.used.Memory, limit, device.ErrQuota)
	}
	s.used.Memory += size
	s.used.MemoryPeak = max(s.used.MemoryPeak, s.used.Memory)
	return nil
}

func (s *session) release(size uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used.Memory -= size
}

// share makes the memory and gives it to the driver as well.
func (s *session) share(ctx context.Context, dev int, size uint64) (_ *buffer, err error) {
	f, err := link.NewMemory(size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	shared, err := link.Map(f, size)
	if err != nil {
		return nil, err
	}
	b := &buffer{session: s, device: dev, size: size, shared: shared, staged: s.process.config.staged(s.infos[dev])}
	e, err := s.ask(ctx, request{kind: wire.KindNewBuffer, device: dev, body: func(seq uint64) any {
		b.id = seq // as good a name as any
		return wire.NewBuffer{Seq: seq, ID: seq, Device: dev, Size: size, Staged: b.staged}
	}}, f)
	if err == nil {
		err = device.Wait(ctx, e)
	}
	if err == nil {
		err = s.keep(b)
	}
	if err != nil {
		b.unmap()
		return nil, errors.Join(err, s.tell(wire.KindFreeBuffer, wire.Free{ID: b.id}))
	}
	return b, nil
}

func (s *session) keep(b *buffer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.buffers[b.id] = b
	}
	return s.err
}

func (b *buffer) Size() uint64 { return b.size }

func (b *buffer) Read(ctx context.Context, offset uint64, to []byte) error {
	if err := b.ready(ctx, offset, len(to)); err != nil || len(to) == 0 {
		return err
	}
	if b.staged {
		e, err := b.sync(ctx, wire.KindPull, offset, len(to))
		if err == nil {
			err = device.Wait(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.shared == nil {
		return b.freed()
	}
	copy(to, b.shared[offset:])
	return nil
}

func (b *buffer) Write(ctx context.Context, offset uint64, from []byte) error {
	if err := b.ready(ctx, offset, len(from)); err != nil || len(from) == 0 {
		return err
	}
	if err := b.fill(offset, from); err != nil || !b.staged {
		return err
	}
	e, err := b.sync(ctx, wire.KindPush, offset, len(from))
	if err != nil {
		return err
	}
	return device.Wait(ctx, e)
}

func (b *buffer) fill(offset uint64, from []byte) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.shared == nil {
		return b.freed()
	}
	copy(b.shared[offset:], from)
	return nil
}

// ready checks a range, and waits for what was queued before.
func (b *buffer) ready(ctx context.Context, offset uint64, size int) error {
	if err := device.CheckRange(b.size, offset, uint64(size)); err != nil {
		return err
	}
	return b.session.settle(ctx, b.device)
}

// sync copies between shared and device memory.
func (b *buffer) sync(ctx context.Context, kind wire.Kind, offset uint64, size int) (*event, error) {
	return b.session.ask(ctx, request{kind: kind, device: b.device, queued: true, body: func(seq uint64) any {
		return wire.Sync{Seq: seq, Buffer: b.id, Offset: offset, Size: uint64(size)}
	}}, nil)
}

func (b *buffer) freed() error {
	if err := b.session.ended(); err != nil {
		return err
	}
	return fmt.Errorf("buffer: %w", device.ErrClosed)
}

func (b *buffer) isFreed() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.shared == nil
}

func (b *buffer) Free() error {
	if !b.unmap() {
		return b.freed()
	}
	s := b.session
	s.mu.Lock()
	delete(s.buffers, b.id)
	s.used.Memory -= b.size
	s.mu.Unlock()
	return s.tell(wire.KindFreeBuffer, wire.Free{ID: b.id})
}

// unmap takes the memory away here; the driver has it for as long as it needs it. It tells
// whether there was any.
func (b *buffer) unmap() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shared == nil {
		return false
	}
	_ = link.Unmap(b.shared) // cannot fail: it is exactly what was mapped
	b.shared = nil
	return true
}

// own is a buffer of this session's that is not freed.
func (s *session) own(b device.Buffer) (*buffer, error) {
	mine, ok := b.(*buffer)
	if !ok || mine == nil || mine.session != s {
		return nil, fmt.Errorf("buffer of another session: %w", device.ErrArgument)
	}
	if mine.isFreed() {
		return nil, mine.freed()
	}
	return mine, nil
}

func (s *session) Copy(ctx context.Context, dst device.Buffer, dstOffset uint64, src device.Buffer, srcOffset, size uint64) (device.Event, error) {
	to, err := s.own(dst)
	if err != nil {
		return nil, err
	}
	from, err := s.own(src)
	if err != nil {
		return nil, err
	}
	err = errors.Join(device.CheckRange(to.size, dstOffset, size), device.CheckRange(from.size, srcOffset, size))
	switch {
	case err != nil:
		return nil, err
	case size == 0:
		return nothing(), s.ended()
	case to == from && dstOffset < srcOffset+size && srcOffset < dstOffset+size:
		return nil, fmt.Errorf("copy onto itself: %w", device.ErrRange)
	case to.device != from.device:
		return nothing(), s.carry(ctx, to, dstOffset, from, srcOffset, size)
	}
	return s.ask(ctx, request{kind: wire.KindCopy, device: to.device, queued: true, body: func(seq uint64) any {
		return wire.Copy{Seq: seq, To: to.id, ToOffset: dstOffset, From: from.id, FromOffset: srcOffset, Size: size}
	}}, nil)
}

// carry copies between devices, a part at a time.
func (s *session) carry(ctx context.Context, to *buffer, toOffset uint64, from *buffer, fromOffset, size uint64) error {
	part := make([]byte, min(size, 1<<20))
	for done := uint64(0); done < size; done += uint64(len(part)) {
		part = part[:min(size-done, uint64(len(part)))]
		if err := from.Read(ctx, fromOffset+done, part); err != nil {
			return err
		}
		if err := to.Write(ctx, toOffset+done, part); err != nil {
			return err
		}
	}
	return nil
}
