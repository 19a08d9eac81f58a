package runtime

import (
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
)

// snapshot is a capture of a program in the middle of its run, with all memory up to then.
type snapshot struct {
	checkpoint.Capture
	memory []byte
}

// then is the snapshot after another capture.
func (s snapshot) then(c checkpoint.Capture) snapshot {
	memory := append(bytes.Clone(s.memory), make([]byte, int(c.Size)-len(s.memory))...)
	for _, r := range c.Dirty {
		copy(memory[r.Start:], r.Bytes)
	}
	c.Dirty = nil
	return snapshot{c, memory}
}

// suspended tells whether it is of the middle of a call.
func (s *snapshot) suspended() bool { return s.State.Sections[sectionCall] != nil }

// watched runs a program to its end and captures it meanwhile, again and again, from another
// goroutine.
func watched(t *testing.T, m *Module, task Task, every time.Duration) (fuel uint64, out string, shots []snapshot) {
	t.Helper()
	var stdout bytes.Buffer
	task.Stdout = &stdout
	i, err := m.Instantiate(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	ended := make(chan error)
	go func() {
		_, err := i.Call(t.Context(), startExport)
		ended <- err
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last snapshot
	for {
		select {
		case err := <-ended:
			if guest, ok := errors.AsType[*GuestError](err); err != nil && (!ok || guest.Status != StatusSucceeded) {
				t.Fatal(err)
			}
			return i.FuelUsed(), stdout.String(), shots
		case <-tick.C:
		}
		c, err := i.Capture()
		if errors.Is(err, ErrInCall) || errors.Is(err, ErrEnded) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		last = last.then(c)
		if len(shots) < 8 && last.suspended() {
			shots = append(shots, last)
		}
	}
}

// finish goes on from a snapshot to the end.
func (s *snapshot) finish(ctx context.Context, m *Module, task Task) (fuel uint64, out string, err error) {
	var stdout bytes.Buffer
	task.Stdout = &stdout
	i, err := m.Restore(ctx, task, Saved{Module: m.CID(), Fuel: s.Fuel, State: &s.State, Size: s.Size, Memory: bytes.NewReader(s.memory)})
	if err != nil {
		return 0, "", err
	}
	defer i.Close()
	_, err = i.Resume(ctx)
	if guest, ok := errors.AsType[*GuestError](err); ok && guest.Status == StatusSucceeded {
		err = nil
	}
	return i.FuelUsed(), stdout.String(), err
}

// TestCaptureRunning captures real programs while they compute, and lets them go on from
// there on a fresh engine. Output and fuel are those of an undisturbed run.
func TestCaptureRunning(t *testing.T) {
	plain := newEngine(t, Config{})
	suspending := newEngine(t, Config{Suspend: true})
	captures, programs := 0, 0
	for _, g := range guests(t) {
		if g.Language == "Go" {
			continue
		}
		t.Run(g.Name, func(t *testing.T) {
			programs++
			binary := g.binary(t)
			task := Task{Args: []string{"guest"}, Deterministic: true}
			want, _ := runOnce(t, plain, load(t, plain, binary), task)
			fuel, out, shots := watched(t, load(t, suspending, binary), task, 5*time.Millisecond)
			if fuel != want.FuelUsed || out != g.Stdout {
				t.Fatalf("captured while it ran: fuel %d and output %q, not %d and %q", fuel, out, want.FuelUsed, g.Stdout)
			}
			captures += len(shots)
			if len(shots) == 0 {
				return
			}
			fresh := newEngine(t, Config{Suspend: true})
			fuel, out, err := shots[len(shots)/2].finish(t.Context(), load(t, fresh, binary), task)
			if err != nil || fuel != want.FuelUsed || out != g.Stdout {
				t.Errorf("continued: fuel %d and output %q, not %d and %q (%v)", fuel, out, want.FuelUsed, g.Stdout, err)
			}
		})
	}
	if captures < programs {
		t.Errorf("only %d captures of %d programs", captures, programs)
	}
}

// elsewhereCommand may hold a command that runs these tests elsewhere, such as
//
//	GOARCH=arm64 go test -c -o /tmp/arm64.test ./runtime
//	GODWIT_TEST_ELSEWHERE="qemu-aarch64 /tmp/arm64.test" go test -run Elsewhere ./runtime
const elsewhereCommand = "GODWIT_TEST_ELSEWHERE"

// elsewhereFile names the snapshot that this process is to go on from, if it has been started
// by TestElsewhere for that.
const elsewhereFile = "GODWIT_TEST_SNAPSHOT"

// carried is a snapshot on its way to another process, and what came of it.
type carried struct {
	Capture checkpoint.Capture
	Memory  []byte
	Kind    Kind
	Fuel    uint64
	Output  string
}

// TestElsewhere lets a program go on in another process, on the compiler and on the
// interpreter; elsewhereCommand makes that another architecture.
func TestElsewhere(t *testing.T) {
	binary, err := os.ReadFile(filepath.Join(guestDir, "call_queens.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	task := Task{Args: []string{"guest"}, Deterministic: true}
	if file := os.Getenv(elsewhereFile); file != "" {
		goOnElsewhere(t, binary, task, file)
		return
	}
	plain := newEngine(t, Config{})
	want, output := runOnce(t, plain, load(t, plain, binary), task)
	i, err := load(t, newEngine(t, Config{Suspend: true}), binary).Instantiate(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	i.SuspendAfter(want.FuelUsed - want.FuelUsed/50)
	if _, err := i.Call(t.Context(), startExport); !errors.Is(err, ErrSuspended) {
		t.Fatal(err)
	}
	c, err := i.Capture()
	if err != nil {
		t.Fatal(err)
	}
	shot := snapshot{}.then(c)
	for _, kind := range kinds() {
		file := filepath.Join(t.TempDir(), "snapshot")
		exchange(t, file, &carried{Capture: shot.Capture, Memory: shot.memory, Kind: kind}, true)
		command := strings.Fields(cmp.Or(os.Getenv(elsewhereCommand), os.Args[0]))
		child := exec.Command(command[0], append(command[1:], "-test.run=^TestElsewhere$")...)
		child.Env = append(os.Environ(), elsewhereFile+"="+file)
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var got carried
		exchange(t, file, &got, false)
		if got.Fuel != want.FuelUsed || got.Output != output {
			t.Errorf("%s in another process: fuel %d and output %q, not %d and %q", kind, got.Fuel, got.Output, want.FuelUsed, output)
		}
	}
}

// exchange writes a file or reads it.
func exchange(t *testing.T, file string, c *carried, write bool) {
	t.Helper()
	var buffer bytes.Buffer
	var err error
	if write {
		if err = gob.NewEncoder(&buffer).Encode(c); err == nil {
			err = os.WriteFile(file, buffer.Bytes(), 0o600)
		}
	} else {
		var b []byte
		if b, err = os.ReadFile(file); err == nil {
			err = gob.NewDecoder(bytes.NewReader(b)).Decode(c)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func goOnElsewhere(t *testing.T, binary []byte, task Task, file string) {
	var c carried
	exchange(t, file, &c, false)
	shot := snapshot{c.Capture, c.Memory}
	var err error
	c.Fuel, c.Output, err = shot.finish(t.Context(), load(t, newEngine(t, Config{Kind: c.Kind, Suspend: true}), binary), task)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, file, &c, true)
}
