package actors_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
)

// mesh is a network in memory, for tests on virtual time. Frames take a moment, come in
// order, and are lost with the process that they are from or for.
type mesh struct {
	mu    sync.Mutex
	lives map[wire.NodeID]*life
	// breaks: of so many frames one is where a stream breaks; 0: none does.
	breaks atomic.Int64
}

// life is a node from one start to its end: an actors.Network.
type life struct {
	mesh    *mesh
	id      wire.NodeID
	handler actors.Handler
	ctx     context.Context // ends with it
	end     func()
	work    sync.WaitGroup // what calls the handler

	mu    sync.Mutex
	links map[*life]chan []byte
	until time.Time // before that it takes nothing and says nothing
}

var errDown = errors.New("the node is down")

func (m *mesh) begin(id wire.NodeID) *life {
	l := &life{mesh: m, id: id, links: make(map[*life]chan []byte)}
	ctx, cancel := context.WithCancel(context.Background())
	l.ctx, l.end = ctx, sync.OnceFunc(func() {
		cancel()
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.lives, id)
		for _, other := range m.lives {
			if rand.IntN(3) > 0 {
				other.handler.Connection(id, false)
				continue
			}
			late := time.Duration(rand.IntN(1000)) * time.Millisecond
			time.AfterFunc(late, func() { m.lost(other, id) })
		}
	})
	return l
}

// lost tells a node late that another has ended, and not at all if that is back by then:
// not every connection closes when a process is killed.
func (m *mesh) lost(l *life, id wire.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lives[id] == nil && m.lives[l.id] == l {
		l.handler.Connection(id, false)
	}
}

// Run implements actors.Network.
func (l *life) Run(ctx context.Context, h actors.Handler) error {
	l.handler = h
	l.mesh.mu.Lock()
	for _, other := range l.mesh.lives {
		other.handler.Connection(l.id, true)
		h.Connection(other.id, true)
	}
	l.mesh.lives[l.id] = l
	l.mesh.mu.Unlock()
	<-ctx.Done()
	l.end()
	l.work.Wait()
	return nil
}

// to finds a node that is there.
func (l *life) to(id wire.NodeID) *life {
	l.mesh.mu.Lock()
	defer l.mesh.mu.Unlock()
	if l.ctx.Err() != nil {
		return nil
	}
	return l.mesh.lives[id]
}

// spawn runs what calls the handler, unless the node is down.
func (l *life) spawn(f func()) bool {
	l.mesh.mu.Lock()
	defer l.mesh.mu.Unlock()
	if l.ctx.Err() != nil {
		return false
	}
	l.work.Go(f)
	return true
}

// Send implements actors.Network.
func (l *life) Send(id wire.NodeID, frame []byte) error {
	to := l.to(id)
	if to == nil {
		return errDown
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	link := l.links[to]
	if link == nil {
		link = make(chan []byte, 1<<14)
		l.links[to] = link
		if !to.spawn(func() { to.take(l, link) }) {
			return errDown
		}
	}
	select {
	case link <- frame:
		return nil
	default:
		return errDown
	}
}

// take takes what another node sends, until one of them ends.
func (l *life) take(from *life, link chan []byte) {
	for {
		select {
		case frame := <-link:
			if !l.arrive(from, frame) {
				return
			}
		case <-from.ctx.Done():
			return
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *life) arrive(from *life, frame []byte) bool {
	if n := l.mesh.breaks.Load(); n > 0 && rand.Int64N(n) == 0 {
		return l.forget(from)
	}
	from.rest()
	l.rest()
	time.Sleep(time.Duration(100+rand.IntN(400)) * time.Microsecond) // the network's delay
	return from.ctx.Err() == nil && l.ctx.Err() == nil && l.handler.Receive(l.ctx, from.id, frame) == nil
}

// forget breaks the stream of a node's frames: the next Send begins another.
func (l *life) forget(from *life) bool {
	from.mu.Lock()
	defer from.mu.Unlock()
	delete(from.links, l)
	return false
}

// pause has the node neither hear nor be heard for a while.
func (l *life) pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Now().Add(d)
}

func (l *life) rest() {
	l.mu.Lock()
	wait := time.Until(l.until)
	l.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
	}
}

// Open implements actors.Network.
func (l *life) Open(ctx context.Context, id wire.NodeID) (actors.Stream, error) {
	to := l.to(id)
	if to == nil {
		return nil, errDown
	}
	l.rest()
	to.rest()
	here, there := newStreams()
	ok := to.spawn(func() {
		defer there.Close()
		stop := context.AfterFunc(l.ctx, func() { there.Reset() })
		defer stop()
		stop = context.AfterFunc(to.ctx, func() { there.Reset() })
		defer stop()
		if err := to.handler.Serve(to.ctx, l.id, there); err != nil {
			there.Reset()
		}
	})
	if !ok {
		return nil, errDown
	}
	return here, nil
}

// stream is one end of a stream in memory.
type stream struct{ in, out *half }

// half is one direction: as much as is written waits.
type half struct {
	mu    sync.Mutex
	news  sync.Cond
	data  []byte
	err   error // after the data
	timer *time.Timer
}

func newStreams() (a, b *stream) {
	x, y := new(half), new(half)
	x.news.L, y.news.L = &x.mu, &y.mu
	return &stream{x, y}, &stream{y, x}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	h := s.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.data) == 0 && h.err == nil {
		h.news.Wait()
	}
	h.mu.Unlock()
	time.Sleep(100 * time.Microsecond) // on the way, where a reset overtakes it
	h.mu.Lock()
	if len(h.data) == 0 {
		return 0, h.err // not nil: only a failure takes data away
	}
	n := copy(p, h.data)
	h.data = h.data[n:]
	return n, nil
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	h := s.out
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return 0, io.ErrClosedPipe
	}
	h.data = append(h.data, p...)
	h.news.Broadcast()
	return len(p), nil
}

func (h *half) fail(err error, drop bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil || drop {
		h.err = err
	}
	if drop {
		h.data = nil
	}
	h.news.Broadcast()
}

// CloseWrite implements actors.Stream.
func (s *stream) CloseWrite() error { s.out.fail(io.EOF, false); return nil }

// Close implements io.Closer.
func (s *stream) Close() error { return errors.Join(s.SetDeadline(time.Time{}), s.CloseWrite()) }

// Reset implements actors.Stream.
func (s *stream) Reset() error {
	s.in.fail(io.ErrUnexpectedEOF, true)
	s.out.fail(io.ErrUnexpectedEOF, true)
	return s.SetDeadline(time.Time{})
}

// SetDeadline implements actors.Stream.
func (s *stream) SetDeadline(t time.Time) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.in.timer != nil {
		s.in.timer.Stop()
		s.in.timer = nil
	}
	if !t.IsZero() {
		s.in.timer = time.AfterFunc(time.Until(t), func() { s.in.fail(os.ErrDeadlineExceeded, false) })
	}
	return nil
}
