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

// What is kept of a task that nobody may have names every node, and why.
func TestConsideredInVain(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, wire.Capacity{CPU: 100, Memory: 1 << 30})
	s := m.spec()
	s.Hints.Require.Avoid = []wire.NodeID{m.exec("e1")}
	s.Profile.CPU = 500
	id := m.mustSubmit("a", s)
	for range 11 {
		m.pass(time.Second)
		m.announce(m.exec("e1"))
		m.announce(m.exec("e2"))
	}
	x, _ := m.s.Explain(id)
	const why = "1 of 2 nodes: not enough cpu; 1: to be avoided"
	if x.Summary != why || len(x.Rounds) != 1 || x.Rounds[0].Summary != why || x.Rounds[0].Chosen != "" || x.Rounds[0].Took == 0 {
		t.Fatalf("%+v", x)
	}
	out := make(map[wire.NodeID]wire.Refusal)
	for _, c := range x.Rounds[0].Choices() {
		out[c.Node] = c.Out
	}
	if len(out) != 2 || out[m.exec("e1")] != wire.RefusedAvoid || out[m.exec("e2")] != wire.RefusedCPU {
		t.Errorf("%v", out)
	}
}

// In an auction those are named, too, who made no offer.
func TestConsideredWithoutOffer(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small, wire.Capacity{CPU: 100, Memory: 1 << 30})
	s := m.auctioned()
	s.Hints.Require.Avoid = []wire.NodeID{m.exec("e1")}
	s.Profile.CPU = 500
	r := m.round(m.mustSubmit("a", s))
	if r.Chosen != m.exec("e2") || r.Asked != 1 || r.Known != 3 || r.Summary != "1 of 3 nodes fit; 1: not enough cpu; 1: to be avoided" {
		t.Errorf("%+v", r)
	}
	got := r.Choices()
	if len(got) != 3 || got[0].Node != m.exec("e2") || got[1].Out == "" || got[2].Out == "" {
		t.Errorf("%+v", got)
	}
}
