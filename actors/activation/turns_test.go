package activation

import (
	"testing"
	"time"
)

// Turns are as far from each other as the rate says, and none is kept for later.
func TestTurns(t *testing.T) {
	turns := newTurns(100)
	start := time.Unix(1000, 0)
	for _, c := range []struct{ now, want time.Duration }{
		{0, 0},
		{0, 10 * time.Millisecond},
		{0, 20 * time.Millisecond},
		{25 * time.Millisecond, 30 * time.Millisecond},
		{time.Second, time.Second}, // nobody came for long
		{time.Second, 1010 * time.Millisecond},
	} {
		if got := turns.next(start.Add(c.now)).Sub(start); got != c.want {
			t.Errorf("turn asked for at %v: %v, want %v", c.now, got, c.want)
		}
	}
}
