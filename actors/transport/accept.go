package transport

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// frameStreams is how many streams of frames one peer may have open to this node: a
// new one may come before the old one is known to be dead.
const frameStreams = 2

// acceptFrames is the handler of streams of frames that peers open.
func (t *Transport) acceptFrames(stream network.Stream) {
	frames := func(s *streams) (*int, int) { return &s.frames, frameStreams }
	t.accept(stream, frames, func(from wire.NodeID) error { return t.readAll(from, stream) })
}

// acceptBulk is the handler of bulk streams that peers open.
func (t *Transport) acceptBulk(stream network.Stream) {
	bulk := func(s *streams) (*int, int) { return &s.bulk, t.cfg.Streams }
	t.accept(stream, bulk, func(from wire.NodeID) error {
		if err := t.handler.Serve(t.ctx, from, stream); err != nil {
			return err
		}
		return stream.Close()
	})
}

// accept serves a stream if it is of a node, and that has not too many of its kind.
func (t *Transport) accept(stream network.Stream, kind func(*streams) (*int, int), serve func(wire.NodeID) error) {
	p := stream.Conn().RemotePeer()
	from := wire.NodeID(p)
	if from.Validate() != nil || !t.admit(p, kind) {
		stream.Reset()
		return
	}
	defer t.workers.Done()
	defer t.dismiss(p, kind)
	stop := context.AfterFunc(t.ctx, func() { stream.Reset() })
	defer stop()
	if err := serve(from); err != nil && t.ctx.Err() == nil {
		stream.Reset()
		if err != io.EOF {
			t.cfg.Log.Debug("stream of node", "node", from, "protocol", stream.Protocol(), "err", err)
		}
	}
}

func (t *Transport) admit(p peer.ID, kind func(*streams) (*int, int)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.running {
		return false
	}
	s := t.in[p]
	if s == nil {
		s = new(streams)
		t.in[p] = s
	}
	n, most := kind(s)
	if *n >= most {
		return false
	}
	*n++
	t.workers.Add(1)
	return true
}

func (t *Transport) dismiss(p peer.ID, kind func(*streams) (*int, int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.in[p]
	n, _ := kind(s)
	*n--
	if *s == (streams{}) {
		delete(t.in, p)
	}
}

// readAll reads frames until the stream ends (io.EOF) or breaks.
func (t *Transport) readAll(from wire.NodeID, stream network.Stream) error {
	defer stream.Reset()
	r := bufio.NewReaderSize(stream, 64<<10)
	for {
		frame, err := readFrame(stream, r, t.cfg.FrameTimeout)
		if err != nil {
			return err
		}
		if err := t.handler.Receive(t.ctx, from, frame); err != nil {
			return err
		}
	}
}

// deadliner is the part of a stream that limits the time of reads.
type deadliner interface{ SetReadDeadline(time.Time) error }

// readFrame reads one frame. Its length is checked before there is memory for it, and
// once it has begun the peer has only so much time for the rest.
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
	if n == 0 || n > actors.MaxFrame {
		return nil, fmt.Errorf("%w: %d", ErrFrame, n)
	}
	if err := within(stream, r, int(n), timeout); err != nil {
		return nil, err
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, cut(err)
	}
	return frame, nil
}

// within limits the time to read n bytes, unless they are here already.
func within(stream deadliner, r *bufio.Reader, n int, timeout time.Duration) error {
	if r.Buffered() >= n {
		return nil
	}
	return stream.SetReadDeadline(time.Now().Add(timeout))
}

// cut makes an end in the middle of a frame an error.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
