package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// voyages are runs that are killed again and again, and must come to what they come to when
// they are not.
var voyages = []struct {
	name  string
	stdin bool
	args  []string
}{
	{"odyssey", false, []string{"../../examples/odyssey/odyssey.wasm", "12000"}},
	{"voyage", true, []string{stateGuests + "voyage.wasm", "8000"}},
	{"invoked", false, []string{"--invoke", "fib", "testdata/modules/long.wasm", "32"}},
	{"started", false, []string{"testdata/modules/started.wasm"}},
	{"exhausted", false, []string{"--fuel", "400000000", "../../examples/odyssey/odyssey.wasm"}},
	{"trapped", false, []string{"--invoke", "trap", "testdata/modules/long.wasm", "31"}},
	{"much", false, []string{"testdata/modules/much.wasm"}},
}

// voyageResult is what a run came to, over all its lives.
type voyageResult struct {
	Stdout  string `json:"-"`
	Code    int    `json:"exit_code"`
	Status  string
	Reason  string
	Fuel    uint64 `json:"fuel_used"`
	Values  []string
	Outputs []output
}

// TestRunKilled kills runs that are kept in a file, at moments that are not chosen, until they
// have ended.
func TestRunKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts hundreds of processes")
	}
	godwit := buildFor(t, goruntime.GOARCH)
	stdin := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(stdin, lines(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	seed := rand.Uint64()
	for _, v := range voyages {
		t.Run(v.name, func(t *testing.T) {
			trip := &voyage{t: t, godwit: godwit, report: filepath.Join(t.TempDir(), "report.json")}
			if v.stdin {
				trip.stdin = stdin
			}
			want, took := trip.plain(v.args)
			rng := rand.New(rand.NewPCG(seed, 0))
			for range 3 {
				got, kills := trip.killed(rng, took, v.args)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("seed %d, %d kills:\n got %.300v\nwant %.300v", seed, kills, got, want)
				}
				t.Logf("%d kills", kills)
			}
		})
	}
}

func lines() []byte {
	var b bytes.Buffer
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 300 {
		fmt.Fprintf(&b, "%d %s\n", n, strings.Repeat("wave ", rng.IntN(20)))
	}
	return b.Bytes()
}

// voyage is a run with its surroundings.
type voyage struct {
	t                     *testing.T
	godwit, stdin, report string
}

// life starts one life of the run.
func (v *voyage) life(stdout *bytes.Buffer, args ...string) *exec.Cmd {
	v.t.Helper()
	cmd := exec.Command(v.godwit, append([]string{"run", "-q"}, args...)...)
	cmd.Stdout = stdout
	if v.stdin != "" {
		f, err := os.Open(v.stdin)
		if err != nil {
			v.t.Fatal(err)
		}
		defer f.Close() // the command has its own
		cmd.Stdin = f
	}
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	return cmd
}

// plain is what the run comes to undisturbed, and how long it takes.
func (v *voyage) plain(args []string) (voyageResult, time.Duration) {
	v.t.Helper()
	var out bytes.Buffer
	begun := time.Now()
	v.life(&out, append([]string{"--report", v.report}, args...)...).Wait()
	return v.result(&out), time.Since(begun)
}

func (v *voyage) result(out *bytes.Buffer) voyageResult {
	v.t.Helper()
	text, err := os.ReadFile(v.report)
	if err != nil {
		v.t.Fatal(err)
	}
	r := voyageResult{Stdout: out.String()}
	if err := json.Unmarshal(text, &r); err != nil {
		v.t.Fatal(err)
	}
	return r
}

// killed runs it over as many lives as it takes.
func (v *voyage) killed(rng *rand.Rand, took time.Duration, args []string) (voyageResult, int) {
	v.t.Helper()
	file := filepath.Join(v.t.TempDir(), "run")
	next := slices.Concat([]string{"--report", v.report, "--checkpoint", file, "--every", "10ms"}, args)
	var out bytes.Buffer
	for kills := 0; ; kills++ {
		cmd := v.life(&out, next...)
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(took)))+20*time.Millisecond, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		var ended *exec.ExitError
		if err == nil || errors.As(err, &ended) && ended.Exited() {
			r := v.result(&out)
			if r.Code != cmd.ProcessState.ExitCode() {
				v.t.Errorf("exit code %d, reported %d", cmd.ProcessState.ExitCode(), r.Code)
			}
			return r, kills
		}
		if isFile(file) {
			next = []string{"--resume", file}
		}
	}
}

// TestRunElsewhere begins a run here and finishes it on machines of other architectures.
func TestRunElsewhere(t *testing.T) {
	if testing.Short() || goruntime.GOOS != "linux" {
		t.Skip("builds the command for other architectures of Linux")
	}
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	godwit := buildFor(t, goruntime.GOARCH)
	module := []string{"../../examples/odyssey/odyssey.wasm", "1500"}
	trip := &voyage{t: t, godwit: godwit, report: filepath.Join(t.TempDir(), "report.json")}
	want, _ := trip.plain(module)
	for _, e := range emulators {
		t.Run(e.arch, func(t *testing.T) {
			needTool(t, e.emulator)
			there := buildFor(t, e.arch)
			file := filepath.Join(t.TempDir(), "run")
			var out bytes.Buffer
			steps := [][]string{
				append([]string{godwit, "run", "-q", "--checkpoint", file, "--suspend-after", "6000000"}, module...),
				{e.emulator, there, "run", "-q", "--no-cache", "--resume", file, "--suspend-after", "12000000"},
				{godwit, "run", "-q", "--resume", file, "--engine", "interpreter", "--suspend-after", "15000000"},
				{e.emulator, there, "run", "-q", "--no-cache", "--resume", file, "--report", trip.report},
			}
			for _, step := range steps {
				cmd := exec.Command(step[0], step[1:]...)
				cmd.Stdout = &out
				if err := cmd.Run(); err != nil {
					t.Fatalf("%q: %v", step, err)
				}
			}
			if got := trip.result(&out); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %.300v\nwant %.300v", got, want)
			}
		})
	}
}

// Who has no room left for a run's file is told that the run is not lost; other errors, and runs
// without a file, have no such hint.
func TestUnwritten(t *testing.T) {
	full := fmt.Errorf("run file: %w", &fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC})
	for _, c := range []struct {
		r    *recorder
		err  error
		want bool
	}{
		{&recorder{path: "my.run"}, full, true},
		{&recorder{path: "my.run"}, errors.New("other"), false},
		{&recorder{path: "my.run"}, nil, false},
		{nil, full, false},
	} {
		got := c.r.unwritten(c.err)
		if !errors.Is(got, c.err) || strings.Contains(hint(got), "--resume my.run") != c.want {
			t.Errorf("%v: %v, hint %q", c.err, got, hint(got))
		}
	}
}
