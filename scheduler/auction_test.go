package scheduler_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

func (m *mesh) auctioned() wire.Spec {
	s := m.spec()
	s.Placement = wire.PlaceAuction
	return s
}

// round is the last look for a node of a task.
func (m *mesh) round(id wire.TaskID) scheduler.Round {
	m.t.Helper()
	x, _ := m.s.Explain(id)
	if len(x.Rounds) == 0 {
		m.t.Fatalf("nothing is known of how %s was placed", id)
	}
	return x.Rounds[len(x.Rounds)-1]
}

// said writes a round's answers as "e1 offered, e2 silent".
func (m *mesh) said(r scheduler.Round) string {
	var list []string
	for _, a := range r.Answers {
		text := m.names[a.Node] + " " + string(a.Said)
		if a.Why != "" {
			text += " " + string(a.Why)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// free tells whether nothing of an executor is reserved or runs.
func (m *mesh) wantRuns(want string) {
	m.t.Helper()
	var list []string
	for _, id := range m.order() {
		list = append(list, fmt.Sprint(m.execs[id].Runs()))
	}
	if got := strings.Join(list, " "); got != want {
		m.t.Errorf("the executors have %s runs, want %s", got, want)
	}
}

// Five bid, one gets the task, and the others have their capacity back at once.
func TestAuction(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small, small, small, wire.Capacity{CPU: 4000, Memory: 8 << 30})
	begun := m.now
	s := m.auctioned()
	s.Profile.CPU = 900
	id := m.mustSubmit("a", s)
	m.wantTrace("a queued\na placing\nask for a/1\ne5 starts a/1\na running")
	if !m.now.Equal(begun) {
		t.Error("it waited for the window to end, though all had answered")
	}
	m.wantRuns("0 0 0 0 1")
	r := m.round(id)
	if got := m.said(r); got != "e1 offered, e2 offered, e3 offered, e4 offered, e5 offered" || r.Asked != 5 || r.Chosen != m.exec("e5") {
		t.Errorf("%s: %+v", got, r)
	}
	if r.Way != wire.PlaceAuction || r.Why != "asked for" || len(r.Terms) == 0 || r.Score == 0 {
		t.Errorf("%+v", r)
	}
	m.end("e5", success)
	m.wantTrace("a succeeded")
	if got := m.task(id); len(got.Attempts) != 1 || got.Attempts[0].Number != 1 || len(m.round(id).Answers) != 5 {
		t.Errorf("%+v", got)
	}
}

// A node that is known and says nothing is waited for until the window ends.
func TestAuctionWindow(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Window: 200 * time.Millisecond}, small, small)
	silent := m.exec("e2")
	m.drop = func(d delivery) bool { return d.to == silent }
	id := m.mustSubmit("a", m.auctioned())
	m.pass(199 * time.Millisecond)
	m.wantTrace("a queued\na placing\nask for a/1")
	if x, _ := m.s.Explain(id); x.Summary != "waits for offers: asked for; 2 of 2 nodes fit" {
		t.Error(x.Summary)
	}
	m.pass(2 * time.Millisecond)
	m.wantTrace("e1 starts a/1\na running")
	if got := m.said(m.round(id)); got != "e1 offered, e2 silent" {
		t.Error(got)
	}
}

// A node that goes is not waited for.
func TestAuctionBidderGoes(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	gone := m.exec("e2")
	m.drop = func(d delivery) bool { return d.to == gone }
	id := m.mustSubmit("a", m.auctioned())
	m.taken()
	m.step(scheduler.Disconnected{Node: gone})
	m.wantTrace("e1 starts a/1\na running")
	if got := m.said(m.round(id)); got != "e1 offered, e2 gone" {
		t.Error(got)
	}
}

// An offer that nobody takes up ends by itself, and one that comes late is turned
// down.
func TestOffersExpire(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Window: 100 * time.Millisecond}, small, small)
	e2 := m.exec("e2")
	var late []delivery
	m.drop = func(d delivery) bool {
		if d.from == e2 && d.m != nil {
			late = append(late, d)
			return true
		}
		return d.to == e2 && d.m != nil // nor does it hear that the window has ended
	}
	id := m.mustSubmit("a", m.auctioned())
	m.pass(200 * time.Millisecond)
	m.wantRuns("1 1")
	m.pass(900 * time.Millisecond)
	m.wantRuns("1 0")
	m.drop, m.queue = nil, late
	m.taken()
	m.pass(time.Millisecond)
	if got := m.task(id); got.Node != m.exec("e1") || len(got.Attempts) != 1 {
		t.Errorf("%+v", got)
	}
	m.wantRuns("1 0")
}

// A bid that comes after the end of the auction gives its node the capacity back.
func TestLateBid(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Window: 100 * time.Millisecond}, small, small)
	e2 := m.exec("e2")
	var late []delivery
	m.drop = func(d delivery) bool {
		if d.from == e2 {
			late = append(late, d)
		}
		return d.from == e2
	}
	m.mustSubmit("a", m.auctioned())
	m.pass(150 * time.Millisecond)
	m.wantRuns("1 1")
	m.drop, m.queue = nil, late
	m.step(scheduler.Tick{})
	m.wantRuns("1 0")
}

// A submitter that lives renews the leases of what runs for it, at two thirds of
// their time; the runs of one that is silent are given back when they end.
func TestLeases(t *testing.T) {
	for _, placement := range []wire.Placement{wire.PlaceAuction, wire.PlaceDirect} {
		t.Run(string(placement), func(t *testing.T) {
			m := newMesh(t, scheduler.SubmitterConfig{Lease: time.Minute}, small)
			var renewals []time.Duration
			begun, cut := m.now, false
			m.drop = func(d delivery) bool {
				if _, ok := d.m.(wire.Renew); ok && m.now.After(begun) {
					renewals = append(renewals, m.now.Sub(begun))
				}
				return cut && (d.from == m.self || d.to == m.self)
			}
			s := m.spec()
			s.Placement = placement
			m.mustSubmit("a", s)
			m.pass(95 * time.Second)
			if want := []time.Duration{40 * time.Second, 50 * time.Second, 80 * time.Second, 90 * time.Second}; !slices.Equal(renewals, want) {
				t.Errorf("renewed after %v, want %v", renewals, want)
			}
			m.wantRuns("1")
			cut = true
			m.taken()
			m.pass(54 * time.Second)
			m.wantRuns("1")
			m.pass(2 * time.Second)
			if got := m.taken(); !strings.Contains(got, "e1 stops a/1") {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

// A renewal that is lost is made good by the next one.
func TestLostRenewal(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Lease: time.Minute}, small)
	n := 0
	m.drop = func(d delivery) bool {
		_, ok := d.m.(wire.Renew)
		if ok {
			n++
		}
		return ok && n%2 == 1
	}
	m.mustSubmit("a", m.spec())
	m.pass(10 * time.Minute)
	m.wantTrace("a queued\na placing\ne1 starts a/1\na running")
}

// The submitter was away for longer than its runs' leases: they are given back, and
// the task is placed anew.
func TestLeaseLostInARestart(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{Lease: time.Minute}, small)
	id := m.mustSubmit("a", m.spec())
	m.drop = func(d delivery) bool { return d.to == m.self || d.from == m.self }
	e1 := m.exec("e1")
	for range 70 { // the submitter is not stepped
		m.now = m.now.Add(time.Second)
		m.stepExec(e1, scheduler.Tick{})
	}
	start := m.starts[e1][0]
	m.starts[e1] = nil
	m.stepExec(e1, scheduler.Ended{Run: start.Run, Outcome: wire.Outcome{Status: wire.Cancelled, Started: true}})
	m.drop = nil
	m.s = must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
	r, err := m.s.Restore(m.now, m.records("s"))
	if err != nil {
		t.Fatal(err)
	}
	m.carryOut(m.self, r)
	m.announce(e1)
	m.stepExec(e1, scheduler.Connected{Node: m.self})
	got := m.task(id)
	if got.State != scheduler.Running || len(got.Attempts) != 2 || got.Attempts[0].Message != "given back: its lease was not renewed" {
		t.Errorf("%+v", got)
	}
	m.end("e1", success)
	if got := m.task(id); got.State != scheduler.Succeeded {
		t.Errorf("%+v", got)
	}
}

// Nobody offers: the task waits, is auctioned again, and ends if nobody ever could.
func TestAuctionWithoutOffers(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small)
	s := m.auctioned()
	s.Profile.CPU = 5000
	id := m.mustSubmit("a", s)
	m.pass(time.Second)
	if got := m.task(id); got.State.Ended() {
		t.Fatalf("%+v", got)
	}
	m.announce(m.exec("e1")) // else it would be forgotten
	m.pass(15 * time.Second)
	if got := m.task(id); got.Reason != wire.ReasonNotPlaced || got.Message != "1 of 1 nodes: not enough cpu" {
		t.Errorf("%+v", got)
	}
}

// All are busy: the task is auctioned again until one is not.
func TestAuctionAmongTheBusy(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	s := m.auctioned()
	s.Profile.CPU = 800
	for _, name := range []string{"a", "b"} {
		m.mustSubmit(name, s)
	}
	id := m.mustSubmit("c", s)
	if got := m.said(m.round(id)); got != "e1 refused cpu, e2 refused cpu" {
		t.Error(got)
	}
	m.pass(3 * time.Second)
	m.end("e1", success)
	m.pass(5 * time.Second)
	if got := m.task(id); got.State != scheduler.Running {
		t.Errorf("%+v", got)
	}
	m.wantRuns("1 1")
}

// Cancelled while it is auctioned: nothing stays reserved.
func TestCancelDuringAuction(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	silent := m.exec("e2")
	m.drop = func(d delivery) bool { return d.to == silent }
	id := m.mustSubmit("a", m.auctioned())
	m.wantRuns("1 0")
	if err := m.step(scheduler.CancelTask{Task: id}); err != nil {
		t.Fatal(err)
	}
	m.wantRuns("0 0")
	m.wantTrace("a queued\na placing\nask for a/1\na cancelled")
}

// The facts of an offer change who wins.
func TestOfferFacts(t *testing.T) {
	data := testModule
	for name, c := range map[string]struct {
		spec  func(s *wire.Spec)
		facts func(a *scheduler.Asked)
		lacks bool // the others lack what is required
		costs [2]uint64
		said  string
	}{
		"data": {
			spec:  func(s *wire.Spec) { s.Hints.Near, s.Hints.Sizes = []wire.Link{data}, []uint64{1 << 30} },
			facts: func(a *scheduler.Asked) { a.Held = 1 << 30 },
			said:  "e1 offered, e2 offered",
		},
		"all the data": {
			spec:  func(s *wire.Spec) { s.Hints.Require.Near = []wire.Link{data} },
			facts: func(a *scheduler.Asked) { a.Held, a.Lacks = 1, false },
			lacks: true,
			said:  "e2 offered",
		},
		"cost": {
			spec:  func(s *wire.Spec) { s.MaxCost, s.Limits.Fuel = 100, 10_000 },
			costs: [2]uint64{11, 10},
			said:  "e2 offered",
		},
		"label": {
			spec:  func(s *wire.Spec) { s.Hints.Require.Labels = []string{"disk=new"} },
			facts: func(a *scheduler.Asked) { a.Vector.Labels = map[string]string{"disk": "new", "other": "x"} },
			said:  "e2 offered",
		},
		"region": {
			spec:  func(s *wire.Spec) { s.Hints.Require.Region = "eu" },
			facts: func(a *scheduler.Asked) { a.Vector.Region = "eu" },
			said:  "e2 offered",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, swap := range []bool{false, true} { // so that the hash of their names is not it
				m := newMesh(t, scheduler.SubmitterConfig{})
				m.facts = map[wire.NodeID]func(*scheduler.Asked){}
				for i := range 2 {
					key := testKey(byte(1 + i))
					if swap {
						key = testKey(byte(2 - i))
					}
					id := nodeOf(key)
					m.names[id], m.keys[id] = fmt.Sprintf("e%d", i+1), key
					m.execs[id] = must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: key, Capacity: small, Cost: c.costs[i]}))
					m.announce(id)
				}
				if c.facts != nil {
					m.facts[m.exec("e2")] = c.facts
				}
				m.facts[m.exec("e1")] = func(a *scheduler.Asked) { a.Held, a.Lacks = 0, c.lacks }
				s := m.auctioned()
				c.spec(&s)
				id := m.mustSubmit("a", s)
				m.pass(time.Second)
				if r := m.round(id); r.Chosen != m.exec("e2") || m.said(r) != c.said && m.said(r) != "e1 silent, "+c.said {
					t.Errorf("%s, %+v", m.said(r), r)
				}
			}
		})
	}
}

// A node with ten tasks costs half as much again: what it would still do at three
// it refuses at ten, when asked directly too.
func TestCostAtDepth(t *testing.T) {
	for _, placement := range []wire.Placement{wire.PlaceAuction, wire.PlaceDirect} {
		t.Run(string(placement), func(t *testing.T) {
			m := newMesh(t, scheduler.SubmitterConfig{})
			key := testKey(1)
			e := nodeOf(key)
			m.names[e], m.keys[e] = "e1", key
			m.execs[e] = must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: key, Capacity: wire.Capacity{CPU: 20_000, Memory: 20 << 30}, Cost: 100}))
			m.announce(e)
			s := m.spec()
			s.Placement, s.MaxCost, s.Limits.Fuel = placement, 130, 1000 // three tenths above the price
			for range 12 {
				m.mustSubmit("a", s)
			}
			m.pass(time.Second)
			m.wantRuns("7") // at 0 to 6 tasks it costs 100 to 130
		})
	}
}

// What auto takes for a reason to hold an auction.
func TestAuto(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *mesh, s *wire.Spec)
		why    string
	}{
		"nothing":   {func(*mesh, *wire.Spec) {}, ""},
		"large":     {func(_ *mesh, s *wire.Spec) { s.Profile.CPU = 8000 }, "the task is large"},
		"memory":    {func(_ *mesh, s *wire.Spec) { s.Profile.Memory = 16 << 30 }, "the task is large"},
		"long":      {func(_ *mesh, s *wire.Spec) { s.Profile.Duration = time.Minute }, "the task is long"},
		"direct":    {func(_ *mesh, s *wire.Spec) { s.Profile.Duration, s.Placement = time.Minute, wire.PlaceDirect }, ""},
		"data":      {func(_ *mesh, s *wire.Spec) { s.Hints.Near = []wire.Link{testModule} }, "nobody in view has the data"},
		"label":     {func(_ *mesh, s *wire.Spec) { s.Hints.Labels = []string{"a=b"} }, "nobody in view has label a=b"},
		"hard":      {func(_ *mesh, s *wire.Spec) { s.Hints.Require.Labels = []string{"a=b"} }, "nobody in view has label a=b"},
		"one has":   {func(_ *mesh, s *wire.Spec) { s.Hints.Labels = []string{"name=e1"} }, ""},
		"region":    {func(_ *mesh, s *wire.Spec) { s.Hints.Region = "eu" }, "nobody in view has region eu"},
		"node":      {func(_ *mesh, s *wire.Spec) { s.Hints.Prefer = []wire.NodeID{nodeOf(testKey(9))} }, "nobody in view has the node"},
		"old news":  {func(m *mesh, _ *wire.Spec) { m.pass(31 * time.Second) }, "what is known is old"},
		"this node": {func(_ *mesh, s *wire.Spec) { s.Placement = wire.PlaceLocal }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			big := wire.Capacity{CPU: 16_000, Memory: 32 << 30}
			m := newMesh(t, scheduler.SubmitterConfig{}, big, big)
			s := m.spec()
			c.change(m, &s)
			id := m.mustSubmit("a", s)
			asked := strings.Contains(m.taken(), "ask for a/1")
			if asked != (c.why != "") {
				t.Fatalf("asked: %v", asked)
			}
			m.pass(time.Second)
			if asked && m.round(id).Why != c.why {
				x, _ := m.s.Explain(id)
				if x.Rounds[0].Why != c.why {
					t.Errorf("%+v", x.Rounds)
				}
			}
			if soft := name != "hard" && name != "this node"; soft && m.task(id).State != scheduler.Running {
				t.Errorf("%+v", m.task(id))
			}
		})
	}
}

// Who is not in view may bid, and wins what only it has.
func TestBidderNotInView(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	key := testKey(7)
	id := nodeOf(key)
	m.names[id], m.keys[id] = "e7", key
	m.execs[id] = must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: key, Capacity: small}))
	m.facts = map[wire.NodeID]func(*scheduler.Asked){id: func(a *scheduler.Asked) { a.Vector.Labels = map[string]string{"disk": "new"} }}
	s := m.spec()
	s.Hints.Require.Labels = []string{"disk=new"}
	m.mustSubmit("a", s)
	m.wantTrace("a queued\na placing\nask for a/1\ne7 starts a/1\na running")
	m.end("e7", success)
	m.wantTrace("a succeeded")
}

// In a large mesh not everybody is asked, and nobody is waited for who is not.
func TestAuctionInALargeMesh(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{MaxBidders: 4}, slices.Repeat([]wire.Capacity{small}, 20)...)
	for i := range 20 {
		begun := m.now
		id := m.mustSubmit(fmt.Sprint(i), m.auctioned())
		if r := m.round(id); len(r.Answers) != r.Asked || r.Asked > 12 || r.Asked > 0 && !m.now.Equal(begun) {
			t.Errorf("%+v", r)
		}
	}
}

// What comes as a bid and is none harms nobody.
func TestHostileBids(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	quiet := m.exec("e2")
	m.drop = func(d delivery) bool { return d.to == quiet || d.to == m.exec("e1") }
	id := m.mustSubmit("a", m.auctioned())
	ref := wire.Ref{Task: id, Attempt: 1}
	liar := testKey(8)
	offer := func(change func(o *wire.Offer)) []byte {
		o := wire.Offer{Ref: ref, Submitter: m.self, Executor: nodeOf(liar), Lease: time.Second, Total: small, Free: small}
		change(&o)
		return must(wire.Seal(o, liar))
	}
	bids := []scheduler.Received{
		{From: nodeOf(testKey(9)), Message: wire.Bid{Ref: ref, Envelope: offer(func(*wire.Offer) {})}}, // another's
		{From: nodeOf(liar), Message: wire.Bid{Ref: ref, Envelope: offer(func(o *wire.Offer) { o.Attempt = 2 })}},
		{From: nodeOf(testKey(10)), Message: wire.Bid{Ref: ref, Envelope: offer(func(o *wire.Offer) { o.Submitter = o.Executor })}},
		{From: nodeOf(testKey(11)), Message: wire.Bid{Ref: ref, Envelope: []byte("no envelope")}},
	}
	for range 100 { // and again: nobody has it check signatures without end
		for _, b := range bids {
			m.step(b)
		}
	}
	if got := m.s.Stats().BadOffers; got != uint64(len(bids)) {
		t.Errorf("%d bad offers, want %d", got, len(bids))
	}
	holds := func(key ed25519.PrivateKey) {
		o := wire.Offer{Ref: ref, Submitter: m.self, Executor: nodeOf(key), Lease: time.Second, Total: small, Free: small}
		m.step(scheduler.Received{From: o.Executor, Message: wire.Bid{Ref: ref, Envelope: must(wire.Seal(o, key))}})
	}
	answers := func() int { r := m.round(id); return len(r.Answers) + r.More }
	for i := range 200 { // and a crowd of strangers whose offers hold
		seed := make([]byte, ed25519.SeedSize)
		seed[0], seed[1] = byte(i), 1
		holds(ed25519.NewKeyFromSeed(seed))
	}
	if got := answers(); got != 64 {
		t.Errorf("%d answers of strangers are kept, want 64", got)
	}
	if holds(m.keys[m.exec("e1")]); answers() != 65 {
		t.Error("strangers keep out a node that is known")
	}
	m.pass(time.Second)
	if r := m.round(id); r.Took > 500*time.Millisecond || len(r.Answers) > 32 {
		t.Errorf("%+v", r)
	}
}

// A reservation that is not answered is part of the task's history.
func TestUnansweredReservation(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	var first wire.NodeID
	m.drop = func(d delivery) bool {
		if _, ok := d.m.(wire.Reserve); ok && first == "" {
			first = d.to
		}
		return d.to == first
	}
	id := m.mustSubmit("a", m.spec())
	m.pass(3 * time.Second)
	got := m.task(id)
	if len(got.Attempts) != 2 || got.Attempts[0].Node != first || got.Attempts[0].Message != "the node did not answer" ||
		got.Attempts[0].Ended.IsZero() || got.State != scheduler.Running {
		t.Errorf("%+v", got)
	}
	if retries := m.s.Stats().Retries; retries != 1 {
		t.Errorf("%d retries, want 1", retries)
	}
	if got := m.said(m.round(id)); got != m.names[first]+" silent, "+m.names[got2(m, first)]+" reserved" && got != m.names[got2(m, first)]+" reserved, "+m.names[first]+" silent" {
		t.Error(got)
	}
}

func got2(m *mesh, first wire.NodeID) wire.NodeID {
	if m.exec("e1") == first {
		return m.exec("e2")
	}
	return m.exec("e1")
}

// What is known of how a task was placed outlives its submitter's restart.
func TestRoundsAreKept(t *testing.T) {
	m := newMesh(t, scheduler.SubmitterConfig{}, small, small)
	id := m.mustSubmit("a", m.auctioned())
	before := m.round(id)
	m.s = must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: m.self}))
	if _, err := m.s.Restore(m.now, m.records("s")); err != nil {
		t.Fatal(err)
	}
	if after := m.round(id); len(after.Answers) != 2 || after.Chosen != before.Chosen || after.Took != before.Took || after.Answers[0].Offer == nil {
		t.Errorf("%+v, want %+v", after, before)
	}
}
