package scheduler_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// testModule is the CID of the bytes "module".
var testModule = must(wire.ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func testKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string('a'+rune(n)), ed25519.SeedSize)))
}

func nodeOf(key ed25519.PrivateKey) wire.NodeID {
	return wire.NodeIDOf(key.Public().(ed25519.PublicKey))
}

// mesh is one submitter and some executors, joined by a wire that a test can cut.
// Everything that happens is written down.
type mesh struct {
	t     testing.TB
	now   time.Time
	self  wire.NodeID
	s     *scheduler.Submitter
	execs map[wire.NodeID]*scheduler.Executor
	names map[wire.NodeID]string
	keys  map[wire.NodeID]ed25519.PrivateKey
	seq   uint64
	ids   uint64

	queue   []delivery
	drop    func(d delivery) bool
	asks    []wire.Request                           // to be gossiped
	facts   map[wire.NodeID]func(a *scheduler.Asked) // what a node knows besides
	trace   []string
	starts  map[wire.NodeID][]scheduler.Start
	journal map[string]map[string][]byte // by owner
	tasks   map[wire.TaskID]string       // names
}

type delivery struct {
	from, to wire.NodeID
	m        wire.Message
}

func newMesh(t testing.TB, cfg scheduler.SubmitterConfig, executors ...wire.Capacity) *mesh {
	m := &mesh{
		t: t, now: time.Unix(1_700_000_000, 0), self: nodeOf(testKey(0)),
		execs: map[wire.NodeID]*scheduler.Executor{}, names: map[wire.NodeID]string{}, keys: map[wire.NodeID]ed25519.PrivateKey{},
		starts: map[wire.NodeID][]scheduler.Start{}, journal: map[string]map[string][]byte{}, tasks: map[wire.TaskID]string{},
	}
	if cfg.Self != "" {
		m.self = cfg.Self // it is an executor, too
	}
	cfg.Self = m.self
	m.names[m.self], m.keys[m.self] = "s", testKey(0)
	m.s = must(scheduler.NewSubmitter(cfg))
	for i, capacity := range executors {
		key := testKey(byte(i + 1))
		id := nodeOf(key)
		m.names[id], m.keys[id] = fmt.Sprintf("e%d", i+1), key
		m.execs[id] = must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: key, Capacity: capacity}))
		m.announce(id)
	}
	return m
}

func (m *mesh) exec(name string) wire.NodeID {
	for id, n := range m.names {
		if n == name {
			return id
		}
	}
	m.t.Fatalf("no node %q", name)
	return ""
}

func (m *mesh) announce(id wire.NodeID) {
	m.seq++
	e := m.execs[id]
	m.step(scheduler.Learned{Vector: wire.Vector{Node: id, Started: 1, Seq: m.seq, Total: e.Total(), Free: e.Free(),
		Draining: e.Draining(), Labels: map[string]string{"name": m.names[id]}}})
}

func (m *mesh) note(format string, args ...any) {
	m.trace = append(m.trace, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// taken returns the trace so far and begins a new one.
func (m *mesh) taken() string {
	s := strings.Join(m.trace, "\n")
	m.trace = nil
	return s
}

func (m *mesh) step(ev scheduler.Event) error {
	r, err := m.s.Step(m.now, ev)
	m.carryOut(m.self, r)
	m.deliver()
	return err
}

func (m *mesh) stepExec(id wire.NodeID, ev scheduler.Event) {
	m.carryOut(id, m.execs[id].Step(m.now, ev))
	m.deliver()
}

func (m *mesh) carryOut(owner wire.NodeID, r scheduler.Ready) {
	m.persist(m.names[owner], r)
	for _, out := range r.Messages {
		m.queue = append(m.queue, delivery{owner, out.To, out.Message})
	}
	for _, e := range r.Effects {
		switch e := e.(type) {
		case scheduler.Changed:
			m.note("%s %s %s", m.tasks[e.Task.ID], e.Task.State, e.Task.Reason)
		case scheduler.Start:
			m.note("%s starts %s/%d", m.names[owner], m.tasks[e.Task], e.Attempt)
			m.starts[owner] = append(m.starts[owner], e)
		case scheduler.Stop:
			m.note("%s stops %s/%d", m.names[owner], m.tasks[e.Task], e.Attempt)
		case scheduler.Collect:
			m.note("collect %d from %s", len(e.Links), m.names[e.Node])
		case scheduler.Write:
			m.note("write %q at %d", e.Data, e.Offset)
		case scheduler.Ask:
			m.note("ask for %s/%d", m.tasks[e.Request.Task], e.Request.Attempt)
			m.asks = append(m.asks, e.Request)
		}
	}
}

func (m *mesh) persist(owner string, r scheduler.Ready) {
	if m.journal[owner] == nil {
		m.journal[owner] = map[string][]byte{}
	}
	for _, rec := range r.Persist {
		if rec.Value == nil {
			delete(m.journal[owner], rec.Key)
		} else {
			m.journal[owner][rec.Key] = rec.Value
		}
	}
}

func (m *mesh) records(owner string) []scheduler.Record {
	var list []scheduler.Record
	for k, v := range m.journal[owner] {
		list = append(list, scheduler.Record{Key: k, Value: v})
	}
	return list
}

// gossip carries requests to all executors, signed and checked.
func (m *mesh) gossip() {
	asks := m.asks
	m.asks = nil
	for _, q := range asks {
		envelope := must(wire.Seal(q, m.keys[m.self]))
		for _, id := range m.order() {
			a := scheduler.Asked{Request: must(wire.Open[wire.Request](envelope)), Vector: wire.Vector{Labels: map[string]string{"name": m.names[id]}}}
			if m.facts[id] != nil {
				m.facts[id](&a)
			}
			if m.drop == nil || !m.drop(delivery{from: m.self, to: id}) {
				m.carryOut(id, m.execs[id].Step(m.now, a))
			}
		}
	}
}

func (m *mesh) deliver() {
	for len(m.queue) > 0 || len(m.asks) > 0 {
		if m.gossip(); len(m.queue) == 0 {
			return
		}
		d := m.queue[0]
		m.queue = m.queue[1:]
		if m.drop != nil && m.drop(d) {
			continue
		}
		b := must(wire.Encode(d.m))
		ev := scheduler.Received{From: d.from, Message: must(wire.Decode(b)).(wire.Message)}
		if e := m.execs[d.to]; e != nil && wire.ForExecutor(d.m) {
			m.carryOut(d.to, e.Step(m.now, ev))
		} else if d.to == m.self && !wire.ForExecutor(d.m) {
			r, _ := m.s.Step(m.now, ev)
			m.carryOut(m.self, r)
		}
	}
}

// pass lets time go by, with every timer that is due on the way.
func (m *mesh) pass(d time.Duration) {
	end := m.now.Add(d)
	for spins := 0; ; spins++ {
		if spins > 100_000 {
			m.t.Fatal("a core is due again and again")
		}
		next := end
		for _, at := range append([]time.Time{m.s.Deadline()}, m.deadlines()...) {
			if !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if next.After(m.now) {
			m.now = next
		}
		if !m.now.Before(end) {
			m.now = end
			return
		}
		m.step(scheduler.Tick{})
		for _, id := range m.order() {
			m.stepExec(id, scheduler.Tick{})
		}
	}
}

// order is the executors, by name.
func (m *mesh) order() []wire.NodeID {
	return slices.SortedFunc(maps.Keys(m.execs), func(a, b wire.NodeID) int { return strings.Compare(m.names[a], m.names[b]) })
}

func (m *mesh) deadlines() (list []time.Time) {
	for _, e := range m.execs {
		list = append(list, e.Deadline())
	}
	return list
}

func (m *mesh) spec() wire.Spec {
	return wire.Spec{Submitter: m.self, Module: testModule, Placement: wire.PlaceAuto, Priority: wire.PriorityNormal, Retries: 2}
}

func (m *mesh) submit(name string, spec wire.Spec) (wire.TaskID, error) {
	m.ids++
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], m.ids)
	id := wire.NewTaskID(m.now, random)
	m.tasks[id] = name
	return id, m.step(scheduler.Submit{ID: id, Spec: spec, Client: "c"})
}

func (m *mesh) mustSubmit(name string, spec wire.Spec) wire.TaskID {
	m.t.Helper()
	id, err := m.submit(name, spec)
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

// end ends the oldest run of an executor.
func (m *mesh) end(name string, o wire.Outcome) {
	id := m.exec(name)
	start := m.starts[id][0]
	m.starts[id] = m.starts[id][1:]
	o.FuelLimit = start.Spec.Limits.Fuel
	m.stepExec(id, scheduler.Ended{Run: start.Run, Outcome: o})
}

func (m *mesh) task(id wire.TaskID) scheduler.Task {
	m.t.Helper()
	task, ok := m.s.Task(id)
	if !ok {
		m.t.Fatalf("no task %s", id)
	}
	return task
}

func (m *mesh) wantTrace(want string) {
	m.t.Helper()
	if got := m.taken(); got != strings.TrimSpace(want) {
		m.t.Errorf("got\n%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

var (
	success = wire.Outcome{Status: wire.Succeeded, Started: true, FuelUsed: 7}
	small   = wire.Capacity{CPU: 1000, Memory: 1 << 30}
)

func TestATaskRunsElsewhere(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	id := m.mustSubmit("a", m.spec())
	m.wantTrace("a queued\na placing\ne1 starts a/1\na running")
	m.end("e1", success)
	m.wantTrace("a succeeded")
	if got := m.task(id); got.Result == nil || got.Result.FuelUsed != 7 || len(got.Attempts) != 1 || got.Node != m.exec("e1") {
		t.Errorf("%+v", got)
	}
	if e := m.execs[m.exec("e1")]; !e.Idle() || e.Runs() != 0 {
		t.Error("the executor still has something")
	}
}
