package suspend

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/state"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

func randomBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, r.IntN(6000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// metered is a module as Rewrite gets it.
func metered(t testing.TB, binary []byte) (*wasm.Module, Code) {
	t.Helper()
	m, err := wasm.Decode(binary)
	if err != nil {
		t.Fatal(err)
	}
	guest := state.Of(m)
	plan, err := meter.RewriteSuspendable(m)
	if err != nil {
		t.Fatal(err)
	}
	exposed, err := state.Expose(m, guest, state.Code{SetsTables: plan.SetsTables, Drops: plan.Drops, Refers: plan.Refers || plan.Ref != 0})
	if err != nil || exposed.Hidden != "" {
		t.Fatal(err, exposed.Hidden)
	}
	return m, Code{Fuel: plan.FuelGlobal, Save: plan.Save, Ref: plan.Ref, Check: plan.Check, Pauses: plan.Pauses}
}

// TestRandomModules checks that what is made of random programs is valid, each clone
// too.
func TestRandomModules(t *testing.T) {
	clones := 0
	for seed := range uint64(200) {
		m, code := metered(t, wasmgen.Generate(randomBytes(seed)).Binary)
		base := m.Encode()
		plan, err := Rewrite(m, code)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if plan.Refused != "" {
			continue
		}
		if err := wasm.Validate(m); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		clones += checkClones(t, seed, base, plan)
	}
	if clones < 1000 {
		t.Errorf("only %d clones", clones)
	}
}

func checkClones(t *testing.T, seed uint64, base []byte, plan Plan) (clones int) {
	m, err := wasm.Decode(base)
	if err != nil {
		t.Fatal(err)
	}
	cloner := NewCloner(m, plan)
	for f, role := range cloner.mod.role {
		if role != roleFrame {
			continue
		}
		s := &scan{}
		s.read(cloner.mod, &cloner.mod.m.Codes[f-int(cloner.mod.imported)])
		s.settle(cloner.mod, &cloner.mod.m.Codes[f-int(cloner.mod.imported)], nil)
		if s.err != nil {
			t.Fatal(s.err)
		}
		for n := range s.points {
			c, err := cloner.Clone([]Point{pointOf(uint32(f), n)})
			if errors.Is(err, ErrPoint) {
				continue // it cannot be reached
			}
			if err != nil {
				t.Fatal(err)
			}
			cm, err := wasm.Decode(c.Module)
			if err == nil {
				err = wasm.Validate(cm)
			}
			if err != nil {
				t.Fatalf("seed %d: clone of function %d at %d: %v", seed, f, n, err)
			}
			want := wasm.Name{Index: cm.Exports[0].Index, Name: fmt.Sprint("$", f)}
			if names := cm.Names(); names == nil || len(names.Funcs) != 1 || names.Funcs[0] != want && m.Names() == nil {
				t.Fatalf("seed %d: the clone of function %d is named %+v, want %+v", seed, f, names, want)
			}
			clones++
		}
	}
	return clones
}

// TestCloneBound asks for more clones than any stack needs.
func TestCloneBound(t *testing.T) {
	m, code := metered(t, wasmgen.Generate(randomBytes(2)).Binary)
	base := m.Encode()
	plan, err := Rewrite(m, code)
	if err != nil || plan.Refused != "" {
		t.Fatal(err, plan.Refused)
	}
	if m, err = wasm.Decode(base); err != nil {
		t.Fatal(err)
	}
	f := len(m.Codes) - 1
	size := len(m.Codes[f].Body)
	var points []Point
	for n := range maxCloned / size {
		points = append(points, pointOf(uint32(m.ImportedFuncs()+f), n%4095))
	}
	c := NewCloner(m, plan)
	if err := c.bounded(points); err != nil {
		t.Errorf("%d bytes: %v", maxCloned, err)
	}
	if _, err := c.Clone(append(points, points...)); !errors.Is(err, ErrPoint) {
		t.Errorf("%d bytes: %v", 2*maxCloned, err)
	}
}
