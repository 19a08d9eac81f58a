package detect

import (
	"testing"
	"time"
)

// False alarms of a node that watches another one, an hour: on a network of 2 ms whose
// delays have a long tail, between processes that stand still now and then.
func BenchmarkFalseAlarms(b *testing.B) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, c := range []struct {
		name   string
		slow   float64       // share of messages that take up to 500 ms
		pauses time.Duration // the longest, one every 10 s in each process; 0 is none
	}{
		{"quiet", 0, 0},
		{"load", 0.01, 0},
		{"pauses of up to 0.3 s", 0, ms(300)},
		{"pauses of up to 0.7 s", 0, ms(700)},
		{"pauses of up to 2 s", 0, 2 * time.Second},
		{"load and pauses of up to 0.3 s", 0.01, ms(300)},
	} {
		b.Run(c.name, func(b *testing.B) {
			hours, seed := 0.0, uint64(0)
			var sum Stats
			for b.Loop() {
				seed++
				w := newWorld(b, seed, 5, ms(2))
				way := w.delay
				w.delay = func() time.Duration {
					if w.rng.Float64() < c.slow {
						return time.Duration(w.rng.Int64N(int64(ms(500))))
					}
					return way()
				}
				if c.pauses > 0 {
					for _, n := range w.nodes {
						w.stutter(n, c.pauses)
					}
				}
				w.run(time.Hour)
				s := w.nodes[0].d.Stats()
				sum.Suspicions, sum.Deaths, hours = sum.Suspicions+s.Suspicions, sum.Deaths+s.Deaths, hours+1
			}
			b.ReportMetric(float64(sum.Suspicions)/hours, "suspicions/h")
			b.ReportMetric(float64(sum.Deaths)/hours, "deaths/h")
		})
	}
}

// stutter lets a process stand still for up to most, every 10 s or so.
func (w *world) stutter(n *node, most time.Duration) {
	w.after(time.Duration(w.rng.ExpFloat64()*float64(10*time.Second)), func() {
		n.stopped = w.now.Add(time.Duration(w.rng.Int64N(int64(most))))
		w.stutter(n, most)
	})
}
