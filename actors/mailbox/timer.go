package mailbox

import (
	"cmp"
	"slices"
	"time"
)

// timer is one that is not due yet.
type timer struct {
	Due   int64  `cbor:"due"`
	ID    uint64 `cbor:"id"`
	Token uint64 `cbor:"token"`
}

func compareTimer(a, b timer) int { return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.ID, b.ID)) }

func (s *State) addTimer(t timer) {
	i, _ := slices.BinarySearchFunc(s.timers, t, compareTimer)
	s.timers = slices.Insert(s.timers, i, t)
}

// fire delivers the timers that are due.
func (s *State) fire() {
	for len(s.timers) > 0 && s.timers[0].Due <= s.now {
		s.enqueue(Delivery{Kind: Timer, Token: s.timers[0].Token})
		s.timers = s.timers[1:]
	}
}

// NextDue is when an entry is wanted so that a timer fires or an ask times out; the
// zero time if there is none.
func (s *State) NextDue() time.Time {
	due := s.outbox.due
	if len(s.timers) > 0 && (due == 0 || s.timers[0].Due < due) {
		due = s.timers[0].Due
	}
	if due == 0 || s.status != Running {
		return time.Time{}
	}
	return time.Unix(0, due)
}
