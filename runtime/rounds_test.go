package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// countedLoop goes round while a local that goes from start in steps compares with a
// bound, and counts in local 1 and in memory what it does.
type countedLoop struct {
	start, step, bound int32
	op                 wasm.Op // OpNop: the local is not 0
	bottom             bool    // the exit is at the end
	late               bool    // the step is behind the exit
	inner              *countedLoop
	calls              int // 1: a function of constant cost; 2: one with a loop
	sets               bool
}

func (l *countedLoop) body(c *body, local uint32) {
	step := func() {
		c.u32(wasm.OpLocalGet, local).i32(l.step).op(wasm.OpI32Add).u32(wasm.OpLocalSet, local)
	}
	c.i32(l.start).u32(wasm.OpLocalSet, local)
	c.open(wasm.OpBlock).open(wasm.OpLoop).tick()
	if l.calls > 0 {
		c.u32(wasm.OpCall, uint32(l.calls-1))
	}
	if l.inner != nil {
		l.inner.body(c, local+1)
	}
	if l.sets {
		c.u32(wasm.OpLocalGet, 0).u32(wasm.OpLocalSet, local)
	}
	if !l.late {
		step()
	}
	c.u32(wasm.OpLocalGet, local)
	if l.op != wasm.OpNop {
		c.i32(l.bound).op(l.op)
	}
	if l.bottom {
		c.u32(wasm.OpBrIf, 0)
	} else {
		c.u32(wasm.OpBrIf, 1).tick()
		if l.late {
			step()
		}
		c.u32(wasm.OpBr, 0)
	}
	c.op(wasm.OpEnd, wasm.OpEnd)
}

func randomLoop(r *rand.Rand, depth int) *countedLoop {
	ops := []wasm.Op{
		wasm.OpNop, wasm.OpI32Eq, wasm.OpI32Ne, wasm.OpI32LtS, wasm.OpI32LtU, wasm.OpI32GtS, wasm.OpI32GtU,
		wasm.OpI32LeS, wasm.OpI32LeU, wasm.OpI32GeS, wasm.OpI32GeU,
	}
	near := func() int32 { return r.Int32N(40) - 20 }
	l := &countedLoop{start: near(), step: r.Int32N(9) - 4, bound: near(), op: ops[r.IntN(len(ops))], bottom: r.IntN(2) == 0}
	l.late = !l.bottom && r.IntN(2) == 0
	l.sets = r.IntN(10) == 0
	if r.IntN(4) == 0 {
		l.calls = 1 + r.IntN(2)
	}
	if depth > 0 && r.IntN(2) == 0 {
		l.inner = randomLoop(r, depth-1)
	}
	return l
}

// countedLoops is a module of loops, all exported.
func countedLoops(loops []*countedLoop) []byte {
	b := builder{locals: []wasm.LocalRun{{N: 4, Type: wasm.I32}}}
	b.function(tick)
	b.function(func(c *body) {
		(&countedLoop{step: 1, bound: 3, op: wasm.OpI32Ne, bottom: true}).body(c, 1)
	})
	for _, l := range loops {
		f := b.function(func(c *body) { l.body(c, 1) })
		b.Exports = append(b.Exports, wasm.Export{Name: fmt.Sprint("f", f), Kind: wasm.KindFunc, Index: f})
	}
	b.function(tick)
	return b.encode()
}

// end is how a call ends, and what it has used, if that is to be exact.
func end(t *testing.T, m *Module, name string) string {
	i, err := m.Instantiate(t.Context(), Task{Limits: Limits{Fuel: 100_000}})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	_, err = i.Call(t.Context(), name)
	if end, ok := errors.AsType[*GuestError](err); ok && end.Reason == ReasonOutOfFuel {
		if used := i.FuelUsed(); used < 100_000-fuelBound || used > 100_000+fuelBound {
			t.Errorf("%s: out of fuel after %d units", name, used)
		}
		return string(end.Reason)
	}
	ticks := binary.LittleEndian.Uint32(i.Memory())
	return fmt.Sprint(err, ticks, i.FuelUsed())
}

// TestCountedLoops: loops whose rounds are charged together cost what they cost one
// by one, however they count.
func TestCountedLoops(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var loops []*countedLoop
	for range 300 {
		loops = append(loops, randomLoop(r, 2))
	}
	code := countedLoops(loops)
	reference := load(t, referenceEngine(t), code)
	for _, kind := range kinds() {
		metered := load(t, newEngine(t, Config{Kind: kind}), code)
		for f, l := range loops {
			name := fmt.Sprint("f", f+2)
			if got, want := end(t, metered, name), end(t, reference, name); got != want {
				t.Errorf("seed %d, %s: %v: %s, not %s", seed, kind, l, got, want)
			}
		}
	}
}

func (l *countedLoop) String() string {
	if l == nil {
		return "straight code"
	}
	return fmt.Sprintf("from %d in steps of %d compared by %v with %d (at the end: %t, before the step: %t, set: %t, calls: %d) around %v",
		l.start, l.step, l.op, l.bound, l.bottom, l.late, l.sets, l.calls, l.inner)
}
