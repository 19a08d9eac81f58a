package scheduler_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// lone is an executor and what it says, without a submitter that answers.
type lone struct {
	t       *testing.T
	e       *scheduler.Executor
	now     time.Time
	journal map[string][]byte
}

var peer = nodeOf(testKey(7))

func newLone(t *testing.T, cfg scheduler.ExecutorConfig) *lone {
	cfg.Key, cfg.Capacity = testKey(1), small
	return &lone{t, must(scheduler.NewExecutor(cfg)), time.Unix(1_700_000_000, 0), map[string][]byte{}}
}

func (l *lone) step(ev scheduler.Event) scheduler.Ready {
	r := l.e.Step(l.now, ev)
	l.save(r)
	return r
}

func (l *lone) save(r scheduler.Ready) {
	for _, rec := range r.Persist {
		if rec.Value == nil {
			delete(l.journal, rec.Key)
		} else {
			l.journal[rec.Key] = rec.Value
		}
	}
}

func (l *lone) get(from wire.NodeID, m wire.Message) []wire.Message {
	return messages(l.step(scheduler.Received{From: from, Message: m}))
}

func messages(r scheduler.Ready) (list []wire.Message) {
	for _, out := range r.Messages {
		list = append(list, out.Message)
	}
	return list
}

func ref(task byte, attempt uint32) wire.Ref {
	return wire.Ref{Task: wire.TaskID{task}, Attempt: attempt}
}

func reserve(r wire.Ref, cpu uint32) wire.Reserve {
	return wire.Reserve{Ref: r, Profile: wire.Profile{CPU: cpu, Memory: wire.MB}, Lease: time.Second}
}

func assign(r wire.Ref, cpu uint32) wire.Assign {
	return wire.Assign{Ref: r, Spec: wire.Spec{Submitter: peer, Module: testModule, Placement: wire.PlaceAuto, Priority: wire.PriorityLow,
		Profile: wire.Profile{CPU: cpu, Memory: wire.MB}}}
}

// kind is an answer as a word.
func kind(list []wire.Message) string {
	if len(list) != 1 {
		return "not one answer"
	}
	switch m := list[0].(type) {
	case wire.Reserved:
		return "reserved"
	case wire.Accepted:
		return "accepted"
	case wire.Done:
		return "done"
	case wire.Refused:
		return "refused " + string(m.Why)
	}
	return "?"
}

// Each case is what comes after a reservation of 600 thousandths for task 1,
// attempt 2.
func TestReservations(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(l *lone) []wire.Message
		want string
		free uint32
	}{
		{"again", func(l *lone) []wire.Message { return l.get(peer, reserve(ref(1, 2), 600)) }, "reserved", 400},
		{"too much", func(l *lone) []wire.Message { return l.get(peer, reserve(ref(2, 1), 600)) }, "refused cpu", 400},
		{"nothing at all", func(l *lone) []wire.Message { return l.get(peer, reserve(ref(2, 1), 0)) }, "refused invalid", 400},
		{"older attempt", func(l *lone) []wire.Message { return l.get(peer, reserve(ref(1, 1), 100)) }, "refused stale", 400},
		{"newer attempt", func(l *lone) []wire.Message { return l.get(peer, reserve(ref(1, 3), 700)) }, "reserved", 300},
		{"another's task of the same id", func(l *lone) []wire.Message { return l.get(nodeOf(testKey(8)), reserve(ref(1, 1), 100)) }, "reserved", 300},
		{"assigned", func(l *lone) []wire.Message { return l.get(peer, assign(ref(1, 2), 600)) }, "accepted", 400},
		{"assigned something larger", func(l *lone) []wire.Message { return l.get(peer, assign(ref(1, 2), 900)) }, "accepted", 100},
		{"assigned by another", func(l *lone) []wire.Message { return l.get(nodeOf(testKey(8)), assign(ref(1, 2), 600)) }, "refused invalid", 400},
		{"assigned after the lease", func(l *lone) []wire.Message {
			l.now = l.now.Add(2 * time.Second)
			l.step(scheduler.Tick{})
			return l.get(peer, assign(ref(1, 2), 600))
		}, "accepted", 400},
		{"lease over", func(l *lone) []wire.Message {
			l.now = l.now.Add(time.Second)
			l.step(scheduler.Tick{})
			return l.get(peer, reserve(ref(2, 1), 1000))
		}, "reserved", 0},
		{"cancelled", func(l *lone) []wire.Message {
			l.get(peer, wire.Cancel{Ref: ref(1, 2)})
			return l.get(peer, reserve(ref(2, 1), 1000))
		}, "reserved", 0},
		{"cancelled by another", func(l *lone) []wire.Message {
			l.get(nodeOf(testKey(8)), wire.Cancel{Ref: ref(1, 2)})
			return l.get(peer, reserve(ref(2, 1), 1000))
		}, "refused cpu", 400},
		{"submitter gone", func(l *lone) []wire.Message {
			l.step(scheduler.Disconnected{Node: peer})
			return l.get(peer, reserve(ref(2, 1), 1000))
		}, "reserved", 0},
		{"draining", func(l *lone) []wire.Message {
			l.step(scheduler.SetDraining{On: true})
			return l.get(peer, reserve(ref(2, 1), 100))
		}, "refused draining", 1000},
		{"no more draining", func(l *lone) []wire.Message {
			l.step(scheduler.SetDraining{On: true})
			l.step(scheduler.SetDraining{})
			return l.get(peer, reserve(ref(2, 1), 100))
		}, "reserved", 900},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLone(t, scheduler.ExecutorConfig{})
			if got := kind(l.get(peer, reserve(ref(1, 2), 600))); got != "reserved" {
				t.Fatal(got)
			}
			if got := kind(c.do(l)); got != c.want || l.e.Free().CPU != c.free {
				t.Errorf("%s with %d free, want %s with %d", got, l.e.Free().CPU, c.want, c.free)
			}
		})
	}
}

// What is assigned without having been reserved costs what it costs now.
func TestCostOfAnAssignment(t *testing.T) {
	l := newLone(t, scheduler.ExecutorConfig{Cost: 100})
	for most, want := range map[uint64]string{99: "refused cost", 100: "accepted"} {
		m := assign(ref(byte(most), 1), 100)
		m.Spec.MaxCost, m.Spec.Limits.Fuel = most, 1000
		if got := kind(l.get(peer, m)); got != want {
			t.Errorf("for %d: %s, want %s", most, got, want)
		}
		l.get(peer, wire.Cancel{Ref: m.Ref})
		l.step(scheduler.Ended{Run: scheduler.Run{Submitter: peer, Ref: m.Ref}})
	}
}

// Accepted means on disk first.
func TestAcceptIsSynced(t *testing.T) {
	l := newLone(t, scheduler.ExecutorConfig{})
	r := l.step(scheduler.Received{From: peer, Message: assign(ref(1, 1), 100)})
	if !r.Sync || len(r.Persist) != 1 || len(r.Effects) != 1 || kind(messages(r)) != "accepted" {
		t.Errorf("%+v", r)
	}
	r = l.step(scheduler.Received{From: peer, Message: assign(ref(1, 1), 100)})
	if len(r.Persist)+len(r.Effects) != 0 || kind(messages(r)) != "accepted" {
		t.Errorf("again: %+v", r)
	}
}

func TestBounds(t *testing.T) {
	l := newLone(t, scheduler.ExecutorConfig{MaxRuns: 2, MaxUnacked: 1})
	l.get(peer, reserve(ref(1, 1), 100))
	l.get(peer, reserve(ref(2, 1), 100))
	if got := kind(l.get(peer, reserve(ref(3, 1), 100))); got != "refused busy" {
		t.Errorf("a third run: %s", got)
	}
	l.get(peer, assign(ref(1, 1), 100))
	l.step(scheduler.Ended{Run: scheduler.Run{Submitter: peer, Ref: ref(1, 1)}, Outcome: success})
	if got := kind(l.get(peer, reserve(ref(3, 1), 100))); got != "refused busy" {
		t.Errorf("with a result that it does not fetch: %s", got)
	}
	if got := kind(l.get(nodeOf(testKey(8)), reserve(ref(3, 1), 100))); got != "reserved" {
		t.Errorf("another submitter: %s", got)
	}
	l.get(peer, wire.Ack{Ref: ref(1, 1)})
	if got := kind(l.get(peer, reserve(ref(2, 1), 100))); got != "reserved" {
		t.Errorf("acknowledged: %s", got)
	}
}

// A result is sent until it is acknowledged, ever less often, and at once when
// its submitter comes back.
func TestResultsAreSentAgain(t *testing.T) {
	l := newLone(t, scheduler.ExecutorConfig{Heartbeat: time.Hour})
	l.get(peer, assign(ref(1, 1), 100))
	r := l.step(scheduler.Ended{Run: scheduler.Run{Submitter: peer, Ref: ref(1, 1)}, Outcome: success})
	begin := l.now
	done := messages(r)
	if kind(done) != "done" || l.e.Free().CPU != small.CPU {
		t.Fatalf("%+v", r)
	}
	result, err := wire.Open[wire.Result](done[0].(wire.Done).Envelope)
	if err != nil || result.Ref != ref(1, 1) || result.Submitter != peer || result.FuelUsed != 7 {
		t.Fatalf("%+v, %v", result, err)
	}
	var at []time.Duration
	for range 8 {
		l.now = l.e.Deadline()
		if r := l.step(scheduler.Tick{}); kind(messages(r)) != "done" {
			t.Fatalf("%+v", r)
		}
		at = append(at, l.now.Sub(begin)/time.Second)
	}
	if !slices.Equal(at, []time.Duration{1, 3, 7, 15, 31, 63, 123, 183}) {
		t.Errorf("sent again after %d s", at)
	}
	if again := messages(l.step(scheduler.Connected{Node: peer})); len(again) != 2 { // a heartbeat and the result
		t.Errorf("%+v", again)
	}
	l.get(nodeOf(testKey(8)), wire.Ack{Ref: ref(1, 1)})
	if l.e.Idle() {
		t.Error("another's Ack counts")
	}
	l.get(peer, wire.Ack{Ref: ref(1, 1)})
	if !l.e.Idle() || len(l.journal) != 0 || !l.e.Deadline().IsZero() {
		t.Error("acknowledged and not forgotten")
	}
}

func TestResultsAreNotKeptForEver(t *testing.T) {
	l := newLone(t, scheduler.ExecutorConfig{})
	l.get(peer, assign(ref(1, 1), 100))
	l.step(scheduler.Ended{Run: scheduler.Run{Submitter: peer, Ref: ref(1, 1)}, Outcome: success})
	for end := l.now.Add(25 * time.Hour); l.now.Before(end) && !l.e.Idle(); l.now = l.now.Add(time.Minute) {
		l.step(scheduler.Tick{})
	}
	if !l.e.Idle() || len(l.journal) != 0 {
		t.Error("a day later it is still there")
	}
}

// What ran at a crash is reported lost; what had ended is delivered as it was.
func TestExecutorRestarts(t *testing.T) {
	l := newLone(t, scheduler.ExecutorConfig{})
	l.get(peer, reserve(ref(3, 1), 100))
	l.get(peer, assign(ref(1, 1), 100))
	l.get(peer, assign(ref(2, 4), 100))
	l.step(scheduler.Ended{Run: scheduler.Run{Submitter: peer, Ref: ref(2, 4)}, Outcome: success})
	for range 2 { // the second time nothing has changed
		next := newLone(t, scheduler.ExecutorConfig{})
		next.journal = l.journal
		var records []scheduler.Record
		for k, v := range l.journal {
			records = append(records, scheduler.Record{Key: k, Value: v})
		}
		r := must(next.e.Restore(l.now, records))
		next.save(r)
		reasons := map[wire.Ref]wire.Reason{}
		for _, m := range messages(r) {
			result := must(wire.Open[wire.Result](m.(wire.Done).Envelope))
			reasons[result.Ref] = result.Reason
		}
		if len(reasons) != 2 || reasons[ref(1, 1)] != wire.ReasonNodeLost || reasons[ref(2, 4)] != wire.ReasonNone {
			t.Errorf("%v", reasons)
		}
		if next.e.Runs() != 0 || next.e.Free().CPU != small.CPU || next.e.Idle() {
			t.Errorf("%d runs, %+v", next.e.Runs(), next.e.Free())
		}
		l = next
	}
	if _, err := l.e.Restore(l.now, []scheduler.Record{{Key: "run/x", Value: []byte("x")}}); !errors.Is(err, scheduler.ErrJournal) {
		t.Error(err)
	}
}

// Draining lets tasks end, then gives them back; that is no failure of theirs.
func TestDrain(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	s := m.spec()
	s.Retries = 0
	id := m.mustSubmit("a", s)
	first := m.task(id).Node
	m.taken()
	m.stepExec(first, scheduler.SetDraining{On: true, Grace: 3 * time.Second})
	m.pass(2900 * time.Millisecond)
	m.wantTrace("")
	m.pass(200 * time.Millisecond)
	m.wantTrace(m.names[first] + " stops a/1")
	m.end(m.names[first], wire.Outcome{Status: wire.Cancelled, Started: true})
	got := m.task(id)
	if got.State != scheduler.Running || got.Node == first || got.Attempts[0].Fault != wire.FaultDrain {
		t.Errorf("%+v", got)
	}
	if !m.execs[first].Idle() {
		t.Error("not idle")
	}
}

// An outcome that cannot be sent is still an end.
func TestUnsendableOutcome(t *testing.T) {
	huge := success
	for range wire.MaxFiles {
		huge.Files = append(huge.Files, wire.File{Path: string(make([]byte, 4000)), Link: testModule})
	}
	huge.Output = testModule
	long := failure(wire.ReasonTrap)
	long.Message = string(make([]byte, 1<<20))
	for name, c := range map[string]struct {
		o      wire.Outcome
		reason wire.Reason
	}{
		"nonsense":     {wire.Outcome{Status: "fine"}, wire.ReasonRefused},
		"many files":   {huge, wire.ReasonNone},
		"long message": {long, wire.ReasonTrap},
	} {
		l := newLone(t, scheduler.ExecutorConfig{})
		l.get(peer, assign(ref(1, 1), 100))
		r := l.step(scheduler.Ended{Run: scheduler.Run{Submitter: peer, Ref: ref(1, 1)}, Outcome: c.o})
		done := messages(r)[0]
		if _, err := wire.Encode(done); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if result, err := wire.Open[wire.Result](done.(wire.Done).Envelope); err != nil || result.Reason != c.reason {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

// Who reserves and does not come is asked to wait, longer each time, until it comes.
func TestIdleReservations(t *testing.T) {
	l := newLone(t, scheduler.ExecutorConfig{})
	other := nodeOf(testKey(8))
	refused := func(from wire.NodeID, r wire.Ref) bool {
		_, is := l.get(from, reserve(r, 100))[0].(wire.Refused)
		return is
	}
	lapses := 0
	for task := byte(1); lapses < 20; task++ {
		if refused(peer, ref(task, 1)) {
			break
		}
		lapses++
		l.now = l.now.Add(900 * time.Millisecond)
		l.get(peer, reserve(ref(task, 1), 100)) // asking again does not prolong it
		l.now = l.now.Add(200 * time.Millisecond)
		l.step(scheduler.Tick{})
	}
	if lapses >= 20 || l.e.Runs() != 0 {
		t.Fatalf("after %d lapses %d runs", lapses, l.e.Runs())
	}
	if refused(other, ref(100, 1)) {
		t.Error("another submitter is refused as well")
	}
	l.now = l.now.Add(2 * time.Second)
	if refused(peer, ref(101, 1)) {
		t.Error("refused although the pause is over")
	}
}
