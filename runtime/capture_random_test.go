package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/linmem"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

// Capture and Restore make the journal a HostState.
func (j *journal) Capture() ([]byte, error) { return json.Marshal([]any{j.entries, j.fuel}) }

func (j *journal) Restore(saved []byte) error {
	return json.Unmarshal(saved, &[]any{&j.entries, &j.fuel})
}

// traveller is a program whose instance moves between calls, and a copy of it that
// stays where it is.
type traveller struct {
	program *wasmgen.Program
	engines []*Module // to move between
	rng     *rand.Rand
	copy    []byte // linear memory as the captures say it is
	at      *Instance
	journal *journal
	stay    *Instance
	stayed  *journal
	hops    int
}

func task(j *journal) Task {
	return Task{State: map[string]any{wasmgen.HostModule: j}, Limits: Limits{Fuel: enough, CallDepth: randomDepth}}
}

// travel makes random calls, and compares after each. It reports how often it has
// moved.
func travel(p *wasmgen.Program, seed uint64, engines ...*Module) (hops int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	tr := &traveller{program: p, engines: engines, rng: rand.New(rand.NewPCG(seed, 5)), journal: &journal{}, stayed: &journal{}}
	ctx := context.Background()
	var startErr error
	if tr.at, startErr = engines[0].Instantiate(ctx, task(tr.journal)); tr.at == nil {
		return 0, startErr
	}
	defer func() { err = errors.Join(err, tr.at.Close()) }()
	if tr.stay, _ = engines[0].Instantiate(ctx, task(tr.stayed)); tr.stay == nil {
		return 0, errors.New("starts only once")
	}
	defer func() { err = errors.Join(err, tr.stay.Close()) }()
	if startErr != nil {
		return 0, nil
	}
	for range 12 {
		if over, err := tr.step(ctx); over || err != nil {
			return tr.hops, err
		}
	}
	return tr.hops, nil
}

func (tr *traveller) step(ctx context.Context) (over bool, err error) {
	call := tr.program.Calls[tr.rng.IntN(len(tr.program.Calls))]
	types := exportType(tr.program.Module, call.Name).Results
	moved, movedErr := tr.at.Call(ctx, call.Name, call.Args...)
	stayed, stayedErr := tr.stay.Call(ctx, call.Name, call.Args...)
	if (movedErr == nil) != (stayedErr == nil) || movedErr != nil && cause(movedErr.Error()) != cause(stayedErr.Error()) {
		return true, fmt.Errorf("%s: %v, without moving %v", call.Name, movedErr, stayedErr)
	}
	if tr.at.FuelUsed() != tr.stay.FuelUsed() {
		return true, fmt.Errorf("%s: fuel %d, without moving %d", call.Name, tr.at.FuelUsed(), tr.stay.FuelUsed())
	}
	if movedErr != nil {
		return true, nil
	}
	if a, b := resultText(types, moved), resultText(types, stayed); a != b {
		return true, fmt.Errorf("%s: %s, without moving %s", call.Name, a, b)
	}
	return false, tr.move(ctx)
}

// move captures, and now and then goes on elsewhere.
func (tr *traveller) move(ctx context.Context) error {
	if tr.rng.IntN(3) == 0 {
		if err := tr.at.Precopy(); err != nil {
			return err
		}
	}
	c, err := tr.at.Capture()
	if err != nil {
		return err
	}
	if tr.rng.IntN(4) == 0 {
		tr.at.Uncapture()
		return nil
	}
	tr.apply(c)
	if !bytes.Equal(tr.copy, tr.at.Memory()) {
		return errors.New("captures do not make up the memory")
	}
	if err := tr.same(); err != nil || tr.rng.IntN(2) == 0 {
		return err
	}
	if err := tr.restore(ctx, c); err != nil {
		return err
	}
	return tr.same()
}

func (tr *traveller) apply(c checkpoint.Capture) {
	tr.copy = append(tr.copy, make([]byte, c.Size-uint64(len(tr.copy)))...)
	for _, r := range c.Dirty {
		copy(tr.copy[r.Start:], r.Bytes)
	}
}

func (tr *traveller) same() error {
	a, err := tr.at.StateHash()
	if err != nil {
		return err
	}
	b, err := tr.stay.StateHash()
	if err != nil {
		return err
	}
	if a != b {
		return fmt.Errorf("hop %d: state %x, without moving %x", tr.hops, a[:4], b[:4])
	}
	return nil
}

// restore goes on from the capture, sometimes from a file and sometimes from
// bytes.
func (tr *traveller) restore(ctx context.Context, c checkpoint.Capture) error {
	m := tr.engines[tr.rng.IntN(len(tr.engines))]
	saved := Saved{Module: m.CID(), Fuel: c.Fuel, State: &c.State, Size: c.Size, Memory: bytes.NewReader(bytes.Clone(tr.copy))}
	if tr.rng.IntN(2) == 0 {
		f, err := os.CreateTemp("", "memory")
		if err != nil {
			return err
		}
		defer f.Close()
		defer os.Remove(f.Name())
		if _, err := f.Write(tr.copy); err != nil {
			return err
		}
		saved.Memory = f
	}
	j := &journal{}
	next, err := m.Restore(ctx, task(j), saved)
	if err != nil {
		return err
	}
	tr.hops++
	old := tr.at
	tr.at, tr.journal = next, j
	return old.Close()
}

// TestTravel moves random programs at random calls, between engines that find written
// pages in all the ways that work here.
func TestTravel(t *testing.T) {
	var engines []*Engine
	for _, proof := range linmem.Prove() {
		if proof.Err != nil {
			t.Logf("without %v: %v", proof.Rung, proof.Err)
			continue
		}
		for _, kind := range kinds() {
			engines = append(engines, trackingEngine(t, kind, proof.Rung))
		}
	}
	first, count := seeds(t, 1500)
	hops := 0
	for seed := first; seed < first+count; seed++ {
		p := wasmgen.Generate(choices(seed))
		var modules []*Module
		for n := range 2 { // any two of them
			e := engines[(int(seed)+n*(1+int(seed)/len(engines)))%len(engines)]
			m, err := e.Load(t.Context(), p.Binary)
			if err != nil {
				t.Fatal(err)
			}
			modules = append(modules, m)
		}
		n, err := travel(p, seed, modules...)
		if err != nil {
			t.Errorf("seed %d: %v\n\tGODWIT_SEEDS=%d+1 go test -run TestTravel ./runtime", seed, err, seed)
		}
		hops += n
		for _, m := range modules {
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d hops", hops)
	if uint64(hops) < count/2 {
		t.Errorf("only %d hops in %d programs", hops, count)
	}
}

// trackingEngine finds written pages in one way.
func trackingEngine(t testing.TB, kind Kind, rung linmem.Rung) *Engine {
	t.Helper()
	e := newEngine(t, Config{Kind: kind, HostModules: []hostabi.Module{randomHost()}})
	pool, err := linmem.New(linmem.Config{Tracking: rung})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.pool.Close(); err != nil {
		t.Fatal(err)
	}
	e.pool = pool
	return e
}
