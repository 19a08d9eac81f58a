package detect

import (
	"crypto/ed25519"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// How soon trouble is noticed: the table in the package's documentation.
func TestBounds(t *testing.T) {
	const rtt = 2 * time.Millisecond
	for _, c := range []struct {
		name          string
		nodes         int
		harm          func(w *world)
		suspect, dead time.Duration // at the latest; -1 is never
	}{
		{"killed", 5, func(w *world) { w.nodes[1].kill() }, rtt, 5 * rtt},
		{"killed, nobody else there", 2, func(w *world) { w.nodes[1].kill() }, rtt, 3 * rtt},
		{"stopped", 5, func(w *world) { w.nodes[1].stopped = w.now.Add(time.Hour) }, 352 * time.Millisecond, 960 * time.Millisecond},
		{"stopped, nobody else there", 2, func(w *world) { w.nodes[1].stopped = w.now.Add(time.Hour) }, 352 * time.Millisecond, 1860 * time.Millisecond},
		{"killed after it stood still", 5, func(w *world) {
			w.nodes[1].stopped = w.now.Add(time.Hour)
			w.after(400*time.Millisecond, func() { w.nodes[1].kill() })
		}, 352 * time.Millisecond, 620 * time.Millisecond},
		{"cut off from all", 5, func(w *world) { w.isolate(1) }, 352 * time.Millisecond, 1060 * time.Millisecond},
		{"cut off from this one", 5, func(w *world) { w.cut[[2]int{0, 1}] = true }, 352 * time.Millisecond, -1},
		{"this one cut off", 5, func(w *world) { w.isolate(0) }, 352 * time.Millisecond, 1860 * time.Millisecond},
		{"short pause", 5, func(w *world) { w.nodes[1].stopped = w.now.Add(80 * time.Millisecond) }, -1, -1},
		{"long pause", 5, func(w *world) { w.nodes[1].stopped = w.now.Add(680 * time.Millisecond) }, 352 * time.Millisecond, -1},
		{"this one pauses", 5, func(w *world) { w.nodes[0].stopped = w.now.Add(10 * time.Second) }, -1, -1},
		{"the connection is lost", 5, func(w *world) { w.nodes[0].step(Disconnected{w.nodes[1].id}) }, rtt, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(40) { // at various moments between two pings
				w := newWorld(t, seed, c.nodes, rtt)
				w.run(5*time.Second + time.Duration(seed)*7*time.Millisecond)
				harmed := w.now.Sub(begin)
				c.harm(w)
				w.run(30 * time.Second)
				w.within(Suspect, harmed, c.suspect)
				w.within(Dead, harmed, c.dead)
				if t.Failed() {
					t.Fatalf("seed %d, at %v: %q", seed, harmed, w.logged)
				}
			}
		})
	}
}

func (w *world) isolate(i int) {
	for j := range w.nodes {
		w.cut[[2]int{min(i, j), max(i, j)}] = true
	}
}

// within checks when the first node came to believe something of the second.
func (w *world) within(s State, since, most time.Duration) {
	w.t.Helper()
	for _, c := range w.nodes[0].changes {
		if c.State != s || c.at < since {
			continue
		}
		if most < 0 || c.at-since > most {
			w.t.Errorf("%s after %v, want %v", s, c.at-since, most)
		}
		return
	}
	if most >= 0 {
		w.t.Errorf("never %s, want it after %v", s, most)
	}
}

// Whoever answers is alive again.
func TestRevival(t *testing.T) {
	w := newWorld(t, 1, 5, 2*time.Millisecond)
	w.run(time.Second)
	w.nodes[1].stopped = w.now.Add(20 * time.Second)
	w.run(15 * time.Second)
	if c, ok := w.nodes[0].d.State(w.nodes[1].id); !ok || c.State != Dead {
		t.Fatalf("%+v: %q", c, w.logged)
	}
	w.run(17 * time.Second)
	if c, _ := w.nodes[0].d.State(w.nodes[1].id); c.State != Alive {
		t.Fatalf("%+v: %q", c, w.logged)
	}
	if s := w.nodes[0].d.Stats(); s.Deaths != 1 || s.Revived != 1 || s.Health != 0 {
		t.Errorf("%+v", s)
	}
}

// A node that was started again has died, however short that took.
func TestIncarnation(t *testing.T) {
	w := newWorld(t, 1, 3, 2*time.Millisecond)
	w.run(time.Second)
	a, b := w.nodes[0], w.nodes[1]
	a.carryOut(a.d.Step(w.now, Disconnected{b.id}))
	a.carryOut(a.d.Step(w.now, Connected{b.id}))
	a.carryOut(a.d.Step(w.now, Received{b.id, wire.Ping{Seq: 1}})) // does not say which life it is
	if c, _ := a.d.State(b.id); c.State != Suspect {
		t.Fatalf("%+v", c)
	}
	r := a.d.Step(w.now, Received{b.id, wire.Pong{Seq: 99, Up: true, Incarnation: 2}})
	if len(r.Changes) != 2 || r.Changes[0].State != Dead || r.Changes[0].Incarnation != 1 ||
		r.Changes[1].State != Alive || r.Changes[1].Incarnation != 2 {
		t.Errorf("%+v", r.Changes)
	}
	if s := a.d.Stats(); s.Revived != 0 {
		t.Errorf("%+v", s)
	}
}

// News of connections come in any order: one that is there is used, whatever was said.
func TestReachedIsConnected(t *testing.T) {
	w := newWorld(t, 1, 3, 2*time.Millisecond)
	w.run(time.Second)
	a, b := w.nodes[0], w.nodes[1]
	r := a.d.Step(w.now, Disconnected{b.id})
	if len(r.Knocks) != 1 {
		t.Fatalf("%+v", r)
	}
	r = a.d.Step(w.now, Knocked{b.id, Reached})
	if len(r.Messages) != 1 || r.Messages[0].To != b.id {
		t.Fatalf("%+v", r)
	}
	r = a.d.Step(w.now, Received{b.id, wire.Pong{Seq: r.Messages[0].Message.(wire.Ping).Seq, Up: true, Incarnation: 1}})
	if len(r.Changes) != 1 || r.Changes[0].State != Alive {
		t.Errorf("%+v", r)
	}
}

// Nobody but a node itself and its silence can make it dead: not what helpers say
// as long as it answers, and not what strangers say.
func TestLiesKillNobody(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, 1, 5, 2*time.Millisecond)
		a := w.nodes[0]
		lie := func(rt *rapid.T) {
			m := wire.Pong{Seq: rapid.Uint64Range(1, 200).Draw(rt, "seq"), Of: nodeID(rapid.IntRange(1, 9).Draw(rt, "of"))}
			m.Up = rapid.Bool().Draw(rt, "up")
			a.step(Received{nodeID(rapid.IntRange(2, 9).Draw(rt, "from")), m})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"lie": lie,
			"ask": func(rt *rapid.T) {
				a.step(Received{nodeID(3), wire.Ping{Seq: 1, Of: nodeID(rapid.IntRange(0, 4).Draw(rt, "of"))}})
			},
			"wait": func(rt *rapid.T) { w.run(time.Duration(rapid.IntRange(1, 500).Draw(rt, "ms")) * time.Millisecond) },
		})
		if _, times := w.last(Dead); times > 0 {
			rt.Fatalf("%q", w.logged)
		}
	})
}

// What others ask for is bounded, and all of it is let go of.
func TestAsksAreBounded(t *testing.T) {
	w := newWorld(t, 1, 3, 2*time.Millisecond)
	d, now := w.nodes[0].d, begin
	for i := range 7 { // were here a moment ago
		d.Step(now, Connected{nodeID(3 + i)})
		d.Step(now, Disconnected{nodeID(3 + i)})
	}
	knocks := 0
	for i := range 2000 {
		r := d.Step(now, Received{nodeID(100 + i%100), wire.Ping{Seq: uint64(i + 1), Of: nodeID(3 + i%7)}})
		knocks += len(r.Knocks)
	}
	if len(d.asks) != maxAsks || knocks != 7 {
		t.Errorf("%d asks, %d knocks", len(d.asks), knocks)
	}
	answers := 0
	for range 20 {
		now = now.Add(100 * time.Millisecond)
		answers += len(d.Step(now, Tick{}).Messages)
	}
	for i := range 7 {
		d.Step(now, Knocked{nodeID(3 + i), Failed})
	}
	if len(d.asks) != 0 || len(d.asking) != 0 || len(d.peers) != 2 || answers < maxAsks {
		t.Errorf("%d asks of %d, %d peers, %d answers", len(d.asks), len(d.asking), len(d.peers), answers)
	}
}

// Nobody has this node dial whom it has not met, or one that it has met again and again.
func TestNobodyHasItKnock(t *testing.T) {
	w := newWorld(t, 1, 3, 2*time.Millisecond)
	d, now := w.nodes[0].d, begin
	d.Step(now, Unwatch{nodeID(1)}) // so that all it does is for others
	ask := func(of wire.NodeID) Ready { return d.Step(now, Received{nodeID(2), wire.Ping{Seq: 7, Of: of}}) }
	if r := ask(nodeID(50)); len(r.Knocks)+len(r.Messages) > 0 || len(d.peers) != 2 || len(d.asks) != 0 {
		t.Errorf("of a stranger: %+v", r)
	}
	d.Step(now, Connected{nodeID(50)})
	d.Step(now, Disconnected{nodeID(50)})
	if r := ask(nodeID(50)); len(r.Knocks) != 1 {
		t.Errorf("of one that was here: %+v", r)
	}
	d.Step(now, Knocked{nodeID(50), Refused})
	for range 5 {
		if r := ask(nodeID(50)); len(r.Knocks) > 0 || len(r.Messages) != 1 || r.Messages[0].Message != (wire.Pong{Seq: 7, Of: nodeID(50)}) {
			t.Errorf("asked again: %+v", r)
		}
		now = now.Add(knockAgain / 6)
	}
	if now = now.Add(knockAgain); len(ask(nodeID(50)).Knocks) != 1 {
		t.Error("does not look again")
	}
	now = now.Add(keepGone)
	d.Step(now, Knocked{nodeID(50), Refused})
	if r := ask(nodeID(50)); len(r.Knocks)+len(r.Messages) > 0 {
		t.Errorf("of one that has been away for long: %+v", r)
	}
	for i := range 2 * maxGone {
		d.Step(now, Connected{nodeID(100 + i)})
		d.Step(now, Disconnected{nodeID(100 + i)})
	}
	if len(d.gone) > maxGone {
		t.Errorf("%d are remembered", len(d.gone))
	}
}

func TestConfig(t *testing.T) {
	self := wire.NodeIDOf(make(ed25519.PublicKey, ed25519.PublicKeySize))
	for name, c := range map[string]Config{
		"no self":  {},
		"negative": {Self: self, Interval: -1},
		"timeouts": {Self: self, MinTimeout: 2 * time.Second},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
