package wasi

import (
	"fmt"
	"strings"
)

func testPathExists(s *suite) {
	s.ok("mkdir", s.mkdir(s.scratch, "dir"))
	s.create(s.scratch, "dir/file")
	s.ok("symlink", s.symlink("dir/file", s.scratch, "link1"))
	s.ok("symlink", s.symlink("dir", s.scratch, "link2"))
	for _, c := range []struct {
		path           string
		self, followed FileType
	}{
		{"dir", Directory, Directory},
		{"dir/file", RegularFile, RegularFile},
		{"link1", SymbolicLink, RegularFile},
		{"link2", SymbolicLink, Directory},
	} {
		self, e := s.stat(s.scratch, 0, c.path)
		s.ok("stat", e)
		followed, e := s.stat(s.scratch, follow, c.path)
		s.ok("stat", e)
		if self.kind != c.self || followed.kind != c.followed {
			s.t.Errorf("%s: type %d, followed %d", c.path, self.kind, followed.kind)
		}
	}
}

func testPathFilestat(s *suite) {
	fd, e := s.openAt(s.scratch, 0, "file", openCreate, rightFdRead|rightFdWrite|rightPathFilestatGet, 0, flagAppend|flagSync)
	s.ok("open", e)
	if st, _ := s.fdstat(fd); st.flags != flagAppend|flagSync {
		s.t.Errorf("flags %d", st.flags)
	}
	before, e := s.stat(s.scratch, 0, "file")
	s.ok("stat", e)
	p, n := s.str(atPath, "file")
	setTimes := func(mtim uint64, flags int) errno {
		return s.call("path_filestat_set_times", s.scratch, 0, p, n, 0, mtim, flags)
	}
	s.ok("set_times", setTimes(before.mtim-100, timesModified))
	s.want("MTIM and MTIM_NOW", setTimes(before.mtim, timesModified|timesModifiedNow), einval)
	s.want("ATIM and ATIM_NOW", setTimes(0, timesAccessed|timesAccessedNow), einval)
	if after, _ := s.stat(s.scratch, 0, "file"); after.mtim != before.mtim-100 || after.size != 0 {
		s.t.Errorf("before %+v\nafter %+v", before, after)
	}
}

func testPathLink(s *suite) {
	const rights = rightFdRead | rightPathLinkSource | rightPathLinkTarget | rightFdFilestatGet |
		rightPathOpen | rightPathUnlinkFile
	open := func(dir uint32, path string, oflags int) uint32 {
		fd, e := s.openAt(dir, 0, path, oflags, rights, rights, 0)
		s.ok("open "+path, e)
		return fd
	}
	same := func(a, b uint32) {
		s.t.Helper()
		statA, _ := s.fstat(a)
		statB, _ := s.fstat(b)
		fdA, _ := s.fdstat(a)
		fdB, _ := s.fdstat(b)
		if statA != statB || fdA != fdB || statA.nlink != 2 {
			s.t.Errorf("not the same file: %+v %+v\n%+v %+v", statA, fdA, statB, fdB)
		}
	}
	dir := s.scratch
	file := open(dir, "file", openCreate)
	s.ok("link", s.link(dir, 0, "file", dir, "link"))
	same(file, open(dir, "link", 0))
	s.ok("unlink", s.unlink(dir, "link"))
	s.ok("mkdir", s.mkdir(dir, "subdir"))
	sub := open(dir, "subdir", openDirectory)
	s.ok("link", s.link(dir, 0, "file", sub, "link"))
	same(file, open(sub, "link", 0))
	s.ok("unlink", s.unlink(sub, "link"))
	s.want("to itself", s.link(dir, 0, "file", dir, "file"), eexist)
	s.want("over a directory", s.link(dir, 0, "file", dir, "subdir"), eexist)
	s.want("of a directory", s.link(dir, 0, "subdir", dir, "link"), eperm, eacces)
	s.want("with a slash", s.link(dir, 0, "file", dir, "link/"), enoent)
	s.ok("symlink", s.symlink("target", dir, "symlink"))
	s.ok("of a dangling symlink", s.link(dir, 0, "symlink", dir, "link"))
	s.want("over a dangling symlink", s.link(dir, 0, "file", dir, "symlink"), eexist)
	s.want("following a dangling symlink", s.link(dir, follow, "symlink", dir, "link2"), einval, enoent)
}

func testOpenPreopen(s *suite) {
	st, e := s.fdstat(3)
	s.ok("fdstat", e)
	const base = rightPathCreateDirectory | rightPathCreateFile | rightPathLinkSource |
		rightPathLinkTarget | rightPathOpen | rightFdReaddir | rightPathReadlink |
		rightPathRenameSource | rightPathRenameTarget | rightPathSymlink |
		rightPathRemoveDirectory | rightPathUnlinkFile | rightPathFilestatGet |
		rightPathFilestatSetTimes | rightFdFilestatGet | rightFdFilestatSetTimes
	if st.rights&base != base || st.inheriting&(base|rightsFile) != base|rightsFile {
		s.t.Errorf("rights %x, inheriting %x", st.rights, st.inheriting)
	}
	for _, c := range []struct {
		oflags             int
		rights, inheriting uint64
		want               errno
	}{
		{0, st.rights, st.inheriting, success},
		{0, 0, 0, success},
		{openDirectory, 0, 0, success},
		{openDirectory, rightFdRead, 0, success},
		{openDirectory, rightFdRead | rightFdWrite, 0, eisdir},
	} {
		_, e := s.openAt(3, 0, ".", c.oflags, c.rights, c.inheriting, 0)
		s.want(fmt.Sprintf("%+v", c), e, c.want)
	}
}

func testReadWrite(s *suite) {
	s.create(s.root, "file")
	r := s.mustOpen(s.root, "file", 0, rightFdRead)
	w := s.mustOpen(s.root, "file", 0, rightFdWrite)
	rw := s.mustOpen(s.root, "file", 0, rightFdRead|rightFdWrite|rightFdFilestatGet)
	for fd, want := range map[uint32]uint64{r: rightFdRead, w: rightFdWrite, rw: rightFdRead | rightFdWrite} {
		if st, _ := s.fdstat(fd); st.rights&(rightFdRead|rightFdWrite) != want {
			s.t.Errorf("rights %x", st.rights)
		}
	}
	s.wantRead("")(s.read(r, 100))
	_, e := s.write(r, "x")
	s.want("write to what is only read", e, ebadf, enotcapable, eacces)
	_, e = s.read(w, 1)
	s.want("read what is only written", e, ebadf, enotcapable, eacces)
	s.wantWrite(50)(s.write(w, strings.Repeat("1", 50)))
	s.wantRead(strings.Repeat("1", 50))(s.read(rw, 100))
	s.wantWrite(25)(s.write(rw, strings.Repeat("2", 25)))
	s.wantSize(rw, 75)
}

func testPathRename(s *suite) {
	dir := s.scratch
	rename := func() errno { return s.rename(dir, "source", dir, "target") }
	mkdir := func(names ...string) {
		for _, name := range names {
			s.ok("mkdir", s.mkdir(dir, name))
		}
	}
	gone := func() { s.want("source", s.lookup(0, "source", 0), enoent) }

	mkdir("source")
	s.ok("directory to nothing", rename())
	gone()
	mkdir("source")
	s.ok("directory over an empty one", rename())
	gone()
	mkdir("source")
	s.create(dir, "target/file")
	s.want("directory over one that is not empty", rename(), enotempty)
	s.want("directory over a file", s.rename(dir, "source", dir, "target/file"), enotdir)
	s.ok("unlink", s.unlink(dir, "target/file"))
	s.ok("rmdir", s.rmdir(dir, "source"))
	s.create(dir, "source")
	s.want("file over a directory", rename(), eisdir)
	s.ok("rmdir", s.rmdir(dir, "target"))
	s.ok("file to nothing", rename())
	gone()
	s.create(dir, "source")
	s.ok("file over a file", rename())
	gone()
	s.ok("target", s.lookup(0, "target", 0))
}

func testSymlinkFilestat(s *suite) {
	s.create(s.scratch, "file")
	s.ok("symlink", s.symlink("file", s.scratch, "symlink"))
	file, _ := s.stat(s.scratch, 0, "file")
	link, _ := s.stat(s.scratch, 0, "symlink")
	p, n := s.str(atPath2, "symlink")
	s.ok("set_times", s.call("path_filestat_set_times", s.scratch, 0, p, n, 0, link.mtim-200, timesModified))
	newLink, _ := s.stat(s.scratch, 0, "symlink")
	newFile, _ := s.stat(s.scratch, follow, "symlink")
	if newLink.mtim != link.mtim-200 || newFile != file {
		s.t.Errorf("link %+v\nfile %+v", newLink, newFile)
	}
	s.ok("set_times", s.call("path_filestat_set_times", s.scratch, follow, p, n, 0, link.mtim-300, timesModified))
	if newFile, _ = s.stat(s.scratch, 0, "file"); newFile.mtim != link.mtim-300 {
		s.t.Errorf("file %+v", newFile)
	}
}

func testTruncationRights(s *suite) {
	s.create(s.scratch, "file")
	st, e := s.fdstat(s.scratch)
	s.ok("fdstat", e)
	if st.kind != Directory || st.flags != 0 || st.rights&rightFdFilestatSetSize != 0 {
		s.t.Errorf("fdstat %+v", st)
	}
	s.ok("truncate", s.lookup(0, "file", openTruncate))
	drop := func(rights, inheriting uint64) {
		s.ok("drop", s.call("fd_fdstat_set_rights", s.scratch, rights, inheriting))
	}
	drop(st.rights, st.inheriting&^rightFdFilestatSetSize)
	s.ok("truncate", s.lookup(0, "file", openTruncate))
	drop(st.rights&^rightPathFilestatSetSize, st.inheriting&^rightFdFilestatSetSize)
	s.want("truncate", s.lookup(0, "file", openTruncate), eperm, enotcapable)
}
