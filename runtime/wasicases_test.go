package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/godwit-run/godwit/hostabi/wasi"
)

// wasiCase is one run of a program under testdata/guests/wasi; the README there
// describes the fields.
type wasiCase struct {
	Name, Guest    string
	Args           []string
	Env            map[string]string
	Stdin          string
	In             map[string]string
	Stdout         *string
	StdoutSHA256   string `json:"stdout_sha256"`
	StderrContains string `json:"stderr_contains"`
	Exit           uint32
	Trap           string
	Out            map[string]string
}

func wasiCases(t testing.TB) []wasiCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(guestDir, "wasi", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []wasiCase
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	return cases
}

// caseGuest reads or builds a case's module.
func caseGuest(t testing.TB, name string) []byte {
	g := guest{Name: filepath.Join("wasi", name)}
	if _, err := os.Stat(filepath.Join(guestDir, g.Name+".go")); err == nil {
		return guest{Name: name, Language: "Go", Source: g.Name + ".go"}.binary(t)
	}
	return g.binary(t)
}

// inputs puts the files of a case under /in.
func (c *wasiCase) inputs(t testing.TB) []wasi.Input {
	tree := fstest.MapFS{}
	for path, content := range c.In {
		if dir, ok := strings.CutSuffix(path, "/"); ok {
			tree[dir] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		} else {
			tree[path] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	top, err := fs.ReadDir(tree, ".")
	if err != nil {
		t.Fatal(err)
	}
	var inputs []wasi.Input
	for _, entry := range top {
		name := entry.Name()
		if !entry.IsDir() {
			inputs = append(inputs, wasi.BytesInput(name, tree[name].Data))
			continue
		}
		sub, err := fs.Sub(tree, name)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, wasi.FSInput(name, sub))
	}
	return inputs
}

// run runs a case and compares all that comes out of it. It returns the fuel.
func (c *wasiCase) run(t *testing.T, m *Module, deterministic bool) uint64 {
	var stdout, stderr bytes.Buffer
	task := Task{
		Args: append([]string{c.Guest}, c.Args...), Stdin: strings.NewReader(c.Stdin), Stdout: &stdout, Stderr: &stderr,
		Inputs: c.inputs(t), Deterministic: deterministic,
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		task.Env = append(task.Env, name+"="+c.Env[name])
	}
	r, err := m.engine.Run(t.Context(), m, task)
	if err != nil {
		t.Fatal(err)
	}
	c.checkEnd(t, r)
	if c.Stdout != nil && stdout.String() != *c.Stdout {
		t.Errorf("stdout %q, want %q", stdout.String(), *c.Stdout)
	}
	if c.StdoutSHA256 != "" && fmt.Sprintf("%x", sha256.Sum256(stdout.Bytes())) != c.StdoutSHA256 {
		t.Errorf("stdout of %d bytes has another digest", stdout.Len())
	}
	if !strings.Contains(stderr.String(), c.StderrContains) || c.StderrContains == "" && stderr.Len() > 0 {
		t.Errorf("stderr %q, want %q in it", stderr.String(), c.StderrContains)
	}
	if got := contents(t, r.Files()); !maps.Equal(got, c.Out) {
		t.Errorf("/out holds %q, want %q", got, c.Out)
	}
	return r.FuelUsed
}

func (c *wasiCase) checkEnd(t *testing.T, r *Result) {
	t.Helper()
	want := Result{Status: StatusFailed, Reason: ReasonExit, ExitCode: c.Exit}
	switch {
	case c.Trap != "":
		want.Reason = ReasonTrap
	case c.Exit == 0:
		want.Status, want.Reason = StatusSucceeded, ReasonNone
	}
	if r.Status != want.Status || r.Reason != want.Reason || r.ExitCode != want.ExitCode || !strings.Contains(r.Message, c.Trap) {
		t.Errorf("%s %s %d: %q; want %s %s %d: %q", r.Status, r.Reason, r.ExitCode, r.Message, want.Status, want.Reason, want.ExitCode, c.Trap)
	}
}

// contents reads all files of a tree.
func contents(t testing.TB, tree fs.FS) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == "." {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		b, err := fs.ReadFile(tree, path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files
}

// TestWASICases runs real programs that use the system interface or fail, by
// the real clock and deterministically; then with the same fuel on all engines.
func TestWASICases(t *testing.T) {
	engines := bothEngines(t)
	for _, c := range wasiCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			binary := caseGuest(t, c.Guest)
			var fuel []uint64
			for _, e := range engines {
				m := load(t, e, binary)
				c.run(t, m, false)
				fuel = append(fuel, c.run(t, m, true), c.run(t, m, true))
			}
			if slices.Min(fuel) != slices.Max(fuel) || fuel[0] == 0 {
				t.Errorf("fuel differs: %d", fuel)
			}
		})
	}
}

// quickGuest is a program of the benchmarks with a run of at most half a second.
type quickGuest struct {
	guest
	Quick struct {
		Args   []string
		Stdout string
	}
}

func quickGuests(t testing.TB) []quickGuest {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(guestDir, "guests.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []quickGuest
	if err := json.Unmarshal(b, &list); err != nil || len(list) == 0 {
		t.Fatalf("%d guests: %v", len(list), err)
	}
	return list
}

// TestQuickGuests runs the benchmarks' programs shortly on all engines, with
// the same fuel, and finds their limits: the total suffices, one less does not.
func TestQuickGuests(t *testing.T) {
	engines := bothEngines(t)
	for _, g := range quickGuests(t) {
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			if len(g.Quick.Args) == 0 {
				t.Fatal("has no quick run")
			}
			task := Task{Args: append([]string{g.Name}, g.Quick.Args...)}
			binary := g.binary(t)
			var total uint64
			for _, e := range engines {
				r, out := runOnce(t, e, load(t, e, binary), task)
				if r.Status != StatusSucceeded || out != g.Quick.Stdout {
					t.Fatalf("on the %s: %s %q, stdout %q", e.Kind(), r.Status, r.Message, out)
				}
				if total != 0 && r.FuelUsed != total {
					t.Errorf("fuel %d on the %s, %d before", r.FuelUsed, e.Kind(), total)
				}
				total = r.FuelUsed
			}
			last := engines[len(engines)-1]
			m := load(t, last, binary)
			for _, limit := range []uint64{total, total - 1, total / 2, total / 7} {
				task.Limits.Fuel = limit
				r, _ := runOnce(t, last, m, task)
				if enough := limit >= total; enough != (r.Status == StatusSucceeded) || !enough && r.Reason != ReasonOutOfFuel {
					t.Errorf("with %d of %d: %s %s", limit, total, r.Status, r.Reason)
				}
			}
		})
	}
}
