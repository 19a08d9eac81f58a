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

// bufferSize is how many bytes are received at once, if no message is longer.
const bufferSize = 16 << 10

// Conn is one side of a connection. One goroutine at a time may read; any may write.
type Conn struct {
	unix *net.UnixConn
	raw  syscall.RawConn

	sending sync.Mutex
	out     []byte
	sent    uint32 // messages, over the socket
	theirs  *box   // what is left for the other side; nil if nothing is shared

	receiving sync.Mutex // held by drain
	failed    error      // what ended drain
	in        []byte     // what was received and not handled: in[start:end]
	start     int
	end       int
	need      int // how long the message is of which in has a part; 0 if that is not known
	control   []byte
	received  []*os.File
	taken     uint32 // messages, from the socket
	mine      *box   // what the other side leaves
	mail      []byte // what was in there
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
	return &Conn{unix: u, raw: raw, in: make([]byte, bufferSize), control: make([]byte, unix.CmsgSpace(4*maxFiles))}, nil
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
	if file == nil && c.theirs.put(frame, c.sent) {
		if c.theirs.looking.Load() > 0 {
			return nil
		}
		frame = wire.Bell // perhaps it has looked away before it could see the message
	}
	c.sent++
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
	c.theirs.ring()
	return err
}

// Receive waits for a message. The body is valid until the next call. At the end of
// the connection the error is io.EOF.
func (c *Conn) Receive() (kind wire.Kind, body []byte, err error) {
	for {
		kind, body, ok, err := c.next()
		if ok && kind == wire.KindBell {
			continue
		}
		if ok || err != nil {
			return kind, body, err
		}
		waiting := c.raw.Read(func(fd uintptr) bool {
			err = c.look(int(fd))
			return !again(err)
		})
		if err := cmp.Or(waiting, err); err != nil {
			return 0, nil, err
		}
	}
}

// Serve handles all messages until an error, of the connection or of handle. Meanwhile others
// may call Watch, but nobody Receive.
func (c *Conn) Serve(handle Handler) error {
	var err error
	waiting := c.raw.Read(func(fd uintptr) bool {
		for err = errMore; err == errMore; { // in between others may have their turn
			err = c.drain(int(fd), handle)
		}
		return err != nil
	})
	return cmp.Or(err, waiting)
}

// Handler is called with one message at a time. The body is valid until it returns.
type Handler func(kind wire.Kind, body []byte) error

// batch is how many messages are handled at a time: an endless stream of them is to keep nobody
// who called Watch.
const batch = 256

// errMore is that there may be more messages.
var errMore = errors.New("more messages")

// drain handles what there is, and returns nil if there may be more later, errMore if there is now.
func (c *Conn) drain(fd int, handle Handler) error {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	for range batch {
		if c.failed != nil {
			return c.failed
		}
		ok, err := c.one(handle)
		if !ok && err == nil {
			err = c.fill(fd)
		}
		if again(err) {
			return nil
		}
		c.fail(err)
	}
	return errMore
}

// one handles one message, if there is one. Receiving is held.
func (c *Conn) one(handle Handler) (ok bool, err error) {
	kind, body, ok, err := c.next()
	if ok && kind != wire.KindBell {
		err = handle(kind, body)
		c.mine.ring() // for the one who waits for it may be asleep
	}
	return ok, err
}

// fail is the end of Serve, unless all is well. Receiving is held.
func (c *Conn) fail(err error) {
	if c.failed = err; err != nil {
		_ = c.unix.CloseRead() // wakes Serve, if this is not; it may be closed already
	}
}

func again(err error) bool { return err == unix.EAGAIN }

// next takes a message: from the mailbox, or from what was received if all of it was.
func (c *Conn) next() (kind wire.Kind, body []byte, ok bool, err error) {
	if c.mine.full() {
		return c.takeMail()
	}
	kind, body, ok, err = c.cut()
	if !ok {
		return 0, nil, false, err
	}
	c.taken++
	if c.mine != nil {
		c.mine.taken.Store(c.taken)
	}
	return kind, body, true, nil
}

// takeMail takes the message from the mailbox.
func (c *Conn) takeMail() (kind wire.Kind, body []byte, ok bool, err error) {
	if c.mail, err = c.mine.take(c.mail); err != nil {
		return 0, nil, false, err
	}
	n, kind, err := wire.Header([wire.HeaderSize]byte(c.mail))
	if err == nil && n != len(c.mail)-wire.HeaderSize {
		err = fmt.Errorf("%d bytes of %d in the mailbox: %w", len(c.mail), n, wire.ErrFrame)
	}
	return kind, c.mail[wire.HeaderSize:], err == nil, err
}

// cut takes a message from what was received.
func (c *Conn) cut() (kind wire.Kind, body []byte, ok bool, err error) {
	have := c.in[c.start:c.end]
	if len(have) < wire.HeaderSize {
		return 0, nil, false, nil
	}
	n, kind, err := wire.Header([wire.HeaderSize]byte(have))
	if err != nil {
		return 0, nil, false, err
	}
	n += wire.HeaderSize
	if len(have) < n {
		c.need = n
		return 0, nil, false, nil
	}
	c.start += n
	return kind, have[wire.HeaderSize:n], true, nil
}

// room makes room for the rest of a message, or for some of the next.
func (c *Conn) room() {
	size := max(c.need, bufferSize)
	c.need = 0
	have := c.in[c.start:c.end]
	if size > len(c.in) || len(have) == 0 && len(c.in) > 1<<20 {
		c.in = make([]byte, size)
	} else if c.end < len(c.in) && c.start+size <= len(c.in) {
		return
	}
	c.start, c.end = 0, copy(c.in, have)
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

// fill receives some bytes, and the descriptors that are with them.
func (c *Conn) fill(fd int) error {
	c.room()
	n, oobn, flags, _, err := unix.Recvmsg(fd, c.in[c.end:], c.control, 0)
	for err == unix.EINTR {
		n, oobn, flags, _, err = unix.Recvmsg(fd, c.in[c.end:], c.control, 0)
	}
	if err != nil {
		return err
	}
	c.end += n
	if err := c.keep(c.control[:oobn]); err != nil {
		return err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return fmt.Errorf("too many descriptors: %w", wire.ErrFrame)
	}
	if n == 0 && !c.mine.full() {
		return io.EOF
	}
	return nil
}

// Ready tells whether Receive would return at once, or nearly so.
func (c *Conn) Ready() bool {
	if c.start < c.end || c.mine.full() {
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
func (c *Conn) CloseWrite() error {
	defer c.theirs.ring()
	return c.unix.CloseWrite()
}

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
