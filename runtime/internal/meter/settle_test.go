package meter

import (
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// branchy is a function that ends by call on one way and runs further than on the
// other: its ways differ in cost, so that it would like to start or end with a debt.
func branchy(call wasm.Op, callee byte) wasm.Code {
	return wasm.Code{Body: []byte{
		byte(wasm.OpI32Const), 1, byte(wasm.OpIf), 0x40,
		byte(wasm.OpNop), byte(call), callee, byte(wasm.OpEnd),
		byte(wasm.OpI32Const), 1, byte(wasm.OpDrop), byte(wasm.OpEnd),
	}}
}

// settled rewrites main, which calls caller, which ends by call to leaf, and gives
// what was settled of each.
func settled(t *testing.T, call wasm.Op) []callee {
	t.Helper()
	m := &wasm.Module{
		Types:   []wasm.FuncType{{}},
		Funcs:   []uint32{0, 0, 0},
		Exports: []wasm.Export{{Name: "main", Kind: wasm.KindFunc}},
		Codes: []wasm.Code{
			{Body: []byte{byte(wasm.OpCall), 1, byte(wasm.OpEnd)}},
			branchy(call, 2),
			{Body: []byte{byte(wasm.OpLoop), 0x40, byte(wasm.OpI32Const), 0, byte(wasm.OpBrIf), 0, byte(wasm.OpEnd), byte(wasm.OpNop), byte(wasm.OpEnd)}},
		},
	}
	var callees []callee
	_, err := rewrite(m, false, func(o *output) ([]wasm.Code, error) {
		codes, err := o.metered()
		for i := range o.mod.functions {
			callees = append(callees, o.mod.functions[i].callee)
		}
		return codes, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return callees
}

// TestTailCallsEndWithoutDebt: who returns from a tail call returns to somebody who
// knows nothing of it, so neither side may leave a debt to be paid after.
func TestTailCallsEndWithoutDebt(t *testing.T) {
	if c := settled(t, wasm.OpCall); c[2].postpaid == 0 {
		t.Errorf("called as usual, the callee leaves no debt: %+v", c[2])
	}
	for i, c := range settled(t, wasm.OpReturnCall) {
		if c.postpaid != 0 {
			t.Errorf("function %d leaves a debt: %+v", i, c)
		}
	}
}
