package godwit

import (
	"crypto/ed25519"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler/detect"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// The tasks of a node that was killed, or stands still, move on: how soon is in the
// documentation of package detect, and less than two seconds in any case.
func TestTasksOfALostNodeMoveOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"killed", syscall.SIGKILL},
		{"stopped", syscall.SIGSTOP},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := spawnMesh(t, 4, Config{CPU: 8})
			r := busy(t, nodes[0])
			r.Args, r.Hints.Prefer = []string{"2000000000"}, []string{nodes[1].ID}
			task, _, err := nodes[0].client.Submit(t.Context(), api.Submission{Request: r})
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool {
				now, err := nodes[0].client.Task(t.Context(), task.ID)
				return err == nil && now.Status == api.StatusRunning && now.Node == nodes[1].ID
			})
			lost := time.Now()
			if err := nodes[1].cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			var moved api.Task
			waitFor(t, func() bool {
				moved, err = nodes[0].client.Task(t.Context(), task.ID)
				return err == nil && len(moved.History) == 2
			})
			took := moved.History[1].StartedAt.Sub(lost)
			t.Logf("moved on after %v", took)
			if took > 2*time.Second {
				t.Errorf("moved on after %v: %+v", took, moved.History)
			}
			if _, err := nodes[0].client.Cancel(t.Context(), task.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

// A node that is killed and starts again has died, however short that took: what it ran
// is lost, and runs anew when it is back.
func TestNodeComesBack(t *testing.T) {
	a := start(t, Config{NoRun: true})
	b := spawn(t, Config{Bootstrap: a.Addrs()})
	primes, err := os.ReadFile("examples/primes/primes.wasm")
	if err != nil {
		t.Fatal(err)
	}
	task, _, err := a.Submit(t.Context(), api.Submission{Request: api.TaskRequest{Module: putBytes(t, a, primes), Args: []string{"2000000000"}}})
	if err != nil {
		t.Fatal(err)
	}
	waitRunning := func(attempts int) {
		t.Helper()
		waitFor(t, func() bool {
			task, err = a.Task(t.Context(), task.ID)
			return err == nil && task.Status == api.StatusRunning && task.Node == b.ID && len(task.History) >= attempts
		})
	}
	waitRunning(1)
	t.Cleanup(func() { // says where a failure left the task
		if t.Failed() {
			t.Logf("%+v", task)
		}
	})
	id, err := wire.ParseNodeID(b.ID)
	if err != nil {
		t.Fatal(err)
	}
	var first time.Time
	waitFor(t, func() bool { // until it has been watched for some pings, and said which life it is
		a.watcher.mu.Lock()
		defer a.watcher.mu.Unlock()
		heard := a.watcher.heard[id]
		if first.IsZero() {
			first = heard
		}
		return heard.Sub(first) > 500*time.Millisecond
	})
	b.kill()
	b.start()
	waitRunning(2)
	if task.History[0].Outcome != string(wire.ReasonNodeLost) {
		t.Errorf("%+v", task.History)
	}
	waitFor(t, func() bool { return scrape(t, a)["godwit_peer_deaths_total"] == "1" })
	if _, err := a.Cancel(t.Context(), task.ID); err != nil {
		t.Error(err)
	}
}

// Whoever lets nodes be silent for long lets them stand still for long.
func TestPatience(t *testing.T) {
	self := wire.NodeIDOf(make(ed25519.PublicKey, ed25519.PublicKeySize))
	for lost, want := range map[time.Duration]time.Duration{
		0: detect.DefaultMinSuspicion, 35 * time.Second: 10 * detect.DefaultMinSuspicion, 24 * time.Hour: 14811428571428,
	} {
		cfg := Config{LostAfter: lost}.withDefaults()
		got := cfg.detector(self, 1)
		if err := got.Validate(); err != nil || (got.MinSuspicion-want).Abs() > time.Millisecond {
			t.Errorf("%v: %v, %v; want %v", lost, got.MinSuspicion, err, want)
		}
	}
}
