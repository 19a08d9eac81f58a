package scheduler_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Whatever comes in whatever order, from whomever: no panic, nothing that cannot
// be sent, no deadline that is over (the shell would spin), and capacity that adds
// up.
func TestAnythingInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMesh(t, scheduler.SubmitterConfig{MaxConcurrent: 3}, small, small)
		self := must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: testKey(0), Capacity: small}))
		m.execs[m.self], m.names[m.self] = self, "s"
		nodes := append(m.order(), m.self, nodeOf(testKey(9)))
		h := &hostile{rt, m, nodes, nil}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			h.step()
			h.check()
		}
		h.end()
	})
}

type hostile struct {
	t     *rapid.T
	m     *mesh
	nodes []wire.NodeID
	ids   []wire.TaskID
}

func (h *hostile) node() wire.NodeID { return rapid.SampledFrom(h.nodes).Draw(h.t, "node") }

func (h *hostile) ref() wire.Ref {
	ids := append([]wire.TaskID{{1}, {2}}, h.ids...)
	return wire.Ref{Task: rapid.SampledFrom(ids).Draw(h.t, "task"), Attempt: rapid.Uint32Range(1, 4).Draw(h.t, "attempt")}
}

func (h *hostile) step() {
	m := h.m
	switch rapid.IntRange(0, 10).Draw(h.t, "what") {
	case 0:
		s := m.spec()
		s.Profile.CPU = rapid.Uint32Range(1, 1100).Draw(h.t, "cpu")
		s.Placement = rapid.SampledFrom([]wire.Placement{wire.PlaceAuto, wire.PlaceAuction}).Draw(h.t, "placement")
		s.Deadline = time.Duration(rapid.IntRange(0, 3).Draw(h.t, "deadline")) * time.Second
		if id, err := m.submit("t", s); err == nil {
			h.ids = append(h.ids, id)
		}
	case 1:
		m.pass(time.Duration(rapid.IntRange(1, 5000).Draw(h.t, "ms")) * time.Millisecond)
	case 2:
		m.now = m.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(h.t, "s")) * time.Second)
		m.step(scheduler.Tick{})
	case 3:
		id := h.node()
		if e := m.execs[id]; e != nil {
			m.stepExec(id, scheduler.Ended{Run: scheduler.Run{Submitter: h.node(), Ref: h.ref()}, Outcome: success})
		}
	case 4:
		h.both(scheduler.Connected{Node: h.node()}, scheduler.Disconnected{Node: h.node()})
	case 5:
		m.step(scheduler.CancelTask{Task: h.ref().Task})
	case 6:
		m.step(scheduler.Collected{Ref: h.ref()})
	case 7:
		h.ask()
	default:
		h.receive()
	}
}

func (h *hostile) both(evs ...scheduler.Event) {
	ev := rapid.SampledFrom(evs).Draw(h.t, "event")
	h.m.step(ev)
	for _, id := range h.nodes {
		if h.m.execs[id] != nil {
			h.m.stepExec(id, ev)
		}
	}
}

// ask has somebody ask a node for an offer.
func (h *hostile) ask() {
	id := h.node()
	if h.m.execs[id] == nil {
		return
	}
	h.m.stepExec(id, scheduler.Asked{Request: wire.Request{
		Ref: h.ref(), Submitter: h.node(), Window: wire.MaxWindow, Share: wire.Everyone, Module: testModule,
		Profile: wire.Profile{CPU: rapid.Uint32Range(1, 1200).Draw(h.t, "cpu"), Memory: wire.MB},
	}})
}

// offer is one that a node of the mesh signs, true or not.
func (h *hostile) offer(ref wire.Ref) []byte {
	key := testKey(byte(rapid.IntRange(0, 9).Draw(h.t, "key")))
	return must(wire.Seal(wire.Offer{
		Ref: ref, Submitter: h.m.self, Executor: nodeOf(key), Lease: time.Second, Total: small, Free: small,
	}, key))
}

// receive gives a message to whoever it is for, right or wrong.
func (h *hostile) receive() {
	r, free := h.ref(), wire.Capacity{CPU: rapid.Uint32Range(0, 2000).Draw(h.t, "free"), Memory: 1 << 30}
	message := rapid.SampledFrom([]wire.Message{
		reserve(r, rapid.Uint32Range(0, 1200).Draw(h.t, "cpu")), assign(r, 100), wire.Cancel{Ref: r}, wire.Ack{Ref: r},
		wire.Reserved{Ref: r, Free: free}, wire.Refused{Ref: r, Why: wire.RefusedCPU, Free: free}, wire.Refused{Ref: r, Why: wire.RefusedBusy, Free: free},
		wire.Bid{Ref: r, Envelope: h.offer(r)}, wire.Renew{Attempts: []wire.Ref{r}, Lease: time.Minute},
		wire.Accepted{Ref: r}, wire.Progress{Ref: r}, wire.Output{Ref: r, Stream: wire.Stdout, Data: []byte("x")},
		wire.Heartbeat{Attempts: []wire.Ref{r, r}, Free: free}, wire.Done{Ref: r, Envelope: []byte("x"), Free: free},
	}).Draw(h.t, "message")
	ev, id := scheduler.Received{From: h.node(), Message: message}, h.node()
	if e := h.m.execs[id]; e != nil && wire.ForExecutor(message) {
		h.m.stepExec(id, ev)
	} else {
		h.m.step(ev)
	}
}

// end lets everything end: then nothing may be left.
func (h *hostile) end() {
	m := h.m
	for _, id := range h.ids {
		m.step(scheduler.CancelTask{Task: id})
	}
	for id, starts := range m.starts {
		for _, s := range starts {
			m.stepExec(id, scheduler.Ended{Run: s.Run, Outcome: success})
		}
	}
	m.pass(time.Minute) // leases end
	for id, e := range m.execs {
		if free := e.Free(); e.Runs() != 0 || free.CPU != small.CPU || free.Memory != small.Memory {
			h.t.Fatalf("%s has %+v free with %d runs at the end", m.names[id], free, e.Runs())
		}
	}
	if st := m.s.Stats(); st.Queued+st.Placing+st.Running != 0 {
		h.t.Fatalf("%+v at the end", st)
	}
}

func (h *hostile) check() {
	m := h.m
	if at := m.s.Deadline(); !at.IsZero() && at.Before(m.now) {
		m.step(scheduler.Tick{})
		if at := m.s.Deadline(); !at.IsZero() && !at.After(m.now) {
			h.t.Fatalf("the submitter is due at %v, and it is %v", at, m.now)
		}
	}
	for id, e := range m.execs {
		free := e.Free()
		if free.CPU > small.CPU || free.Memory > small.Memory || e.Runs() == 0 && free.CPU != small.CPU {
			h.t.Fatalf("%s has %+v free with %d runs", m.names[id], free, e.Runs())
		}
	}
	st := m.s.Stats()
	if ended := int(st.Succeeded + st.Failed + st.Cancelled); st.Queued+st.Placing+st.Running+ended != len(h.ids) {
		h.t.Fatalf("%+v of %d tasks", st, len(h.ids))
	}
}
