package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const stateGuests = "../../runtime/testdata/guests/state/"

// journeys are calls of one instance each, which is kept after every call.
var journeys = []struct {
	guest string
	stdin string
	calls []string
}{
	{"ledger.wasm", "7\n8\n9\n", []string{"put 5", "draw", "line", "put 2000", "publish", "put 3", "sum", "draw"}},
	{"words.wasm", "one fish\ntwo fish\n", []string{"line", "digest", "digest", "digest"}},
	{"parts.wasm", "", []string{"set_numbers", "set_table", "grow 2", "drop_data", "drop_elem", "call_global", "numbers"}},
}

// stop is what a call on a journey came to.
type stop struct {
	Stdout string
	Fuel   uint64 `json:"fuel_used"`
	Kept   *keptReport
}

// TestJourneys keeps instances on this machine and goes on with them on others, call
// by call: results, fuel and the hash over all of the state are those of staying here.
func TestJourneys(t *testing.T) {
	if testing.Short() || goruntime.GOOS != "linux" {
		t.Skip("builds the command for other architectures of Linux")
	}
	here := []string{buildFor(t, goruntime.GOARCH)}
	for _, e := range emulators {
		t.Run(e.arch, func(t *testing.T) {
			needTool(t, e.emulator)
			there := []string{e.emulator, buildFor(t, e.arch)}
			for _, j := range journeys {
				stay, move := t.TempDir(), t.TempDir()
				for n, call := range j.calls {
					machine := here
					if n%2 == 1 {
						machine = there
					}
					want := travelTo(t, here, stay, j.guest, j.stdin, call)
					got := travelTo(t, machine, move, j.guest, j.stdin, call)
					if got.Stdout != want.Stdout || got.Fuel != want.Fuel || got.Kept.State != want.Kept.State {
						t.Fatalf("%s %s\n got %+v, state %s\nwant %+v, state %s", j.guest, call, got, got.Kept.State, want, want.Kept.State)
					}
				}
			}
		})
	}
}

// travelTo makes one call of the instance kept in a folder. All of standard input
// is there at the first call, and is part of the state from then on.
func travelTo(t *testing.T, machine []string, folder, guest, stdin, call string) stop {
	t.Helper()
	report := filepath.Join(folder, "report.json")
	args := slices.Concat(machine[1:], []string{
		"run", "-q", "--no-cache", "--deterministic", "--checkpoint", folder, "--resume", folder, "--report", report,
		"--invoke", strings.Fields(call)[0], stateGuests + guest,
	}, strings.Fields(call)[1:])
	cmd := exec.Command(machine[0], args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, &stderr)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	s := stop{Stdout: stdout.String()}
	if err := json.Unmarshal(text, &s); err != nil || s.Kept == nil {
		t.Fatalf("report %s: %v", text, err)
	}
	return s
}

// TestKilled kills runs that keep an instance, at moments that are not chosen. What
// has been said to be kept is kept, and each run goes on from a state that is whole.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a hundred processes")
	}
	godwit, folder := buildFor(t, goruntime.GOARCH), t.TempDir()
	cache := t.TempDir()
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	run := func(invoke string, args ...string) *exec.Cmd {
		return exec.Command(godwit, append([]string{
			"run", "--cache", cache, "--checkpoint", folder, "--resume", folder, "--invoke", invoke, stateGuests + "ledger.wasm",
		}, args...)...)
	}
	sum := func() int {
		out, err := run("sum").Output()
		if err != nil {
			t.Fatalf("seed %d: sum: %v", seed, err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(out), "opened\n")))
		if err != nil {
			t.Fatal(err)
		}
		return n / (1 + len("entry of 1"))
	}
	begun := time.Now()
	if err := run("put", "1").Run(); err != nil {
		t.Fatal(err)
	}
	usual := time.Since(begun)
	told, tried, killed := 1, 1, 0
	for range 100 {
		cmd := run("put", "1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(usual))), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		tried++
		if err != nil {
			killed++
		}
		if strings.Contains(stderr.String(), "kept as ") {
			told++
		} else if err == nil {
			t.Fatalf("seed %d: not kept: %s", seed, &stderr)
		}
	}
	if n := sum(); n < told || n > tried {
		t.Errorf("seed %d: %d calls are in the state; %d were said to be kept, %d were begun", seed, n, told, tried)
	}
	t.Logf("%d of %d runs killed, %d said to be kept, %d in the state", killed, tried, told, sum())
	verify := exec.Command(godwit, "checkpoint", "verify", "--store", folder)
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("seed %d: %v\n%s", seed, err, out)
	}
}
