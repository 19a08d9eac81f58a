package kernels

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// buffer is memory; words, so that elements of all types are aligned.
type buffer struct {
	session *session
	size    uint64
	words   []uint64
	freed   bool // under the session's lock; the memory stays while something queued uses it
}

func (b *buffer) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(b.words))), 8*len(b.words))[:b.size]
}

// Size implements device.Buffer.
func (b *buffer) Size() uint64 { return b.size }

// check tells why a range cannot be used.
func (b *buffer) check(offset, size uint64) error {
	b.session.mu.Lock()
	defer b.session.mu.Unlock()
	if err := b.session.state(); err != nil {
		return err
	}
	if b.freed {
		return fmt.Errorf("buffer: %w", device.ErrClosed)
	}
	return device.CheckRange(b.size, offset, size)
}

func (b *buffer) ready(ctx context.Context, offset, size uint64) error {
	if err := b.check(offset, size); err != nil {
		return err
	}
	return b.session.idle(ctx)
}

// Read implements device.Buffer.
func (b *buffer) Read(ctx context.Context, offset uint64, to []byte) error {
	if err := b.ready(ctx, offset, uint64(len(to))); err != nil {
		return err
	}
	copy(to, b.bytes()[offset:])
	return nil
}

// Write implements device.Buffer.
func (b *buffer) Write(ctx context.Context, offset uint64, from []byte) error {
	if err := b.ready(ctx, offset, uint64(len(from))); err != nil {
		return err
	}
	copy(b.bytes()[offset:], from)
	return nil
}

// Free implements device.Buffer.
func (b *buffer) Free() error {
	b.session.mu.Lock()
	defer b.session.mu.Unlock()
	if b.freed {
		return fmt.Errorf("buffer: %w", device.ErrClosed)
	}
	b.freed = true
	b.session.usage.Memory -= b.size
	return nil
}

// program is one kernel.
type program struct {
	session *session
	kernel  Kernel
	freed   bool
}

// Log implements device.Program.
func (p *program) Log() string { return "" }

// Kernels implements device.Program.
func (p *program) Kernels() []device.Signature { return []device.Signature{p.kernel.signature} }

// Kernel implements device.Program.
func (p *program) Kernel(name string) (device.Kernel, error) {
	if name != p.kernel.signature.Name {
		return nil, fmt.Errorf("no kernel %.80q: %w", name, device.ErrArgument)
	}
	return &bound{p.session, p.kernel}, nil
}

// Free implements device.Program.
func (p *program) Free() error {
	if p.freed {
		return fmt.Errorf("program: %w", device.ErrClosed)
	}
	p.freed = true
	return nil
}

// bound is a kernel of a session.
type bound struct {
	session *session
	kernel  Kernel
}

// Signature implements device.Kernel.
func (b *bound) Signature() device.Signature { return b.kernel.signature }

// Launch implements device.Kernel. The shape is checked, and then of no account.
func (b *bound) Launch(ctx context.Context, shape device.Range, values ...device.Value) (device.Event, error) {
	k := &b.kernel
	if err := k.signature.CheckArgs(info, values); err != nil {
		return nil, err
	}
	if err := k.signature.CheckShape(info, shape); err != nil {
		return nil, err
	}
	for i, v := range values {
		if v.Buffer == nil {
			continue
		}
		buf, ok := v.Buffer.(*buffer)
		if !ok || buf.session != b.session {
			return nil, fmt.Errorf("argument %d is of another session: %w", i, device.ErrArgument)
		}
		if err := buf.check(v.Offset, v.Size); err != nil {
			return nil, err
		}
	}
	if err := k.Check(values); err != nil {
		return nil, err
	}
	own := slices.Clone(values)
	for i := range own {
		own[i].Bytes = slices.Clone(own[i].Bytes)
	}
	return b.session.enqueue(ctx, func(ctx context.Context) error { return k.twin(ctx, own) })
}

// event is something that was queued. do, times and err are the worker's until done is
// closed.
type event struct {
	do    func(context.Context) error
	done  chan struct{}
	times device.Times
	err   error
}

func (e *event) end(err error) {
	e.err = err
	close(e.done)
}

// Done implements device.Event.
func (e *event) Done() <-chan struct{} { return e.done }

// Err implements device.Event.
func (e *event) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}

// Times implements device.Event.
func (e *event) Times() device.Times {
	select {
	case <-e.done:
		return e.times
	default:
		return device.Times{}
	}
}
