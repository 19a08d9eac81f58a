package schedtest

import (
	"flag"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first `seed` of the simulations")
	seeds     = flag.Int("seeds", 20, "`number` of simulations of each kind")
)

func TestSeeds(t *testing.T) {
	for name, cfg := range map[string]Config{
		"calm":   {Calm: true},
		"faults": {},
		"liars":  {Liars: 2},
		"two":    {Nodes: 2, Tasks: 60},
		"bids":   {Placement: wire.PlaceAuction, Liars: 1},
		"long":   {Long: 0.7, Liars: 1},
		"clocks": {Skew: 24 * time.Hour, Nodes: 8},
	} {
		t.Run(name, func(t *testing.T) {
			ends, last, resumed := make(map[string]int), Report{}, 0
			for i := range uint64(*seeds) {
				cfg.Seed = *firstSeed + i
				report, err := Run(cfg)
				if err != nil {
					t.Fatalf("seed %d: %v", cfg.Seed, err)
				}
				last = report
				resumed += report.Resumed
				for end, n := range report.Ends {
					ends[end] += n
				}
			}
			if cfg.Long > 0 && resumed == 0 {
				t.Error("nothing went on from a checkpoint: the test shows nothing")
			}
			t.Logf("%v; of the last one: %+v", ends, last)
		})
	}
}

// The same seed is the same run.
func TestDeterminism(t *testing.T) {
	for seed := range uint64(5) {
		a, err1 := Run(Config{Seed: seed, Liars: 1})
		b, err2 := Run(Config{Seed: seed, Liars: 1})
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if a.Trace != b.Trace || a.Events != b.Events {
			t.Errorf("seed %d: %+v and %+v", seed, a, b)
		}
	}
}
