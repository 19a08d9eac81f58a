package scheduler_test

import (
	"slices"
	"testing"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// A suspect keeps what it has and gets nothing new; what a dead node had moves on.
func TestFailureDetector(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	a := m.mustSubmit("a", m.bigSpec())
	first := m.task(a).Node
	if got := slices.Collect(m.s.Partners()); len(got) != 1 || got[0] != first {
		t.Errorf("partners %v", got)
	}
	m.step(scheduler.Suspected{Node: first})
	m.end(m.names[first], success) // it did its work, and is as suspect as before
	b := m.mustSubmit("b", m.bigSpec())
	c := m.mustSubmit("c", m.bigSpec())
	second := m.task(b).Node
	if m.task(a).State != scheduler.Succeeded || second == first || m.task(c).State != scheduler.Queued {
		t.Fatalf("%+v\n%+v\n%+v", m.task(a), m.task(b), m.task(c))
	}
	m.step(scheduler.Recovered{Node: first})
	if got := m.task(c); got.State != scheduler.Running || got.Node != first {
		t.Fatalf("%+v", got)
	}
	m.end(m.names[first], success)
	m.drop = func(d delivery) bool { return d.from == second || d.to == second }
	m.step(scheduler.Lost{Node: second})
	got := m.task(b)
	if got.State != scheduler.Running || got.Node != first || len(got.Attempts) != 2 || got.Attempts[0].Reason != wire.ReasonNodeLost {
		t.Errorf("%+v", got)
	}
}
