package wasi

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// writeFile makes a file with content.
func (g *guest) writeFile(path, content string) {
	g.t.Helper()
	fd := g.mustOpen(3, path, openCreate|openTruncate, rightFdWrite)
	g.wantWrite(uint32(len(content)))(g.write(fd, content))
	g.ok("close", g.closeFd(fd))
}

// outputGuest is a guest that left something of everything in /out.
func outputGuest(t *testing.T) *guest {
	g := newGuest(t, Config{})
	g.ok("mkdir", g.mkdir(3, "out/dir"))
	g.ok("mkdir", g.mkdir(3, "out/empty"))
	g.writeFile("out/file", "content")
	g.writeFile("out/dir/nested", strings.Repeat("x", 100))
	g.writeFile("tmp/secret", "not collected")
	g.ok("link", g.link(3, 0, "out/file", 3, "out/dir/second"))
	for path, target := range map[string]string{
		"out/inside":   "dir/nested",
		"out/dir/up":   "../file",
		"out/todir":    "dir",
		"out/dangling": "nowhere",
		"out/outside":  "../tmp/secret",
		"out/passwd":   "/etc/passwd",
		"out/self":     ".",
		"out/escape":   "self/self/../../etc/passwd",
	} {
		g.ok("symlink", g.symlink(target, 3, path))
	}
	return g
}

func TestOutputs(t *testing.T) {
	g := outputGuest(t)
	out := g.system.Outputs()
	for name, want := range map[string]string{"file": "content", "dir/second": "content", "inside": strings.Repeat("x", 100), "dir/up": "content"} {
		b, err := fs.ReadFile(out, name)
		if err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for _, name := range []string{"dangling", "outside", "passwd", "escape", "../tmp/secret", "/file", "missing", ""} {
		if b, err := fs.ReadFile(out, name); err == nil {
			t.Errorf("%s: %q", name, b)
		}
	}
	if target, err := fs.ReadLink(out, "passwd"); err != nil || target != "/etc/passwd" {
		t.Errorf("%q, %v", target, err)
	}
	for _, name := range []string{"dangling", "outside", "passwd", "escape", "self", "todir"} {
		g.ok("unlink", g.unlink(3, "out/"+name)) // what the checks of the next line cannot follow
	}
	if err := fstest.TestFS(out, "file", "dir/nested", "empty"); err != nil {
		t.Error(err)
	}
}

// TestWriteOutputs writes over a directory full of traps, twice.
func TestWriteOutputs(t *testing.T) {
	g := outputGuest(t)
	top := t.TempDir()
	dir, secret := filepath.Join(top, "result"), filepath.Join(top, "secret")
	for _, err := range []error{
		os.WriteFile(secret, []byte("secret"), 0o644),
		os.Mkdir(filepath.Join(top, "elsewhere"), 0o755),
		os.Mkdir(dir, 0o755),
		os.Symlink(secret, filepath.Join(dir, "file")),
		os.Symlink("../elsewhere", filepath.Join(dir, "dir")),
		os.WriteFile(filepath.Join(dir, "empty"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "other"), []byte("stays"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := g.system.WriteOutputs(dir); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"file": "content", "dir/nested": strings.Repeat("x", 100), "dir/second": "content",
			"inside": strings.Repeat("x", 100), "dir/up": "content", "other": "stays",
		} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
		for _, name := range []string{"dangling", "outside", "passwd", "escape"} {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				t.Errorf("%s was written", name)
			}
		}
		a, _ := os.Stat(filepath.Join(dir, "file"))
		b, _ := os.Stat(filepath.Join(dir, "dir/second"))
		if !os.SameFile(a, b) {
			t.Error("two names of one file became two files")
		}
	}
	if b, _ := os.ReadFile(secret); string(b) != "secret" {
		t.Errorf("secret is now %q", b)
	}
	if list, _ := os.ReadDir(filepath.Join(top, "elsewhere")); len(list) != 0 {
		t.Errorf("written outside: %v", list)
	}
}

// TestDeepOutputs makes directories deeper than a path can name: an error, not
// an overflow.
func TestDeepOutputs(t *testing.T) {
	g := newGuest(t, Config{})
	at, e := g.openAt(3, 0, "out", openDirectory, rightsDirectory, rightsAll, 0)
	g.ok("open", e)
	for range 5000 {
		g.ok("mkdir", g.mkdir(at, "dd"))
		next, e := g.openAt(at, 0, "dd", openDirectory, rightsDirectory, rightsAll, 0)
		g.ok("open", e)
		g.closeFd(at)
		at = next
	}
	if err := g.system.WriteOutputs(t.TempDir()); !errors.Is(err, ErrOutputDepth) {
		t.Error(err)
	}
	walked := 0
	err := fs.WalkDir(g.system.Outputs(), ".", func(string, fs.DirEntry, error) error { walked++; return nil })
	if err != nil || walked < 1000 || walked > pathMax {
		t.Errorf("walked %d: %v", walked, err)
	}
}

// TestOutputsAfterClose: whoever runs a guest closes its System and then collects
// what it left; the inputs are gone by then.
func TestOutputsAfterClose(t *testing.T) {
	for _, looks := range []bool{false, true} {
		g := newGuest(t, Config{Inputs: []Input{
			BytesInput("a", []byte("x")), BytesInput("b/c", []byte("y")), FSInput("tree", fstest.MapFS{"f": {}}),
		}})
		if looks {
			g.writeFile("out/file", "content")
		}
		if err := g.system.Close(); err != nil {
			t.Fatal(err)
		}
		files, err := fs.Glob(g.system.Outputs(), "*")
		if err != nil || len(files) > 0 != looks {
			t.Errorf("guest that looks: %v: outputs %v, %v", looks, files, err)
		}
	}
}
