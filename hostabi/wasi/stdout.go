package wasi

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// sink is what standard output or standard error is attached to. A writer that
// cannot block is written to where the guest stands; any other by a goroutine
// of its own, from a copy of the guest's bytes, so that the guest can be
// stopped while it waits. The guest goes on once the Write has returned.
type sink struct {
	writer io.Writer
	buffer []byte
	asked  chan []byte   // to the goroutine
	done   chan transfer // from it; holds one, so that the goroutine never waits here
	ended  chan struct{} // closed when the goroutine has ended
	direct bool
	ready  bool // attach was called
	busy   bool // a Write is under way
}

// attach prepares for the first Write.
func (s *sink) attach() {
	s.ready = true
	if s.direct = neverBlocks(s.writer); s.direct {
		return
	}
	s.asked, s.done, s.ended = make(chan []byte), make(chan transfer, 1), make(chan struct{})
	go func(writer io.Writer, asked <-chan []byte) { // close may come before this begins
		defer close(s.ended)
		for b := range asked {
			n, err := writer.Write(b)
			s.done <- transfer{n, err}
		}
	}(s.writer, s.asked)
}

// close ends the goroutine and waits for it, unless it is inside a Write. From
// then on the sink discards.
func (s *sink) close() {
	s.writer = nil
	if s.asked == nil {
		return
	}
	close(s.asked)
	s.asked = nil
	if s.busy && len(s.done) == 0 {
		return
	}
	<-s.ended
}

// writeStream writes to standard output or standard error, as far as the
// output limit goes.
func (c call) writeStream(s *sink, count *uint64, v iovec) (uint32, errno) {
	left := uint64(c.cfg.MaxOutputBytes) - c.state.Stdout - c.state.Stderr
	total := min(v.total, left)
	if total == 0 && v.total > 0 {
		return 0, enospc
	}
	c.charge(total)
	if !s.ready {
		s.attach()
	}
	written := uint64(0)
	var e errno
	v.buffers(func(b []byte) bool {
		b = b[:min(uint64(len(b)), total-written)]
		var n uint64
		n, e = c.writeAll(s, b)
		written += n
		return e == success && written < total
	})
	*count += written
	if written > 0 {
		e = success
	}
	return uint32(written), e
}

// writeAll writes b in pieces, between which it looks at the context.
func (c call) writeAll(s *sink, b []byte) (written uint64, e errno) {
	for len(b) > 0 && e == success {
		n := 0
		n, e = c.writePiece(s, b[:min(len(b), streamBuffer)])
		written += uint64(n)
		b = b[n:]
	}
	return written, e
}

func (c call) writePiece(s *sink, b []byte) (int, errno) {
	if c.ctx.Err() != nil || s.busy {
		return 0, eintr
	}
	var t transfer
	switch {
	case s.writer == nil:
		return len(b), success
	case s.direct:
		t.n, t.err = s.writer.Write(b)
	default:
		s.buffer = append(s.buffer[:0], b...)
		s.busy = true
		s.asked <- s.buffer
		select {
		case t = <-s.done:
			s.busy = false
		case <-c.ctx.Done():
			return 0, eintr
		}
	}
	if t.err == nil && t.n < len(b) {
		t.err = io.ErrShortWrite
	}
	return min(max(t.n, 0), len(b)), writeErrno(t.err)
}

func writeErrno(err error) errno {
	switch {
	case err == nil:
		return success
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe), errors.Is(err, os.ErrClosed):
		return epipe
	case errors.Is(err, syscall.ENOSPC):
		return enospc
	}
	return eio
}

// attached is the reader or writer behind a standard stream.
func (s *System) attached(k DescriptorKind) any {
	switch k {
	case Stdin:
		return s.cfg.Stdin
	case Stdout:
		return s.cfg.Stdout
	case Stderr:
		return s.cfg.Stderr
	}
	return nil
}

// isTerminal reports whether a stream is a character device other than the
// null device: what a program should treat as a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(statter)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
