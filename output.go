package godwit

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// liveDelay is how long output waits for more before it is sent.
const liveDelay = 20 * time.Millisecond

// liveOutput takes a piece of a stream of at most wire.MaxOutput bytes; it may
// keep the piece, and may block while the receiver is slow. It tells whether it
// wants more: a stream that was refused is not sent any further.
type liveOutput func(stream wire.Stream, offset uint64, data []byte) bool

// outputs keeps what one attempt writes, each stream up to a limit of its own, and
// passes it on live: at once when there is much, else when no more has come for a
// moment. What is still held back at the end of the run travels in the result
// instead, so that a short task costs no message for its output.
type outputs struct {
	live  liveOutput
	limit int64 // of what is kept of a stream, in bytes

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	streams [2]stream
}

// stream is one of an attempt's two output streams.
type stream struct {
	kept    spool
	size    uint64 // of all that was written
	pending []byte // kept, and not sent yet
	refused bool   // nothing more is sent
	full    bool   // nothing more is kept
}

func newOutputs(live liveOutput, limit int64, dir string) *outputs {
	o := &outputs{live: live, limit: limit}
	for i := range o.streams {
		o.streams[i].kept.dir = dir
	}
	return o
}

func (o *outputs) of(s wire.Stream) *stream { return &o.streams[s-wire.Stdout] }

// stream is the writer of a stream.
func (o *outputs) stream(s wire.Stream) writerFunc {
	return func(p []byte) (int, error) { return o.write(s, p) }
}

type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// write takes what the guest writes. It never fails: what is beyond the limit, or
// finds no room on the disk, is counted and dropped, since a guest that talks too
// much may still do its work.
func (o *outputs) write(s wire.Stream, p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.of(s)
	st.size += uint64(len(p))
	o.keep(st, p)
	switch {
	case len(st.pending) >= wire.MaxOutput:
		o.sendAll()
	case o.timer == nil && len(st.pending) > 0:
		o.timer = time.AfterFunc(liveDelay, o.later)
	}
	return len(p), nil
}

func (o *outputs) keep(st *stream, p []byte) {
	p = p[:min(int64(len(p)), o.limit-st.kept.size)]
	if st.full || len(p) == 0 {
		return
	}
	n, err := st.kept.Write(p)
	st.full = err != nil
	if !st.refused {
		st.pending = append(st.pending, p[:n]...)
	}
}

// until is what was kept of a stream when the guest had written so many bytes to it.
func (o *outputs) until(s wire.Stream, size uint64) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of(s).kept.prefix(int64(min(size, 1<<62)))
}

// resume makes a stream one that an earlier attempt has begun: of size bytes, of which
// these were kept. The last of them are sent again, since they may have been on the way
// when that attempt ended.
func (o *outputs) resume(s wire.Stream, kept []byte, size uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.of(s)
	if _, err := st.kept.Write(kept[:min(int64(len(kept)), o.limit)]); err != nil {
		return err
	}
	st.size, st.full = size, uint64(len(kept)) < size
	st.pending = append(st.pending, kept[max(0, len(kept)-resend):]...)
	if o.timer == nil && len(st.pending) > 0 {
		o.timer = time.AfterFunc(liveDelay, o.later)
	}
	return nil
}

// reset forgets what was written: the run begins anew.
func (o *outputs) reset() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for i := range o.streams {
		errs = append(errs, o.streams[i].kept.close())
		o.streams[i] = stream{kept: spool{dir: o.streams[i].kept.dir}}
	}
	return errors.Join(errs...)
}

// resend is how many bytes of a stream are sent again when an attempt goes on with it.
const resend = 256 << 10

// later sends what has come together.
func (o *outputs) later() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = nil
	if !o.stopped {
		o.sendAll()
	}
}

func (o *outputs) sendAll() {
	for _, s := range []wire.Stream{wire.Stdout, wire.Stderr} {
		st := o.of(s)
		offset := uint64(st.kept.size) - uint64(len(st.pending))
		for rest := st.pending; len(rest) > 0 && !st.refused; {
			piece := bytes.Clone(rest[:min(len(rest), wire.MaxOutput)])
			st.refused = !o.live(s, offset, piece)
			offset, rest = offset+uint64(len(piece)), rest[len(piece):]
		}
		st.pending = st.pending[:0]
	}
}

// stop ends live output.
func (o *outputs) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	if o.timer != nil {
		o.timer.Stop()
	}
}

// close lets go of what was kept.
func (o *outputs) close() error {
	o.stop()
	return errors.Join(o.streams[0].kept.close(), o.streams[1].kept.close())
}

// text is a stream as a result tells of it: short ones whole, others by link. To be
// called when the guest has ended.
func (o *outputs) text(ctx context.Context, s wire.Stream, store *blobs.Store, pin blobs.Pin) (wire.Text, error) {
	o.stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.of(s)
	t := wire.Text{Size: st.size, Truncated: uint64(st.kept.size) < st.size}
	if st.kept.size <= wire.MaxInline {
		t.Inline = st.kept.inline()
		return t, nil
	}
	info, err := store.Import(ctx, st.kept.reader(), blobs.ImportOptions{Pin: pin})
	if err != nil {
		return t, err
	}
	t.Link, err = wire.NewLink(info.CID)
	return t, err
}
