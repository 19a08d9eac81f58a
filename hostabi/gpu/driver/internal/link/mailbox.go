package link

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// Waking a thread of another process takes longer than a short kernel. So a side that expects a
// message soon looks for it in shared memory for a while before it sleeps, and a message for
// a side that looks is left there: nobody is woken, and no system call is made.
//
// A side that expects it later sleeps at its mailbox: waking a thread there takes half as long as waking
// one that waits for the socket, and the goroutine that the thread then runs is the one that waits for the message.
//
// Messages stay in order. One is left in the mailbox only if all that were sent over the
// socket before it have been taken; and a side that takes one from the socket takes
// first what is in the mailbox, which was left there before.

// Eager is how long to look for an answer: a few times what it takes to be woken.
const Eager = 200 * time.Microsecond

// Patient is how long to sleep for an answer, each time with a thread of its own. What takes longer
// gains nothing by it.
const Patient = 5 * time.Millisecond

// soon is how long to look for a message after being woken.
const soon = 50 * time.Microsecond

// idle is how long Receive looks for what comes next, before it sleeps: what the other side takes to be
// woken by the last answer, and for a call or two.
const idle = 100 * time.Microsecond

// boxSize is that of a mailbox in bytes, and so of the longest message that fits, nearly.
const boxSize = 4 << 10

// box is a mailbox for one direction. It lies in memory that the other side can write to
// at any time: what is in there is copied before it is checked.
type box struct {
	looking atomic.Uint32 // how many look into it now
	_       [60]byte
	taken   atomic.Uint32 // how many messages were taken from the socket, modulo 2^32
	_       [60]byte
	length  atomic.Uint32 // of the message in it; 0 if there is none
	_       [60]byte
	asleep  atomic.Uint32 // how many sleep at it now
	bell    atomic.Uint32 // changes when they are to wake
	_       [56]byte
	text    [boxSize - 256]byte
}

// full tells whether there is a message. No mailbox has none.
func (b *box) full() bool { return b != nil && b.length.Load() != 0 }

// put leaves a message, if the other side looks and has taken all that was sent.
func (b *box) put(frame []byte, sent uint32) bool {
	if b == nil || len(frame) > len(b.text) || b.looking.Load() == 0 || b.taken.Load() != sent || b.full() {
		return false
	}
	copy(b.text[:], frame)
	b.length.Store(uint32(len(frame)))
	b.ring()
	return true
}

// ring wakes those who sleep at the mailbox.
func (b *box) ring() {
	if b != nil && b.asleep.Load() > 0 {
		b.bell.Add(1)
		wake(&b.bell)
	}
}

// await looks for as long as look whether something has come, then sleeps until most has passed, if that
// is longer and there is a way to sleep here. Come stays true once it is; whoever makes it so rings then.
func (b *box) await(come func() bool, look, most time.Duration) {
	b.looking.Add(1)
	defer b.looking.Add(^uint32(0))
	now := time.Now()
	giveUp, lookUntil := now.Add(max(look, most)), now.Add(look)
	for ; !come() && now.Before(giveUp); now = time.Now() {
		if now.Before(lookUntil) {
			yield()
		} else if b.nap(come, giveUp.Sub(now)) {
			lookUntil = time.Now().Add(soon)
		} else {
			return
		}
	}
}

// nap sleeps until ring, or for that long at most. It is false where nobody can sleep. It looks once more
// when it can be seen that it is about to sleep: so either what has come is seen here, or the bell.
func (b *box) nap(come func() bool, most time.Duration) bool {
	before := b.bell.Load()
	b.asleep.Add(1)
	defer b.asleep.Add(^uint32(0))
	return come() || sleep(&b.bell, before, most)
}

// take takes the message that is there into a buffer.
func (b *box) take(to []byte) ([]byte, error) {
	n := b.length.Load()
	if n < wire.HeaderSize || int64(n) > int64(len(b.text)) {
		return nil, fmt.Errorf("%d bytes in the mailbox: %w", n, wire.ErrFrame)
	}
	to = append(to[:0], b.text[:n]...)
	b.length.Store(0)
	return to, nil
}

// Share makes mailboxes and gives them to the other side, which is to Accept them when it
// receives the message wire.KindShare. It comes before anything else is sent or received.
func (c *Conn) Share() error {
	f, err := NewMemory(2 * boxSize)
	if err != nil {
		return err
	}
	if err = c.Send(wire.KindShare, nil, f); err == nil {
		c.mine, c.theirs, err = c.boxes(f)
	}
	return errors.Join(err, f.Close())
}

// Accept takes the mailboxes that came with the last message.
func (c *Conn) Accept() error {
	f, err := c.File()
	if err != nil {
		return err
	}
	if c.mine != nil {
		return errors.Join(fmt.Errorf("mailboxes twice: %w", wire.ErrFrame), f.Close())
	}
	c.theirs, c.mine, err = c.boxes(f)
	if err == nil {
		c.mine.taken.Store(c.taken)
	}
	return errors.Join(err, f.Close())
}

// boxes are mapped for as long as there is the connection.
func (c *Conn) boxes(f *os.File) (first, second *box, err error) {
	memory, err := Map(f, 2*boxSize)
	if err != nil {
		return nil, nil, err
	}
	goruntime.AddCleanup(c, func(memory []byte) { _ = Unmap(memory) }, memory)
	return (*box)(unsafe.Pointer(&memory[0])), (*box)(unsafe.Pointer(&memory[boxSize])), nil
}

// look receives what there is in the socket, and waits a little for it, or for something in the
// mailbox; then it is unix.EAGAIN.
func (c *Conn) look(fd int) (err error) {
	if c.mine == nil {
		return c.fill(fd)
	}
	err = unix.EAGAIN
	c.mine.await(func() bool {
		if again(err) && !c.mine.full() {
			err = c.fill(fd)
		}
		return !again(err) || c.mine.full()
	}, idle, Patient)
	if again(err) && c.mine.full() { // perhaps left there before it was seen that nobody looks
		return nil
	}
	return err
}

// Watch handles messages on this goroutine until stop. It is for one that expects an answer soon: it
// looks for it for as long as look, then sleeps until most has passed, if that is longer. Errors are
// left to Serve.
func (c *Conn) Watch(handle Handler, stop func() bool, look, most time.Duration) {
	if c.mine == nil {
		return
	}
	c.mine.await(func() bool {
		if c.mine.full() {
			c.open(handle)
		} else {
			_ = c.raw.Control(func(fd uintptr) { _ = c.drain(int(fd), handle) })
		}
		return stop()
	}, look, most)
	c.open(handle) // what was left before it was seen that nobody looks
}

// open handles the message in the mailbox, if there is one. It asks nothing of the socket, which takes longer.
func (c *Conn) open(handle Handler) {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.failed == nil && c.mine.full() {
		_, err := c.one(handle)
		c.fail(err)
	}
}

// Ring wakes those of this side who sleep in Watch: they are to look whether to stop.
func (c *Conn) Ring() { c.mine.ring() }

// Rouse wakes those of the other side who sleep: a message is about to come.
func (c *Conn) Rouse() { c.theirs.ring() }
