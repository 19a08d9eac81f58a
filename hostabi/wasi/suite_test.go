package wasi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The checks in this file are those that the official test suite
// (WebAssembly/wasi-testsuite, preview 1) makes, test by test under its names,
// with the errnos that it accepts: it opens "." of the preopen "/", makes a
// scratch directory there with just these rights, and works inside.
const (
	scratchRights = rightFdFilestatGet | rightFdReaddir | rightPathCreateFile |
		rightPathCreateDirectory | rightPathRemoveDirectory | rightPathOpen | rightPathUnlinkFile |
		rightPathLinkSource | rightPathLinkTarget | rightPathReadlink | rightPathRenameSource |
		rightPathRenameTarget | rightPathFilestatGet | rightPathFilestatSetSize |
		rightPathFilestatSetTimes | rightPathSymlink
	scratchInheriting = rightFdRead | rightFdWrite | rightFdReaddir | rightFdFilestatGet |
		rightFdSeek | rightPathLinkSource | rightPathLinkTarget | rightPathOpen |
		rightPathUnlinkFile | rightPathFilestatGet | rightFdFdstatSetFlags | rightFdSync |
		rightFdTell | rightFdAdvise | rightFdAllocate | rightFdFilestatSetSize |
		rightFdFilestatSetTimes
)

const follow = lookupFollow

// suite is a guest with the directories of an official test open.
type suite struct {
	*guest
	root    uint32 // "." of the preopen
	scratch uint32
}

func newSuite(t *testing.T) *suite {
	g := newGuest(t, Config{Deterministic: true})
	preopen, e := g.fdstat(3)
	g.ok("fdstat of the preopen", e)
	root, e := g.openAt(3, 0, ".", openDirectory, preopen.rights, preopen.inheriting, 0)
	g.ok("open .", e)
	g.ok("mkdir", g.mkdir(root, "scratch"))
	scratch, e := g.openAt(root, 0, "scratch", openDirectory, scratchRights, scratchInheriting, 0)
	g.ok("open scratch", e)
	return &suite{g, root, scratch}
}

// lookup is path_open without rights or flags.
func (s *suite) lookup(flags int, path string, oflags int) errno {
	s.t.Helper()
	fd, e := s.openAt(s.scratch, flags, path, oflags, 0, 0, 0)
	if e == success {
		s.ok("close", s.closeFd(fd))
	}
	return e
}

func TestSuite(t *testing.T) {
	for name, test := range map[string]func(*suite){
		"big_random_buf": func(s *suite) {
			s.memory = make([]byte, 1<<20)
			s.ok("random_get", s.call("random_get", 0, 1<<20))
			if strings.Count(string(s.memory), "\x00") > 1<<13 {
				s.t.Error("random bytes are not random")
			}
		},
		"clock_time_get": func(s *suite) {
			for _, precision := range []uint64{0, 1, 1 << 62} {
				s.ok("clock_time_get", s.call("clock_time_get", clockMonotonic, precision, atResult))
			}
			first := s.u64(atResult)
			s.ok("clock_time_get", s.call("clock_time_get", clockMonotonic, 0, atResult))
			if s.u64(atResult) < first {
				s.t.Error("the monotonic clock went back")
			}
		},
		"close_preopen": func(s *suite) {
			s.ok("close", s.closeFd(3))
			st, e := s.fdstat(s.root)
			s.ok("fdstat", e)
			if st.kind != Directory {
				s.t.Errorf("type %d", st.kind)
			}
			_, e = s.fdstat(3)
			s.want("fdstat of what is closed", e, ebadf)
		},
		"dangling_fd": func(s *suite) {
			for range 2 {
				s.create(s.root, "file")
				s.closeFd(s.mustOpen(s.root, "file", 0, 0))
				s.ok("unlink", s.unlink(s.root, "file"))
				s.ok("mkdir", s.mkdir(s.root, "dir"))
				s.closeFd(s.mustOpen(s.root, "dir", openDirectory, 0))
				s.ok("rmdir", s.rmdir(s.root, "dir"))
			}
		},
		"dangling_symlink": func(s *suite) {
			s.ok("symlink", s.symlink("target", s.scratch, "symlink"))
			s.want("as directory", s.lookup(0, "symlink", openDirectory), enotdir, eloop)
			s.want("as file", s.lookup(0, "symlink", 0), eloop)
		},
		"dir_fd_op_failures": testDirOps,
		"directory_seek": func(s *suite) {
			s.ok("mkdir", s.mkdir(s.root, "dir"))
			fd := s.mustOpen(s.root, "dir", openDirectory, rightFdSeek)
			_, e := s.seek(fd, 0, whenceCurrent)
			s.want("seek", e, eisdir, enotcapable, ebadf)
			if st, _ := s.fdstat(fd); st.kind != Directory || st.rights&rightFdSeek != 0 {
				s.t.Errorf("fdstat %+v", st)
			}
		},
		"fd_advise": func(s *suite) {
			fd := s.mustOpen(s.scratch, "file", openCreate, rightFdRead|rightFdWrite|rightFdAdvise|
				rightFdFilestatGet|rightFdFilestatSetSize|rightFdAllocate)
			s.wantSize(fd, 0)
			s.ok("set_size", s.call("fd_filestat_set_size", fd, 100))
			s.wantSize(fd, 100)
			s.ok("advise", s.call("fd_advise", fd, 10, 50, 0))
			s.wantSize(fd, 100)
			s.ok("allocate", s.call("fd_allocate", fd, 100, 100))
			s.wantSize(fd, 200)
		},
		"fd_fdstat_set_rights": testSetRights,
		"fd_filestat_set": func(s *suite) {
			fd := s.mustOpen(s.root, "file", openCreate, rightFdRead|rightFdWrite|rightFdFilestatGet|
				rightFdFilestatSetSize|rightFdFilestatSetTimes)
			s.ok("set_size", s.call("fd_filestat_set_size", fd, 100))
			before, _ := s.fstat(fd)
			s.ok("set_times", s.call("fd_filestat_set_times", fd, before.mtim-100, before.mtim-100, timesModified))
			after, _ := s.fstat(fd)
			if after.size != 100 || after.mtim != before.mtim-100 || after.atim != before.atim {
				s.t.Errorf("before %+v\nafter %+v", before, after)
			}
		},
		"fd_flags_set": testSetFlags,
		"fd_readdir":   testReaddir,
		"file_allocate": func(s *suite) {
			fd := s.mustOpen(s.scratch, "file", openCreate, rightFdRead|rightFdWrite|rightFdAllocate|rightFdFilestatGet)
			for _, step := range []struct{ off, size, want int }{{0, 100, 100}, {10, 10, 100}, {90, 20, 110}} {
				s.ok("allocate", s.call("fd_allocate", fd, step.off, step.size))
				s.wantSize(fd, uint64(step.want))
			}
		},
		"file_pread_pwrite": func(s *suite) {
			fd := s.mustOpen(s.scratch, "file", openCreate, rightFdRead|rightFdSeek|rightFdWrite)
			s.wantWrite(4)(s.pwrite(fd, "\x00\x01\x02\x03", 0))
			s.wantRead("\x00\x01\x02\x03")(s.pread(fd, 4, 0))
			s.wantRead("\x02\x03")(s.pread(fd, 4, 2))
			s.wantWrite(2)(s.pwrite(fd, "\x01\x00", 2))
			s.wantRead("\x00\x01\x01\x00")(s.pread(fd, 4, 0))
		},
		"file_seek_tell": func(s *suite) {
			fd := s.mustOpen(s.scratch, "file", openCreate, rightFdRead|rightFdWrite|rightFdSeek|rightFdTell)
			s.wantWrite(100)(s.write(fd, strings.Repeat("\x00", 100)))
			s.wantTell(fd, 100)
			for _, step := range []struct {
				off    int64
				whence int
				want   uint64
			}{{-50, whenceCurrent, 50}, {0, whenceSet, 0}, {1000, whenceCurrent, 1000}} {
				at, e := s.seek(fd, step.off, step.whence)
				s.ok("seek", e)
				if at != step.want {
					s.t.Errorf("at %d, want %d", at, step.want)
				}
			}
			_, e := s.seek(fd, -2000, whenceCurrent)
			s.want("seek before 0", e, einval)
			s.seek(fd, 0, whenceSet)
			s.wantRead(strings.Repeat("\x00", 100))(s.read(fd, 200))
			s.wantTell(fd, 100)
		},
		"file_truncation": func(s *suite) {
			fd := s.mustOpen(s.scratch, "test.txt", openCreate, rightFdWrite)
			s.wantWrite(7)(s.write(fd, "content"))
			s.closeFd(fd)
			fd = s.mustOpen(s.scratch, "test.txt", openCreate|openTruncate, rightFdWrite|rightFdRead)
			s.wantRead("")(s.read(fd, 100))
		},
		"file_unbuffered_write": func(s *suite) {
			r := s.mustOpen(s.scratch, "file", openCreate, rightFdRead)
			w := s.mustOpen(s.scratch, "file", 0, rightFdWrite)
			s.wantWrite(1)(s.write(w, "\x01"))
			s.wantRead("\x01")(s.read(r, 1))
		},
		"fstflags_validate": func(s *suite) {
			fd := s.mustOpen(s.root, "file", openCreate, rightFdRead|rightFdFilestatSetTimes)
			for _, flags := range []int{timesModified | timesModifiedNow, timesAccessed | timesAccessedNow} {
				s.want("set_times", s.call("fd_filestat_set_times", fd, 100, 200, flags), einval)
			}
		},
		"interesting_paths": testInterestingPaths,
		"isatty": func(s *suite) {
			st, e := s.fdstat(s.mustOpen(s.scratch, "file", openCreate, scratchInheriting))
			s.ok("fdstat", e)
			if st.kind == CharacterDevice {
				s.t.Error("a file is a terminal")
			}
		},
		"nofollow_errors":   testNofollow,
		"overwrite_preopen": testOverwritePreopen,
		"path_exists":       testPathExists,
		"path_filestat":     testPathFilestat,
		"path_link":         testPathLink,
		"path_open_create_existing": func(s *suite) {
			s.create(s.scratch, "file")
			s.want("create", s.lookup(0, "file", openCreate|openExclusive), eexist)
		},
		"path_open_dirfd_not_dir": func(s *suite) {
			fd := s.mustOpen(s.scratch, "file", openCreate, 0)
			_, e := s.openAt(fd, 0, "foo", openCreate, 0, 0, 0)
			s.want("open below a file", e, enotdir, enotcapable)
		},
		"path_open_missing": func(s *suite) {
			s.want("open", s.lookup(0, "file", 0), enoent)
		},
		"path_open_nonblock": func(s *suite) {
			_, e := s.openAt(s.root, 0, ".", 0, 0, 0, flagNonblock)
			s.ok("open", e)
		},
		"path_open_preopen":    testOpenPreopen,
		"path_open_read_write": testReadWrite,
		"path_rename":          testPathRename,
		"path_rename_dir_trailing_slashes": func(s *suite) {
			s.ok("mkdir", s.mkdir(s.scratch, "source"))
			for _, names := range [][2]string{{"source/", "target"}, {"target", "source/"}, {"source/", "target/"}, {"target", "source"}} {
				s.ok("rename", s.rename(s.scratch, names[0], s.scratch, names[1]))
			}
			s.ok("rmdir", s.rmdir(s.scratch, "source"))
		},
		"path_symlink_trailing_slashes": func(s *suite) {
			s.want("dangling", s.symlink("source", s.scratch, "target/"), enoent)
			s.ok("mkdir", s.mkdir(s.scratch, "dir"))
			s.create(s.scratch, "file")
			s.want("over a directory/", s.symlink("source", s.scratch, "dir/"), eexist)
			s.want("over a directory", s.symlink("source", s.scratch, "dir"), eexist)
			s.want("over a file/", s.symlink("source", s.scratch, "file/"), enotdir)
			s.want("over a file", s.symlink("source", s.scratch, "file"), eexist)
		},
		"poll_oneoff_stdio": func(s *suite) {
			const clockID, stdinID = 0x012345678, 0x876543210
			events, e := s.poll(clockSub(clockID, clockMonotonic, 200e6, 0), fdSub(stdinID, eventRead, 0))
			s.ok("poll", e)
			if len(events) == 0 {
				s.t.Error("no events")
			}
			events, e = s.poll(fdSub(1, eventWrite, 1), fdSub(2, eventWrite, 2), clockSub(clockID, clockMonotonic, 200e6, 0))
			s.ok("poll", e)
			if len(events) != 2 || events[0].err != success || events[1].err != success {
				s.t.Errorf("events %+v", events)
			}
		},
		"readlink": func(s *suite) {
			s.ok("symlink", s.symlink("target", s.scratch, "symlink"))
			for size, want := range map[int]string{10: "target", 4: "targ"} {
				clear(s.memory[atData:][:16])
				got, e := s.readlink(s.scratch, "symlink", size)
				s.ok("readlink", e)
				if got != want || s.memory[atData+len(want)] != 0 {
					s.t.Errorf("readlink %q, want %q", got, want)
				}
			}
		},
		"remove_directory_trailing_slashes": func(s *suite) {
			for _, name := range []string{"dir", "dir/"} {
				s.ok("mkdir", s.mkdir(s.root, "dir"))
				s.ok("rmdir", s.rmdir(s.root, name))
			}
			s.create(s.root, "file")
			s.want("rmdir of a file", s.rmdir(s.root, "file"), enotdir)
			s.want("rmdir of a file/", s.rmdir(s.root, "file/"), enotdir)
		},
		"remove_nonempty_directory": func(s *suite) {
			s.ok("mkdir", s.mkdir(s.root, "dir"))
			s.ok("mkdir", s.mkdir(s.root, "dir/nested"))
			s.want("rmdir", s.rmdir(s.root, "dir"), enotempty)
			s.ok("rmdir", s.rmdir(s.root, "dir/nested"))
			s.ok("rmdir", s.rmdir(s.root, "dir"))
		},
		"renumber": func(s *suite) {
			from := s.mustOpen(s.scratch, "file1", openCreate, rightFdRead|rightFdWrite)
			to := s.mustOpen(s.scratch, "file2", openCreate, rightFdRead|rightFdWrite)
			before, _ := s.fdstat(from)
			s.ok("renumber", s.call("fd_renumber", from, to))
			s.want("close", s.closeFd(from), ebadf)
			if after, e := s.fdstat(to); e != success || after != before {
				s.t.Errorf("errno %d, before %+v, after %+v", e, before, after)
			}
			s.want("renumber to what is closed", s.call("fd_renumber", to, from), ebadf)
			s.ok("unlink", s.unlink(s.scratch, "file1"))
		},
		"sched_yield": func(s *suite) { s.ok("sched_yield", s.call("sched_yield")) },
		"stdio": func(s *suite) {
			for from := range uint32(3) {
				to := s.mustOpen(s.scratch, "file", openCreate, 0)
				s.ok("renumber", s.call("fd_renumber", from, to))
				_, e := s.fdstat(to)
				s.ok("fdstat", e)
				_, e = s.fdstat(from)
				s.want("fdstat of what is closed", e, ebadf)
				s.ok("unlink", s.unlink(s.scratch, "file"))
			}
		},
		"symlink_create": func(s *suite) {
			s.create(s.scratch, "file")
			s.ok("mkdir", s.mkdir(s.scratch, "dir"))
			s.ok("symlink", s.symlink("file", s.scratch, "tofile"))
			s.ok("symlink", s.symlink("dir", s.scratch, "todir"))
			s.ok("open", s.lookup(follow, "tofile", 0))
			s.ok("open", s.lookup(follow, "todir", openDirectory))
			s.want("symlink to the root", s.symlink("/", s.scratch, "symlink"), enotcapable)
		},
		"symlink_filestat": testSymlinkFilestat,
		"symlink_loop": func(s *suite) {
			s.ok("symlink", s.symlink("symlink", s.scratch, "symlink"))
			s.want("open", s.lookup(0, "symlink", 0), eloop)
			s.want("open, following", s.lookup(follow, "symlink", 0), eloop)
		},
		"truncation_rights": testTruncationRights,
		"unlink_file_trailing_slashes": func(s *suite) {
			s.ok("mkdir", s.mkdir(s.scratch, "dir"))
			s.want("dir", s.unlink(s.scratch, "dir"), eisdir)
			s.want("dir/", s.unlink(s.scratch, "dir/"), eisdir)
			s.create(s.scratch, "file")
			s.want("file/", s.unlink(s.scratch, "file/"), enotdir)
			s.ok("file", s.unlink(s.scratch, "file"))
		},
		"sock_shutdown": func(s *suite) {
			s.want("not a socket", s.call("sock_shutdown", 1, 1), enotsock)
			s.want("not open", s.call("sock_shutdown", 99, 1), ebadf)
		},
		"pwrite-with-append": func(s *suite) {
			fd, e := s.openAt(s.scratch, 0, "file", openCreate, rightFdWrite|rightFdSeek|rightFdTell, 0, flagAppend)
			s.ok("open", e)
			s.wantWrite(2)(s.write(fd, "ab"))
			s.seek(fd, 0, whenceSet)
			s.wantWrite(2)(s.write(fd, "cd"))
			s.wantTell(fd, 4)
			s.wantWrite(3)(s.pwrite(fd, "efg", 0))
			s.wantTell(fd, 4)
			if end, e := s.seek(fd, 0, whenceEnd); e != success || end != 7 {
				s.t.Errorf("errno %d, end %d", e, end)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { test(newSuite(t)) })
	}
}

func (s *suite) wantSize(fd uint32, want uint64) {
	s.t.Helper()
	if st, e := s.fstat(fd); e != success || st.size != want {
		s.t.Errorf("errno %d, size %d, want %d", e, st.size, want)
	}
}

func (g *guest) wantTell(fd uint32, want uint64) {
	g.t.Helper()
	if e := g.call("fd_tell", fd, atResult); e != success || g.u64(atResult) != want {
		g.t.Errorf("errno %d, offset %d, want %d", e, g.u64(atResult), want)
	}
}

func (g *guest) wantWrite(want uint32) func(uint32, errno) {
	g.t.Helper()
	return func(n uint32, e errno) {
		g.t.Helper()
		if e != success || n != want {
			g.t.Errorf("errno %d, wrote %d, want %d", e, n, want)
		}
	}
}

func (g *guest) wantRead(want string) func(string, errno) {
	g.t.Helper()
	return func(got string, e errno) {
		g.t.Helper()
		if e != success || got != want {
			g.t.Errorf("errno %d, read %q, want %q", e, got, want)
		}
	}
}

func testDirOps(s *suite) {
	s.ok("fd_prestat_get", s.call("fd_prestat_get", 3, atResult))
	size := s.u32(atResult + 4)
	s.want("prestat name too short", s.call("fd_prestat_dir_name", 3, atData, 0), einval, enametool)
	s.ok("prestat name", s.call("fd_prestat_dir_name", 3, atData, size+1))
	_, read := s.read(s.root, 128)
	_, pread := s.pread(s.root, 128, 0)
	_, write := s.write(s.root, "x")
	_, pwrite := s.pwrite(s.root, "x", 0)
	for i, e := range []errno{
		read, pread, write, pwrite,
		s.call("fd_seek", s.root, 0, whenceCurrent, atResult),
		s.call("fd_seek", s.root, 0, whenceSet, atResult),
		s.call("fd_seek", s.root, 0, whenceEnd, atResult),
		s.call("fd_tell", s.root, atResult),
		s.call("fd_allocate", s.root, 0, 1),
		s.call("fd_filestat_set_size", s.root, 0),
	} {
		s.want(fmt.Sprint("operation ", i), e, eisdir, ebadf, enotcapable)
	}
}

func testSetRights(s *suite) {
	const rights = rightFdRead | rightFdWrite | rightFdSeek | rightFdTell
	fd := s.mustOpen(s.scratch, "file", openCreate, rights)
	s.wantWrite(4)(s.write(fd, "abcd"))
	s.seek(fd, 0, whenceSet)
	s.wantRead("abcd")(s.read(fd, 4))
	s.ok("drop", s.call("fd_fdstat_set_rights", fd, rightFdSeek|rightFdTell, 0))
	if st, _ := s.fdstat(fd); st.rights != rightFdSeek|rightFdTell {
		s.t.Errorf("rights %x", st.rights)
	}
	_, e := s.read(fd, 4)
	s.want("read", e, ebadf, enotcapable)
	_, e = s.write(fd, "x")
	s.want("write", e, ebadf, enotcapable)
	s.want("regain", s.call("fd_fdstat_set_rights", fd, rights, rights), enotcapable)
}

func testSetFlags(s *suite) {
	fd, e := s.openAt(s.root, 0, "file", openCreate,
		rightFdRead|rightFdWrite|rightFdSeek|rightFdTell|rightFdFdstatSetFlags, 0, flagAppend)
	s.ok("open", e)
	zeros, ones, twos := strings.Repeat("0", 100), strings.Repeat("1", 100), strings.Repeat("2", 100)
	s.wantWrite(100)(s.write(fd, zeros))
	s.seek(fd, 0, whenceSet)
	s.wantRead(zeros)(s.read(fd, 100))
	s.seek(fd, 0, whenceSet)
	s.wantWrite(100)(s.write(fd, ones))
	s.seek(fd, 100, whenceSet)
	s.wantRead(ones)(s.read(fd, 100))
	s.ok("set_flags", s.call("fd_fdstat_set_flags", fd, 0))
	s.seek(fd, 0, whenceSet)
	s.wantWrite(100)(s.write(fd, twos))
	s.seek(fd, 0, whenceSet)
	s.wantRead(twos + ones)(s.read(fd, 300))
}

func testReaddir(s *suite) {
	names := func(list []dirent) (names []string) {
		for _, d := range list {
			names = append(names, d.name)
		}
		return names
	}
	self, _ := s.fstat(s.scratch)
	list, full, e := s.readdir(s.scratch, 256, 0)
	s.ok("readdir", e)
	if full || !slices.Equal(names(list), []string{".", ".."}) || list[0].ino != self.ino || list[1].kind != Directory {
		s.t.Fatalf("empty directory: full %v, %+v", full, list)
	}
	s.create(s.scratch, "file")
	file, _ := s.stat(s.scratch, 0, "file")
	list, _, _ = s.readdir(s.scratch, 256, 0)
	if len(list) != 3 || list[2].name != "file" || list[2].ino != file.ino || list[2].kind != RegularFile {
		s.t.Fatalf("directory with a file: %+v", list)
	}
	list, _, _ = s.readdir(s.scratch, 256, list[1].next)
	if !slices.Equal(names(list), []string{"file"}) {
		s.t.Fatalf("from the cookie: %+v", list)
	}
	s.ok("unlink", s.unlink(s.scratch, "file"))
	for i := range 1000 {
		s.create(s.scratch, fmt.Sprint("file.", i))
	}
	total, cookie := 0, uint64(0)
	for full := true; full; {
		list, full, e = s.readdir(s.scratch, 256, cookie)
		s.ok("readdir", e)
		total += len(list)
		cookie = list[len(list)-1].next
	}
	if total != 1002 {
		s.t.Errorf("%d entries", total)
	}
}

func testInterestingPaths(s *suite) {
	s.ok("mkdir", s.mkdir(s.scratch, "dir"))
	s.ok("mkdir", s.mkdir(s.scratch, "dir/nested"))
	s.create(s.scratch, "dir/nested/file")
	for path, want := range map[string]errno{
		"/dir/nested/file": enotcapable,
		"dir/.//nested/../../dir/nested/../nested///./file": success,
		"dir/nested/file\x00":                               einval,
		"dir/nested/file/":                                  enotdir,
		"dir/nested/file///":                                enotdir,
		"dir/nested/":                                       success,
		"dir/nested///":                                     success,
		"dir/nested/../../../scratch/nested/file":           enotcapable,
		"..":                                  enotcapable,
		"dir/../..":                           enotcapable,
		"":                                    enoent,
		"dir/nested/\xff":                     eilseq,
		"dir/" + strings.Repeat("n", 256):     enametool,
		strings.Repeat("dir/../", 585) + "12": enametool, // 4097 bytes
		strings.Repeat("dir/../", 585) + ".":  success,
		"dir/nested/file/..":                  enotdir,
		"dir/nested/missing/..":               enoent,
		"dir/" + strings.Repeat("n", 255):     enoent,
		"dir/nested/" + strings.Repeat("./", 100): success,
	} {
		s.want(path, s.lookup(0, path, 0), want)
	}
}

func testNofollow(s *suite) {
	s.ok("mkdir", s.mkdir(s.scratch, "target"))
	s.ok("symlink", s.symlink("target", s.scratch, "symlink"))
	s.want("as directory", s.lookup(0, "symlink", openDirectory), eloop, enotdir)
	s.want("as anything", s.lookup(0, "symlink", 0), eloop, eacces)
	s.ok("following", s.lookup(follow, "symlink", openDirectory))
	s.ok("rmdir", s.rmdir(s.scratch, "target"))
	s.create(s.scratch, "target")
	s.want("as directory", s.lookup(0, "symlink", openDirectory), eloop, enotdir)
	s.want("as anything", s.lookup(0, "symlink", 0), eloop)
	s.want("following to a file", s.lookup(follow, "symlink", openDirectory), enotdir)
}

func testOverwritePreopen(s *suite) {
	before, _ := s.fstat(s.scratch)
	s.ok("renumber", s.call("fd_renumber", s.scratch, 3))
	after, _ := s.fstat(3)
	if before.dev != after.dev || before.ino != after.ino {
		s.t.Errorf("before %+v, after %+v", before, after)
	}
	_, e := s.fdstat(s.scratch)
	s.want("fdstat", e, ebadf)
}
