package mailbox

import (
	"cmp"
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
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
	if s.status != Running {
		return
	}
	for len(s.timers) > 0 && s.timers[0].Due <= s.now {
		s.enqueue(Delivery{Kind: Timer, Token: s.timers[0].Token})
		s.timers = s.timers[1:]
	}
	if s.wake > 0 && s.wake <= s.now {
		s.wake = 0
		s.enqueue(Delivery{Kind: Timeout})
	}
}

// SetWake has a Timeout delivered after wait, unless something else is delivered
// before: for a guest that waits, between two deliveries, for at most so long.
func (s *State) SetWake(wait time.Duration) {
	s.wake = s.now + int64(min(max(wait, 0), wire.MaxWait))
}

// TimeOut begins a Timeout now: for a guest that does not wait.
func (s *State) TimeOut() (Delivery, bool) {
	if s.current != nil || s.status != Running {
		return Delivery{}, false
	}
	return s.begin(Delivery{Kind: Timeout}), true
}

// NextDue is when an entry is wanted so that a timer fires or an ask times out; the
// zero time if there is none.
func (s *State) NextDue() time.Time {
	due := s.outbox.due
	if len(s.timers) > 0 && (due == 0 || s.timers[0].Due < due) {
		due = s.timers[0].Due
	}
	if s.wake > 0 && (due == 0 || s.wake < due) {
		due = s.wake
	}
	if due == 0 || s.status != Running {
		return time.Time{}
	}
	return time.Unix(0, due)
}
