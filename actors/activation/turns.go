package activation

import (
	"sync"
	"time"
)

// turns spreads the checkpoints of all actors of a node over time. With more actors at
// work than it has turns for, each waits longer for its next one.
type turns struct {
	every time.Duration // from one to the next

	mu   sync.Mutex
	last time.Time
}

func newTurns(rate int) *turns { return &turns{every: time.Second / time.Duration(rate)} }

// next gives away the first turn that is free, now or later.
func (t *turns) next(now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.last.Add(t.every)
	if at.Before(now) {
		at = now
	}
	t.last = at
	return at
}
