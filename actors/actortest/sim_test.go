package actortest

import (
	"flag"
	"testing"
	"time"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first `seed` of the simulations")
	seeds     = flag.Int("seeds", 5, "`number` of simulations of each kind")
)

func TestSeeds(t *testing.T) {
	for name, cfg := range map[string]Config{
		"calm":   {Calm: true},
		"faults": {},
		"two":    {Nodes: 3, Replicas: 2},
		"one":    {Nodes: 2, Replicas: 1},
		"burn":   {Burn: true},
		"hasty":  {Checkpoint: 15 * time.Millisecond},
		"many":   {Nodes: 7, Actors: 6, Calls: 250},
		"ctrl":   {Controls: true, Calls: 250},
		"five":   {Nodes: 6, Replicas: 5, Actors: 2},
	} {
		t.Run(name, func(t *testing.T) {
			var sum Report
			for i := range uint64(*seeds) {
				cfg.Seed = *firstSeed + i
				r, err := Run(cfg)
				if err != nil {
					t.Fatalf("seed %d: %v", cfg.Seed, err)
				}
				sum.Events += r.Events
				sum.Crashes += r.Crashes
				sum.Pauses += r.Pauses
				sum.Elections += r.Elections
				sum.Checkpoints += r.Checkpoints
				sum.Replaced += r.Replaced
				sum.Failures += r.Failures
				sum.Answered += r.Answered
				sum.Unknown += r.Unknown
				sum.Repeated = max(sum.Repeated, r.Repeated)
				sum.Gap = max(sum.Gap, r.Gap)
			}
			t.Logf("%+v", sum)
		})
	}
}

// Seeds that have found something, once.
func TestFound(t *testing.T) {
	for name, cfg := range map[string]Config{
		// A replica that was taken out deleted itself while the others, who had crashed,
		// did not know yet that it was out, and needed its vote.
		"two, 117": {Nodes: 3, Replicas: 2, Seed: 117},
		// A leader that stood still took the word that its followers had given before for
		// a new one, and spoke.
		"hasty, 20005": {Checkpoint: 15 * time.Millisecond, Seed: 20005},
	} {
		if _, err := Run(cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The same seed is the same run.
func TestDeterminism(t *testing.T) {
	for seed := range uint64(3) {
		a, err1 := Run(Config{Seed: seed, Faults: 5 * time.Second})
		b, err2 := Run(Config{Seed: seed, Faults: 5 * time.Second})
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if a.Trace != b.Trace || a.Events != b.Events {
			t.Errorf("seed %d: %+v and %+v", seed, a, b)
		}
	}
}

// After a single failure at most 100 ms of work is done again: the time between two
// checkpoints and what it takes until one counts. All works well otherwise, and the
// actors have much to do.
func TestRepeatedWork(t *testing.T) {
	var repeated, gap time.Duration
	crashes := 0
	for i := range uint64(*seeds) {
		w, err := newWorld(Config{Seed: *firstSeed + i, Calm: true, Brief: true, Calls: 500, Faults: 4 * time.Second, Checkpoint: 80 * time.Millisecond}.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		w.after(time.Second+w.upTo(2*time.Second), func() { w.anyLeader(func(r *replica) { r.n.crash() }) })
		w.run()
		repeated, gap = max(repeated, w.report.Repeated), max(gap, w.report.Gap)
		crashes += w.report.Crashes
		if w.report.Repeated > 100*time.Millisecond {
			t.Errorf("seed %d: %v of work was done again", w.cfg.Seed, w.report.Repeated)
		}
	}
	if crashes < *seeds || repeated == 0 {
		t.Errorf("%d crashes, %v repeated: this tests nothing", crashes, repeated)
	}
	t.Logf("%d crashes; at most %v repeated, away for at most %v", crashes, repeated, gap)
}
