package transport

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// outbox is what waits to be sent to one peer.
type outbox struct {
	maxBytes, maxFrames int

	mu     sync.Mutex
	frames [][]byte
	spare  [][]byte // the slice that was sent before, for the next
	bytes  int
	dead   bool          // nobody will send what is put here
	wake   chan struct{} // has room for one
}

// put queues a frame.
func (o *outbox) put(frame []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead {
		return ErrClosed
	}
	if len(o.frames) >= o.maxFrames || o.bytes+len(frame) > o.maxBytes {
		return ErrFull
	}
	o.frames, o.bytes = append(o.frames, frame), o.bytes+len(frame)
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

// take empties the box. What it returns is good until the next call.
func (o *outbox) take() [][]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames := o.frames
	clear(o.spare)
	o.frames, o.spare, o.bytes = o.spare[:0], frames, 0
	return frames
}

// bury marks a box as dead, unless there is something in it and it need not be.
func (o *outbox) bury(force bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = force || len(o.frames) == 0
	return o.dead
}

// Send implements [actors.Network]. The frame must not be changed any more. Its
// errors are those of this package.
func (t *Transport) Send(to wire.NodeID, frame []byte) error {
	if len(frame) == 0 || len(frame) > actors.MaxFrame {
		return ErrFrame
	}
	p := peer.ID(to)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.running {
		return ErrClosed
	}
	if o := t.out[p]; o != nil {
		if err := o.put(frame); err != ErrClosed {
			return err
		}
	}
	o := &outbox{maxBytes: t.cfg.QueuedBytes, maxFrames: t.cfg.QueuedFrames, wake: make(chan struct{}, 1)}
	t.out[p] = o
	t.workers.Go(func() { t.deliver(p, o) })
	return o.put(frame)
}

// deliver opens a stream and sends what is put into the box, until there has been
// nothing to send for a while. What was in the box of a stream that breaks is lost.
func (t *Transport) deliver(to peer.ID, o *outbox) {
	err := t.deliverAll(to, o)
	t.mu.Lock()
	o.bury(true)
	if t.out[to] == o {
		delete(t.out, to)
	}
	t.mu.Unlock()
	if err != nil && t.ctx.Err() == nil {
		t.cfg.Log.Debug("frames to node", "node", to, "err", err)
	}
}

func (t *Transport) deliverAll(to peer.ID, o *outbox) error {
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.DialTimeout)
	stream, err := t.cfg.Host.NewStream(network.WithAllowLimitedConn(ctx, "actors"), to, protocolFrames)
	cancel()
	if err != nil {
		return err
	}
	defer stream.Reset()
	stop := context.AfterFunc(t.ctx, func() { stream.Reset() })
	defer stop()
	broken := t.watchStream(stream)
	w := bufio.NewWriterSize(stream, 64<<10)
	idle := time.NewTimer(t.cfg.Idle)
	defer idle.Stop()
	for {
		for frames := o.take(); len(frames) > 0; frames = o.take() {
			if err := t.write(stream, w, frames); err != nil {
				return err
			}
		}
		idle.Reset(t.cfg.Idle)
		select {
		case <-o.wake:
		case <-t.ctx.Done():
			return nil
		case <-broken:
			if !o.bury(false) { // the next stream has what came meanwhile
				return t.deliverAll(to, o)
			}
			return errBroken
		case <-idle.C:
			if o.bury(false) {
				return stream.Close()
			}
		}
	}
}

// errBroken: the stream broke while nothing was sent.
var errBroken = errors.New("the stream broke")

// watchStream tells when a stream breaks on which the other side never writes. Else
// the first frame to a node that was started again would be lost in the stream to the
// process before.
func (t *Transport) watchStream(stream network.Stream) <-chan struct{} {
	broken := make(chan struct{})
	t.workers.Go(func() {
		defer close(broken)
		stream.Read(make([]byte, 1)) // whatever it returns, it is over
	})
	return broken
}

// write writes frames and flushes them, within a time for each.
func (t *Transport) write(stream network.Stream, w *bufio.Writer, frames [][]byte) error {
	var length [binary.MaxVarintLen64]byte
	for _, f := range frames {
		if w.Available() < len(f)+len(length) { // then it may block
			if err := stream.SetWriteDeadline(time.Now().Add(t.cfg.FrameTimeout)); err != nil {
				return err
			}
		}
		if _, err := w.Write(binary.AppendUvarint(length[:0], uint64(len(f)))); err != nil {
			return err
		}
		if _, err := w.Write(f); err != nil {
			return err
		}
	}
	if err := stream.SetWriteDeadline(time.Now().Add(t.cfg.FrameTimeout)); err != nil {
		return err
	}
	return w.Flush()
}
