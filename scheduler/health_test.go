package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// health is what the submitter believes of a node.
func (m *mesh) health(name string) placement.Health {
	for _, n := range m.s.Nodes() {
		if n.ID == m.exec(name) {
			return n.Health
		}
	}
	m.t.Fatalf("%s is not in view", name)
	return placement.Health{}
}

// failing has a task fail on e1 with the fault of the node, and succeed on e2.
func failing(t *testing.T) *mesh {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	s := m.spec()
	s.Hints.Prefer = []wire.NodeID{m.exec("e1")}
	m.mustSubmit("a", s)
	m.end("e1", wire.Outcome{Status: wire.Failed, Reason: wire.ReasonRefused, Fault: wire.FaultNode})
	m.pass(5 * time.Second)
	m.end("e2", wire.Outcome{Status: wire.Succeeded, Started: true, FuelUsed: 7, Wall: 4 * time.Second})
	return m
}

func TestHealthIsLearned(t *testing.T) {
	m := failing(t)
	if h := m.health("e1"); h.SuccessRate > 0.81 || h.ConsecutiveFailures != 1 || h.AvgCompletion != 0 {
		t.Errorf("e1 %+v", h)
	}
	if h := m.health("e2"); h.SuccessRate != 1 || h.ConsecutiveFailures != 0 || h.AvgCompletion != 4*time.Second {
		t.Errorf("e2 %+v", h)
	}
	for i := range 10 { // the next ones go to the node that did well
		id := m.mustSubmit("b", m.spec())
		if got := m.task(id).Node; got != m.exec("e2") {
			t.Errorf("task %d ran on %s", i, m.names[got])
		}
		m.end("e2", success)
	}
}

// A node gets another chance with time, and at last counts as new.
func TestFailuresAreForgotten(t *testing.T) {
	m := failing(t)
	var rates []float64
	for range 4 {
		rates = append(rates, m.health("e1").SuccessRate)
		m.pass(10 * time.Minute)
		m.announce(m.exec("e1"))
	}
	for i, r := range rates[1:] {
		if half := 1 - (1-rates[i])/2; r < half-0.01 || r > half+0.01 {
			t.Errorf("after %d half-lives %v, want %v", i+1, r, half)
		}
	}
	if h := m.health("e1"); h.ConsecutiveFailures != 0 {
		t.Errorf("%+v", h)
	}
}

// What was seen of a node outlives its absence, and a restart of this one.
func TestHealthIsKept(t *testing.T) {
	m := failing(t)
	m.pass(time.Minute) // e1 has left the view
	m.announce(m.exec("e1"))
	if h := m.health("e1"); h.SuccessRate == 1 {
		t.Errorf("forgotten with the node: %+v", h)
	}
	m.mustSubmit("b", m.spec()) // the last writing is some time ago
	before := m.health("e1")
	m.s = must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
	m.carryOut(m.self, must(m.s.Restore(m.now, m.records("s"))))
	m.announce(m.exec("e1"))
	if h := m.health("e1"); h != before {
		t.Errorf("%+v after a restart, %+v before", h, before)
	}
	m.pass(25 * time.Hour)
	m.s = must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
	m.carryOut(m.self, must(m.s.Restore(m.now, m.records("s"))))
	for _, r := range m.records("s") {
		if strings.HasPrefix(r.Key, "health/") {
			t.Errorf("%s is still kept", r.Key)
		}
	}
}

// Whom this node trusts may change; tasks that wait see it.
func TestTrustChanges(t *testing.T) {
	trust := 0.2
	m := newMesh(t, scheduler.SubmitterConfig{Trust: func(wire.NodeID) float64 { return trust }}, small)
	id := m.mustSubmit("a", m.spec())
	if x, _ := m.s.Explain(id); x.Summary != "1 of 1 nodes: not trusted enough" {
		t.Error(x.Summary)
	}
	trust = 0.3
	m.step(scheduler.Trusted{})
	if got := m.task(id); got.State != scheduler.Running {
		t.Errorf("%+v", got)
	}
}

// A node that does not trust the submitter refuses, and is not asked again and again.
func TestDistrust(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	e1 := m.exec("e1")
	m.execs[e1] = must(scheduler.NewExecutor(scheduler.ExecutorConfig{
		Key: m.keys[e1], Capacity: small, Trust: func(wire.NodeID) float64 { return 0.09 },
	}))
	reserves := 0
	m.drop = func(d delivery) bool {
		if _, ok := d.m.(wire.Reserve); ok {
			reserves++
		}
		return false
	}
	id := m.mustSubmit("a", m.spec())
	m.pass(11 * time.Second)
	if got := m.task(id); got.Reason != wire.ReasonNotPlaced || got.Message != "1 of 1 nodes: does not trust this node" || reserves != 1 {
		t.Errorf("%s %q after %d reservations", got.Reason, got.Message, reserves)
	}
}

// So it is in auctions, however often the node says what it has.
func TestDistrustInAuctions(t *testing.T) {
	for _, way := range []wire.Placement{wire.PlaceDirect, wire.PlaceAuction} {
		m := newMesh(t, scheduler.SubmitterConfig{}, small)
		e1 := m.exec("e1")
		m.execs[e1] = must(scheduler.NewExecutor(scheduler.ExecutorConfig{
			Key: m.keys[e1], Capacity: small, Trust: func(wire.NodeID) float64 { return 0.09 },
		}))
		s := m.spec()
		s.Placement = way
		id := m.mustSubmit("a", s)
		for range 12 {
			m.pass(time.Second)
			m.announce(e1)
		}
		if got := m.task(id); got.Reason != wire.ReasonNotPlaced || got.Message != "1 of 1 nodes: does not trust this node" {
			t.Errorf("%s: %s %q", way, got.Reason, got.Message)
		}
	}
}
