package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// big is what small has not room for twice.
func (m *mesh) bigSpec() wire.Spec {
	s := m.spec()
	s.Profile.CPU = 800
	return s
}

func failure(reason wire.Reason) wire.Outcome {
	return wire.Outcome{Status: wire.Failed, Reason: reason, Started: true}
}

func refusal(fault wire.Fault) wire.Outcome {
	return wire.Outcome{Status: wire.Failed, Reason: wire.ReasonRefused, Fault: fault}
}

func TestPriorityThenAge(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	for i, p := range []wire.Priority{wire.PriorityNormal, wire.PriorityNormal, wire.PriorityCritical, wire.PriorityLow, wire.PriorityHigh, wire.PriorityNormal} {
		s := m.bigSpec()
		s.Priority = p
		m.mustSubmit(fmt.Sprintf("%d-%d", i, p), s)
	}
	m.taken()
	for range 6 {
		m.end("e1", success)
	}
	var order []string
	for _, line := range strings.Split(m.taken(), "\n") {
		if rest, ok := strings.CutPrefix(line, "e1 starts "); ok {
			order = append(order, rest)
		}
	}
	if got, want := strings.Join(order, " "), "2-4/1 4-3/1 1-2/1 5-2/1 3-1/1"; got != want {
		t.Errorf("started %s, want %s", got, want)
	}
}

// What does not fit does not hold up what does.
func TestSmallTasksPassABigOne(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	m.mustSubmit("a", m.bigSpec())
	m.mustSubmit("b", m.bigSpec())
	s := m.spec()
	s.Profile.CPU = 100
	m.mustSubmit("c", s)
	m.wantTrace("a queued\na placing\ne1 starts a/1\na running\nb queued\nc queued\nc placing\ne1 starts c/1\nc running")
}

// The view was wrong: the node is full by now.
func TestRefusedElsewhere(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	for _, id := range m.order() { // somebody else takes one of them
		other := nodeOf(testKey(9))
		m.carryOut(id, m.execs[id].Step(m.now, scheduler.Received{From: other, Message: wire.Reserve{
			Ref: wire.Ref{Task: wire.TaskID{1}, Attempt: 1}, Profile: wire.Profile{CPU: 900, Memory: wire.MB}, Lease: time.Second}}))
	}
	id := m.mustSubmit("a", m.bigSpec())
	if got := m.task(id); got.State != scheduler.Queued || len(got.Attempts) != 0 {
		t.Fatalf("%+v", got)
	}
	if x, _ := m.s.Explain(id); x.Summary != "2 of 2 nodes: not enough cpu" {
		t.Errorf("%+v", x)
	}
	m.taken()
	m.pass(2 * time.Second) // the other one's leases end
	for _, id := range m.order() {
		m.announce(id)
	}
	m.pass(2 * time.Second)
	if got := m.task(id); got.State != scheduler.Running || len(got.Attempts) != 1 || got.Attempts[0].Number != 1 {
		t.Errorf("%+v", got)
	}
}

func TestLostExecutor(t *testing.T) {
	for name, lose := range map[string]func(m *mesh, id wire.NodeID){
		"connection closed": func(m *mesh, id wire.NodeID) {
			m.step(scheduler.Disconnected{Node: id})
			m.pass(300 * time.Millisecond)
		},
		"silence": func(m *mesh, id wire.NodeID) { m.pass(4 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
			id := m.mustSubmit("a", m.spec())
			first := m.task(id).Node
			cut := true
			m.drop = func(d delivery) bool { return cut && (d.from == first || d.to == first) }
			lose(m, first)
			got := m.task(id)
			if got.State != scheduler.Running || got.Node == first || len(got.Attempts) != 2 || got.Attempts[0].Reason != wire.ReasonNodeLost {
				t.Fatalf("%+v", got)
			}
			// The lost one comes back with its result: nobody wants it.
			cut = false
			m.end(m.names[first], success)
			if got := m.task(id); got.State != scheduler.Running || m.s.Stats().StaleResults != 1 || !m.execs[first].Idle() {
				t.Fatalf("%+v, %+v", got, m.s.Stats())
			}
			second := success
			second.FuelUsed = 8
			m.end(m.names[got.Node], second)
			if got := m.task(id); got.State != scheduler.Succeeded || got.Result.FuelUsed != 8 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// An executor that still runs what was given up is told to stop.
func TestLostExecutorIsStopped(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	id := m.mustSubmit("a", m.spec())
	first := m.task(id).Node
	m.drop = func(d delivery) bool { return d.from == first || d.to == first }
	m.pass(4 * time.Second)
	m.taken()
	m.drop = nil
	m.pass(time.Second + time.Millisecond)
	m.wantTrace(m.names[first] + " stops a/1")
}

// A submitter that was stopped for a while does not take its own silence for
// that of others.
func TestStoppedSubmitter(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	id := m.mustSubmit("a", m.spec())
	m.drop = func(delivery) bool { return true }
	m.pass(time.Second)
	m.now = m.now.Add(time.Minute)
	m.step(scheduler.Tick{})
	if got := m.task(id); got.State != scheduler.Running || len(m.s.Nodes()) != 1 {
		t.Fatalf("%+v", got)
	}
	m.pass(4 * time.Second)
	if got := m.task(id); got.Attempts[0].Reason != wire.ReasonNodeLost {
		t.Errorf("%+v", got)
	}
}

func TestRetryByClass(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     wire.Outcome
		cfg   scheduler.SubmitterConfig
		again bool
	}{
		{"exit", wire.Outcome{Status: wire.Failed, Reason: wire.ReasonExit, ExitCode: 3, Started: true}, scheduler.SubmitterConfig{}, false},
		{"trap", failure(wire.ReasonTrap), scheduler.SubmitterConfig{}, false},
		{"memory", failure(wire.ReasonOutOfMemory), scheduler.SubmitterConfig{}, false},
		{"timeout", failure(wire.ReasonTimeout), scheduler.SubmitterConfig{}, true},
		{"timeout, final", failure(wire.ReasonTimeout), scheduler.SubmitterConfig{NoRetryOnTimeout: true}, false},
		{"fetch", refusal(wire.FaultFetch), scheduler.SubmitterConfig{}, true},
		{"node", refusal(wire.FaultNode), scheduler.SubmitterConfig{}, true},
		{"module", refusal(wire.FaultModule), scheduler.SubmitterConfig{}, false},
		{"lost", failure(wire.ReasonNodeLost), scheduler.SubmitterConfig{}, true},
		{"lost, final", failure(wire.ReasonNodeLost), scheduler.SubmitterConfig{NoRetryOnNodeLoss: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t, c.cfg, small)
			id := m.mustSubmit("a", m.spec())
			m.end("e1", c.o)
			m.pass(5 * time.Second)
			got := m.task(id)
			if again := got.State == scheduler.Running; again != c.again {
				t.Fatalf("%+v", got)
			}
			if !c.again && (got.State != scheduler.Failed || got.Reason != c.o.Reason || got.Result == nil) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Backoff doubles, and retries end: each attempt is on record.
func TestBackoffAndExhaustion(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	s := m.spec()
	s.Retries = 3
	id := m.mustSubmit("a", s)
	var waits []time.Duration
	for range 3 {
		m.end("e1", failure(wire.ReasonTimeout))
		x, _ := m.s.Explain(id)
		waits = append(waits, x.NextTry.Sub(m.now))
		m.pass(x.NextTry.Sub(m.now) + time.Millisecond)
	}
	for i, base := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
		if waits[i] < base/2 || waits[i] > base {
			t.Errorf("wait %d of %v is not between %v and %v", i, waits[i], base/2, base)
		}
	}
	m.end("e1", failure(wire.ReasonTimeout))
	if got := m.task(id); got.State != scheduler.Failed || got.Reason != wire.ReasonTimeout || len(got.Attempts) != 4 {
		t.Errorf("%+v", got)
	}
}

// A node that is restarted again and again loses what it runs for itself each time:
// that uses up no retries, but for a task that may be what brings it down.
func TestOwnRestartsAreNoFailures(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Self: nodeOf(testKey(1))}, small)
	s := m.spec()
	s.Submitter, s.Retries = m.self, 1
	id := m.mustSubmit("a", s)
	lose := func() scheduler.State {
		m.end("e1", failure(wire.ReasonNodeLost))
		m.pass(5 * time.Second)
		return m.task(id).State
	}
	for n := range 9 { // eight of them for nothing, and the one retry
		if state := lose(); state != scheduler.Running {
			t.Fatalf("after loss %d: %s %+v", n+1, state, m.task(id))
		}
	}
	if state := lose(); state != scheduler.Failed {
		t.Errorf("after ten losses: %s", state)
	}
}

func TestDeadline(t *testing.T) {
	t.Run("waiting", func(t *testing.T) {
		m := newMesh(t, scheduler.SubmitterConfig{}, small)
		m.mustSubmit("a", m.bigSpec())
		s := m.bigSpec()
		s.Deadline = 3 * time.Second
		id := m.mustSubmit("b", s)
		m.pass(4 * time.Second)
		if got := m.task(id); got.State != scheduler.Failed || got.Reason != wire.ReasonTimeout || !got.Ended.Equal(got.Created.Add(3*time.Second)) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("running", func(t *testing.T) {
		m := newMesh(t, scheduler.SubmitterConfig{}, small)
		s := m.spec()
		s.Deadline = 3 * time.Second
		id := m.mustSubmit("a", s)
		if start := m.starts[m.exec("e1")][0]; !start.Deadline.Equal(m.now.Add(3 * time.Second)) {
			t.Errorf("%+v", start)
		}
		m.pass(3 * time.Second)
		m.end("e1", failure(wire.ReasonTimeout))
		if got := m.task(id); got.State != scheduler.Failed || got.Reason != wire.ReasonTimeout || got.Result == nil || len(got.Attempts) != 1 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("running and silent about it", func(t *testing.T) {
		m := newMesh(t, scheduler.SubmitterConfig{}, small)
		s := m.spec()
		s.Deadline = 3 * time.Second
		id := m.mustSubmit("a", s)
		m.taken()
		m.pass(5 * time.Second)
		m.wantTrace("a failed timeout\ne1 stops a/1")
		if got := m.task(id); got.Result != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestCancel(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	running, queued := m.mustSubmit("a", m.bigSpec()), m.mustSubmit("b", m.bigSpec())
	m.taken()
	for _, id := range []wire.TaskID{queued, running, running} {
		if err := m.step(scheduler.CancelTask{Task: id}); err != nil {
			t.Fatal(err)
		}
	}
	m.wantTrace("b cancelled\na cancelled\ne1 stops a/1")
	e := m.execs[m.exec("e1")]
	if e.Runs() != 1 || e.Free().CPU == small.CPU {
		t.Error("capacity is free before the run has stopped")
	}
	m.end("e1", wire.Outcome{Status: wire.Cancelled})
	if !e.Idle() || e.Free().CPU != small.CPU {
		t.Error("the run has stopped and is not gone")
	}
	if err := m.step(scheduler.CancelTask{Task: wire.TaskID{1}}); !errors.Is(err, scheduler.ErrUnknownTask) {
		t.Error(err)
	}
}

func TestRefusedSubmissions(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{MaxQueued: 2, MaxConcurrent: 1, Rate: 1, Burst: 4}, small)
	submit := func(id byte, key string, change func(*wire.Spec)) error {
		s := m.spec()
		if change != nil {
			change(&s)
		}
		return m.step(scheduler.Submit{ID: wire.TaskID{id}, Spec: s, Client: "c", Key: key})
	}
	var busy *scheduler.BusyError
	var exists *scheduler.ExistsError
	if err := submit(1, "k", nil); err != nil {
		t.Fatal(err)
	}
	if err := submit(2, "k", nil); !errors.As(err, &exists) || exists.Task != (wire.TaskID{1}) {
		t.Errorf("the same key: %v", err)
	}
	if err := submit(2, "k", func(s *wire.Spec) { s.Args = []string{"x"} }); !errors.Is(err, scheduler.ErrKeyReused) {
		t.Errorf("the key for another task: %v", err)
	}
	if err := submit(1, "", nil); !errors.Is(err, wire.ErrInvalid) {
		t.Errorf("the same id: %v", err)
	}
	if err := submit(2, "", func(s *wire.Spec) { s.Submitter = nodeOf(testKey(3)) }); !errors.Is(err, wire.ErrInvalid) {
		t.Errorf("another submitter: %v", err)
	}
	for id := byte(2); id < 4; id++ {
		if err := submit(id, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := submit(4, "", nil); !errors.As(err, &busy) || busy.Cause != "queue is full" || busy.RetryAfter <= 0 {
		t.Errorf("full: %v", err)
	}
	m.end("e1", success)
	if err := submit(4, "", nil); err != nil {
		t.Fatal(err)
	}
	m.end("e1", success)
	if err := submit(5, "", nil); !errors.As(err, &busy) || busy.Cause != "rate of this submitter" || busy.RetryAfter != time.Second {
		t.Errorf("too fast: %v", err)
	}
	m.pass(time.Second)
	if err := submit(5, "", nil); err != nil {
		t.Errorf("after a second: %v", err)
	}
}

func TestNotPlaced(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small, wire.Capacity{CPU: 8000, Memory: 1 << 30})
	s := m.spec()
	s.Profile.CPU, s.Hints.Require.Labels = 2000, []string{"name=e1"}
	id := m.mustSubmit("a", s)
	if got := m.s.Plan(id, &s); got.Node != "" || got.Choices[0].Out == "" || !got.Choices[0].Never {
		t.Errorf("%+v", got)
	}
	m.pass(11 * time.Second)
	if got := m.task(id); got.State != scheduler.Failed || got.Reason != wire.ReasonNotPlaced ||
		got.Message != "2 of 3 nodes: without a required label; 1: not enough cpu" {
		t.Errorf("%+v", got)
	}
}

func TestBadResults(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	s := m.spec()
	s.Limits.Fuel = 100
	id := m.mustSubmit("a", s)
	node := m.task(id).Node
	good := wire.Result{Ref: wire.Ref{Task: id, Attempt: 1}, Submitter: m.self, Executor: node, Outcome: success}
	good.FuelLimit = 100
	for name, change := range map[string]func(r *wire.Result){
		"another attempt":    func(r *wire.Result) { r.Attempt = 2 },
		"another submitter":  func(r *wire.Result) { r.Submitter = node },
		"another fuel limit": func(r *wire.Result) { r.FuelLimit = 99 },
		"cancelled":          func(r *wire.Result) { r.Status = wire.Cancelled },
		"values":             func(r *wire.Result) { r.Values = []string{"1"} },
		"nonsense":           nil,
	} {
		m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
		id := m.mustSubmit("a", s)
		node := m.task(id).Node
		envelope := []byte("nonsense")
		if change != nil {
			r := good
			r.Task, r.Executor = id, node
			change(&r)
			envelope = must(wire.Seal(r, m.keys[node]))
		}
		m.step(scheduler.Received{From: node, Message: wire.Done{Ref: wire.Ref{Task: id, Attempt: 1}, Envelope: envelope}})
		if got := m.task(id); got.State.Ended() || got.Attempts[0].Fault != wire.FaultNode || m.s.Stats().BadResults != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// From another node it is not looked at.
	other := m.exec("e1")
	if other == node {
		other = m.exec("e2")
	}
	m.step(scheduler.Received{From: other, Message: wire.Done{Ref: good.Ref, Envelope: must(wire.Seal(good, m.keys[node]))}})
	if got := m.task(id); got.State != scheduler.Running || m.s.Stats().StaleResults != 1 {
		t.Errorf("%+v", got)
	}
}

// A task with outputs ends when they are here.
func TestCollect(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	id := m.mustSubmit("a", m.spec())
	withOutput := success
	withOutput.Output = testModule
	m.taken()
	m.end("e1", withOutput)
	m.wantTrace("collect 1 from e1")
	ref := wire.Ref{Task: id, Attempt: 1}
	m.step(scheduler.Collected{Ref: ref, Err: "nobody has it"})
	if got := m.task(id); got.State != scheduler.Queued || got.Result != nil || got.Attempts[0].Fault != wire.FaultFetch {
		t.Fatalf("%+v", got)
	}
	m.pass(3 * time.Second)
	m.end("e1", withOutput)
	m.step(scheduler.Collected{Ref: ref}) // late, of the first attempt
	if got := m.task(id); got.State != scheduler.Running {
		t.Fatalf("%+v", got)
	}
	m.step(scheduler.Collected{Ref: wire.Ref{Task: id, Attempt: 2}})
	if got := m.task(id); got.State != scheduler.Succeeded || !m.execs[m.exec("e1")].Idle() {
		t.Errorf("%+v", got)
	}
}

func TestOutputOfTheLiveAttemptOnly(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	id := m.mustSubmit("a", m.spec())
	m.taken()
	for i, from := range m.order() {
		m.step(scheduler.Received{From: from, Message: wire.Output{Ref: wire.Ref{Task: id, Attempt: 1}, Stream: wire.Stdout, Data: fmt.Append(nil, "e", i+1)}})
		m.step(scheduler.Received{From: from, Message: wire.Output{Ref: wire.Ref{Task: id, Attempt: 2}, Stream: wire.Stdout, Data: []byte("no")}})
	}
	m.wantTrace(fmt.Sprintf("write %q at 0", m.names[m.task(id).Node]))
}

// A submitter that comes back finds its tasks as they were, and those that run
// elsewhere go on.
func TestSubmitterRestarts(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	ended := m.mustSubmit("ended", m.bigSpec())
	m.end("e1", success)
	running := m.mustSubmit("running", m.bigSpec())
	queued := m.mustSubmit("queued", m.bigSpec())
	m.taken()

	m.s = must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
	m.carryOut(m.self, must(m.s.Restore(m.now, m.records("s"))))
	for id, want := range map[wire.TaskID]scheduler.State{ended: scheduler.Succeeded, running: scheduler.Running, queued: scheduler.Queued} {
		if got := m.task(id); got.State != want {
			t.Errorf("%+v", got)
		}
	}
	if got := m.task(ended); got.Result == nil || got.Result.FuelUsed != 7 {
		t.Errorf("%+v", got)
	}
	m.seq++
	m.announce(m.exec("e1"))
	m.pass(20 * time.Second) // the heartbeats keep it
	m.end("e1", success)
	m.wantTrace("running succeeded\nqueued placing\ne1 starts queued/1\nqueued running")
}

// An executor that never comes back is lost after all.
func TestSubmitterRestartsAlone(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	id := m.mustSubmit("a", m.spec())
	m.s = must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
	m.carryOut(m.self, must(m.s.Restore(m.now, m.records("s"))))
	m.drop = func(delivery) bool { return true }
	m.pass(16 * time.Second)
	if got := m.task(id); got.State != scheduler.Queued || got.Attempts[0].Reason != wire.ReasonNodeLost {
		t.Errorf("%+v", got)
	}
}

func TestEndedTasksAreForgotten(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{MaxEnded: 2}, small)
	var ids []wire.TaskID
	for i := range 4 {
		ids = append(ids, m.mustSubmit(fmt.Sprint(i), m.spec()))
		m.end("e1", success)
	}
	m.step(scheduler.Tick{})
	for i, id := range ids {
		if _, ok := m.s.Task(id); ok != (i >= 2) {
			t.Errorf("task %d: %v", i, ok)
		}
	}
	ofTasks := func() (n int) {
		for _, r := range m.records("s") {
			if !strings.HasPrefix(r.Key, "health/") {
				n++
			}
		}
		return n
	}
	if ofTasks() != 4 {
		t.Errorf("%d records of two tasks", ofTasks())
	}
	m.pass(25 * time.Hour)
	if ofTasks() != 0 {
		t.Errorf("%d records a day later", ofTasks())
	}
}

func TestDamagedJournal(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	m.mustSubmit("a", m.spec())
	good := m.records("s")
	for name, records := range map[string][]scheduler.Record{
		"no spec":  {{Key: good[0].Key, Value: good[0].Value}, {Key: good[1].Key, Value: good[1].Value}},
		"nonsense": {{Key: "task/x", Value: []byte("x")}},
		"bad key":  {{Key: "spec/x", Value: []byte{0xa0}}},
	} {
		if name == "no spec" {
			for i := range records {
				if strings.HasPrefix(records[i].Key, "task/") {
					records = records[i : i+1]
					break
				}
			}
		}
		s := must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
		if _, err := s.Restore(m.now, records); !errors.Is(err, scheduler.ErrJournal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
