package runtime

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
)

// Journeys of real programs: how often each is suspended, and how often it goes on elsewhere.
const (
	journeyStops = 420
	journeyHops  = 10
)

// journey runs a program to its end in many steps, in instances of the modules in turn.
type journey struct {
	wanderer
	stay  *Module // where it mostly is
	other *Module
	out   bytes.Buffer
}

// TestSuspendGuests suspends real programs hundreds of times each at random, and lets them go
// on in fresh instances of the compiler and the interpreter. Output, fuel and state are those
// of an undisturbed run.
func TestSuspendGuests(t *testing.T) {
	var engines []*Engine
	for _, kind := range kinds() {
		engines = append(engines, newEngine(t, Config{Kind: kind, Suspend: true}))
	}
	plain := newEngine(t, Config{})
	stops, hops := 0, 0
	for n, g := range quickGuests(t) {
		if g.Language == "Go" {
			continue // takes as long to compile as all others
		}
		t.Run(g.Name, func(t *testing.T) {
			binary, args := g.binary(t), append([]string{g.Name}, g.Quick.Args...)
			want, _ := runOnce(t, plain, load(t, plain, binary), Task{Args: args})
			j := &journey{stay: load(t, engines[0], binary), other: load(t, engines[len(engines)-1], binary)}
			j.rng = rand.New(rand.NewPCG(uint64(n), 11))
			j.task = func() Task { return Task{Args: args, Deterministic: true, Stdout: &j.out} }
			if err := j.run(t.Context(), want.FuelUsed); err != nil {
				t.Fatalf("after %d suspensions, %d hops: %v", j.jumps, j.hops, err)
			}
			if fuel := j.at.FuelUsed(); fuel != want.FuelUsed || j.out.String() != g.Quick.Stdout {
				t.Errorf("after %d suspensions, %d hops: fuel %d and output %q, undisturbed %d and %q",
					j.jumps, j.hops, fuel, &j.out, want.FuelUsed, g.Quick.Stdout)
			}
			stops, hops = stops+j.jumps, hops+j.hops
			if err := j.at.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Logf("%d suspensions, %d hops", stops, hops)
	if stops < 10_000 || hops < 200 {
		t.Errorf("only %d suspensions and %d hops", stops, hops)
	}
}

// run runs the program, which takes so much fuel.
func (j *journey) run(ctx context.Context, fuel uint64) (err error) {
	if j.at, err = j.stay.Instantiate(ctx, j.task()); err != nil {
		return err
	}
	j.further(fuel)
	_, err = j.at.Call(ctx, startExport)
	for errors.Is(err, ErrSuspended) {
		if err = j.rest(ctx); err != nil {
			return err
		}
		j.further(fuel)
		_, err = j.at.Resume(ctx)
	}
	if guest, ok := errors.AsType[*GuestError](err); ok && guest.Status == StatusSucceeded {
		return nil
	}
	return err
}

// further sets where the program is to stop next.
func (j *journey) further(fuel uint64) {
	j.at.SuspendAfter(j.at.FuelUsed() + j.rng.Uint64N(2*fuel/journeyStops))
}

// rest is what happens while the program is suspended: most often nothing. In the slow place
// it stays only for one step.
func (j *journey) rest(ctx context.Context) error {
	j.jumps++
	away := j.at.module == j.other
	if !away && (j.hops >= journeyHops || j.rng.IntN(journeyStops/journeyHops) > 0) {
		return nil
	}
	if j.modules = []*Module{j.other}; away {
		j.modules = []*Module{j.stay}
	}
	c, err := j.at.Capture()
	if err != nil {
		return err
	}
	j.remember(c)
	return j.hop(ctx, c)
}
