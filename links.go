package godwit

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/time/rate"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// protocolTasks is the protocol of task messages: each after its length as a
// uvarint, one way. Acknowledgements are messages of their own, the other way.
const protocolTasks protocol.ID = "/godwit/tasks/1"

const (
	// maxQueuedBytes and maxQueuedMessages bound what waits for one slow peer.
	maxQueuedBytes    = 32 << 20
	maxQueuedMessages = 16384
	// maxPerPeer is how many streams one peer may have open to this node: a new
	// one may come before the old one is known to be dead.
	maxPerPeer = 2
	// frameTimeout is how long a peer may take over one message, either way.
	frameTimeout = 15 * time.Second
	// linkIdle is after what time without a message a stream is closed.
	linkIdle = 2 * time.Minute
	// maxRate is how many messages a second are read from one peer, and burst how
	// many of them at once.
	maxRate, burst = 20000, 4096
)

var (
	errLinkFull   = errors.New("too much waits to be sent to this peer")
	errLinkClosed = errors.New("links are closed")
	errFrame      = errors.New("frame of an impossible length")
)

// links carries messages of one protocol between this node and others, over one
// stream each way that is opened at need. Messages to one peer arrive in order or not at all:
// when a stream breaks, what was in it is lost.
type links struct {
	protocol protocol.ID
	host     host.Host
	log      *slog.Logger
	// receive gets each message, those of one peer in order. While it blocks,
	// that peer is not read from: it feels back-pressure.
	receive func(ctx context.Context, from peer.ID, m wire.Body) error

	timeout time.Duration // frameTimeout, but in tests
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu     sync.Mutex
	closed bool
	out    map[peer.ID]*outbox
	in     map[peer.ID]int
}

func newLinks(of protocol.ID, h host.Host, log *slog.Logger, receive func(context.Context, peer.ID, wire.Body) error) *links {
	l := &links{
		protocol: of, host: h, log: log, receive: receive, timeout: frameTimeout,
		out: make(map[peer.ID]*outbox), in: make(map[peer.ID]int),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	h.SetStreamHandler(of, l.accept)
	return l
}

// close ends all streams and waits for their goroutines.
func (l *links) close() {
	l.host.RemoveStreamHandler(l.protocol)
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.workers.Wait()
}

// outbox is what waits to be sent to one peer.
type outbox struct {
	mu     sync.Mutex
	frames [][]byte
	bytes  int
	dead   bool          // nobody will send what is put here
	wake   chan struct{} // has room for one
}

// put queues a frame.
func (o *outbox) put(frame []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead {
		return errLinkClosed
	}
	if len(o.frames) >= maxQueuedMessages || o.bytes+len(frame) > maxQueuedBytes {
		return errLinkFull
	}
	o.frames, o.bytes = append(o.frames, frame), o.bytes+len(frame)
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

// take empties the box.
func (o *outbox) take() [][]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames := o.frames
	o.frames, o.bytes = nil, 0
	return frames
}

// bury marks an empty box as dead. It fails when there is something in it.
func (o *outbox) bury(force bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = force || len(o.frames) == 0
	return o.dead
}

// send queues a message for a peer and returns at once.
func (l *links) send(to peer.ID, m wire.Body) error {
	frame, err := encodeFrame(m)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errLinkClosed
	}
	if o := l.out[to]; o != nil {
		if err := o.put(frame); err != errLinkClosed {
			return err
		}
	}
	o := &outbox{wake: make(chan struct{}, 1)}
	l.out[to] = o
	l.workers.Go(func() { l.deliver(to, o) })
	return o.put(frame)
}

func encodeFrame(m wire.Body) ([]byte, error) {
	body, err := wire.Encode(m)
	if err != nil {
		return nil, err
	}
	frame := binary.AppendUvarint(make([]byte, 0, len(body)+binary.MaxVarintLen64), uint64(len(body)))
	return append(frame, body...), nil
}

// deliver opens a stream and sends what is put into the box, until there has been
// nothing to send for a while.
func (l *links) deliver(to peer.ID, o *outbox) {
	err := l.deliverAll(to, o)
	l.mu.Lock()
	o.bury(true)
	if l.out[to] == o {
		delete(l.out, to)
	}
	l.mu.Unlock()
	if err != nil && l.ctx.Err() == nil {
		l.log.Debug("link broke", "peer", to, "err", err)
	}
}

func (l *links) deliverAll(to peer.ID, o *outbox) error {
	ctx, cancel := context.WithTimeout(l.ctx, dialTimeout)
	stream, err := l.host.NewStream(network.WithAllowLimitedConn(ctx, "tasks"), to, l.protocol)
	cancel()
	if err != nil {
		return err
	}
	defer stream.Reset()
	stop := context.AfterFunc(l.ctx, func() { stream.Reset() })
	defer stop()
	w := bufio.NewWriterSize(stream, 64<<10)
	idle := time.NewTimer(linkIdle)
	defer idle.Stop()
	for {
		for frames := o.take(); len(frames) > 0; frames = o.take() {
			if err := l.write(stream, w, frames); err != nil {
				return err
			}
		}
		idle.Reset(linkIdle)
		select {
		case <-o.wake:
		case <-l.ctx.Done():
			return nil
		case <-idle.C:
			if o.bury(false) {
				return stream.Close()
			}
		}
	}
}

// write writes frames and flushes them, within a time for each.
func (l *links) write(stream network.Stream, w *bufio.Writer, frames [][]byte) error {
	for _, f := range frames {
		if err := stream.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
			return err
		}
		if _, err := w.Write(f); err != nil {
			return err
		}
	}
	return w.Flush()
}

// accept is the handler of streams that peers open.
func (l *links) accept(stream network.Stream) {
	from := stream.Conn().RemotePeer()
	if !l.admit(from) {
		stream.Reset()
		return
	}
	defer l.workers.Done()
	stop := context.AfterFunc(l.ctx, func() { stream.Reset() })
	defer stop()
	err := l.readAll(from, stream)
	stream.Reset()
	l.mu.Lock()
	if l.in[from]--; l.in[from] == 0 {
		delete(l.in, from)
	}
	l.mu.Unlock()
	if err != io.EOF && l.ctx.Err() == nil {
		l.log.Debug("link from peer broke", "peer", from, "err", err)
	}
}

// admit counts a stream from a peer, unless it has too many.
func (l *links) admit(from peer.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.in[from] >= maxPerPeer {
		return false
	}
	l.in[from]++
	l.workers.Add(1)
	return true
}

// readAll reads messages until the stream ends (io.EOF) or breaks. Whatever is
// not a valid message breaks it: the peer is not one of us.
func (l *links) readAll(from peer.ID, stream network.Stream) error {
	limit := rate.NewLimiter(maxRate, burst)
	r := bufio.NewReaderSize(stream, 64<<10)
	for {
		body, err := readFrame(stream, r, l.timeout)
		if err != nil {
			return err
		}
		m, err := wire.Decode(body)
		if err != nil {
			return fmt.Errorf("message: %w", err)
		}
		if err := limit.Wait(l.ctx); err != nil {
			return err
		}
		if err := l.receive(l.ctx, from, m); err != nil {
			return err
		}
	}
}

// deadliner is the part of a stream that limits the time of reads.
type deadliner interface{ SetReadDeadline(time.Time) error }

// readFrame reads one message. Its length is checked before there is memory for
// it, and once it has begun the peer has only so much time for the rest.
func readFrame(stream deadliner, r *bufio.Reader, timeout time.Duration) ([]byte, error) {
	if r.Buffered() == 0 {
		if err := stream.SetReadDeadline(time.Time{}); err != nil {
			return nil, err
		}
		if _, err := r.Peek(1); err != nil {
			return nil, err
		}
	}
	if err := within(stream, r, binary.MaxVarintLen64, timeout); err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, cut(err)
	}
	if n == 0 || n > wire.MaxMessage {
		return nil, fmt.Errorf("%w: %d", errFrame, n)
	}
	if err := within(stream, r, int(n), timeout); err != nil {
		return nil, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, cut(err)
	}
	return body, nil
}

// within limits the time to read n bytes, unless they are here already.
func within(stream deadliner, r *bufio.Reader, n int, timeout time.Duration) error {
	if r.Buffered() >= n {
		return nil
	}
	return stream.SetReadDeadline(time.Now().Add(timeout))
}

// cut makes an end in the middle of a message an error.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
