package kernels

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// maxQueued is how many launches and copies may wait.
const maxQueued = 1024

// session does what is queued on one goroutine, in order.
type session struct {
	limits device.Limits
	begun  time.Time
	ctx    context.Context // of what is done; ends with the session
	cancel context.CancelFunc
	queue  chan *event
	worker sync.WaitGroup
	gone   func()

	mu     sync.Mutex
	closed bool
	lost   error
	last   *event // that was queued
	usage  device.Usage
}

func newSession(limits device.Limits) *session {
	s := &session{limits: limits, begun: time.Now(), queue: make(chan *event, maxQueued)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.worker.Go(s.work)
	return s
}

func (s *session) work() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case e := <-s.queue:
			s.perform(e)
		}
	}
}

// perform does one thing, within what is left of the session's time.
func (s *session) perform(e *event) {
	if err := s.err(); err != nil {
		e.end(err)
		return
	}
	ctx, cancel := s.ctx, context.CancelFunc(func() {})
	if most := s.limits.QueueTime; most > 0 {
		ctx, cancel = context.WithTimeout(ctx, most-s.Usage().Busy)
	}
	defer cancel()
	e.times.Started = time.Since(s.begun)
	err := e.do(ctx)
	e.times.Ended = time.Since(s.begun)
	s.mu.Lock()
	s.usage.Busy += e.times.Busy()
	if err != nil && !s.closed {
		s.lost = &device.LostError{Reason: fmt.Sprintf("kernels ran for more than %v", s.limits.QueueTime), Blamed: true}
	}
	if err != nil {
		err = s.state()
		e.times = device.Times{}
	}
	s.mu.Unlock()
	e.end(err)
}

// state is why nothing goes on, if so. The lock is held.
func (s *session) state() error {
	if s.closed {
		return fmt.Errorf("session of %s: %w", BackendName, device.ErrClosed)
	}
	return s.lost
}

func (s *session) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state()
}

// Devices implements device.Session.
func (s *session) Devices() []device.Info {
	return slices.Repeat([]device.Info{info}, len(s.limits.Devices))
}

// Usage implements device.Session.
func (s *session) Usage() device.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usage
}

// NewBuffer implements device.Session.
func (s *session) NewBuffer(_ context.Context, dev int, size uint64) (device.Buffer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch err := s.state(); {
	case err != nil:
		return nil, err
	case dev < 0 || dev >= len(s.limits.Devices) || size == 0:
		return nil, fmt.Errorf("%d bytes on device %d: %w", size, dev, device.ErrArgument)
	case size > info.MaxBuffer:
		return nil, fmt.Errorf("%d bytes: %w", size, device.ErrMemory)
	case size > s.limits.Memory-s.usage.Memory:
		return nil, fmt.Errorf("%d bytes beside %d: %w", size, s.usage.Memory, device.ErrQuota)
	}
	s.usage.Memory += size
	s.usage.MemoryPeak = max(s.usage.MemoryPeak, s.usage.Memory)
	return &buffer{session: s, size: size, words: make([]uint64, (size+7)/8)}, nil
}

// Copy implements device.Session.
func (s *session) Copy(ctx context.Context, dst device.Buffer, dstOffset uint64, src device.Buffer, srcOffset, size uint64) (device.Event, error) {
	to, ok1 := dst.(*buffer)
	from, ok2 := src.(*buffer)
	if !ok1 || !ok2 || to.session != s || from.session != s {
		return nil, fmt.Errorf("copy between sessions: %w", device.ErrArgument)
	}
	if err := to.check(dstOffset, size); err != nil {
		return nil, err
	}
	if err := from.check(srcOffset, size); err != nil {
		return nil, err
	}
	if to == from && dstOffset < srcOffset+size && srcOffset < dstOffset+size {
		return nil, fmt.Errorf("copy between ranges that overlap: %w", device.ErrArgument)
	}
	return s.enqueue(ctx, func(context.Context) error {
		copy(to.bytes()[dstOffset:][:size], from.bytes()[srcOffset:])
		return nil
	})
}

// Build implements device.Session.
func (s *session) Build(_ context.Context, dev int, source device.Source) (device.Program, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	if dev < 0 || dev >= len(s.limits.Devices) {
		return nil, fmt.Errorf("device %d: %w", dev, device.ErrArgument)
	}
	if source.Form != device.Named {
		return nil, fmt.Errorf("%s has no compiler: %w", BackendName, device.ErrForm)
	}
	k, ok := Find(string(source.Text))
	if !ok {
		return nil, &device.BuildError{Log: fmt.Sprintf("no kernel is called %.80q", source.Text)}
	}
	return &program{s, k, false}, nil
}

// enqueue has f done after all that was queued before.
func (s *session) enqueue(ctx context.Context, f func(context.Context) error) (device.Event, error) {
	e := &event{do: f, done: make(chan struct{})}
	e.times.Queued = time.Since(s.begun)
	e.times.Submitted = e.times.Queued
	if err := s.err(); err != nil {
		return nil, err
	}
	select {
	case s.queue <- e:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ctx.Done():
		return nil, s.err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = e
	s.usage.Launches++
	if err := s.state(); err != nil {
		return nil, err // Close may have emptied the queue before
	}
	return e, nil
}

// idle waits for all that was queued.
func (s *session) idle(ctx context.Context) error {
	s.mu.Lock()
	last, err := s.last, s.state()
	s.mu.Unlock()
	if err != nil || last == nil {
		return err
	}
	select {
	case <-last.done:
		return s.err()
	case <-s.ctx.Done():
		return s.err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close implements device.Session.
func (s *session) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.worker.Wait()
	for {
		select {
		case e := <-s.queue:
			e.end(s.err())
		default:
			s.gone()
			return nil
		}
	}
}
