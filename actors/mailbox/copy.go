package mailbox

import (
	"maps"
	"slices"

	"github.com/godwit-run/godwit/actors/wire"
)

// Copy is the state for an instance like this one's that goes on as another actor,
// after entry index of that one's log. What belongs to the memory goes along: clock,
// timers, failures, and the module. Mail does not: what waits here will be done here,
// and what was sent has been sent. An asynchronous ask that has no reply yet is timed
// out. The state must be Quiet, and the spec valid; its module is of no account.
func (s *State) Copy(actor wire.ActorID, spec *wire.Spec, index uint64) *State {
	c := New(actor, spec)
	c.module, c.previous = s.module, s.previous
	c.status, c.reason, c.failures, c.givenUp = s.status, s.reason, slices.Clone(s.failures), s.givenUp
	c.index, c.now, c.seed, c.deliveries = index, s.now, s.seed, s.deliveries
	c.timers, c.nextTimer = slices.Clone(s.timers), s.nextTimer
	c.outbox.nextAsk = s.outbox.nextAsk
	for _, n := range slices.Sorted(maps.Keys(s.outbox.asks)) {
		if a := s.outbox.asks[n]; a.Async && !a.Orphan {
			c.enqueue(Delivery{Kind: Reply, Token: n, Result: wire.Result{Outcome: wire.TimedOut}})
		}
	}
	return c
}
