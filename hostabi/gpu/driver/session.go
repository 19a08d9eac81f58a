package driver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// session is a device.Session in one life of the driver process.
type session struct {
	process *process
	cache   *cache
	id      uint64
	limits  device.Limits
	infos   []device.Info
	conn    *link.Conn

	places chan struct{} // holds a token for each queued event
	wake   chan struct{} // holds one when something is queued, for watch
	over   chan struct{} // closed when the session is lost or closed
	heard  chan struct{} // closed when the connection has ended

	// took is how long the device was at what ended last, in nanoseconds.
	took atomic.Int64

	order sync.Mutex // held while something is numbered and sent

	mu      sync.Mutex
	next    uint64
	pending map[uint64]*event
	last    []*event // the last that was queued, for each device
	buffers map[uint64]*buffer
	used    device.Usage
	err     error // why the session is over
	closed  bool
}

var _ device.Session = (*session)(nil)

func newSession(p *process, c *cache, limits device.Limits, infos []device.Info, conn *link.Conn) *session {
	s := &session{
		process: p, cache: c, limits: limits, infos: infos, conn: conn,
		places: make(chan struct{}, wire.MaxQueued), wake: make(chan struct{}, 1),
		over: make(chan struct{}), heard: make(chan struct{}),
		pending: map[uint64]*event{}, buffers: map[uint64]*buffer{}, last: make([]*event, len(infos)),
	}
	for i := range s.last {
		s.last[i] = nothing()
	}
	return s
}

func (s *session) Devices() []device.Info { return slices.Clone(s.infos) }

func (s *session) Usage() device.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// request is what is sent with a number: it makes the body of it.
type request struct {
	kind   wire.Kind
	body   func(seq uint64) any
	device int
	queued bool
	launch bool
	after  func()
}

// ask sends a request, and returns what becomes of it. after is called in any
// case.
func (s *session) ask(ctx context.Context, r request, file *os.File) (*event, error) {
	e := &event{done: make(chan struct{}), session: s, device: r.device, queued: r.queued, after: r.after}
	err := s.send(ctx, r, e, file)
	if err != nil && r.after != nil {
		r.after()
	}
	return e, err
}

func (s *session) send(ctx context.Context, r request, e *event, file *os.File) error {
	if r.queued {
		if err := s.takePlace(ctx); err != nil {
			return err
		}
	}
	s.order.Lock()
	defer s.order.Unlock()
	seq, err := s.register(r, e)
	if err != nil {
		if r.queued {
			<-s.places
		}
		return err
	}
	// A message that is half sent is the end of the session.
	stop := context.AfterFunc(ctx, s.conn.Interrupt)
	err = s.conn.Send(r.kind, r.body(seq), file)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.drop(seq)
		s.breakOff(ctx, err)
		return errors.Join(s.ended(), ctx.Err())
	}
	return nil
}

// takePlace waits until not too much is queued.
func (s *session) takePlace(ctx context.Context) error {
	select {
	case s.places <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.places <- struct{}{}:
		return nil
	case <-s.over:
		return s.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// register numbers an event. Order is held.
func (s *session) register(r request, e *event) (seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	if r.launch {
		if s.limits.QueueTime > 0 && s.used.Busy >= s.limits.QueueTime {
			return 0, fmt.Errorf("kernels have run for %v: %w", s.limits.QueueTime, device.ErrQuota)
		}
		s.used.Launches++
	}
	s.next++
	e.sent = time.Now()
	s.pending[s.next] = e
	if r.queued {
		s.last[r.device] = e
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return s.next, nil
}

// drop forgets an event that was not sent.
func (s *session) drop(seq uint64) {
	s.mu.Lock()
	e := s.pending[seq]
	delete(s.pending, seq)
	s.mu.Unlock()
	if e != nil && e.queued {
		<-s.places
	}
}

// tell sends what has no answer.
func (s *session) tell(kind wire.Kind, body any) error {
	s.order.Lock()
	defer s.order.Unlock()
	if err := s.ended(); err != nil {
		return err
	}
	if err := s.conn.Send(kind, body, nil); err != nil {
		s.breakOff(context.Background(), err)
		return s.ended()
	}
	return nil
}

// ended is why the session is over, nil if it is not.
func (s *session) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// breakOff ends a session whose connection does not work any more. Why is
// known best by the process, if that has ended.
func (s *session) breakOff(ctx context.Context, err error) {
	wait, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	select {
	case <-s.over:
	case <-ctx.Done():
		s.lose(&device.LostError{Reason: "given up in the middle of a message", Blamed: true})
	case <-s.process.gone:
		s.lose(&device.LostError{Reason: s.process.cause(nil)})
	case <-wait.Done():
		s.lose(&device.LostError{Reason: fmt.Sprintf("the driver ended the session: %v", err)})
	}
}

// lose ends the session, if it is not over yet: whatever is under way ends with err.
func (s *session) lose(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, e := range pending {
		e.end(err, device.Times{})
	}
	close(s.over)
	s.conn.Ring()
}

// listen hears answers until the connection ends.
func (s *session) listen() {
	defer close(s.heard)
	err := s.conn.Serve(s.hear)
	s.breakOff(context.Background(), err)
	_ = errors.Join(s.conn.Close(), s.conn.Discard()) // it is of no more use
}

func (s *session) hear(kind wire.Kind, body []byte) error {
	switch kind {
	case wire.KindDone:
		var m wire.Done
		if err := wire.Decode(body, &m); err != nil {
			return err
		}
		s.finish(m.Seq, nil, m.Fault.Err(m.Text), m.Times())
		return nil
	case wire.KindBuilt:
		m := new(wire.Built)
		if err := wire.Decode(body, m); err != nil {
			return err
		}
		if err := m.Clean(); err != nil {
			return err
		}
		s.finish(m.Seq, m, nil, device.Times{})
		return nil
	}
	return fmt.Errorf("message %d: %w", kind, wire.ErrFrame)
}

// finish ends what had that number. An answer that nobody waits for is not looked at.
func (s *session) finish(seq uint64, built *wire.Built, err error, times device.Times) {
	s.mu.Lock()
	e := s.pending[seq]
	delete(s.pending, seq)
	if e != nil && e.queued && err == nil {
		times = e.possible(times)
		s.used.Busy += times.Busy()
		s.took.Store(int64(times.Busy()))
	}
	s.mu.Unlock()
	if e == nil {
		return
	}
	if e.queued {
		<-s.places
	}
	e.built = built
	e.end(err, times)
}

// atWork tells whether the driver has something of the session to do.
func (s *session) atWork() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0
}

// settle waits until what was queued on a device has ended, however it did.
func (s *session) settle(ctx context.Context, on int) error {
	s.mu.Lock()
	last := s.last[on]
	s.mu.Unlock()
	if _ = device.Wait(ctx, last); !last.ended() {
		return ctx.Err()
	}
	return s.ended()
}
