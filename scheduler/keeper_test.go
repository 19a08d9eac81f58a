package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// testGrant is the grant of an attempt on node 1, submitted by node 0, kept by node 2.
func testGrant(attempt uint32) *wire.Grant {
	return &wire.Grant{
		Ref: wire.Ref{Task: wire.TaskID{7}, Attempt: attempt}, Submitter: nodeOf(testKey(0)), Executor: nodeOf(testKey(1)),
		Keepers: []wire.NodeID{nodeOf(testKey(2))},
	}
}

// A keeper takes what it is granted, of the latest attempt that it knows of, until the
// task has ended.
func TestKeeper(t *testing.T) {
	self, executor, submitter := nodeOf(testKey(2)), nodeOf(testKey(1)), nodeOf(testKey(0))
	now := time.Unix(1_700_000_000, 0)
	k := scheduler.NewKeeper(scheduler.KeeperConfig{Self: self, KeepFor: time.Hour})
	of := scheduler.Kept{Submitter: submitter, Task: wire.TaskID{7}}
	other := testGrant(1)
	other.Keepers = []wire.NodeID{nodeOf(testKey(3))}
	for _, c := range []struct {
		name string
		from wire.NodeID
		verb wire.Verb
		g    *wire.Grant
		want error
	}{
		{"find, when there is nothing", executor, wire.VerbFind, testGrant(9), nil},
		{"keep", executor, wire.VerbKeep, testGrant(2), nil},
		{"another's grant", nodeOf(testKey(3)), wire.VerbKeep, testGrant(2), scheduler.ErrNotGranted},
		{"no keeper", executor, wire.VerbKeep, other, scheduler.ErrNotGranted},
		{"an earlier attempt", executor, wire.VerbKeep, testGrant(1), scheduler.ErrFenced},
		{"a later one looks for checkpoints", executor, wire.VerbFind, testGrant(3), nil},
		{"and fences the one before", executor, wire.VerbKeep, testGrant(2), scheduler.ErrFenced},
		{"that may not read either", executor, wire.VerbFetch, testGrant(2), scheduler.ErrFenced},
	} {
		if err := k.Admit(now, c.from, c.verb, c.g); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if k.Drop(now, scheduler.Kept{Submitter: executor, Task: of.Task}) {
		t.Error("dropped by another than its submitter")
	}
	if !k.Drop(now, of) || k.Drop(now, of) || k.Tasks() != 0 {
		t.Error("not dropped once")
	}
	if err := k.Admit(now, executor, wire.VerbKeep, testGrant(4)); !errors.Is(err, scheduler.ErrFenced) {
		t.Errorf("after its end: %v", err)
	}
	now = now.Add(time.Hour)
	if list := k.Expired(now); len(list) != 0 {
		t.Errorf("%v expired, which were dropped", list)
	}
	if err := k.Admit(now, executor, wire.VerbKeep, testGrant(4)); err != nil {
		t.Errorf("when all is forgotten: %v", err)
	}
	if list := k.Expired(now.Add(time.Hour)); len(list) != 1 || list[0] != of {
		t.Errorf("%v expired", list)
	}
}

// One submitter cannot take all the room, and tasks that have ended make some.
func TestKeeperIsBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	k := scheduler.NewKeeper(scheduler.KeeperConfig{Self: nodeOf(testKey(2)), MaxTasks: 3, MaxPerSubmitter: 2})
	admit := func(submitter, task byte) error {
		g := testGrant(1)
		g.Submitter, g.Task = nodeOf(testKey(submitter)), wire.TaskID{task}
		return k.Admit(now, g.Executor, wire.VerbKeep, g)
	}
	for i, want := range []error{nil, nil, scheduler.ErrKeeperFull} {
		if err := admit(0, byte(i+1)); !errors.Is(err, want) {
			t.Errorf("task %d: %v", i+1, err)
		}
	}
	if err := errors.Join(admit(5, 1)); err != nil {
		t.Error(err)
	}
	if err := admit(6, 1); !errors.Is(err, scheduler.ErrKeeperFull) {
		t.Errorf("%v", err)
	}
	k.Drop(now, scheduler.Kept{Submitter: nodeOf(testKey(0)), Task: wire.TaskID{1}})
	if err := admit(6, 1); err != nil {
		t.Error(err)
	}
	// So it is for one submitter that has many, one after the other.
	k.Drop(now, scheduler.Kept{Submitter: nodeOf(testKey(6)), Task: wire.TaskID{1}})
	for i := range 20 {
		if err := admit(0, byte(i+10)); err != nil {
			t.Fatalf("task %d: %v", i, err)
		}
		k.Drop(now, scheduler.Kept{Submitter: nodeOf(testKey(0)), Task: wire.TaskID{byte(i + 10)}})
	}
}

// What a node has made itself is dropped like what others have, and is fenced; what comes
// late is not to stay.
func TestKeeperKeepsItsOwn(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	k := scheduler.NewKeeper(scheduler.KeeperConfig{Self: nodeOf(testKey(2))})
	g := testGrant(1)
	of := scheduler.Kept{Submitter: g.Submitter, Task: g.Task}
	if !k.Keeping(now, of, 2) {
		t.Error("not kept")
	}
	if err := k.Admit(now, g.Executor, wire.VerbKeep, g); !errors.Is(err, scheduler.ErrFenced) {
		t.Errorf("an earlier attempt: %v", err)
	}
	if !k.Drop(now, of) || k.Keeping(now, of, 3) {
		t.Error("kept after the task has ended")
	}
}

// Whoever is not trusted has nothing kept.
func TestKeeperTrusts(t *testing.T) {
	k := scheduler.NewKeeper(scheduler.KeeperConfig{Self: nodeOf(testKey(2)), Trust: func(wire.NodeID) float64 { return 0 }})
	if err := k.Admit(time.Now(), nodeOf(testKey(1)), wire.VerbKeep, testGrant(1)); !errors.Is(err, scheduler.ErrNotGranted) {
		t.Errorf("%v", err)
	}
}

// Only what the node of an attempt has made in that attempt counts, the newest first.
func TestBest(t *testing.T) {
	g := testGrant(4)
	a, b := nodeOf(testKey(1)), nodeOf(testKey(3))
	g.Makers = []wire.Maker{{Attempt: 1, Node: a}, {Attempt: 3, Node: b}}
	at := func(attempt uint32, sequence uint64, maker wire.NodeID) scheduler.Offered {
		return scheduler.Offered{Held: wire.Held{Point: wire.Point{Attempt: attempt, Sequence: sequence}, Maker: maker}, Holder: a}
	}
	got := scheduler.Best(g, []scheduler.Offered{
		at(1, 9, a), at(3, 2, b), at(3, 5, a), at(2, 7, b), at(4, 1, b), at(3, 4, b),
	})
	want := []scheduler.Offered{at(3, 4, b), at(3, 2, b), at(1, 9, a)}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %+v", i, got[i])
		}
	}
}

// say has an executor say something to the submitter.
func (m *mesh) say(from wire.NodeID, message wire.Message) {
	m.queue = append(m.queue, delivery{from, m.self, message})
	m.deliver()
}

// keep asks who is to keep the checkpoints of a task, and returns the grant.
func (m *mesh) keep(id wire.TaskID) wire.Grant {
	t := m.task(id)
	r, err := m.s.Step(m.now, scheduler.Received{From: t.Node, Message: wire.Keep{Ref: wire.Ref{Task: id, Attempt: t.Attempts[len(t.Attempts)-1].Number}}})
	if err != nil || len(r.Messages) != 1 {
		m.t.Fatalf("%+v, %v", r, err)
	}
	return must(wire.Open[wire.Grant](r.Messages[0].Message.(wire.Granted).Envelope))
}

// What an executor says of its checkpoints is known, and decides where a task goes on; a
// migration goes where it was asked to.
func TestTaskGoesOn(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Key: testKey(0)}, small, small, small)
	s := m.spec()
	s.Retries = 3
	id := m.mustSubmit("a", s)
	first := m.task(id).Node
	m.pass(2 * time.Second)
	grant := m.keep(id)
	if len(grant.Keepers) != 2 || len(grant.Makers) != 0 || grant.Executor != first {
		t.Fatalf("%+v", grant)
	}
	to := grant.Keepers[1]
	point := wire.Point{Attempt: 1, Sequence: 3, Fuel: 300}
	m.say(first, wire.Kept{Ref: wire.Ref{Task: id, Attempt: 1}, Last: point, Count: 3, Keepers: []wire.NodeID{to}})
	m.step(scheduler.Lost{Node: first})
	m.pass(3 * time.Second)
	got := m.task(id)
	if got.State != scheduler.Running || got.Node != to || got.Attempts[0].Last != point {
		t.Fatalf("not on the keeper: %+v", got)
	}
	start := m.starts[to][len(m.starts[to])-1]
	g := must(wire.Open[wire.Grant](start.Grant))
	if !g.Made(first, 1) || g.Known != point || g.Attempt != 2 {
		t.Errorf("%+v", g)
	}
	if began := got.Began(2); began != 2 {
		t.Errorf("began with %d before it has gone on", began)
	}
	m.say(to, wire.Kept{Ref: wire.Ref{Task: id, Attempt: 2}, From: point})
	got = m.task(id)
	if began := got.Began(2); began != 1 {
		t.Errorf("began with %d", began)
	}
}

// A node that dies uses up a retry only if the task had come no further there than before.
func TestProgressUsesNoRetry(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Key: testKey(0)}, small)
	s := m.spec()
	s.Retries = 1
	id := m.mustSubmit("a", s)
	var from wire.Point
	lose := func(fuel uint64) scheduler.State {
		task := m.task(id)
		last := wire.Point{Attempt: uint32(len(task.Attempts)), Sequence: 1, Fuel: fuel}
		m.say(task.Node, wire.Kept{Ref: wire.Ref{Task: id, Attempt: last.Attempt}, From: from, Last: last, Count: 1})
		from = last
		m.end("e1", failure(wire.ReasonNodeLost))
		m.pass(5 * time.Second)
		return m.task(id).State
	}
	for i, fuel := range []uint64{100, 200, 300, 400, 400} { // the last uses up the one retry
		if state := lose(fuel); state != scheduler.Running {
			t.Fatalf("after loss %d: %s %+v", i+1, state, m.task(id))
		}
	}
	if state := lose(401); state != scheduler.Running {
		t.Errorf("further, but %s", state)
	}
	if state := lose(401); state != scheduler.Failed {
		t.Errorf("no further, and no retry left, but %s", state)
	}
}

func TestMigrateErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *wire.Spec)
		to     func(m *mesh, id wire.TaskID) wire.NodeID
		why    string
	}{
		"no checkpoints": {change: func(s *wire.Spec) { s.NoCheckpoints = true }, why: "cannot migrate: the task has no checkpoints"},
		"where it is":    {to: func(m *mesh, id wire.TaskID) wire.NodeID { return m.task(id).Node }, why: "cannot migrate: the task runs there"},
		"unknown":        {to: func(*mesh, wire.TaskID) wire.NodeID { return nodeOf(testKey(8)) }, why: "cannot migrate: node " + nodeOf(testKey(8)).Short() + " is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, scheduler.SubmitterConfig{Key: testKey(0)}, small, small)
			s := m.spec()
			if c.change != nil {
				c.change(&s)
			}
			id := m.mustSubmit("a", s)
			ev := scheduler.MigrateTask{Task: id}
			if c.to != nil {
				ev.To = c.to(m, id)
			}
			_, err := m.s.Step(m.now, ev)
			if migrate := (*scheduler.MigrateError)(nil); !errors.As(err, &migrate) || err.Error() != c.why {
				t.Errorf("%v", err)
			}
		})
	}
	m := newMesh(t, scheduler.SubmitterConfig{Key: testKey(0)}, small)
	if _, err := m.s.Step(m.now, scheduler.MigrateTask{Task: wire.TaskID{1}}); !errors.Is(err, scheduler.ErrUnknownTask) {
		t.Errorf("%v", err)
	}
	id := m.mustSubmit("a", m.spec())
	if _, err := m.s.Step(m.now, scheduler.MigrateTask{Task: id}); err == nil {
		t.Error("a task is to migrate from the only node")
	}
}

// Draining gives back what has run for a second at once, and what has just begun when it
// has; without a key there is nothing to go on from.
func TestDrainYields(t *testing.T) {
	e := must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: testKey(1), Capacity: small}))
	now := time.Unix(1_700_000_000, 0)
	submitter := nodeOf(testKey(0))
	begin := func(task byte) {
		spec := wire.Spec{Submitter: submitter, Module: testModule, Placement: wire.PlaceAuto, Priority: wire.PriorityNormal,
			Profile: wire.Profile{CPU: 100, Memory: wire.MB}}
		e.Step(now, scheduler.Received{From: submitter, Message: wire.Assign{Ref: wire.Ref{Task: wire.TaskID{task}, Attempt: 1}, Spec: spec}})
	}
	yields := func(r scheduler.Ready) (tasks []byte) {
		for _, f := range r.Effects {
			if y, ok := f.(scheduler.Yield); ok {
				tasks = append(tasks, y.Task[0])
			}
		}
		return tasks
	}
	begin(1)
	now = now.Add(2 * time.Second)
	begin(2)
	if got := yields(e.Step(now, scheduler.SetDraining{On: true, Grace: time.Minute})); string(got) != "\x01" {
		t.Errorf("%v are given back at once", got)
	}
	now = now.Add(scheduler.CheckpointAfter)
	if got := yields(e.Step(now, scheduler.Tick{})); string(got) != "\x01\x02" {
		t.Errorf("%v are given back after a second", got)
	}
	e.Step(now, scheduler.SetDraining{})
	if got := yields(e.Step(now, scheduler.SetDraining{On: true, Stay: true, Grace: time.Minute})); len(got) != 0 {
		t.Errorf("%v are given back, and may stay", got)
	}
}
