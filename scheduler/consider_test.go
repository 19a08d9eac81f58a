package scheduler_test

import (
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// How nodes ranked when one was chosen stays with the task: after its end, after they
// have changed, and after a restart.
func TestConsidered(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small, wire.Capacity{CPU: 100, Memory: 1 << 30})
	s := m.spec()
	s.Hints.Prefer = []wire.NodeID{m.exec("e2")}
	id := m.mustSubmit("a", s)
	check := func(when string) {
		t.Helper()
		x, _ := m.s.Explain(id)
		if len(x.Rounds) != 1 || x.Rounds[0].Chosen != m.exec("e2") || x.Rounds[0].Known != 3 ||
			x.Rounds[0].Summary != "2 of 3 nodes fit; 1: not enough cpu" {
			t.Fatalf("%s: %+v", when, x.Rounds)
		}
		got := x.Rounds[0].Choices()
		if len(got) != 3 || got[0].Node != m.exec("e2") || got[1].Node != m.exec("e1") || got[2].Out != wire.RefusedCPU {
			t.Fatalf("%s: %+v", when, got)
		}
		sum := 0.0
		for _, term := range got[0].Terms {
			sum += term.Value * term.Weight
		}
		if d := sum*got[0].Factor - got[0].Score; d > 1e-9 || d < -1e-9 || len(got[0].Terms) != 5 || got[1].Score >= got[0].Score {
			t.Errorf("%s: %+v", when, got[0])
		}
	}
	check("while it runs")
	m.end("e2", success)
	m.pass(time.Minute) // all have left the view
	check("when it has ended")
	m.s = must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
	m.carryOut(m.self, must(m.s.Restore(m.now, m.records("s"))))
	check("after a restart")
}
