package scheduler

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestInterval(t *testing.T) {
	p := Pace{Every: 15 * time.Second}
	for nodes, want := range map[int]time.Duration{
		0: 15 * time.Second, 1: 15 * time.Second, 100: 15 * time.Second, 150: 15 * time.Second,
		1000: 100 * time.Second, 10_000: 1000 * time.Second, 1_000_000: time.Hour,
	} {
		if got := p.Interval(nodes); got != want {
			t.Errorf("%d nodes: %v, want %v", nodes, got, want)
		}
	}
}

// However often things change, all nodes together stay within the rate, and each is
// heard at every interval.
func TestPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 20_000).Draw(t, "nodes")
		p := Pace{Every: 15 * time.Second, Least: 100 * time.Millisecond}
		start := time.Unix(1_700_000_000, 0)
		now, last, said := start, start, 0
		for range rapid.IntRange(1, 500).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(1, int64(20*time.Second)).Draw(t, "after")))
			changed := rapid.Bool().Draw(t, "changed")
			due, again := p.Due(now, nodes, changed)
			if !due && !again.After(now) {
				t.Fatalf("ask again at %v, which is over", again)
			}
			if !due && now.Sub(last) > p.Interval(nodes) && said > 0 {
				t.Fatalf("silent for %v", now.Sub(last))
			}
			if due {
				p.Said(now, nodes)
				last = now
				said++
			}
		}
		most := paceBurst + 1 + now.Sub(start).Seconds()*MeshRate/float64(nodes)
		if said > 1+int(most) {
			t.Fatalf("%d vectors in %v of %d nodes, want %v at most", said, now.Sub(start), nodes, most)
		}
	})
}
