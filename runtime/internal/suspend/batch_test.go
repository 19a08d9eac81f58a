package suspend

import (
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
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
		{"a store is not to happen for nothing", rowOfCalls(200, store...), 200},
		{"nor a load", rowOfCalls(200, 0x20, 1, 0x28, 2, 0, 0x1a), 200},
		{"nor a division", rowOfCalls(200, 0x41, 1, 0x20, 1, 0x6d, 0x1a), 200},
		{"a sum may", rowOfCalls(6*maxBatch, 0x41, 1, 0x20, 1, 0x6a, 0x21, 1), 6},
	} {
		m, code := metered(t, test.binary)
		plan, err := Rewrite(m, code)
		if err != nil || plan.Refused != "" {
			t.Fatal(err, plan.Refused)
		}
		if err := wasm.Validate(m); err != nil {
			t.Fatal(err)
		}
		flag := uint32(m.GlobalCount() - 1)
		checks := 0
		r := wasm.NewReader(m.Codes[0].Body, 0)
		for in := (wasm.Instr{}); r.Next(&in); {
			if in.Op == wasm.OpGlobalGet && in.A == flag {
				checks++
			}
		}
		if checks != test.checks {
			t.Errorf("%s: %d checks, want %d", test.name, checks, test.checks)
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
