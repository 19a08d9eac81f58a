package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

// wanderer is an instance whose calls are suspended, and go on here and there.
type wanderer struct {
	modules []*Module // to go on in
	task    func() Task
	rng     *rand.Rand
	at      *Instance
	memory  []byte // as the captures say it is
	jumps   int    // suspensions
	hops    int    // to another instance
}

// call calls an export. After step units of fuel, and at each suspension after step units
// more, the call is suspended; step gives never to let it run.
func (w *wanderer) call(ctx context.Context, name string, args []uint64, step func(used uint64) uint64) ([]uint64, error) {
	w.at.SuspendAfter(w.at.FuelUsed() + step(w.at.FuelUsed()))
	results, err := w.at.Call(ctx, name, args...)
	return w.finish(ctx, results, err, step)
}

// finish goes on until the call is over.
func (w *wanderer) finish(ctx context.Context, results []uint64, err error, step func(used uint64) uint64) ([]uint64, error) {
	for errors.Is(err, ErrSuspended) {
		if err := w.pause(ctx); err != nil {
			return nil, fmt.Errorf("after %d suspensions: %w", w.jumps, err)
		}
		w.at.SuspendAfter(w.at.FuelUsed() + step(w.at.FuelUsed()))
		results, err = w.at.Resume(ctx)
	}
	return results, err
}

// pause is what happens while the call is suspended.
func (w *wanderer) pause(ctx context.Context) error {
	w.jumps++
	if w.rng.IntN(4) == 0 {
		return nil
	}
	c, err := w.at.Capture()
	if err != nil {
		return err
	}
	w.remember(c)
	if w.rng.IntN(3) == 0 {
		return nil
	}
	return w.hop(ctx, c)
}

// remember notes what a capture says of the memory.
func (w *wanderer) remember(c checkpoint.Capture) {
	w.memory = append(w.memory, make([]byte, c.Size-uint64(len(w.memory)))...)
	for _, r := range c.Dirty {
		copy(w.memory[r.Start:], r.Bytes)
	}
}

// hop goes on in another instance.
func (w *wanderer) hop(ctx context.Context, c checkpoint.Capture) error {
	before, err := w.at.StateHash()
	if err != nil {
		return err
	}
	m := w.modules[w.rng.IntN(len(w.modules))]
	next, err := m.Restore(ctx, w.task(), Saved{
		Module: m.CID(), Fuel: c.Fuel, State: &c.State, Size: c.Size, Memory: bytes.NewReader(bytes.Clone(w.memory)),
	})
	if err != nil {
		return err
	}
	w.hops++
	old := w.at
	w.at = next
	after, err := w.at.StateHash()
	if err == nil && before != after {
		err = fmt.Errorf("state %x, restored %x", before[:4], after[:4])
	}
	return errors.Join(err, old.Close())
}

// agree compares what a call came to with what it came to undisturbed, and the states. It
// reports whether both ended there.
func (w *wanderer) agree(stay *Instance, types []ValueType, got, want []uint64, gotErr, wantErr error) (over bool, err error) {
	switch {
	case (gotErr == nil) != (wantErr == nil) || gotErr != nil && cause(gotErr.Error()) != cause(wantErr.Error()):
		return true, fmt.Errorf("%v, undisturbed %v", gotErr, wantErr)
	case w.at.FuelUsed() != stay.FuelUsed():
		return true, fmt.Errorf("fuel %d, undisturbed %d (%v)", w.at.FuelUsed(), stay.FuelUsed(), gotErr)
	case gotErr != nil:
		return true, nil
	}
	if a, b := resultText(types, got), resultText(types, want); a != b {
		return true, fmt.Errorf("%s, undisturbed %s", a, b)
	}
	a, err := w.at.StateHash()
	if err != nil {
		return true, err
	}
	b, err := stay.StateHash()
	if err == nil && a != b {
		err = fmt.Errorf("state %x, undisturbed %x", a[:4], b[:4])
	}
	return false, err
}

// maxJumps is how often one call of a random program is suspended.
const maxJumps = 10

// randomTask is a task whose host functions suspend the guest in some instances.
func randomTask(rng *rand.Rand) func() Task {
	return func() Task {
		if rng.IntN(2) == 0 {
			return task(&journal{})
		}
		return task(&journal{drowsy: rng})
	}
}

// jump makes random calls of a program, and compares after each with a copy of it that runs
// undisturbed, on an engine that cannot suspend.
func jump(p *wasmgen.Program, seed uint64, plain *Module, modules ...*Module) (w *wanderer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 7))
	w = &wanderer{modules: modules, rng: rng, task: randomTask(rng)}
	ctx := context.Background()
	var startErr error
	if w.at, startErr = modules[0].Instantiate(ctx, w.task()); w.at == nil {
		return w, startErr
	}
	defer func() { err = errors.Join(err, w.at.Close()) }()
	stay, wantErr := plain.Instantiate(ctx, task(&journal{}))
	if stay == nil {
		return w, errors.New("starts only once")
	}
	defer func() { err = errors.Join(err, stay.Close()) }()
	_, startErr = w.finish(ctx, nil, startErr, func(uint64) uint64 { return never })
	over, err := w.agree(stay, nil, nil, nil, startErr, wantErr)
	for n := 0; n < 6 && err == nil && !over; n++ {
		over, err = w.jumpCall(ctx, p, stay)
	}
	return w, err
}

func (w *wanderer) jumpCall(ctx context.Context, p *wasmgen.Program, stay *Instance) (over bool, err error) {
	call := p.Calls[w.rng.IntN(len(p.Calls))]
	want, wantErr := stay.Call(ctx, call.Name, call.Args...)
	end, jumps := stay.FuelUsed(), w.jumps
	got, gotErr := w.call(ctx, call.Name, call.Args, func(used uint64) uint64 {
		if used >= end || w.jumps-jumps > maxJumps {
			return never
		}
		return w.rng.Uint64N((end-used)/3 + 1)
	})
	over, err = w.agree(stay, exportType(p.Module, call.Name).Results, got, want, gotErr, wantErr)
	if err != nil {
		err = fmt.Errorf("%s: %w", call.Name, err)
	}
	return over, err
}

// TestSuspendRandom suspends random programs anywhere, and lets them go on here and
// there.
func TestSuspendRandom(t *testing.T) {
	host := []hostabi.Module{randomHost()}
	var engines []*Engine
	for _, kind := range kinds() {
		e := newEngine(t, Config{Kind: kind, HostModules: host, Suspend: true})
		e.slices = sliceBounds{50, 5000}
		engines = append(engines, e)
	}
	plain := newEngine(t, Config{HostModules: host})
	first, count := seeds(t, 400)
	jumps, hops, cannot := 0, 0, 0
	for seed := first; seed < first+count; seed++ {
		p := wasmgen.Generate(choices(seed))
		undisturbed := mustLoad(t, plain, p.Binary)
		var modules []*Module
		for _, e := range engines {
			modules = append(modules, mustLoad(t, e, p.Binary))
		}
		if why := modules[0].Unsuspendable(); why != "" {
			t.Log(why)
			cannot++
		}
		j, err := jump(p, seed, undisturbed, modules...)
		if err != nil {
			t.Errorf("seed %d: %v\n\tGODWIT_SEEDS=%d+1 go test -run TestSuspendRandom ./runtime", seed, err, seed)
		}
		jumps, hops = jumps+j.jumps, hops+j.hops
		for _, m := range append(modules, undisturbed) {
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d suspensions, %d hops; %d of %d programs cannot be suspended", jumps, hops, cannot, count)
	if uint64(jumps) < count {
		t.Errorf("only %d suspensions in %d programs", jumps, count)
	}
}

func mustLoad(t testing.TB, e *Engine, binary []byte) *Module {
	t.Helper()
	m, err := e.Load(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
