package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"testing"
)

// emulators run the other architectures' programs: Debian's package qemu-user.
var emulators = []struct{ arch, emulator string }{
	{"arm64", "qemu-aarch64"},
	{"arm", "qemu-arm"},
	{"riscv64", "qemu-riscv64"},
}

// stories are runs whose output and fuel must be the same everywhere: programs
// that end, trap and run out.
var stories = [][]string{
	{"../../examples/primes/primes.wasm", "5000"},
	{"../../examples/sha256sum/sha256sum.wasm"},
	{"--deterministic", "testdata/modules/chance.wasm"},
	{"--invoke", "sum", "testdata/modules/calls.wasm", "10000"},
	{"--invoke", "recurse", "testdata/modules/traps.wasm"},
	{"--fuel", "1000000", "../../examples/runaway/runaway.wasm"},
	{"--memory", "8Mi", "testdata/modules/memory.wasm"},
}

func TestFuelIsTheSameOnEveryArchitecture(t *testing.T) {
	if testing.Short() || goruntime.GOOS != "linux" {
		t.Skip("builds the command for other architectures of Linux")
	}
	want := tellAll(t, buildFor(t, goruntime.GOARCH))
	for _, e := range emulators {
		t.Run(e.arch, func(t *testing.T) {
			needTool(t, e.emulator)
			got := tellAll(t, e.emulator, buildFor(t, e.arch))
			for i, story := range stories {
				if got[i] != want[i] {
					t.Errorf("%q\n got %+v\nwant %+v", story, got[i], want[i])
				}
			}
		})
	}
}

// told is what a run came to, but for what may differ between machines.
type told struct {
	Stdout   string
	Status   string `json:"status"`
	Reason   string `json:"reason"`
	ExitCode int    `json:"exit_code"`
	FuelUsed uint64 `json:"fuel_used"`
	Memory   uint64 `json:"memory_peak_bytes"`
}

// tellAll runs the stories with a command, which may have an emulator before it.
func tellAll(t *testing.T, command ...string) []told {
	t.Helper()
	var all []told
	for _, story := range stories {
		report := filepath.Join(t.TempDir(), "report.json")
		args := slices.Concat(command[1:], []string{"run", "--quiet", "--no-cache", "--report", report}, story)
		cmd := exec.Command(command[0], args...)
		var stdout bytes.Buffer
		cmd.Stdout = &stdout
		err := cmd.Run() // the exit code is in the report
		text, readErr := os.ReadFile(report)
		if readErr != nil {
			t.Fatalf("%q: %v, %v", story, err, readErr)
		}
		one := told{Stdout: stdout.String()}
		if err := json.Unmarshal(text, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func buildFor(t *testing.T, arch string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "godwit-"+arch)
	cmd := exec.Command("go", "build", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// needTool skips a test where a program is missing, but in CI, where every
// program is installed, fails it.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("GODWIT_CI") != "" {
		t.Fatalf("%s is missing", name)
	}
	t.Skipf("%s is missing", name)
}
