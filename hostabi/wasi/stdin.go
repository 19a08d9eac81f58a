package wasi

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/godwit-run/godwit/hostabi"
)

// streamBuffer is how much passes between a standard stream and its goroutine
// at once.
const streamBuffer = 64 << 10

// transfer is what one Read or Write of a standard stream came to.
type transfer struct {
	n   int
	err error
}

// source is what standard input is attached to. A reader that cannot block is
// read where the guest stands; any other is read by a goroutine of its own, one
// Read at a time and only once the guest has asked, so that the guest can be
// stopped while it waits.
type source struct {
	reader io.Reader
	buffer []byte
	asked  chan []byte   // to the goroutine
	done   chan transfer // from it; holds one, so that the goroutine never waits here
	ended  chan struct{} // closed when the goroutine has ended
	busy   bool          // a Read is under way or its transfer not yet taken
	empty  int           // Reads in a row that delivered nothing
	hold   []byte        // what pending input is kept in
}

// statter is a stream that tells what file it is.
type statter interface{ Stat() (fs.FileInfo, error) }

// neverBlocks reports whether reading from r or writing to it returns at once.
func neverBlocks(r any) bool {
	switch r := r.(type) {
	case nil, *bytes.Buffer, *bytes.Reader, *strings.Reader, *strings.Builder:
		return true
	case statter: // an *os.File, or what wraps one
		info, err := r.Stat()
		return err == nil && info.Mode().IsRegular()
	}
	return r == io.Discard
}

// start has a Read under way; its transfer will come out of s.done.
func (s *source) start() {
	if s.busy {
		return
	}
	if s.buffer == nil {
		s.attach()
	}
	s.busy = true
	if s.asked != nil {
		s.asked <- s.buffer
		return
	}
	n, err := s.reader.Read(s.buffer)
	s.done <- transfer{n, err}
}

// attach prepares for the first Read.
func (s *source) attach() {
	s.buffer = make([]byte, streamBuffer)
	s.done = make(chan transfer, 1)
	if neverBlocks(s.reader) {
		return
	}
	s.asked, s.ended = make(chan []byte), make(chan struct{})
	go func(reader io.Reader, asked <-chan []byte) { // close may come before this begins
		defer close(s.ended)
		for b := range asked {
			n, err := reader.Read(b)
			s.done <- transfer{n, err}
		}
	}(s.reader, s.asked)
}

// close ends the goroutine and waits for it, unless it is inside a Read. From
// then on the source is empty.
func (s *source) close() {
	s.reader = nil
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

// fill waits until something is pending on standard input or it has ended; a
// descriptor that is not to block gets EAGAIN instead.
func (c call) fill(d *Descriptor) errno {
	block := d.Flags&flagNonblock == 0 || c.cfg.Deterministic
	for !c.stdinReady() {
		c.stdin.start()
		if !block && len(c.stdin.done) == 0 {
			return eagain
		}
		select {
		case t := <-c.stdin.done:
			if e := c.take(t); e != success {
				return e
			}
		case <-c.suspendWanted():
			panic(hostabi.Suspend{})
		case <-c.ctx.Done():
			return eintr
		}
	}
	return success
}

// stdinReady reports whether a read of standard input has its answer. In a
// deterministic run that answer is full, however the source comes in pieces.
func (s *System) stdinReady() bool {
	in := &s.state.Stdin
	if s.stdin.reader == nil || in.EOF {
		return true
	}
	if s.cfg.Deterministic {
		return len(in.Pending) >= streamBuffer
	}
	return len(in.Pending) > 0
}

// maxEmptyReads is how often in a row a source may deliver nothing.
const maxEmptyReads = 100

// take adds a transfer to what is pending.
func (s *System) take(t transfer) errno {
	s.stdin.busy = false
	in := &s.state.Stdin
	if t.n < 0 || t.n > len(s.stdin.buffer) {
		return eio
	}
	if len(in.Pending) == 0 {
		in.Pending = s.stdin.hold[:0]
	}
	in.Pending = append(in.Pending, s.stdin.buffer[:t.n]...)
	s.stdin.hold = in.Pending
	s.stdin.empty++
	if t.n > 0 {
		s.stdin.empty = 0
	}
	switch {
	case errors.Is(t.err, io.EOF):
		in.EOF = true
	case t.err != nil || s.stdin.empty > maxEmptyReads:
		return eio
	}
	return success
}

// readStdin reads standard input: as much as is pending, up to streamBuffer.
// Only what is delivered is paid for.
func (c call) readStdin(d *Descriptor, v iovec) (uint32, errno) {
	if v.total == 0 {
		return 0, success
	}
	if e := c.fill(d); e != success {
		return 0, e
	}
	in := &c.state.Stdin
	n := min(v.total, uint64(len(in.Pending)), streamBuffer)
	c.charge(n)
	rest := in.Pending[:n]
	v.buffers(func(b []byte) bool {
		rest = rest[copy(b, rest):]
		return len(rest) > 0
	})
	in.Delivered += n
	in.Pending = in.Pending[n:]
	return uint32(n), success
}
