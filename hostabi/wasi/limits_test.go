package wasi

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/hostabi"
)

// TestFuel is the price list of the package documentation, as a table.
func TestFuel(t *testing.T) {
	const path = "tmp/dir/file" // 12 bytes and 3 components: 1 + 3 units
	g := newGuest(t, Config{
		Args: []string{"main", strings.Repeat("a", 58)}, Env: []string{"A=B"}, // 4+1+58+1 bytes, 2 pointers; 4 bytes, 1 pointer
		Stdin: strings.NewReader(strings.Repeat("i", 100)), Deterministic: true,
	})
	g.ok("mkdir", g.mkdir(3, "tmp/dir"))
	fd := g.mustOpen(3, path, openCreate, rightsFile)
	dir := g.mustOpen(3, "tmp/dir", openDirectory, rightsDirectory)
	g.writeFile("tmp/big", strings.Repeat("b", 1000))
	big := g.mustOpen(3, "tmp/big", 0, rightsFile)
	node := hostabi.UnitsFor(NodeBytes + 4) // a name of 4 bytes
	for _, c := range []struct {
		name string
		args []any
		want uint64
	}{
		{"args_sizes_get", []any{atResult, atResult}, 0},
		{"args_get", []any{atResult, atData}, 2}, // 64 + 8
		{"environ_get", []any{atResult, atData}, 1},
		{"clock_time_get", []any{0, 0, atResult}, 0},
		{"random_get", []any{atData, 129}, 3},
		{"fd_fdstat_get", []any{fd, atResult}, 0},
		{"fd_prestat_dir_name", []any{3, atData, 1}, 1},
		{"fd_write", []any{fd, atIovec, 1, atResult}, 1 + 2}, // the array, 100 bytes
		{"fd_pwrite", []any{fd, atIovec, 1, 100, atResult}, 1 + 2},
		{"fd_pread", []any{big, atIovec, 1, 950, atResult}, 1 + 1}, // 50 bytes are left
		{"fd_read", []any{big, atIovec, 1, atResult}, 1 + 2},
		{"fd_read", []any{0, atIovec, 1, atResult}, 1 + 2},
		{"fd_read", []any{0, atIovec, 1, atResult}, 1},           // the end
		{"fd_readdir", []any{dir, atData, 1000, 0, atResult}, 3}, // three entries
		{"path_filestat_get", []any{3, 0, atPath, len(path), atResult}, 4},
		{"path_open", []any{3, 0, atPath, len(path), 0, uint64(0), uint64(0), 0, atResult}, 4},
		{"path_symlink", []any{atPath, 4, 3, atPath2, 8}, 1 + 1 + 2 + hostabi.UnitsFor(NodeBytes+4+4)},
		{"path_readlink", []any{3, atPath2, 8, atData, 2, atResult}, 1 + 2 + 1},
		{"path_filestat_get", []any{3, 1, atPath2, 8, atResult}, 1 + 2 + 1}, // and a component of the target
		{"path_create_directory", []any{3, atPath2 + 16, 8}, 1 + 2 + node},
		{"path_rename", []any{3, atPath2 + 16, 8, 3, atPath2 + 32, 8}, 2*(1+2) + 1 + node}, // and one directory above
		{"path_link", []any{3, 0, atPath, len(path), 3, atPath2 + 48, 8}, 4 + 1 + 2 + node},
		{"poll_oneoff", []any{atPath2 + 64, atData, 1, atResult}, 2}, // 48 + 32
		{"fd_filestat_set_size", []any{fd, 1 << 20}, 0},
	} {
		g.str(atPath, path)
		g.str(atPath2, "tmp/link")
		g.str(atPath2+16, "tmp/sub1")
		g.str(atPath2+32, "tmp/sub2")
		g.str(atPath2+48, "tmp/hard")
		copy(g.memory[atPath2+64:], clockSub(0, clockMonotonic, 1, 0))
		g.iovec(atData, 100)
		if c.name == "path_symlink" {
			g.str(atPath, "file")
		}
		e := g.call(c.name, c.args...)
		if e != success && !(c.name == "path_filestat_get" && e == enoent) {
			t.Errorf("%s: errno %d", c.name, e)
		}
		if g.fuel != c.want {
			t.Errorf("%s%v: %d units, want %d", c.name, c.args, g.fuel, c.want)
		}
	}
}

// TestFuelRunsOut stops every function that charges before it has any effect.
func TestFuelRunsOut(t *testing.T) {
	g := newGuest(t, Config{Stdin: strings.NewReader("input")})
	g.limit = 1
	for name, call := range map[string]func(){
		"random_get":            func() { g.call("random_get", atData, 1000) },
		"path_create_directory": func() { g.mkdir(3, "out/d") },
		"fd_read":               func() { g.read(0, 5) },
	} {
		func() {
			defer func() {
				if r := recover(); r != (outOfFuel{}) {
					t.Errorf("%s: recovered %v", name, r)
				}
			}()
			call()
			t.Errorf("%s was not stopped", name)
		}()
	}
	if list := g.system.node(inodeOut).Dir.List; len(list) != 0 {
		t.Errorf("made %v", list)
	}
	if strings.Trim(string(g.memory[atData:]), "\x00") != "" {
		t.Error("memory was written to")
	}
	g.limit = 0
	g.wantRead("input")(g.read(0, 5))
}

func TestOutputLimit(t *testing.T) {
	const limit = 10000
	g := newGuest(t, Config{MaxOutputBytes: limit, Stdout: io.Discard, Stderr: io.Discard})
	fd, e := g.openAt(3, 0, "out/f", openCreate, rightsFile, 0, 0)
	g.ok("open", e)
	room := uint32(limit - NodeBytes - 1)
	g.wantWrite(9000)(g.write(fd, strings.Repeat("x", 9000)))
	g.wantWrite(room - 9000)(g.write(fd, strings.Repeat("x", 9000)))
	_, e = g.write(fd, "x")
	g.want("write beyond", e, enospc)
	_, e = g.pwrite(fd, "x", limit)
	g.want("write far out", e, efbig)
	_, e = g.pwrite(fd, "x", 1<<63-1)
	g.want("write at the end of the world", e, efbig)
	for _, size := range []uint64{limit + 1, 1 << 62, 1<<64 - 1} {
		g.want("set_size", g.call("fd_filestat_set_size", fd, size), efbig)
		g.want("allocate", g.call("fd_allocate", fd, size, 1), efbig)
	}
	g.want("set_size", g.call("fd_filestat_set_size", fd, limit), enospc)
	g.want("mkdir", g.mkdir(3, "out/d"), enospc)
	g.want("symlink", g.symlink("x", 3, "out/s"), enospc)
	g.want("link", g.link(3, 0, "out/f", 3, "out/l"), enospc)
	g.ok("unlink", g.unlink(3, "out/f"))
	g.want("mkdir while the file is open", g.mkdir(3, "out/d"), success) // its name was freed
	g.want("mkdir while the file is open", g.mkdir(3, "out/e"), enospc)
	g.ok("close", g.closeFd(fd))
	g.ok("mkdir", g.mkdir(3, "out/e"))
	g.ok("rmdir", g.rmdir(3, "out/e"))
	g.ok("rmdir", g.rmdir(3, "out/d"))
	if left := g.system.state.Tree.Bytes; left != 0 {
		t.Errorf("%d bytes counted for nothing", left)
	}

	g.wantWrite(9000)(g.write(1, strings.Repeat("x", 9000)))
	g.wantWrite(1000)(g.write(2, strings.Repeat("x", 9000)))
	_, e = g.write(1, "x")
	g.want("write to stdout beyond", e, enospc)
}

// TestFillTree makes empty files until the limit stops it: as many as NodeBytes
// allows.
func TestFillTree(t *testing.T) {
	g := newGuest(t, Config{MaxOutputBytes: 1 << 20})
	n := 0
	for ; ; n++ {
		fd, e := g.openAt(3, 0, fmt.Sprintf("tmp/%06d", n), openCreate, 0, 0, 0)
		if e == enospc {
			break
		}
		g.ok("open", e)
		g.closeFd(fd)
	}
	if want := (1 << 20) / (NodeBytes + 6); n != want {
		t.Errorf("%d files, want %d", n, want)
	}
}

func TestOpenFilesLimit(t *testing.T) {
	g := newGuest(t, Config{MaxOpenFiles: 10})
	for fd := uint32(4); fd < 10; fd++ {
		if got := g.mustOpen(3, "tmp", openDirectory, 0); got != fd {
			t.Errorf("descriptor %d, want %d", got, fd)
		}
	}
	_, e := g.openAt(3, 0, "tmp", openDirectory, 0, 0, 0)
	g.want("open", e, emfile)
	_, e = g.openAt(3, 0, "tmp/new", openCreate, 0, 0, 0)
	g.want("create", e, emfile)
	if _, e := g.stat(3, 0, "tmp/new"); e != enoent {
		t.Errorf("the file was created nevertheless: %d", e)
	}
	g.ok("close", g.closeFd(6))
	if got := g.mustOpen(3, "tmp", openDirectory, 0); got != 6 {
		t.Errorf("descriptor %d, want the lowest free one", got)
	}
}

// TestBadPointers passes, for each pointer of each function in turn, one that
// lies outside of memory; nothing may be done then.
func TestBadPointers(t *testing.T) {
	const bad = 1<<16 - 1
	g := newGuest(t, Config{Args: []string{"main"}, Env: []string{"A=B"}, Stdin: strings.NewReader("x")})
	fd := g.mustOpen(3, "tmp/f", openCreate, rightsFile)
	g.ok("symlink", g.symlink("f", 3, "tmp/s"))
	g.str(atPath, "tmp/n")
	g.str(atPath2, "tmp/s")
	for _, c := range []struct {
		name string
		args []any
	}{
		{"args_get", []any{bad, atData}}, {"args_get", []any{atResult, bad}},
		{"args_sizes_get", []any{bad, atData}}, {"args_sizes_get", []any{atResult, bad}},
		{"environ_get", []any{bad, atData}}, {"environ_get", []any{atResult, bad}},
		{"environ_sizes_get", []any{bad, atData}}, {"environ_sizes_get", []any{atResult, bad}},
		{"clock_res_get", []any{0, bad}}, {"clock_time_get", []any{0, 0, bad}},
		{"random_get", []any{bad, 2}}, {"random_get", []any{1, uint32(1<<32 - 1)}},
		{"fd_read", []any{0, bad, 1, atResult}}, {"fd_read", []any{0, atIovec, 1, bad}},
		{"fd_read", []any{0, atIovec + 8, 1, atResult}}, {"fd_pread", []any{fd, atIovec, 1, 0, bad}},
		{"fd_write", []any{1, bad, 1, atResult}}, {"fd_write", []any{1, atIovec, 1, bad}},
		{"fd_write", []any{1, atIovec + 8, 1, atResult}}, {"fd_pwrite", []any{fd, atIovec, 1, 0, bad}},
		{"fd_seek", []any{fd, 0, 0, bad}}, {"fd_tell", []any{fd, bad}},
		{"fd_fdstat_get", []any{0, bad}}, {"fd_filestat_get", []any{0, bad}},
		{"fd_prestat_get", []any{3, bad}}, {"fd_prestat_dir_name", []any{3, bad + 1, 1}},
		{"fd_readdir", []any{3, bad, 2, 0, atResult}}, {"fd_readdir", []any{3, atData, 100, 0, bad}},
		{"path_open", []any{3, 0, bad, 5, openCreate, 0, 0, 0, atResult}},
		{"path_open", []any{3, 0, atPath, 5, openCreate, 0, 0, 0, bad}},
		{"path_filestat_get", []any{3, 0, bad, 5, atResult}}, {"path_filestat_get", []any{3, 0, atPath2, 5, bad}},
		{"path_filestat_set_times", []any{3, 0, bad, 5, 0, 0, 0}},
		{"path_create_directory", []any{3, bad, 5}}, {"path_remove_directory", []any{3, bad, 5}},
		{"path_unlink_file", []any{3, bad, 5}}, {"path_readlink", []any{3, bad, 5, atData, 10, atResult}},
		{"path_readlink", []any{3, atPath2, 5, bad, 10, atResult}}, {"path_readlink", []any{3, atPath2, 5, atData, 10, bad}},
		{"path_link", []any{3, 0, bad, 5, 3, atPath, 5}}, {"path_link", []any{3, 0, atPath2, 5, 3, bad, 5}},
		{"path_rename", []any{3, bad, 5, 3, atPath, 5}}, {"path_rename", []any{3, atPath2, 5, 3, bad, 5}},
		{"path_symlink", []any{bad, 5, 3, atPath, 5}}, {"path_symlink", []any{atPath, 5, 3, bad, 5}},
		{"poll_oneoff", []any{bad, atData, 1, atResult}}, {"poll_oneoff", []any{atPath, bad, 1, atResult}},
		{"poll_oneoff", []any{atPath, atData, 1, bad}},
	} {
		g.iovec(atData, 10)
		le.PutUint32(g.memory[atIovec+8:], bad)
		le.PutUint32(g.memory[atIovec+12:], 2)
		g.want(fmt.Sprint(c.name, c.args), g.call(c.name, c.args...), efault)
	}
	g.memory = nil
	g.want("no memory", g.call("random_get", 0, 1), efault)
	if n := len(g.system.state.Tree.Nodes); n != inodeFirst-1+2 {
		t.Errorf("%d nodes", n)
	}
}

// TestBadArguments passes flags and numbers that mean nothing.
func TestBadArguments(t *testing.T) {
	g := newGuest(t, Config{})
	fd := g.mustOpen(3, "tmp/f", openCreate, rightsFile)
	g.str(atPath, "tmp/n")
	copy(g.memory[atPath2:], fdSub(0, eventCount, 0))
	copy(g.memory[atPath2+48:], clockSub(0, clockCount, 0, 0))
	copy(g.memory[atPath2+96:], clockSub(0, 0, 0, 2))
	for _, c := range []struct {
		name string
		args []any
		want errno
	}{
		{"clock_res_get", []any{clockCount, atResult}, einval}, {"clock_time_get", []any{clockCount, 0, atResult}, einval},
		{"fd_advise", []any{fd, 0, 0, 6}, einval}, {"fd_advise", []any{fd, uint64(1 << 63), 0, 0}, einval},
		{"fd_allocate", []any{fd, 0, 0}, einval}, {"fd_seek", []any{fd, 0, 3, atResult}, einval},
		{"fd_seek", []any{0, 0, 0, atResult}, espipe}, {"fd_tell", []any{0, atResult}, espipe},
		{"fd_pread", []any{0, atIovec, 0, 0, atResult}, espipe}, {"fd_pwrite", []any{1, atIovec, 0, 0, atResult}, espipe},
		{"fd_allocate", []any{1, 0, 1}, espipe},
		{"fd_fdstat_set_flags", []any{fd, 32}, einval}, {"fd_fdstat_set_flags", []any{fd, int(flagSync)}, enotsup},
		{"fd_filestat_set_times", []any{fd, 0, 0, 16}, einval},
		{"fd_read", []any{fd, atIovec, iovMax + 1, atResult}, einval}, {"fd_read", []any{uint32(1<<32 - 1), 0, 0, 0}, ebadf},
		{"fd_prestat_get", []any{0, atResult}, ebadf}, {"fd_prestat_get", []any{4, atResult}, ebadf},
		{"fd_readdir", []any{fd, atData, 10, 0, atResult}, ebadf},
		{"path_open", []any{3, 2, atPath, 5, 0, 0, 0, 0, atResult}, einval},
		{"path_open", []any{3, 0, atPath, 5, 16, 0, 0, 0, atResult}, einval},
		{"path_open", []any{3, 0, atPath, 5, openCreate | openDirectory, 0, 0, 0, atResult}, einval},
		{"path_open", []any{3, 0, atPath, 5, 0, 0, 0, 32, atResult}, einval},
		{"path_open", []any{fd, 0, atPath, 5, 0, 0, 0, 0, atResult}, enotdir},
		{"path_filestat_get", []any{3, 2, atPath, 5, atResult}, einval},
		{"path_link", []any{3, 2, atPath, 5, 3, atPath, 5}, einval},
		{"path_filestat_set_times", []any{3, 0, atPath, 5, 0, 0, 16}, einval},
		{"path_create_directory", []any{3, atPath, pathMax + 1}, enametool},
		{"poll_oneoff", []any{atPath2, atData, 0, atResult}, einval}, {"poll_oneoff", []any{0, 0, pollMax + 1, atResult}, einval},
		{"poll_oneoff", []any{atPath2, atData, 1, atResult}, einval}, {"poll_oneoff", []any{atPath2 + 48, atData, 1, atResult}, einval},
		{"poll_oneoff", []any{atPath2 + 96, atData, 1, atResult}, einval},
		{"sock_accept", []any{3, 0, atResult}, enotsup}, {"sock_recv", []any{3, 0, 0, 0, 0, 0}, enotsup},
		{"sock_send", []any{3, 0, 0, 0, 0}, enotsup}, {"proc_raise", []any{9}, enotsup},
	} {
		g.want(fmt.Sprint(c.name, c.args), g.call(c.name, c.args...), c.want)
	}
	// A sum of buffers that does not fit the result.
	g.memory = make([]byte, 1<<24)
	for i := range 512 {
		le.PutUint32(g.memory[atIovec+8*i:], 0)
		le.PutUint32(g.memory[atIovec+8*i+4:], 1<<24)
	}
	g.want("sum of buffers", g.call("fd_read", 0, atIovec, 512, atResult), einval)
}

// TestRightsAreNeeded drops each right in turn and tries what needs it.
func TestRightsAreNeeded(t *testing.T) {
	for right, call := range map[uint64]func(g *guest, fd, dir uint32) errno{
		rightFdDatasync:          func(g *guest, fd, dir uint32) errno { return g.call("fd_datasync", fd) },
		rightFdRead:              func(g *guest, fd, dir uint32) errno { _, e := g.read(fd, 1); return e },
		rightFdSeek:              func(g *guest, fd, dir uint32) errno { _, e := g.seek(fd, 1, whenceSet); return e },
		rightFdFdstatSetFlags:    func(g *guest, fd, dir uint32) errno { return g.call("fd_fdstat_set_flags", fd, 0) },
		rightFdSync:              func(g *guest, fd, dir uint32) errno { return g.call("fd_sync", fd) },
		rightFdWrite:             func(g *guest, fd, dir uint32) errno { _, e := g.write(fd, "x"); return e },
		rightFdAdvise:            func(g *guest, fd, dir uint32) errno { return g.call("fd_advise", fd, 0, 0, 0) },
		rightFdAllocate:          func(g *guest, fd, dir uint32) errno { return g.call("fd_allocate", fd, 0, 1) },
		rightPathCreateDirectory: func(g *guest, fd, dir uint32) errno { return g.mkdir(dir, "new") },
		rightPathCreateFile: func(g *guest, fd, dir uint32) errno {
			_, e := g.openAt(dir, 0, "new", openCreate, 0, 0, 0)
			return e
		},
		rightPathLinkSource: func(g *guest, fd, dir uint32) errno { return g.link(dir, 0, "f", 3, "tmp/new") },
		rightPathLinkTarget: func(g *guest, fd, dir uint32) errno { return g.link(3, 0, "tmp/f", dir, "new") },
		rightPathOpen: func(g *guest, fd, dir uint32) errno {
			_, e := g.openAt(dir, 0, "f", 0, 0, 0, 0)
			return e
		},
		rightFdReaddir:         func(g *guest, fd, dir uint32) errno { _, _, e := g.readdir(dir, 10, 0); return e },
		rightPathReadlink:      func(g *guest, fd, dir uint32) errno { _, e := g.readlink(dir, "s", 10); return e },
		rightPathRenameSource:  func(g *guest, fd, dir uint32) errno { return g.rename(dir, "f", 3, "tmp/new") },
		rightPathRenameTarget:  func(g *guest, fd, dir uint32) errno { return g.rename(3, "tmp/f", dir, "new") },
		rightPathFilestatGet:   func(g *guest, fd, dir uint32) errno { _, e := g.stat(dir, 0, "f"); return e },
		rightFdFilestatGet:     func(g *guest, fd, dir uint32) errno { _, e := g.fstat(fd); return e },
		rightFdFilestatSetSize: func(g *guest, fd, dir uint32) errno { return g.call("fd_filestat_set_size", fd, 1) },
		rightPathFilestatSetTimes: func(g *guest, fd, dir uint32) errno {
			p, n := g.str(atPath, "f")
			return g.call("path_filestat_set_times", dir, 0, p, n, 0, 0, 0)
		},
		rightFdFilestatSetTimes:  func(g *guest, fd, dir uint32) errno { return g.call("fd_filestat_set_times", fd, 0, 0, 0) },
		rightPathSymlink:         func(g *guest, fd, dir uint32) errno { return g.symlink("x", dir, "new") },
		rightPathRemoveDirectory: func(g *guest, fd, dir uint32) errno { return g.rmdir(dir, "d") },
		rightPathUnlinkFile:      func(g *guest, fd, dir uint32) errno { return g.unlink(dir, "f") },
	} {
		for _, drop := range []uint64{0, right} {
			g := newGuest(t, Config{})
			g.create(3, "tmp/f")
			g.ok("mkdir", g.mkdir(3, "tmp/d"))
			g.ok("symlink", g.symlink("f", 3, "tmp/s"))
			fd := g.mustOpen(3, "tmp/f", 0, rightsFile&^drop)
			dir, e := g.openAt(3, 0, "tmp", openDirectory, rightsDirectory&^drop, rightsAll, 0)
			g.ok("open", e)
			want := success
			if drop != 0 {
				want = enotcapable
			}
			g.want(fmt.Sprintf("right %#x, dropped %#x", right, drop), call(g, fd, dir), want)
		}
	}
	g := newGuest(t, Config{})
	dir, e := g.openAt(3, 0, "tmp", openDirectory, rightsDirectory, rightFdRead, 0)
	g.ok("open", e)
	_, e = g.openAt(dir, 0, "f", openCreate, rightFdRead|rightFdWrite, 0, 0)
	g.want("more than is inherited", e, enotcapable)
}
