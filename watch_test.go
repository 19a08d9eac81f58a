package godwit

import (
	"crypto/ed25519"
	"slices"
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

// Whoever asks is told of a node's end, and of its return as another one.
func TestWatch(t *testing.T) {
	a := start(t, Config{})
	b := spawn(t, Config{Bootstrap: a.Addrs()})
	changes := make(chan detect.Change, 64)
	next := func() detect.Change {
		select {
		case c := <-changes:
			return c
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is told")
			return detect.Change{}
		}
	}
	id, err := wire.ParseNodeID(b.ID)
	if err != nil {
		t.Fatal(err)
	}
	stop := a.watcher.watch(id, func(c detect.Change) { changes <- c })
	if c := next(); c.State != detect.Alive {
		t.Fatalf("%+v", c)
	}
	waitFor(t, func() bool { // until a ping was answered, which says what life it is
		life := int64(0)
		a.watcher.watch(id, func(c detect.Change) { life = c.Incarnation })() // which waits for it
		return life > 0
	})
	b.kill()
	b.start()
	var states []detect.State
	var lives []int64
	for len(states) == 0 || states[len(states)-1] != detect.Alive {
		c := next()
		states, lives = append(states, c.State), append(lives, c.Incarnation)
	}
	want := []detect.State{detect.Suspect, detect.Dead, detect.Alive}
	if !slices.Equal(states, want) || lives[0] != lives[1] || lives[1] >= lives[2] {
		t.Errorf("%v in the lives %v", states, lives)
	}
	got := scrape(t, a)
	if got["godwit_peer_suspicions_total"] != "1" || got["godwit_peer_deaths_total"] != "1" {
		t.Errorf("%s suspicions, %s deaths", got["godwit_peer_suspicions_total"], got["godwit_peer_deaths_total"])
	}
	stop()
	b.kill()
	waitFor(t, func() bool { return len(a.host.Network().Peers()) == 0 })
	if len(changes) > 0 {
		t.Errorf("told after it was stopped: %+v", <-changes)
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
