package suspend

import (
	"slices"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

// rowOfCalls has a function that makes so many calls, with such code behind each.
func rowOfCalls(calls int, between ...byte) []byte {
	var body []byte
	for range calls {
		body = append(append(body, 0x20, 0, 0x10, 1, 0x21, 1), between...)
	}
	i32 := []wasm.ValType{wasm.I32}
	m := &wasm.Module{
		Types: []wasm.FuncType{{Params: i32, Results: i32}}, Funcs: []uint32{0, 0},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: 1}}},
		Codes: []wasm.Code{
			{Locals: []wasm.LocalRun{{N: 1, Type: wasm.I32}}, Body: append(body, 0x20, 1, 0x0b)},
			{Body: []byte{0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b, 0x20, 0, 0x0b}}, // a loop
		},
	}
	return m.Encode()
}

// division is code that may trap.
var division = []byte{0x41, 1, 0x20, 1, 0x6d, 0x1a}

// inLoop puts the first function's body in a loop.
func inLoop(binary []byte) []byte {
	m, err := wasm.Decode(binary)
	if err != nil {
		panic(err)
	}
	body := &m.Codes[0].Body
	*body = slices.Concat([]byte{0x03, 0x7f, 0x20, 1, 0x0d, 0}, *body, []byte{0x0b})
	return m.Encode()
}

// checksOf lists how many rungs of ladders come before each check of a function, and the lengths of
// the ladders.
func checksOf(m *wasm.Module, function int) (checks, ladders []int) {
	flag := uint32(m.GlobalCount() - 1)
	rungs, flagged := 0, false
	r := wasm.NewReader(m.Codes[function].Body, 0)
	for in := (wasm.Instr{}); r.Next(&in); flagged = in.Op == wasm.OpGlobalGet && in.A == flag {
		switch {
		case in.Op == wasm.OpBrIf && flagged:
			checks = append(checks, rungs)
		case in.Op == wasm.OpBrTable && flagged:
			ladders = append(ladders, len(in.Targets)-2)
			rungs--
		case in.Op == wasm.OpEnd && len(ladders) > 0:
			rungs++
		}
	}
	return checks, ladders
}

// TestBatches counts the checks of functions of many calls.
func TestBatches(t *testing.T) {
	store := []byte{0x41, 0, 0x20, 1, 0x36, 2, 0}
	for _, test := range []struct {
		name   string
		binary []byte
		checks int
	}{
		{"few calls have a check each", rowOfCalls(maxPlain), maxPlain},
		{"many are checked in batches", rowOfCalls(10 * maxBatch), 10},
		{"batches are of like sizes", rowOfCalls(10*maxBatch + 1), 11},
		{"a sum may be for nothing", rowOfCalls(6*maxBatch, 0x41, 1, 0x20, 1, 0x6a, 0x21, 1), 6},
		{"a division might trap", rowOfCalls(200, division...), 200},
		{"a store goes through a gate", rowOfCalls(6*maxBatch, store...), 6},
		{"and a load", rowOfCalls(6*maxBatch, 0x20, 1, 0x28, 2, 0, 0x1a), 6},
		{"too many stores do not", rowOfCalls(200, slices.Repeat(store, maxEffects+1)...), 200},
		{"nor does one in a loop, which has a pause", inLoop(rowOfCalls(100, store...)), 101},
	} {
		m, code := metered(t, test.binary)
		plan, err := Rewrite(m, code)
		if err != nil || plan.Refused != "" {
			t.Fatal(err, plan.Refused)
		}
		if err := wasm.Validate(m); err != nil {
			t.Fatal(err)
		}
		if checks, _ := checksOf(m, 0); len(checks) != test.checks {
			t.Errorf("%s: %d checks, want %d", test.name, len(checks), test.checks)
		}
	}
}

// TestCharge finds what is charged for in the meter's instructions.
func TestCharge(t *testing.T) {
	var a asm
	set := func(op wasm.Op, global uint32, units int64) {
		a.globalGet(global)
		a.i64(units)
		a.op(op)
		a.opU32(wasm.OpGlobalSet, global)
	}
	set(wasm.OpI64Sub, 1, 5)
	set(wasm.OpI64Add, 1, 3)
	set(wasm.OpI64Sub, 0, 100)
	set(wasm.OpI64Mul, 1, 100)
	var c charge
	var found []int64
	r := wasm.NewReader(a.b, 0)
	for in := (wasm.Instr{}); r.Next(&in); {
		if c.step(&in, 1) {
			found = append(found, c.sum)
		}
	}
	if len(found) != 2 || found[0] != 5 || found[1] != 2 {
		t.Errorf("sums %v, want 5 and 2", found)
	}
}

// TestRandomBatches: random programs have rows of calls, with accesses between them.
func TestRandomBatches(t *testing.T) {
	gates := make(map[string]int)
	for seed := range uint64(300) {
		m, code := metered(t, wasmgen.Generate(randomBytes(seed)).Binary)
		plan, err := Rewrite(m, code)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range m.Exports {
			if name, ok := strings.CutPrefix(x.Name, plan.Prefix+"gate:"); ok && plan.Refused == "" {
				op, _, _ := strings.Cut(name, ":")
				gates[op]++
			}
		}
	}
	for _, op := range []wasm.Op{wasm.OpCall, wasm.OpCallIndirect, wasm.OpI32Load, wasm.OpI32Store, wasm.OpGlobalSet} {
		if gates[op.String()] == 0 {
			t.Errorf("no gate of %v in %v", op, gates)
		}
	}
}
