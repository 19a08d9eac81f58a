package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// release holds a guest's output back until a checkpoint has it: what the world has seen is then
// never forgotten by a run that goes on from its last checkpoint, nor said twice. Both streams
// are one sequence here, in the order in which they were written.
type release struct {
	streams [2]*stream         // where output goes: standard output, standard error
	noted   func(uint64) error // called when so much is delivered in all
	wanted  chan struct{}      // asks for a checkpoint, so that output may go

	mu      sync.Mutex
	changed chan struct{} // closed and made anew with every change
	queue   []piece       // not delivered
	base    uint64        // of the sequence, where the queue begins: so much is delivered
	end     uint64        // where it ends
	covered uint64        // so much may be delivered
	keeping bool          // a checkpoint is being made
	closed  bool          // nothing more will be covered
	err     error         // of delivering
}

// piece is what was written to one stream.
type piece struct {
	stream byte
	data   []byte
}

const (
	// enoughOutput asks for a checkpoint before it is due, and tooMuchOutput has the guest wait
	// while some of it can be delivered; in bytes.
	enoughOutput, tooMuchOutput = 1 << 20, 8 << 20
	// pieceBytes is delivered at once: a pipe takes all of it or, should we be killed, nothing.
	pieceBytes = 4096
)

func newRelease(stdout, stderr *stream, noted func(uint64) error) *release {
	return &release{
		streams: [2]*stream{stdout, stderr}, noted: noted,
		wanted: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

// heldStream is one stream of a release, as the guest sees it.
type heldStream struct {
	*os.File // for what kind of file it is
	*release
	ctx    context.Context
	stream byte
}

// stream is where the guest writes until ctx is done.
func (r *release) stream(ctx context.Context, n byte) io.Writer {
	return heldStream{r.streams[n].File, r, ctx, n}
}

// Write implements io.Writer.
func (s heldStream) Write(p []byte) (int, error) { return s.release.write(s.ctx, s.stream, p) }

// change tells all who wait. The lock is held.
func (r *release) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// write takes output in. It waits only for what can be delivered without the guest.
func (r *release) write(ctx context.Context, stream byte, p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.end > r.base+tooMuchOutput && (r.keeping || r.covered > r.base) && r.err == nil {
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		r.mu.Lock()
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	r.add(stream, p)
	if r.end > max(r.base, r.covered)+enoughOutput {
		select {
		case r.wanted <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// add appends to the queue, but for what was delivered in an earlier life.
func (r *release) add(stream byte, p []byte) {
	known := min(uint64(len(p)), max(r.base, r.end)-r.end)
	r.end += uint64(len(p))
	if p = p[known:]; len(p) == 0 {
		return
	}
	if n := len(r.queue); n > 0 && r.queue[n-1].stream == stream && len(r.queue[n-1].data)+len(p) <= enoughOutput {
		r.queue[n-1].data = append(r.queue[n-1].data, p...)
		return
	}
	r.queue = append(r.queue, piece{stream, bytes.Clone(p)})
}

// keep is called when a checkpoint begins that has so much output, and returns what of it has
// not been delivered, to be kept with it.
func (r *release) keep(total uint64) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keeping = true
	b := binary.AppendUvarint(nil, r.base)
	at := r.base
	for _, p := range r.queue {
		if at >= total {
			break
		}
		data := p.data[:min(uint64(len(p.data)), total-at)]
		b = append(binary.AppendUvarint(append(b, p.stream), uint64(len(data))), data...)
		at += uint64(len(data))
	}
	return b
}

// cover lets output go as far as a checkpoint has it that is on disk.
func (r *release) cover(total uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keeping, r.covered = false, max(r.covered, total)
	r.change()
}

var errHeldOutput = errors.New("malformed output of a checkpoint")

// restore takes in what keep returned, when total had been written, of which delivered has been
// delivered since.
func (r *release) restore(kept []byte, total, delivered uint64) error {
	in := bytes.NewReader(kept)
	base, err := binary.ReadUvarint(in)
	if err != nil || base > total {
		return errHeldOutput
	}
	r.base, r.end = max(base, delivered), base
	for in.Len() > 0 {
		stream, _ := in.ReadByte()
		n, err := binary.ReadUvarint(in)
		if err != nil || stream > 1 || n > uint64(in.Len()) {
			return errHeldOutput
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(in, data); err != nil {
			return errHeldOutput
		}
		r.add(stream, data)
	}
	if r.end != total {
		return fmt.Errorf("%w: %d bytes of %d", errHeldOutput, r.end, total)
	}
	r.covered = total
	return nil
}

// finish lets everything go that was written, and says that no more will come; abandon says
// only that.
func (r *release) finish() {
	r.cover(r.written())
	r.abandon()
}

func (r *release) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.change()
}

func (r *release) written() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end
}

// run delivers output until no more will come.
func (r *release) run() {
	for {
		p, at, ok := r.next()
		if !ok {
			return
		}
		if err := r.send(p, at); err != nil {
			r.fail(err)
			return
		}
	}
}

// send delivers a piece of the sequence. That it is delivered is noted at once before it is: to
// write wakes who reads, and this process may have to wait for its turn behind him. So it is
// noted when there is room for the piece; then nothing is between the two but to be killed
// within a microsecond.
func (r *release) send(p piece, at uint64) error {
	to := r.streams[p.stream]
	waitWritable(to.File)
	if err := r.noted(at + uint64(len(p.data))); err != nil {
		return err
	}
	n, err := to.Write(p.data)
	r.deliver(n)
	if err != nil {
		err = errors.Join(err, r.noted(at+uint64(n)))
	}
	return err
}

// waitWritable waits until a pipe or socket has room.
func waitWritable(f *os.File) {
	poll := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLOUT}}
	for {
		if _, err := unix.Poll(poll, -1); !errors.Is(err, unix.EINTR) {
			return // any other error is the write's to find
		}
	}
}

// next waits for something to deliver.
func (r *release) next() (p piece, at uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) == 0 || r.covered <= r.base {
		if r.closed {
			return piece{}, 0, false
		}
		changed := r.changed
		r.mu.Unlock()
		<-changed
		r.mu.Lock()
	}
	p = r.queue[0]
	p.data = p.data[:min(uint64(len(p.data)), pieceBytes, r.covered-r.base)]
	return p, r.base, true
}

// deliver takes what has been delivered off the queue.
func (r *release) deliver(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.base += uint64(n)
	if r.queue[0].data = r.queue[0].data[n:]; len(r.queue[0].data) == 0 {
		r.queue = r.queue[1:]
	}
	r.change()
}

func (r *release) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	r.change()
}
