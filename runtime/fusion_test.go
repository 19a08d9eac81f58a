package runtime

import (
	"context"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// comparison builds f(a, b), which branches on 0 op (a and b), with the zero and the
// conjunction on the stack or in locals.
func comparison(op wasm.Op, inLocals bool) []byte {
	t, and, zero := wasm.I32, wasm.OpI32And, wasm.OpI32Const
	if op >= wasm.OpI64Eqz {
		t, and, zero = wasm.I64, wasm.OpI64And, wasm.OpI64Const
	}
	conjunction := []byte{byte(wasm.OpLocalGet), 0, byte(wasm.OpLocalGet), 1, byte(and)}
	body := append([]byte{byte(zero), 0}, conjunction...)
	if inLocals {
		body = append(conjunction, byte(wasm.OpLocalSet), 2, byte(wasm.OpLocalGet), 3, byte(wasm.OpLocalGet), 2)
	}
	body = append(body, byte(op), byte(wasm.OpIf), byte(wasm.I32), byte(wasm.OpI32Const), 1,
		byte(wasm.OpElse), byte(wasm.OpI32Const), 0, byte(wasm.OpEnd), byte(wasm.OpEnd))
	m := wasm.Module{
		Types:   []wasm.FuncType{{Params: []wasm.ValType{t, t}, Results: []wasm.ValType{wasm.I32}}},
		Funcs:   []uint32{0},
		Exports: []wasm.Export{{Name: "f", Kind: wasm.KindFunc}},
		Codes:   []wasm.Code{{Locals: []wasm.LocalRun{{N: 2, Type: t}}, Body: body}},
	}
	return m.Encode()
}

// TestComparisonsWithZero: wazero's compiler alone gets these wrong (see
// internal/meter, fusion).
func TestComparisonsWithZero(t *testing.T) {
	compiler, interpreter := newEngine(t, Config{}), newEngine(t, Config{Kind: KindInterpreter})
	args := [][2]uint64{{5, 7}, {1, 2}, {1 << 31, 1<<31 | 1}, {1 << 63, 1 << 63}, {0, 0}, {^uint64(0), ^uint64(0)}}
	run := func(e *Engine, binary []byte, a, b uint64) uint64 {
		i, err := load(t, e, binary).Instantiate(context.Background(), Task{})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		got, err := i.Call(context.Background(), "f", a, b)
		if err != nil {
			t.Fatal(err)
		}
		return got[0]
	}
	for op := wasm.OpI32LtS; op <= wasm.OpI64GeU; op++ {
		if op == wasm.OpI64Eqz || op == wasm.OpI64Eq || op == wasm.OpI64Ne {
			continue
		}
		for _, inLocals := range []bool{false, true} {
			binary := comparison(op, inLocals)
			for _, a := range args {
				if op < wasm.OpI64Eqz {
					a = [2]uint64{uint64(uint32(a[0])), uint64(uint32(a[1]))}
				}
				got, want := run(compiler, binary, a[0], a[1]), run(interpreter, binary, a[0], a[1])
				if got != want {
					t.Errorf("0 %v (%#x and %#x), in locals: %v: compiler %d, interpreter %d", op, a[0], a[1], inLocals, got, want)
				}
			}
		}
	}
}
