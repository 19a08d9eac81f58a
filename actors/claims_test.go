package actors

import (
	"errors"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// Two nodes claim one name at the same moment, with every order in which their messages
// can arrive and clocks that do not agree: exactly one of them gets it.
func TestTwoClaimsAtOnce(t *testing.T) {
	type letter struct {
		to wire.NodeID
		m  wire.NodeMessage
	}
	now := time.Unix(1000, 0)
	for schedule := range 1 << 8 {
		var queue []letter
		nodes, won := map[wire.NodeID]*claims{}, map[wire.NodeID]error{}
		for _, id := range []wire.NodeID{"a", "b"} {
			nodes[id] = newClaims(
				func(to wire.NodeID, m wire.NodeMessage) { queue = append(queue, letter{to, m}) },
				func(string) (wire.Where, bool) { return wire.Where{}, false })
		}
		begin := func(self, other wire.NodeID, actor byte, created int64) {
			m := wire.Claim{Name: "n", Actor: wire.ActorID{actor}, Created: created}
			nodes[self].begin(now, m, []wire.NodeID{other}, func(err error) { won[self] = err })
		}
		begin("a", "b", 1, 7)
		begin("b", "a", 2, int64(6+schedule&1)) // older, or of one age
		for bits := schedule >> 1; len(queue) > 0; bits >>= 1 {
			i := bits & 1 % len(queue)
			l := queue[i]
			queue = append(queue[:i], queue[i+1:]...)
			from := map[wire.NodeID]wire.NodeID{"a": "b", "b": "a"}[l.to]
			switch m := l.m.(type) {
			case wire.Claim:
				nodes[l.to].asked(now, from, m)
			case wire.Claimed:
				nodes[l.to].claimed(now, from, m)
			}
		}
		if len(won) != 2 || (won["a"] == nil) == (won["b"] == nil) {
			t.Fatalf("schedule %b: a got %v and b got %v", schedule, won["a"], won["b"])
		}
		for _, err := range won {
			if err != nil && !errors.Is(err, ErrExists) {
				t.Fatal(err)
			}
		}
	}
}
