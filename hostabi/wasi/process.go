package wasi

import (
	crand "crypto/rand"

	"github.com/godwit-run/godwit/hostabi"
)

// argsSizesGet is args_sizes_get(count *size, bytes *size). No price.
func (c call) argsSizesGet(a []uint64) errno { return c.stringSizes(c.cfg.Args, a) }

// argsGet is args_get(argv **u8, buf *u8). Price: the bytes of the arguments
// with their NULs, and four for each pointer.
func (c call) argsGet(a []uint64) errno { return c.strings(c.cfg.Args, a) }

// environSizesGet is environ_sizes_get(count *size, bytes *size). No price.
func (c call) environSizesGet(a []uint64) errno { return c.stringSizes(c.cfg.Env, a) }

// environGet is environ_get(environ **u8, buf *u8). Price: as args_get.
func (c call) environGet(a []uint64) errno { return c.strings(c.cfg.Env, a) }

func (c call) stringSizes(list []string, a []uint64) errno {
	if e := c.mem.put32(uint32(a[0]), uint32(len(list))); e != success {
		return e
	}
	return c.mem.put32(uint32(a[1]), stringBytes(list))
}

// stringBytes is the size of the strings with their NULs; Validate bounds it.
func stringBytes(list []string) uint32 {
	size := len(list)
	for _, s := range list {
		size += len(s)
	}
	return uint32(size)
}

func (c call) strings(list []string, a []uint64) errno {
	size := stringBytes(list)
	pointers, e := c.mem.array(uint32(a[0]), uint32(len(list)), 4)
	if e != success {
		return e
	}
	at := uint32(a[1])
	buf, e := c.mem.bytes(at, size)
	if e != success {
		return e
	}
	c.charge(uint64(size) + uint64(len(pointers)))
	for i, s := range list {
		le.PutUint32(pointers[4*i:], at)
		n := copy(buf, s)
		buf[n] = 0
		buf = buf[n+1:]
		at += uint32(n) + 1
	}
	return success
}

// procExit is proc_exit(code): it ends the guest. No price.
func (c call) procExit(a []uint64) errno {
	panic(hostabi.Exit{Code: uint32(a[0])})
}

// procRaise is proc_raise(signal). There are no signals to raise.
func (c call) procRaise([]uint64) errno { return enotsup }

// schedYield is sched_yield(). A guest has no other threads to yield to. No price.
func (c call) schedYield([]uint64) errno { return success }

// randomBlock is how much is filled between two looks at the context: about a
// tenth of a millisecond's work.
const randomBlock = 64 << 10

// randomGet is random_get(buf *u8, size). Price: the bytes.
func (c call) randomGet(a []uint64) errno {
	buf, e := c.mem.bytes(uint32(a[0]), uint32(a[1]))
	if e != success {
		return e
	}
	c.charge(uint64(len(buf)))
	for len(buf) > 0 && c.ctx.Err() == nil {
		n := min(len(buf), randomBlock)
		c.fillRandom(buf[:n])
		buf = buf[n:]
	}
	return success
}

func (c call) fillRandom(p []byte) {
	if c.state.Random != nil {
		c.state.Random.Read(p) // never fails
		return
	}
	c.cfg.Random(p)
}

func systemRandom(p []byte) { crand.Read(p) } // never fails
