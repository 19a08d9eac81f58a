package scheduler_test

import (
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// What is required and nobody can meet ends a task, with the reasons in a sentence,
// whether or not all were asked for offers before.
func TestImpossibleTasksAreNotPlaced(t *testing.T) {
	for _, c := range []struct {
		want string
		wish func(m *mesh, s *wire.Spec, trust map[string]float64)
	}{
		{"2 of 2 nodes: to be avoided", func(m *mesh, s *wire.Spec, _ map[string]float64) {
			s.Hints.Require.Avoid = []wire.NodeID{m.exec("e1"), m.exec("e2")}
		}},
		{"2 of 2 nodes: not the node asked for", func(_ *mesh, s *wire.Spec, _ map[string]float64) {
			s.Hints.Require.Prefer = []wire.NodeID{nodeOf(testKey(9))}
		}},
		{"2 of 2 nodes: in another region", func(_ *mesh, s *wire.Spec, _ map[string]float64) { s.Hints.Require.Region = "mars" }},
		{"2 of 2 nodes: without a required label", func(_ *mesh, s *wire.Spec, _ map[string]float64) { s.Hints.Require.Labels = []string{"a=b"} }},
		{"2 of 2 nodes: without the data", func(_ *mesh, s *wire.Spec, _ map[string]float64) { s.Hints.Require.Near = []wire.Link{testModule} }},
		{"2 of 2 nodes: not beside that task", func(_ *mesh, s *wire.Spec, _ map[string]float64) { s.Hints.Require.Colocate = wire.TaskID{1} }},
		{"2 of 2 nodes: not this node", func(_ *mesh, s *wire.Spec, _ map[string]float64) { s.Placement = wire.PlaceLocal }},
		{"2 of 2 nodes: no such gpu (asked for sm_70 with 22.4 GiB; nodes have none on 2)", func(_ *mesh, s *wire.Spec, _ map[string]float64) { s.Profile = wire.GPU(24, "sm_70") }},
		{"1 of 2 nodes: to be avoided; 1: too far away", func(m *mesh, s *wire.Spec, _ map[string]float64) {
			s.Hints.Require.Avoid = []wire.NodeID{m.exec("e1")}
			m.step(scheduler.Measured{Node: m.exec("e2"), RTT: time.Second})
		}},
		{"1 of 2 nodes: not trusted enough; 1: to be avoided", func(m *mesh, s *wire.Spec, trust map[string]float64) {
			s.Hints.Require.Avoid, trust["e1"] = []wire.NodeID{m.exec("e2")}, 0.2
		}},
	} {
		policy := placement.Default()
		policy.MaxLatency = 100 * time.Millisecond
		trust := map[string]float64{"e1": 0.5, "e2": 0.5}
		names := map[wire.NodeID]string{nodeOf(testKey(1)): "e1", nodeOf(testKey(2)): "e2"}
		m := newMesh(t, scheduler.SubmitterConfig{
			Policy: policy, Trust: func(id wire.NodeID) float64 { return trust[names[id]] },
		}, small, small)
		s := m.spec()
		c.wish(m, &s, trust)
		m.step(scheduler.Trusted{})
		id := m.mustSubmit("a", s)
		m.pass(25 * time.Second)
		if got := m.task(id); got.State != scheduler.Failed || got.Reason != wire.ReasonNotPlaced || got.Message != c.want {
			t.Errorf("%s %s %q, want %q", got.State, got.Reason, got.Message, c.want)
		}
	}
}

// A task that must run beside another waits for that to have a node, and goes there.
func TestColocation(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	s := m.spec()
	s.Profile.CPU = 1000
	fill1, fill2 := m.mustSubmit("x", s), m.mustSubmit("y", s) // both nodes are full
	first := m.mustSubmit("a", s)
	beside := m.spec()
	beside.Hints.Require.Colocate = first
	second := m.mustSubmit("b", beside)
	m.pass(15 * time.Second)
	if got := m.task(second); got.State != scheduler.Queued {
		t.Fatalf("%+v", got)
	}
	for _, id := range []wire.TaskID{fill1, fill2} {
		m.end(m.names[m.task(id).Node], success)
	}
	m.pass(time.Second)
	home := m.task(first).Node
	m.end(m.names[home], success)
	m.pass(15 * time.Second)
	if got := m.task(second); got.Node != home || got.State != scheduler.Running {
		t.Errorf("%s on %s, want %s", got.State, m.names[got.Node], m.names[home])
	}
}
