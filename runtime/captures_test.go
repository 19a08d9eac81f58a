package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
)

// finished is what a run came to.
type finished struct {
	status Status
	fuel   uint64
	out    string
}

// shot is a snapshot on its own: all memory, and what had been written by then.
type shot struct {
	snapshot
	out string
}

// primesTask runs a program that computes for a while, then writes.
func primesTask(out *bytes.Buffer) Task {
	return Task{Args: []string{"primes", "30000000"}, Stdout: out, Deterministic: true}
}

func runTo(ctx context.Context, m *Module, out *bytes.Buffer, task Task) (finished, error) {
	r, err := m.engine.Run(ctx, m, task)
	if err != nil {
		return finished{}, err
	}
	return finished{r.Status, r.FuelUsed, out.String()}, nil
}

// taking keeps every snapshot of a run, which goes on from the last of shots, if there is one.
func taking(shots *[]shot, out *bytes.Buffer) func(context.Context, *Snapshot) error {
	var last snapshot
	if n := len(*shots); n > 0 {
		last = (*shots)[n-1].snapshot
	}
	return func(_ context.Context, s *Snapshot) error {
		last = last.then(s.Capture)
		*shots = append(*shots, shot{last, out.String()[:s.Stdout]})
		return nil
	}
}

func (s *shot) saved(m *Module) *Saved {
	return &Saved{Module: m.CID(), Fuel: s.Fuel, State: &s.State, Size: s.Size, Memory: bytes.NewReader(s.memory)}
}

var quick = checkpoint.Pace{Interval: 5 * time.Millisecond, Max: time.Second}

// TestCaptures runs a program to its end from each snapshot of it.
func TestCaptures(t *testing.T) {
	m := load(t, newEngine(t, Config{Suspend: true}), readExample(t, "primes"))
	var out bytes.Buffer
	want, err := runTo(t.Context(), m, &out, primesTask(&out))
	if err != nil {
		t.Fatal(err)
	}
	var shots []shot
	var again bytes.Buffer
	task := primesTask(&again)
	task.Captures = &Captures{Pace: quick, Take: taking(&shots, &again)}
	got, err := runTo(t.Context(), m, &again, task)
	if err != nil || got != want {
		t.Fatalf("captured: %+v, %v, want %+v", got, err, want)
	}
	if len(shots) < 3 {
		t.Fatalf("%d snapshots", len(shots))
	}
	for n := range shots[:3] {
		rest := bytes.NewBufferString(shots[n].out)
		task := primesTask(rest)
		task.From = shots[n].saved(m)
		got, err := runTo(t.Context(), m, rest, task)
		if err != nil || got != want {
			t.Errorf("from snapshot %d: %+v, %v, want %+v", n, got, err, want)
		}
	}
}

// TestCapturesStop suspends runs for good, by fuel and from outside, until they have ended.
func TestCapturesStop(t *testing.T) {
	m := load(t, newEngine(t, Config{Suspend: true}), readExample(t, "primes"))
	var out bytes.Buffer
	want, err := runTo(t.Context(), m, &out, primesTask(&out))
	if err != nil {
		t.Fatal(err)
	}
	var at [2]uint64
	for round := range at {
		var shots []shot
		var out bytes.Buffer
		task := primesTask(&out)
		task.Captures = &Captures{Take: taking(&shots, &out), StopAfter: 1_000_000}
		got, err := runTo(t.Context(), m, &out, task)
		if err != nil || got.status != StatusSuspended || len(shots) == 0 {
			t.Fatalf("%+v, %v, %d snapshots", got, err, len(shots))
		}
		at[round] = got.fuel
		stop := make(chan struct{})
		close(stop)
		task.From, task.Captures = shots[len(shots)-1].saved(m), &Captures{Take: taking(&shots, &out), Stop: stop}
		if got, err = runTo(t.Context(), m, &out, task); err != nil || got.status != StatusSuspended {
			t.Fatalf("%+v, %v", got, err)
		}
		task.From, task.Captures = shots[len(shots)-1].saved(m), nil
		if got, err = runTo(t.Context(), m, &out, task); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	if at[0] != at[1] || at[0] < 1_000_000 {
		t.Errorf("suspended at %d", at)
	}
}

// TestCapturesFail ends a run whose snapshots cannot be kept, and goes on without one that
// could not.
func TestCapturesFail(t *testing.T) {
	m := load(t, newEngine(t, Config{Suspend: true}), readExample(t, "primes"))
	var out bytes.Buffer
	task := primesTask(&out)
	full := errors.New("disk full")
	task.Captures = &Captures{Pace: quick, Take: func(context.Context, *Snapshot) error { return full }}
	if _, err := runTo(t.Context(), m, &out, task); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	var pages []int
	task.Captures.Take = func(_ context.Context, s *Snapshot) error {
		n := 0
		for _, r := range s.Dirty {
			n += len(r.Bytes) / checkpoint.PageSize
		}
		if pages = append(pages, n); len(pages) == 1 {
			return fmt.Errorf("%w: later perhaps", ErrNotTaken)
		}
		return nil
	}
	if got, err := runTo(t.Context(), m, &out, task); err != nil || got.status != StatusSucceeded || len(pages) < 2 || pages[1] < pages[0] {
		t.Errorf("%+v, %v, pages %v", got, err, pages)
	}
	plain := load(t, newEngine(t, Config{}), readExample(t, "primes"))
	if _, err := runTo(t.Context(), plain, &out, task); !errors.Is(err, ErrNotCapturable) {
		t.Errorf("module that cannot be suspended: %v", err)
	}
}

func readExample(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../examples/" + name + "/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}
