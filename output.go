package godwit

import (
	"bytes"
	"context"
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

// outputs keeps what one attempt writes, up to a limit, and passes it on live:
// at once when there is much, else when no more has come for a moment. What is
// still held back at the end of the run travels in the result instead, so that
// a short task costs no message for its output.
type outputs struct {
	live liveOutput
	left int64 // of the limit, in bytes

	mu      sync.Mutex
	timer   *time.Timer
	closed  bool
	streams [2]stream
}

// stream is one of an attempt's two output streams.
type stream struct {
	kept    bytes.Buffer
	size    uint64 // of all that was written
	sent    int    // of what is kept
	refused bool
}

func newOutputs(live liveOutput, limit int64) *outputs {
	return &outputs{live: live, left: limit}
}

func (o *outputs) of(s wire.Stream) *stream { return &o.streams[s-wire.Stdout] }

// stream is the writer of a stream.
func (o *outputs) stream(s wire.Stream) writerFunc {
	return func(p []byte) (int, error) { return o.write(s, p) }
}

type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// write takes what the guest writes. It never fails: what is beyond the limit is
// counted and dropped, since a guest that talks too much may still do its work.
func (o *outputs) write(s wire.Stream, p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.of(s)
	st.size += uint64(len(p))
	keep := p[:min(int64(len(p)), o.left)]
	o.left -= int64(len(keep))
	st.kept.Write(keep)
	switch {
	case st.kept.Len()-st.sent >= wire.MaxOutput:
		o.sendAll()
	case o.timer == nil && len(keep) > 0:
		o.timer = time.AfterFunc(liveDelay, o.later)
	}
	return len(p), nil
}

// later sends what has come together.
func (o *outputs) later() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = nil
	if !o.closed {
		o.sendAll()
	}
}

func (o *outputs) sendAll() {
	for _, s := range []wire.Stream{wire.Stdout, wire.Stderr} {
		st := o.of(s)
		for !st.refused && st.sent < st.kept.Len() {
			end := min(st.sent+wire.MaxOutput, st.kept.Len())
			st.refused = !o.live(s, uint64(st.sent), bytes.Clone(st.kept.Bytes()[st.sent:end]))
			st.sent = end
		}
	}
}

// close ends live output.
func (o *outputs) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.timer != nil {
		o.timer.Stop()
	}
}

// text is a stream as a result tells of it: short ones whole, others by link.
func (o *outputs) text(ctx context.Context, s wire.Stream, store *blobs.Store, pin blobs.Pin) (wire.Text, error) {
	o.close()
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.of(s)
	t := wire.Text{Size: st.size, Truncated: uint64(st.kept.Len()) < st.size}
	if st.kept.Len() <= wire.MaxInline {
		t.Inline = st.kept.Bytes()
		return t, nil
	}
	info, err := store.Import(ctx, bytes.NewReader(st.kept.Bytes()), blobs.ImportOptions{Pin: pin})
	if err != nil {
		return t, err
	}
	t.Link, err = wire.NewLink(info.CID)
	return t, err
}
