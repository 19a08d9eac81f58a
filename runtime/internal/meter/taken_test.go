package meter

import (
	"bytes"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// TestTaken looks at what becomes of a test whose branch is charged and checked.
func TestTaken(t *testing.T) {
	const i32, i64, f64 = 0, 2, 4 // locals, two of each type
	compare := func(local byte, op wasm.Op) []byte { return []byte{0x20, local, 0x20, local + 1, byte(op)} }
	around := []byte{0x02, 0x02, 0x0d, 0} // block of the type that takes an i32, br_if 0
	opposite := func(op wasm.Op) []byte { return append([]byte{byte(op)}, around...) }
	for _, c := range []struct {
		name string
		test []byte
		want []byte
	}{
		{"eq", compare(i32, wasm.OpI32Eq), opposite(wasm.OpI32Ne)},
		{"ne", compare(i32, wasm.OpI32Ne), opposite(wasm.OpI32Eq)},
		{"lt_s", compare(i32, wasm.OpI32LtS), opposite(wasm.OpI32GeS)},
		{"lt_u", compare(i32, wasm.OpI32LtU), opposite(wasm.OpI32GeU)},
		{"gt_s", compare(i32, wasm.OpI32GtS), opposite(wasm.OpI32LeS)},
		{"gt_u", compare(i32, wasm.OpI32GtU), opposite(wasm.OpI32LeU)},
		{"le_s", compare(i32, wasm.OpI32LeS), opposite(wasm.OpI32GtS)},
		{"le_u", compare(i32, wasm.OpI32LeU), opposite(wasm.OpI32GtU)},
		{"ge_s", compare(i32, wasm.OpI32GeS), opposite(wasm.OpI32LtS)},
		{"ge_u", compare(i32, wasm.OpI32GeU), opposite(wasm.OpI32LtU)},
		{"i64.eq", compare(i64, wasm.OpI64Eq), opposite(wasm.OpI64Ne)},
		{"i64.ge_u", compare(i64, wasm.OpI64GeU), opposite(wasm.OpI64LtU)},
		{"eqz", []byte{0x20, i32, byte(wasm.OpI32Eqz)}, append([]byte{0x20, i32}, around...)},
		{"i64.eqz", []byte{0x20, i64, byte(wasm.OpI64Eqz)}, append([]byte{0x42, 0}, opposite(wasm.OpI64Ne)...)},
		{"a value", []byte{0x20, i32}, []byte{0x20, i32, 0x04, 0x40}},
		{"floats have no opposite", compare(f64, wasm.OpF64Lt), []byte{byte(wasm.OpF64Lt), 0x04, 0x40}},
		{"a comparison further up", append(compare(i32, wasm.OpI32LtS), 0x22, i32), []byte{0x22, i32, 0x04, 0x40}},
	} {
		body := append([]byte{0x03, 0x40, 0x10, 0}, c.test...) // a loop with a call, which is not doubled
		body = append(body, 0x0d, 0, 0x0b, 0x0b)
		m := &wasm.Module{
			Types:   []wasm.FuncType{{}, {Params: []wasm.ValType{wasm.I64}}, {Params: i32x1}},
			Imports: []wasm.Import{{Module: "m", Name: "f", Kind: wasm.KindFunc}},
			Funcs:   []uint32{0},
			Codes:   []wasm.Code{{Locals: []wasm.LocalRun{{N: 2, Type: wasm.I32}, {N: 2, Type: wasm.I64}, {N: 2, Type: wasm.F64}}, Body: body}},
		}
		if _, err := Rewrite(m); err != nil {
			t.Fatal(c.name, err)
		}
		if err := wasm.Validate(m); err != nil {
			t.Fatal(c.name, err)
		}
		if got := m.Codes[0].Body; !bytes.Contains(got, c.want) {
			t.Errorf("%s: % x\nhas no % x", c.name, got, c.want)
		}
	}
}
