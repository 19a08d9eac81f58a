package wasi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tetratelabs/wazero"

	"github.com/godwit-run/godwit/hostabi/wasi"
)

// goTool runs the go command.
func goTool(t testing.TB, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// buildGuest builds a guest with a compiler that may be missing.
func buildGuest(t *testing.T, compiler string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("skipped: %s is not installed", compiler)
	}
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command(compiler, append(args, "-o", out)...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(msg), "may not be installed") || strings.Contains(string(msg), "file not found") ||
			strings.Contains(string(msg), "no such file") {
			t.Skipf("skipped: %s has no wasm32-wasi target here: %s", compiler, msg)
		}
		t.Fatalf("%s: %v\n%s", compiler, err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func buildGo(t *testing.T, pkg string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	goTool(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "build", "-o", out, pkg)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compile(t testing.TB, h *host, b []byte) wazero.CompiledModule {
	t.Helper()
	m, err := h.CompileModule(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// posixConfig is what the posix guests in testdata expect.
func posixConfig(stdout io.Writer, deterministic bool) wasi.Config {
	return wasi.Config{
		Args: []string{"posix", "an argument"}, Env: []string{"NAME=value"},
		Stdin: strings.NewReader("in"), Stdout: stdout, Stderr: stdout,
		Inputs:        []wasi.Input{wasi.BytesInput("a.txt", []byte("content of a\n"))},
		Deterministic: deterministic,
	}
}

// TestPosixGuests runs programs of three toolchains that check their file
// system, clocks and streams, with the real clock and in a deterministic run;
// two of the latter charge the same fuel and leave the same files.
func TestPosixGuests(t *testing.T) {
	for name, build := range map[string]func(t *testing.T) []byte{
		"c": func(t *testing.T) []byte {
			return buildGuest(t, "clang", "--target=wasm32-wasi", "-O1", "testdata/c/posix.c")
		},
		"rust": func(t *testing.T) []byte {
			return buildGuest(t, "/usr/bin/rustc", "-O", "--target", "wasm32-wasi", "testdata/rust/posix.rs")
		},
		"go": func(t *testing.T) []byte { return buildGo(t, "./testdata/go") },
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t)
			h := newHost(t, wazero.NewRuntimeConfig())
			m := compile(t, h, b)
			run := func(deterministic bool) (string, uint64) {
				var out bytes.Buffer
				s := newSystem(t, posixConfig(&out, deterministic))
				if code := h.run(t, t.Context(), m, s); code != 0 {
					t.Fatalf("exit code %d\n%s", code, out.String())
				}
				return out.String() + listing(t, s.Outputs()), h.caller.fuel
			}
			run(false)
			out, fuel := run(true)
			again, fuelAgain := run(true)
			if out != again || fuel != fuelAgain {
				t.Errorf("two deterministic runs differ: fuel %d and %d\n%s\n%s", fuel, fuelAgain, out, again)
			}
		})
	}
}

// listing is a tree as text: names, types, times and contents.
func listing(t *testing.T, tree fs.FS) string {
	t.Helper()
	var b strings.Builder
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		b.WriteString("\n" + info.Mode().String() + " " + info.ModTime().UTC().String() + " " + name)
		if info.Mode().IsRegular() {
			content, err := fs.ReadFile(tree, name)
			b.Write(content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wazeroGuest is a guest that wazero ships to test its own WASI.
func wazeroGuest(t *testing.T, toolchain string) []byte {
	t.Helper()
	dir := goTool(t, nil, "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero")
	b, err := os.ReadFile(filepath.Join(dir, "imports/wasi_snapshot_preview1/testdata", toolchain, "wasi.wasm"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("skipped: wazero's module has no guest of %s", toolchain)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWazeroGuests runs the guests of wazero's own tests, with what those
// tests expect of them.
func TestWazeroGuests(t *testing.T) {
	tree := fstest.MapFS{"-": {}, "a-": {Mode: fs.ModeDir}, "ab-": {}}
	type run struct {
		args  []string
		stdin io.Reader
		want  []string // lines, in any order
	}
	const notTerminals = "stdin isatty: false|stdout isatty: false|stderr isatty: false|/ isatty: false"
	stat := run{[]string{"stat"}, nil, strings.Split(notTerminals, "|")}
	ls := func(args ...string) run {
		return run{args: append([]string{"ls"}, args...), want: []string{"-", "a-", "ab-"}}
	}
	never, _ := io.Pipe()
	for toolchain, runs := range map[string][]run{
		"cargo-wasi": {stat, ls("in/dir"), {[]string{"ls", "in/dir/-"}, nil, []string{"ENOTDIR"}}},
		"tinygo":     {stat, ls("in/dir"), {[]string{"ls", "in/dir/-"}, nil, []string{"ENOTDIR"}}},
		"zig": {
			stat, ls("in/dir"), {[]string{"ls", "in/dir/-"}, nil, []string{"ENOTDIR"}},
			{[]string{"preopen"}, nil, []string{"0: stdin", "1: stdout", "2: stderr", "3: /"}},
		},
		"zig-cc": {
			stat,
			{[]string{"ls", "in/dir"}, nil, []string{".", "..", "-", "a-", "ab-"}},
			{[]string{"ls", "in/dir", "repeat"}, nil, []string{".", "..", "-", "a-", "ab-", ".", "..", "-", "a-", "ab-"}},
			{[]string{"ls", "in/dir/-"}, nil, []string{"ENOTDIR"}},
			{[]string{"sleepmillis", "10"}, nil, []string{"OK"}},
			{[]string{"open-rdonly"}, nil, []string{"OK"}},
			{[]string{"open-wronly"}, nil, []string{"OK"}},
			{[]string{"poll"}, strings.NewReader("test"), []string{"STDIN"}},
			{[]string{"poll", "0", "500"}, strings.NewReader("test"), []string{"STDIN"}},
			{[]string{"poll", "0", "500"}, strings.NewReader(""), []string{"STDIN"}},
			{[]string{"poll", "0", "20"}, never, []string{"NOINPUT"}},
		},
	} {
		t.Run(toolchain, func(t *testing.T) {
			h := newHost(t, wazero.NewRuntimeConfig())
			m := compile(t, h, wazeroGuest(t, toolchain))
			for _, r := range runs {
				var out, stderr bytes.Buffer
				s := newSystem(t, wasi.Config{
					Args: append([]string{"wasi"}, r.args...), Stdin: r.stdin, Stdout: &out, Stderr: &stderr,
					Inputs: []wasi.Input{wasi.FSInput("dir", tree)},
				})
				code := h.run(t, context.Background(), m, s)
				got := strings.Split(strings.TrimSpace(out.String()), "\n")
				for i, line := range got {
					got[i] = strings.TrimPrefix(strings.TrimPrefix(line, "./"), "in/dir/")
				}
				slices.Sort(got)
				slices.Sort(r.want)
				if code != 0 || !slices.Equal(got, r.want) {
					t.Errorf("%v: exit code %d, got %q, want %q, stderr %s", r.args, code, got, r.want, stderr.String())
				}
			}
		})
	}
}
