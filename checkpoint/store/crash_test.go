package store

import (
	"context"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"testing"

	"github.com/godwit-run/godwit/checkpoint"
)

var (
	crashSeed  = flag.Uint64("crashseed", 0, "run only this seed of TestCrash")
	crashSeeds = flag.Uint64("crashseeds", 600, "how many seeds TestCrash runs")
)

// Power fails, or the process is killed, after any number of bytes: whatever
// was acknowledged is there afterwards and whole, what was not is there whole or
// not at all, and what was removed stays away.
func TestCrash(t *testing.T) {
	seeds := *crashSeeds
	if testing.Short() {
		seeds = 60
	}
	if *crashSeed != 0 {
		crashRun(t, *crashSeed)
		return
	}
	for seed := uint64(1); seed <= seeds && !t.Failed(); seed++ {
		crashRun(t, seed)
	}
}

func crashRun(t *testing.T, seed uint64) {
	rng := mathrand.New(mathrand.NewPCG(seed, 7))
	fs := newFaultFS()
	actors := []*actor{newActor("a"), newActor("b"), newActor("c")}
	for round := range 4 {
		if err := liveUntilCrash(rng, fs, actors); err != nil {
			t.Errorf("seed %d, round %d: %v\ngo test ./checkpoint/store -run TestCrash -crashseed %d", seed, round, err, seed)
			return
		}
		if rng.IntN(3) == 0 {
			fs = fs.kill()
		} else {
			fs = fs.crash(rng)
		}
	}
}

// liveUntilCrash opens the store, checks that it has what it must, and goes on.
func liveUntilCrash(rng *mathrand.Rand, fs *faultFS, actors []*actor) error {
	s, err := Open(testConfig(fs))
	if err != nil {
		return err
	}
	for _, a := range actors {
		if err := a.check(s); err != nil {
			return err
		}
		a.settle(s)
		if err := a.begin(s); err != nil {
			return err
		}
	}
	for _, d := range s.Damage() {
		if d.Kind != Unfinished {
			return fmt.Errorf("false alarm: %s", d)
		}
	}
	fs.budget = 1 + rng.IntN(1<<(7+rng.IntN(11)))
	defer func() { fs.budget = -1 }()
	for {
		err := step(rng, s, actors[rng.IntN(len(actors))])
		if errors.Is(err, errCrashed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// settle: what is there after a crash stays, and what is not never comes back.
func (a *actor) settle(s *Store) {
	for _, ref := range s.List(a.name) {
		if mem, ok := a.perhaps[ref.Order]; ok {
			a.saved[ref.Order] = mem
		}
	}
	clear(a.perhaps)
}

func step(rng *mathrand.Rand, s *Store, a *actor) error {
	switch rng.IntN(12) {
	case 0:
		return a.retain(s, checkpoint.Policy{Last: 1 + rng.IntN(4)})
	case 1:
		_, err := s.Collect(context.Background())
		return err
	}
	a.live(rng, rng.IntN(20))
	return a.save(s)
}
