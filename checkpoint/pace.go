package checkpoint

import (
	"errors"
	"time"
)

// Pace decides how long to wait between two checkpoints of a chain: the
// interval wanted as long as the disk keeps up, longer when it does not.
type Pace struct {
	// Interval is the time wanted from one capture to the next, Max the longest
	// that it stretches to.
	Interval, Max time.Duration
	now           time.Duration
}

// DefaultPace is a checkpoint every 100 ms, 10 s when the disk is worst.
func DefaultPace() Pace { return Pace{Interval: 100 * time.Millisecond, Max: 10 * time.Second} }

// Validate reports what is out of range.
func (p Pace) Validate() error {
	if p.Interval <= 0 || p.Max < p.Interval {
		return errors.New("checkpoint interval is not positive, or more than its maximum")
	}
	return nil
}

// Next is the time from the last capture to the one that is due.
func (p Pace) Next() time.Duration { return max(p.now, p.Interval) }

// Stretched tells whether that is longer than wanted.
func (p Pace) Stretched() bool { return p.Next() > p.Interval }

// Stored takes in how long a checkpoint took from its capture until it was
// stored. A quarter of the interval is left to the disk: it stretches at once to
// 4/3 of that time, and shrinks by an eighth each time that less would do.
func (p Pace) Stored(took time.Duration) Pace {
	need := took + took/3
	if need < p.Next() {
		need = max(need, p.Next()-p.Next()/8)
	}
	p.now = min(max(need, p.Interval), p.Max)
	return p
}

// Failed stretches to twice the interval: nothing was stored.
func (p Pace) Failed() Pace {
	p.now = min(2*p.Next(), p.Max)
	return p
}
