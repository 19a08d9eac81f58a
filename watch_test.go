package godwit

import (
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
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
