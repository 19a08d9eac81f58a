package actors

import (
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// A trace of two nodes: what is told and what is judged, by the millisecond.
func TestLiveness(t *testing.T) {
	const a, b = wire.NodeID("a"), wire.NodeID("b")
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	l := newLiveness(100*time.Millisecond, 350*time.Millisecond)
	l.connection(at(0), a, true)
	l.connection(at(0), b, true)
	l.share(at(0), a, 2)

	look := func(ms int, wantBeats, wantDied []wire.NodeID) {
		t.Helper()
		beats, died := l.look(at(ms))
		if !slices.Equal(beats, wantBeats) || !slices.Equal(died, wantDied) {
			t.Errorf("at %d ms: beats %v, died %v, want %v and %v", ms, beats, died, wantBeats, wantDied)
		}
	}
	nobody := []wire.NodeID{}
	look(0, []wire.NodeID{a}, nobody)
	look(50, nobody, nobody) // too early for the next
	look(100, []wire.NodeID{a}, nobody)
	l.heard(at(150), a)
	look(300, []wire.NodeID{a}, nobody)
	look(499, []wire.NodeID{a}, nobody)
	look(500, nobody, []wire.NodeID{a}) // b is silent too, but nothing is shared with it
	if l.alive(a) || !l.alive(b) || l.deadFor(at(700), a) != 200*time.Millisecond {
		t.Error("a is not dead since 500 ms, or b is")
	}
	look(600, []wire.NodeID{a}, nobody) // the dead are told that we live
	if !l.heard(at(610), a) || !l.alive(a) {
		t.Error("a does not revive")
	}
	// This node is stopped for ten seconds: nobody is dead for that.
	look(10_600, []wire.NodeID{a}, nobody)
	look(10_700, []wire.NodeID{a}, nobody)
	if !l.connection(at(10_750), a, false) || l.alive(a) {
		t.Error("a closed connection is no death")
	}
	look(10_800, nobody, nobody)
	l.share(at(10_900), a, -2)
	if len(l.nodes) != 1 {
		t.Errorf("%d nodes are remembered, want b alone", len(l.nodes))
	}
}

// A node that is slow is taken for dead once, and then borne with for a minute; one that
// is stopped for long is not.
func TestLivenessBears(t *testing.T) {
	const a = wire.NodeID("a")
	start := time.Unix(1000, 0)
	now := start
	l := newLiveness(100*time.Millisecond, 350*time.Millisecond)
	l.connection(now, a, true)
	l.share(now, a, 1)
	// diesAfter says after what silence a is dead, 0 if it is heard before.
	diesAfter := func(heardAfter time.Duration) (after time.Duration) {
		from := now
		for ; now.Sub(from) < heardAfter; now = now.Add(50 * time.Millisecond) {
			if _, died := l.look(now); len(died) > 0 {
				after = now.Sub(from)
			}
		}
		l.heard(now, a)
		return after
	}
	const ms = time.Millisecond
	for _, step := range []struct{ silent, want time.Duration }{
		{300 * ms, 0},
		{400 * ms, 350 * ms}, // slow for the first time
		{750 * ms, 0},
		{900 * ms, 800 * ms},
		{1350 * ms, 0}, // four times what is usual is the most
		{10_000 * ms, 1400 * ms},
		{1350 * ms, 0}, // the ten seconds were no error
	} {
		if got := diesAfter(step.silent); got != step.want {
			t.Errorf("silent for %v: dead after %v, want %v", step.silent, got, step.want)
		}
	}
	for range 700 {
		diesAfter(100 * ms)
	}
	if got := diesAfter(400 * ms); got != 350*ms {
		t.Errorf("a minute later: dead after %v, want 350 ms", got)
	}
	l.connection(now, a, false)
	if l.alive(a) {
		t.Error("a closed connection is no death")
	}
}
