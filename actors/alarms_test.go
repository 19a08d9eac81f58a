package actors

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Alarms against a plain map: what is due, in which order, and when next.
func TestAlarms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, plain := newAlarms[int](), map[int]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 9).Draw(t, "key")
			at := time.Time{}
			if s := rapid.Int64Range(0, 20).Draw(t, "second"); s > 0 {
				at = time.Unix(s, 0)
			}
			a.set(key, at)
			if plain[key] = at; at.IsZero() {
				delete(plain, key)
			}
			var next time.Time
			for _, at := range plain {
				if next.IsZero() || at.Before(next) {
					next = at
				}
			}
			if !a.next().Equal(next) {
				t.Fatalf("next is at %v, want %v", a.next(), next)
			}
		}
		now := time.Unix(10, 0)
		var order []time.Time
		for key, ok := a.due(now); ok; key, ok = a.due(now) {
			order = append(order, plain[key])
			delete(plain, key)
		}
		if !slices.IsSortedFunc(order, time.Time.Compare) {
			t.Fatalf("alarms came in the order %v", order)
		}
		for key, at := range plain {
			if !at.After(now) {
				t.Fatalf("the alarm of %d did not come", key)
			}
		}
	})
}
