// Package link carries frames and descriptors over a socket pair.
package link

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// maxFiles is how many descriptors may have come that no message has asked for.
const maxFiles = 4

// Conn is one side of a connection. One goroutine at a time may read; any may write.
type Conn struct {
	unix *net.UnixConn
	raw  syscall.RawConn

	// Spin is how long Receive keeps asking before it sleeps: to be woken takes longer
	// than many an answer. Set it before, or on the goroutine that receives.
	Spin time.Duration

	sending sync.Mutex
	out     []byte

	in       []byte // what was received and not read: buf[start:end]
	start    int
	end      int
	body     []byte
	control  []byte
	received []*os.File
}

// Pair makes a connection: our side, and the other's as a file to be given away.
func Pair() (ours *Conn, theirs *os.File, err error) {
	fds, err := socketpair()
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "socket")
	ours, err = New(os.NewFile(uintptr(fds[0]), "socket"))
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}

// New makes a connection of a socket, which it takes over.
func New(f *os.File) (*Conn, error) {
	c, err := net.FileConn(f) // has a descriptor of its own
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("not a unix socket"), c.Close())
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return &Conn{unix: u, raw: raw, in: make([]byte, 16<<10), control: make([]byte, unix.CmsgSpace(4*maxFiles))}, nil
}

// Send sends a message, with a file if it is not nil. The file stays the caller's.
func (c *Conn) Send(kind wire.Kind, body any, file *os.File) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	frame, err := wire.Append(c.out[:0], kind, body)
	if err != nil {
		return err
	}
	if cap(frame) <= 1<<20 {
		c.out = frame
	}
	if file != nil {
		rights := unix.UnixRights(int(file.Fd()))
		n, _, err := c.unix.WriteMsgUnix(frame, rights, nil)
		if err != nil {
			return err
		}
		frame = frame[n:]
	}
	if len(frame) > 0 {
		_, err = c.unix.Write(frame)
	}
	return err
}

// Receive waits for a message. The body is valid until the next call. At the end of
// the connection the error is io.EOF.
func (c *Conn) Receive() (wire.Kind, []byte, error) {
	var header [wire.HeaderSize]byte
	if err := c.read(header[:]); err != nil {
		return 0, nil, err
	}
	n, kind, err := wire.Header(header)
	if err != nil {
		return 0, nil, err
	}
	if cap(c.body) < n || cap(c.body) > 1<<20 {
		c.body = make([]byte, n)
	}
	c.body = c.body[:n]
	if err := c.read(c.body); err != nil {
		return 0, nil, fmt.Errorf("in the middle of a message: %w", err)
	}
	return kind, c.body, nil
}

// File is the descriptor that came with the message received last, or before it.
// The caller closes it.
func (c *Conn) File() (*os.File, error) {
	if len(c.received) == 0 {
		return nil, fmt.Errorf("no descriptor came with it: %w", wire.ErrFrame)
	}
	f := c.received[0]
	c.received = c.received[1:]
	return f, nil
}

func (c *Conn) read(to []byte) error {
	for len(to) > 0 {
		if c.start == c.end {
			if err := c.fill(); err != nil {
				return err
			}
		}
		n := copy(to, c.in[c.start:c.end])
		c.start += n
		to = to[n:]
	}
	return nil
}

// fill receives some bytes, and the descriptors that are with them.
func (c *Conn) fill() error {
	var n, oobn, flags int
	var failed error
	err := c.raw.Read(func(fd uintptr) bool {
		giveUp := time.Now().Add(c.Spin)
		for {
			n, oobn, flags, _, failed = unix.Recvmsg(int(fd), c.in, c.control, 0)
			if failed != unix.EINTR && failed != unix.EAGAIN {
				return true
			}
			if failed == unix.EAGAIN && (c.Spin == 0 || time.Now().After(giveUp)) {
				return false
			}
		}
	})
	c.start, c.end = 0, max(n, 0)
	if err = cmp.Or(err, failed); err != nil {
		c.end = 0
		return err
	}
	if err := c.keep(c.control[:oobn]); err != nil {
		return err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return fmt.Errorf("too many descriptors: %w", wire.ErrFrame)
	}
	if n == 0 {
		return io.EOF
	}
	return nil
}

// Ready tells whether Receive would return at once, or nearly so.
func (c *Conn) Ready() bool {
	if c.start < c.end {
		return true
	}
	ready := true
	err := c.raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		ready = n > 0 || err != nil
	})
	return ready || err != nil
}

func (c *Conn) keep(control []byte) error {
	if len(control) == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			c.received = append(c.received, os.NewFile(uintptr(fd), "received"))
		}
	}
	if len(c.received) > maxFiles {
		return fmt.Errorf("%d descriptors too many: %w", len(c.received), wire.ErrFrame)
	}
	return nil
}

// Interrupt makes a Send under way, and all after it, fail.
func (c *Conn) Interrupt() {
	_ = c.unix.SetWriteDeadline(time.Unix(1, 0)) // it fails if the connection is closed: just as well
}

// CloseWrite tells the other side that there is nothing more to come.
func (c *Conn) CloseWrite() error { return c.unix.CloseWrite() }

// Close ends the connection: a Receive under way returns. Only after that may
// Discard be called.
func (c *Conn) Close() error { return c.unix.Close() }

// Discard closes the descriptors that nobody took. The goroutine that receives calls it,
// when it has received its last.
func (c *Conn) Discard() error {
	var err error
	for _, f := range c.received {
		err = errors.Join(err, f.Close())
	}
	c.received = nil
	return err
}
