package wasi

import (
	"context"
	"fmt"
	"testing"

	"github.com/godwit-run/godwit/hostabi"
)

// guest is a fake guest: a memory, and the host functions called by name.
type guest struct {
	t      testing.TB
	ctx    context.Context
	system *System
	memory []byte
	fuel   uint64 // charged by the last call
	limit  uint64 // if not 0, Charge panics with outOfFuel beyond it
}

type outOfFuel struct{}

func (g *guest) Memory() []byte { return g.memory }
func (g *guest) State(string) any {
	return g.system
}

func (g *guest) Charge(units uint64) {
	g.fuel += units
	if g.limit != 0 && g.fuel > g.limit {
		panic(outOfFuel{})
	}
}

// newGuest is a guest with 64 KiB of memory.
func newGuest(t testing.TB, cfg Config) *guest {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &guest{t: t, ctx: t.Context(), system: s, memory: make([]byte, 1<<16)}
}

var byName = func() map[string]hostabi.Func {
	m := make(map[string]hostabi.Func)
	for _, f := range Module().Funcs {
		m[f.Name] = f
	}
	return m
}()

// call calls a host function and returns its errno. The stack has one slot
// more than there are parameters, so that functions without any have a result.
func (g *guest) call(name string, args ...any) errno {
	g.t.Helper()
	f, ok := byName[name]
	if !ok {
		g.t.Fatalf("no function %s", name)
	}
	if len(args) != len(f.Params) {
		g.t.Fatalf("%s takes %d arguments, not %d", name, len(f.Params), len(args))
	}
	stack := make([]uint64, max(1, len(args)))
	for i, a := range args {
		stack[i] = slot(a)
	}
	g.fuel = 0
	f.Call(g.ctx, g, stack)
	return errno(stack[0])
}

func slot(a any) uint64 {
	switch a := a.(type) {
	case int:
		return uint64(a)
	case uint32:
		return uint64(a) | 0xdeadbeef<<32 // the upper half of an i32 is undefined
	case uint64:
		return a
	case int64:
		return uint64(a)
	case errno:
		return uint64(a)
	}
	panic(fmt.Sprintf("argument of type %T", a))
}

// Where the helpers below keep things in the guest's memory.
const (
	atResult = 0x100
	atIovec  = 0x200
	atPath   = 0x1000
	atPath2  = 0x3000
	atData   = 0x5000
)

// str puts a string into memory and is its pointer and length.
func (g *guest) str(at int, s string) (int, int) {
	copy(g.memory[at:], s)
	return at, len(s)
}

func (g *guest) u32(at int) uint32 { return le.Uint32(g.memory[at:]) }
func (g *guest) u64(at int) uint64 { return le.Uint64(g.memory[at:]) }

func (g *guest) iovec(data, size int) {
	le.PutUint32(g.memory[atIovec:], uint32(data))
	le.PutUint32(g.memory[atIovec+4:], uint32(size))
}

// want fails the test if an errno is none of the expected ones.
func (g *guest) want(what string, got errno, want ...errno) {
	g.t.Helper()
	for _, w := range want {
		if got == w {
			return
		}
	}
	g.t.Errorf("%s: errno %d, want %d", what, got, want)
}

// ok fails the test at once unless e is success.
func (g *guest) ok(what string, e errno) {
	g.t.Helper()
	if e != success {
		g.t.Fatalf("%s: errno %d", what, e)
	}
}

// openAt is path_open; follow is the lookup flag.
func (g *guest) openAt(dir uint32, follow int, path string, oflags int, rights, inheriting uint64, fdflags uint16) (uint32, errno) {
	g.t.Helper()
	p, n := g.str(atPath, path)
	e := g.call("path_open", dir, follow, p, n, oflags, rights, inheriting, int(fdflags), atResult)
	return g.u32(atResult), e
}

// mustOpen opens with rights, as the tests' scratch directories are.
func (g *guest) mustOpen(dir uint32, path string, oflags int, rights uint64) uint32 {
	g.t.Helper()
	fd, e := g.openAt(dir, 0, path, oflags, rights, 0, 0)
	g.ok("open "+path, e)
	return fd
}

func (g *guest) closeFd(fd uint32) errno { return g.call("fd_close", fd) }

// create makes an empty file.
func (g *guest) create(dir uint32, path string) {
	g.t.Helper()
	g.ok("close", g.closeFd(g.mustOpen(dir, path, openCreate, 0)))
}

func (g *guest) pathCall(name string, dir uint32, path string) errno {
	g.t.Helper()
	p, n := g.str(atPath, path)
	return g.call(name, dir, p, n)
}

func (g *guest) mkdir(dir uint32, path string) errno {
	g.t.Helper()
	return g.pathCall("path_create_directory", dir, path)
}

func (g *guest) rmdir(dir uint32, path string) errno {
	g.t.Helper()
	return g.pathCall("path_remove_directory", dir, path)
}

func (g *guest) unlink(dir uint32, path string) errno {
	g.t.Helper()
	return g.pathCall("path_unlink_file", dir, path)
}

func (g *guest) symlink(target string, dir uint32, path string) errno {
	g.t.Helper()
	t, tn := g.str(atPath, target)
	p, n := g.str(atPath2, path)
	return g.call("path_symlink", t, tn, dir, p, n)
}

func (g *guest) readlink(dir uint32, path string, size int) (string, errno) {
	g.t.Helper()
	p, n := g.str(atPath, path)
	e := g.call("path_readlink", dir, p, n, atData, size, atResult)
	return string(g.memory[atData:][:g.u32(atResult)]), e
}

func (g *guest) rename(from uint32, old string, to uint32, name string) errno {
	g.t.Helper()
	o, on := g.str(atPath, old)
	p, n := g.str(atPath2, name)
	return g.call("path_rename", from, o, on, to, p, n)
}

func (g *guest) link(from uint32, follow int, old string, to uint32, name string) errno {
	g.t.Helper()
	o, on := g.str(atPath, old)
	p, n := g.str(atPath2, name)
	return g.call("path_link", from, follow, o, on, to, p, n)
}

// write writes s by fd_write.
func (g *guest) write(fd uint32, s string) (uint32, errno) {
	g.t.Helper()
	g.iovec(g.str(atData, s))
	e := g.call("fd_write", fd, atIovec, 1, atResult)
	return g.u32(atResult), e
}

// read reads up to n bytes by fd_read.
func (g *guest) read(fd uint32, n int) (string, errno) {
	g.t.Helper()
	g.iovec(atData, n)
	e := g.call("fd_read", fd, atIovec, 1, atResult)
	if e != success {
		return "", e
	}
	return string(g.memory[atData:][:g.u32(atResult)]), e
}

func (g *guest) pwrite(fd uint32, s string, off int64) (uint32, errno) {
	g.t.Helper()
	g.iovec(g.str(atData, s))
	e := g.call("fd_pwrite", fd, atIovec, 1, off, atResult)
	return g.u32(atResult), e
}

func (g *guest) pread(fd uint32, n int, off int64) (string, errno) {
	g.t.Helper()
	g.iovec(atData, n)
	e := g.call("fd_pread", fd, atIovec, 1, off, atResult)
	if e != success {
		return "", e
	}
	return string(g.memory[atData:][:g.u32(atResult)]), e
}

func (g *guest) seek(fd uint32, off int64, whence int) (uint64, errno) {
	g.t.Helper()
	e := g.call("fd_seek", fd, off, whence, atResult)
	return g.u64(atResult), e
}

// filestat is what the guest sees of a node.
type filestat struct {
	dev, ino         uint64
	kind             FileType
	nlink, size      uint64
	atim, mtim, ctim uint64
}

func (g *guest) filestat() filestat {
	b := g.memory[atResult:]
	return filestat{
		le.Uint64(b), le.Uint64(b[8:]), FileType(b[16]), le.Uint64(b[24:]), le.Uint64(b[32:]),
		le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(b[56:]),
	}
}

func (g *guest) stat(dir uint32, follow int, path string) (filestat, errno) {
	g.t.Helper()
	p, n := g.str(atPath, path)
	e := g.call("path_filestat_get", dir, follow, p, n, atResult)
	return g.filestat(), e
}

func (g *guest) fstat(fd uint32) (filestat, errno) {
	g.t.Helper()
	e := g.call("fd_filestat_get", fd, atResult)
	return g.filestat(), e
}

// fdstat is what the guest sees of a descriptor.
type fdstat struct {
	kind               FileType
	flags              uint16
	rights, inheriting uint64
}

func (g *guest) fdstat(fd uint32) (fdstat, errno) {
	g.t.Helper()
	e := g.call("fd_fdstat_get", fd, atResult)
	b := g.memory[atResult:]
	return fdstat{FileType(b[0]), le.Uint16(b[2:]), le.Uint64(b[8:]), le.Uint64(b[16:])}, e
}

// dirent is an entry that fd_readdir delivered whole.
type dirent struct {
	next, ino uint64
	kind      FileType
	name      string
}

// readdir reads entries into a buffer of size bytes; full is whether it was
// filled.
func (g *guest) readdir(fd uint32, size int, cookie uint64) (list []dirent, full bool, e errno) {
	g.t.Helper()
	e = g.call("fd_readdir", fd, atData, size, cookie, atResult)
	b := g.memory[atData:][:g.u32(atResult)]
	full = len(b) == size
	for len(b) >= direntSize {
		n := int(le.Uint32(b[16:]))
		if len(b) < direntSize+n {
			break
		}
		name := string(b[direntSize:][:n])
		list = append(list, dirent{le.Uint64(b), le.Uint64(b[8:]), FileType(b[20]), name})
		b = b[direntSize+n:]
	}
	return list, full, e
}

// clockSub and fdSub are subscriptions of poll_oneoff.
func clockSub(userdata uint64, clock uint32, timeout uint64, flags uint16) []byte {
	b := make([]byte, preview1.subscription)
	le.PutUint64(b, userdata)
	b[8] = eventClock
	le.PutUint32(b[16:], clock)
	le.PutUint64(b[24:], timeout)
	le.PutUint16(b[40:], flags)
	return b
}

func fdSub(userdata uint64, tag byte, fd uint32) []byte {
	b := make([]byte, preview1.subscription)
	le.PutUint64(b, userdata)
	b[8] = tag
	le.PutUint32(b[16:], fd)
	return b
}

// event is what poll_oneoff reports.
type event struct {
	userdata uint64
	err      errno
	tag      byte
	bytes    uint64
	flags    uint16
}

func (g *guest) poll(subs ...[]byte) (list []event, e errno) {
	g.t.Helper()
	for i, s := range subs {
		copy(g.memory[atPath+i*preview1.subscription:], s)
	}
	e = g.call("poll_oneoff", atPath, atData, len(subs), atResult)
	if e != success {
		return nil, e
	}
	for i := range int(g.u32(atResult)) {
		b := g.memory[atData+i*eventSize:]
		list = append(list, event{le.Uint64(b), errno(le.Uint16(b[8:])), b[10], le.Uint64(b[16:]), le.Uint16(b[24:])})
	}
	return list, e
}
