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

// jumper is a program whose calls are suspended at random, and go on elsewhere, and a copy of
// it that runs undisturbed on an engine that cannot suspend.
type jumper struct {
	program *wasmgen.Program
	engines []*Module // to go on in
	rng     *rand.Rand
	at      *Instance
	journal *journal
	stay    *Instance
	stayed  *journal
	memory  []byte // as the captures say it is
	jumps   int    // suspensions
	hops    int    // to another instance
}

// maxJumps is how often one call is suspended.
const maxJumps = 10

// newJournal is one whose host functions suspend the guest in some programs.
func (j *jumper) newJournal() *journal {
	if j.rng.IntN(2) == 0 {
		return &journal{}
	}
	return &journal{drowsy: j.rng}
}

// jump makes random calls, and compares after each.
func jump(p *wasmgen.Program, seed uint64, plain *Module, engines ...*Module) (j *jumper, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	j = &jumper{program: p, engines: engines, rng: rand.New(rand.NewPCG(seed, 7)), stayed: &journal{}}
	j.journal = j.newJournal()
	ctx := context.Background()
	var startErr error
	if j.at, startErr = engines[0].Instantiate(ctx, task(j.journal)); j.at == nil {
		return j, startErr
	}
	defer func() { err = errors.Join(err, j.at.Close()) }()
	if j.stay, _ = plain.Instantiate(ctx, task(j.stayed)); j.stay == nil {
		return j, errors.New("starts only once")
	}
	defer func() { err = errors.Join(err, j.stay.Close()) }()
	for n := 0; errors.Is(startErr, ErrSuspended); n++ {
		if err := j.pause(ctx); err != nil {
			return j, fmt.Errorf("start: jump %d: %w", n, err)
		}
		_, startErr = j.at.Resume(ctx)
	}
	if startErr != nil {
		return j, nil
	}
	for range 6 {
		if over, err := j.step(ctx); over || err != nil {
			return j, err
		}
	}
	return j, nil
}

func (j *jumper) step(ctx context.Context) (over bool, err error) {
	call := j.program.Calls[j.rng.IntN(len(j.program.Calls))]
	before := j.stay.FuelUsed()
	want, wantErr := j.stay.Call(ctx, call.Name, call.Args...)
	used := max(before, j.stay.FuelUsed()) - before // a trap may leave less: what had been prepaid
	j.at.SuspendAfter(before + j.rng.Uint64N(used+1))
	got, gotErr := j.at.Call(ctx, call.Name, call.Args...)
	for n := 0; errors.Is(gotErr, ErrSuspended); n++ {
		if err := j.pause(ctx); err != nil {
			return true, fmt.Errorf("%s: jump %d: %w", call.Name, n, err)
		}
		if left := before + used - min(before+used, j.at.FuelUsed()); n < maxJumps && left > 0 {
			j.at.SuspendAfter(j.at.FuelUsed() + j.rng.Uint64N(left))
		}
		got, gotErr = j.at.Resume(ctx)
	}
	types := exportType(j.program.Module, call.Name).Results
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && cause(gotErr.Error()) != cause(wantErr.Error()) {
		return true, fmt.Errorf("%s: %v, undisturbed %v", call.Name, gotErr, wantErr)
	}
	if j.at.FuelUsed() != j.stay.FuelUsed() {
		return true, fmt.Errorf("%s: fuel %d, undisturbed %d (%v)", call.Name, j.at.FuelUsed(), j.stay.FuelUsed(), gotErr)
	}
	if gotErr != nil {
		return true, nil
	}
	if a, b := resultText(types, got), resultText(types, want); a != b {
		return true, fmt.Errorf("%s: %s, undisturbed %s", call.Name, a, b)
	}
	return false, j.same()
}

func (j *jumper) same() error {
	a, err := j.at.StateHash()
	if err != nil {
		return err
	}
	b, err := j.stay.StateHash()
	if err == nil && a != b {
		err = fmt.Errorf("state %x, undisturbed %x", a[:4], b[:4])
	}
	return err
}

// pause is what happens while the call is suspended.
func (j *jumper) pause(ctx context.Context) error {
	j.jumps++
	if j.rng.IntN(4) == 0 {
		return nil
	}
	c, err := j.at.Capture()
	if err != nil {
		return err
	}
	j.memory = append(j.memory, make([]byte, c.Size-uint64(len(j.memory)))...)
	for _, r := range c.Dirty {
		copy(j.memory[r.Start:], r.Bytes)
	}
	if j.rng.IntN(3) == 0 {
		return nil
	}
	return j.hop(ctx, c)
}

// hop goes on in another instance.
func (j *jumper) hop(ctx context.Context, c checkpoint.Capture) error {
	before, err := j.at.StateHash()
	if err != nil {
		return err
	}
	m := j.engines[j.rng.IntN(len(j.engines))]
	fresh := j.newJournal()
	next, err := m.Restore(ctx, task(fresh), Saved{
		Module: m.CID(), Fuel: c.Fuel, State: &c.State, Size: c.Size, Memory: bytes.NewReader(bytes.Clone(j.memory)),
	})
	if err != nil {
		return err
	}
	j.hops++
	old := j.at
	j.at, j.journal = next, fresh
	after, err := j.at.StateHash()
	if err == nil && before != after {
		err = fmt.Errorf("state %x, restored %x", before[:4], after[:4])
	}
	return errors.Join(err, old.Close())
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
		if modules[0].Unsuspendable() != "" {
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
