package wasi

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// hostTree is a host directory with a secret beside it, and links to both.
func hostTree(t *testing.T) (dir string) {
	t.Helper()
	top := t.TempDir()
	dir = filepath.Join(top, "data")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "sub"), 0o755),
		os.WriteFile(filepath.Join(top, "secret"), []byte("secret"), 0o644),
		os.WriteFile(filepath.Join(dir, "sub", "file"), []byte("content"), 0o644),
		os.Symlink("sub/file", filepath.Join(dir, "inside")),
		os.Symlink("../secret", filepath.Join(dir, "outside")),
		os.Symlink(filepath.Join(top, "secret"), filepath.Join(dir, "absolute")),
		os.Symlink("..", filepath.Join(dir, "up")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (g *guest) readFile(path string) (string, errno) {
	fd, e := g.openAt(3, follow, path, 0, rightFdRead, 0, 0)
	if e != success {
		return "", e
	}
	defer g.closeFd(fd)
	return g.read(fd, 1000)
}

func TestInputs(t *testing.T) {
	dir := hostTree(t)
	g := newGuest(t, Config{Inputs: []Input{
		DirInput("data", dir),
		FileInput("deep/er/file", filepath.Join(dir, "inside")),
		BytesInput("bytes", []byte("some bytes")),
		FSInput("fs", fstest.MapFS{"a/b": {Data: []byte("in a map")}}),
	}})
	for path, want := range map[string]string{
		"in/data/sub/file":               "content",
		"in/data/inside":                 "content",
		"in/data/up/bytes":               "some bytes", // up leads to /in: the guest's, not the host's
		"in/deep/er/file":                "content",
		"in/bytes":                       "some bytes",
		"in/fs/a/b":                      "in a map",
		"in/data/sub/../../fs/a/b":       "in a map",
		"out/../in/deep/../bytes":        "some bytes",
		"tmp/../in/data/sub/../sub/file": "content",
	} {
		g.wantRead(want)(g.readFile(path))
	}
	for path, want := range map[string]errno{
		"in/data/outside":         enoent, // /in/secret
		"in/data/absolute":        enoent, // the path is looked up in the guest's tree
		"in/data/up/up/up":        enoent,
		"in/data/up/../../secret": enotcapable,
		"in/missing":              enoent,
		"in/bytes/x":              enotdir,
	} {
		_, e := g.readFile(path)
		g.want(path, e, want)
	}
}

func TestInputsAreReadOnly(t *testing.T) {
	g := newGuest(t, Config{Inputs: []Input{DirInput("data", hostTree(t))}})
	p, n := g.str(atPath, "in/data/sub/file")
	for what, e := range map[string]errno{
		"mkdir":         g.mkdir(3, "in/d"),
		"mkdir inside":  g.mkdir(3, "in/data/sub/d"),
		"symlink":       g.symlink("x", 3, "in/data/s"),
		"unlink":        g.unlink(3, "in/data/sub/file"),
		"rmdir":         g.rmdir(3, "in/data/sub"),
		"rename from":   g.rename(3, "in/data/sub/file", 3, "out/x"),
		"rename over":   g.rename(3, "tmp", 3, "in/data/new"),
		"link from":     g.link(3, 0, "in/data/sub/file", 3, "out/x"),
		"rename into":   func() errno { g.create(3, "out/f"); return g.rename(3, "out/f", 3, "in/f") }(),
		"rename over a": g.rename(3, "out/f", 3, "in/data/sub/file"),
		"link into":     g.link(3, 0, "out/f", 3, "in/f"),
		"set times": func() errno {
			g.str(atPath, "in/data/sub/file")
			return g.call("path_filestat_set_times", 3, 0, p, n, 0, 0, timesModifiedNow)
		}(),
		"create":   func() errno { _, e := g.openAt(3, 0, "in/new", openCreate, rightFdWrite, 0, 0); return e }(),
		"write":    func() errno { _, e := g.openAt(3, 0, "in/data/sub/file", 0, rightFdWrite, 0, 0); return e }(),
		"truncate": func() errno { _, e := g.openAt(3, 0, "in/data/sub/file", openTruncate, 0, 0, 0); return e }(),
	} {
		g.want(what, e, erofs, ebusy)
	}
	fd := g.mustOpen(3, "in/data/sub/file", 0, rightsAll&^rightFdWrite)
	g.want("set_size", g.call("fd_filestat_set_size", fd, 0), enotcapable)
	g.want("allocate", g.call("fd_allocate", fd, 0, 100), enotcapable)
	g.want("set_times", g.call("fd_filestat_set_times", fd, 0, 0, timesModifiedNow), enotcapable)
}

// counted counts the bytes read and the files open.
type counted struct {
	fs.FS
	read, open, opened int
}

type countedFile struct {
	fs.File
	c *counted
}

func (c *counted) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if info, e := fs.Stat(c.FS, name); e != nil || info.IsDir() {
		return f, err
	}
	c.open++
	c.opened++
	return countedFile{f, c}, err
}

func (f countedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.c.read += n
	return n, err
}

func (f countedFile) Close() error {
	f.c.open--
	return f.File.Close()
}

// TestInputsOnDemand reads a little of a large file that can only be streamed,
// forwards and then backwards, and sees it closed with the last descriptor.
func TestInputsOnDemand(t *testing.T) {
	content := strings.Repeat("0123456789", 100000)
	c := &counted{FS: fstest.MapFS{"big": {Data: []byte(content)}}}
	g := newGuest(t, Config{Inputs: []Input{FSInput("d", c)}})
	st, e := g.stat(3, 0, "in/d/big")
	g.ok("stat", e)
	if st.size != uint64(len(content)) || c.read != 0 || c.opened != 0 {
		t.Fatalf("size %d, read %d, opened %d", st.size, c.read, c.opened)
	}
	a := g.mustOpen(3, "in/d/big", 0, rightFdRead|rightFdSeek)
	b := g.mustOpen(3, "in/d/big", 0, rightFdRead|rightFdSeek)
	g.wantRead("34567")(g.pread(a, 5, 13))
	g.wantRead("89012")(g.pread(b, 5, 18))
	if c.read != 23 || c.opened != 1 {
		t.Errorf("read %d, opened %d", c.read, c.opened)
	}
	g.wantRead("0123")(g.pread(a, 4, 0))
	if c.opened != 2 || c.open != 1 {
		t.Errorf("opened %d, open %d", c.opened, c.open)
	}
	g.wantRead("789")(g.pread(a, 10, int64(len(content)-3)))
	g.wantRead("")(g.pread(a, 10, int64(len(content))))
	g.closeFd(a)
	g.closeFd(b)
	if c.open != 0 {
		t.Errorf("%d files left open", c.open)
	}
}

func TestInputReaddir(t *testing.T) {
	tree := fstest.MapFS{"b": {}, "a": {}, "c/d": {}, "pipe": {Mode: fs.ModeNamedPipe}, "link": {Mode: fs.ModeSymlink, Data: []byte("a")}}
	g := newGuest(t, Config{Inputs: []Input{FSInput("x", tree), BytesInput("y/z", nil)}})
	for path, want := range map[string][]string{
		".": {".", "..", "in", "out", "tmp"}, "in": {".", "..", "x", "y"}, "in/y": {".", "..", "z"},
		"in/x": {".", "..", "a", "b", "c", "link"},
	} {
		list, _, e := g.readdir(g.mustOpen(3, path, openDirectory, rightFdReaddir), 4096, 0)
		g.ok("readdir", e)
		var names []string
		for _, d := range list {
			names = append(names, d.name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %q, want %q", path, names, want)
		}
	}
}

func TestInputTimes(t *testing.T) {
	at := time.Unix(1234567890, 5)
	tree := fstest.MapFS{"f": {ModTime: at}}
	for deterministic, want := range map[bool]uint64{false: uint64(at.UnixNano()), true: virtualStart} {
		g := newGuest(t, Config{Inputs: []Input{FSInput("d", tree)}, Deterministic: deterministic})
		if st, e := g.stat(3, 0, "in/d/f"); e != success || st.mtim != want {
			t.Errorf("deterministic %v: errno %d, time %d, want %d", deterministic, e, st.mtim, want)
		}
	}
}

// broken is a source whose parts fail.
type brokenFS struct{ fstest.MapFS }

func (b brokenFS) Open(name string) (fs.File, error) {
	if name == "bad" {
		return nil, errors.New("broken")
	}
	return b.MapFS.Open(name)
}

func TestBrokenInputs(t *testing.T) {
	g := newGuest(t, Config{Inputs: []Input{FSInput("d", brokenFS{fstest.MapFS{"bad": {Data: []byte("x")}}})}})
	_, e := g.readFile("in/d/bad")
	g.want("read", e, eio)
	missing := filepath.Join(t.TempDir(), "missing")
	for _, in := range []Input{FileInput("a", missing), DirInput("a", missing), FileInput("a", t.TempDir())} {
		if s, err := New(Config{Inputs: []Input{in}}); err == nil {
			s.Close()
			t.Errorf("no error for an input that is not there")
		}
	}
}

func TestInputNames(t *testing.T) {
	b := func(names ...string) (list []Input) {
		for _, name := range names {
			list = append(list, BytesInput(name, nil))
		}
		return list
	}
	for _, c := range []struct {
		inputs []Input
		ok     bool
	}{
		{b("a", "b/c", "b/d"), true}, {b(""), false}, {b("."), false}, {b("/a"), false}, {b("a/"), false},
		{b("../a"), false}, {b("a/../b"), false}, {b("a\x00b"), false}, {b("a", "a"), false}, {b("a/b", "a"), false},
		{b(strings.Repeat("n", 256)), false}, {b(strings.Repeat("n/", 3000) + "n"), false}, {[]Input{{Name: "a"}}, false},
		{b("\xff"), false},
	} {
		err := Config{Inputs: c.inputs}.Validate()
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%v: %v", c.inputs, err)
		}
	}
	for _, cfg := range []Config{
		{Args: []string{"a\x00"}}, {Env: []string{"NOVALUE"}}, {Env: []string{"=x"}}, {MaxOpenFiles: 3},
		{MaxOpenFiles: 1<<16 + 1}, {MaxOutputBytes: -1}, {MaxOutputBytes: OutputBytesCeiling + 1},
		{Args: []string{strings.Repeat("a", MaxArgsBytes)}},
	} {
		if err := cfg.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%v", err)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

var _ io.ReaderAt = (*streamReader)(nil)
