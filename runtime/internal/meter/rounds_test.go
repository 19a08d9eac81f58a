package meter

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

// TestCounter: which loops are counted ones, and what all rounds but the first cost.
func TestCounter(t *testing.T) {
	const (
		loop, block, empty, end     = byte(wasm.OpLoop), byte(wasm.OpBlock), 0x40, byte(wasm.OpEnd)
		br, brIf, call              = byte(wasm.OpBr), byte(wasm.OpBrIf), byte(wasm.OpCall)
		get, set, tee, i32          = byte(wasm.OpLocalGet), byte(wasm.OpLocalSet), byte(wasm.OpLocalTee), byte(wasm.OpI32Const)
		add, sub, ne, ltS, ltU, geU = byte(wasm.OpI32Add), byte(wasm.OpI32Sub), byte(wasm.OpI32Ne), byte(wasm.OpI32LtS), byte(wasm.OpI32LtU), byte(wasm.OpI32GeU)
		eqz, ifOp, drop             = byte(wasm.OpI32Eqz), byte(wasm.OpIf), byte(wasm.OpDrop)
	)
	zero := []byte{i32, 0, set, 0}
	up := []byte{get, 0, i32, 1, add, tee, 0, i32, 10, ne, brIf, 0} // 7 units
	inner := slices.Concat([]byte{i32, 5, set, 1, loop, empty, get, 1, i32, 1, sub, tee, 1, brIf, 0, end})
	for _, c := range []struct {
		name string
		body []byte
		want []int64
	}{
		{"up to a bound", slices.Concat(zero, []byte{loop, empty}, up, []byte{end, end}), []int64{9 * 7}},
		{"down to zero", slices.Concat(inner, []byte{end}), []int64{4 * 5}},
		{"a comparison by order", slices.Concat(zero, []byte{loop, empty, get, 0, i32, 3, add, tee, 0, i32, 10, ltS, brIf, 0, end, end}), []int64{3 * 7}},
		{"the exit before the step", slices.Concat(zero, []byte{block, empty, loop, empty, get, 0, i32, 10, geU, brIf, 1, get, 0, i32, 1, add, set, 0, br, 0, end, end, end}),
			[]int64{10 * 9}},
		{"the test before the step, at the end", slices.Concat(zero, []byte{loop, empty, get, 0, get, 0, i32, 1, add, set, 0, i32, 10, ltU, brIf, 0, end, end}), []int64{0}},
		{"one in another", slices.Concat(zero, []byte{loop, empty}, inner, up, []byte{end, end}), []int64{9 * (2 + 5*5 + 7), 4 * 5}},
		{"one after another", slices.Concat(inner, inner, []byte{end}), []int64{4 * 5, 4 * 5}},
		{"the start unknown", slices.Concat([]byte{loop, empty}, up, []byte{end, end}), []int64{0}},
		{"the start known in one round only", slices.Concat(zero, []byte{loop, empty, loop, empty}, up, []byte{end, get, 1, brIf, 0, end, end}), []int64{0, 0}},
		{"the start known on one way only", slices.Concat([]byte{block, empty, get, 1, brIf, 0}, zero, []byte{end, loop, empty}, up, []byte{end, end}), []int64{0}},
		{"set twice", slices.Concat(zero, []byte{loop, empty, get, 1, set, 0}, up, []byte{end, end}), []int64{0}},
		{"set in an inner loop", slices.Concat(zero, []byte{loop, empty, i32, 5, set, 1, loop, empty, get, 2, set, 0, get, 1, i32, 1, sub, tee, 1, brIf, 0, end}, up, []byte{end, end}),
			[]int64{0, 4 * 7}},
		{"two exits", slices.Concat(zero, []byte{block, empty, loop, empty, get, 1, brIf, 1}, up, []byte{end, end, end}), []int64{0}},
		{"two ways back", slices.Concat(zero, []byte{loop, empty}, up, up, []byte{end, end}), []int64{0}},
		{"an exit from the loop around it", slices.Concat(zero, []byte{block, empty, loop, empty, i32, 5, set, 1, loop, empty, get, 1, eqz, brIf, 2,
			get, 1, i32, 1, sub, set, 1, br, 0, end}, up, []byte{end, end, end}), []int64{0, 5 * 8}},
		{"a step that is never reached", slices.Concat(zero, []byte{loop, empty, block, empty, i32, 5, set, 1, loop, empty, get, 1, i32, 1, sub, tee, 1, eqz, brIf, 1, br, 0, end,
			get, 0, i32, 1, add, set, 0, end, get, 0, i32, 10, ne, brIf, 0, end, end}), []int64{0, 4 * 7}},
		{"nothing after a loop that is left from within", slices.Concat(zero, []byte{loop, empty, block, empty, i32, 5, set, 1, loop, empty, get, 1, i32, 1, sub, tee, 1, eqz, brIf, 1, br, 0, end, end},
			up, []byte{end, end}), []int64{9 * (2 + 4*7 + 6 + 7), 4 * 7}},
		{"a condition in the round", slices.Concat(zero, []byte{loop, empty, get, 1, ifOp, empty, end}, up, []byte{end, end}), []int64{0}},
		{"a call in the round", slices.Concat(zero, []byte{loop, empty, call, 0}, up, []byte{end, end}), []int64{0}},
		{"never ends", slices.Concat(zero, []byte{loop, empty, get, 0, i32, 2, add, tee, 0, i32, 9, ne, brIf, 0, end, end}), []int64{0}},
		{"costs too much", slices.Concat(zero, []byte{loop, empty}, slices.Repeat([]byte{get, 1, drop}, 500), up, []byte{end, end}), []int64{0}},
		{"goes round once", slices.Concat(zero, []byte{loop, empty, get, 0, i32, 1, add, tee, 0, i32, 1, ne, brIf, 0, end, end}), []int64{0}},
	} {
		if _, got := unroll(c.body, len(c.body)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
	}
}

// TestRandomRounds: random programs have counted loops, and ones that are nearly so.
func TestRandomRounds(t *testing.T) {
	counted, others := 0, 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		choices := make([]byte, r.IntN(6000))
		for i := range choices {
			choices[i] = byte(r.Uint32())
		}
		for _, code := range wasmgen.Generate(choices).Module.Codes {
			_, rounds := unroll(code.Body, len(code.Body))
			for _, n := range rounds {
				if n > 0 {
					counted++
				} else {
					others++
				}
			}
		}
	}
	if counted < 100 || others < 100 {
		t.Errorf("%d counted loops and %d others", counted, others)
	}
}
