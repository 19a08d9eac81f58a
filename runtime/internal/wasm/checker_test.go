package wasm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// TestChecker traces what the checker shows after each instruction: the instruction, the depth of
// frames, whether the position is reachable, and the operands.
func TestChecker(t *testing.T) {
	m := everything(unhex(t, "20 01 1a 41 01 02 40 20 00 04 7f 41 02 05 00 45 0b 1a 0c 00 03 40 0b 0b 0f 0b"))
	want := `
local.get      1 true  i64
drop           1 true
i32.const      1 true  i32
block          2 true  i32
local.get      2 true  i32 i32
if             3 true  i32
i32.const      3 true  i32 i32
else           3 true  i32
unreachable    3 false i32
i32.eqz        3 false i32 i32
end            2 true  i32 i32
drop           2 true  i32
br             2 false i32
loop           3 false i32
end            2 false i32
end            1 true  i32
return         1 false
end            0 false i32
`
	var b strings.Builder
	c := wasm.NewChecker(m)
	c.Begin(0)
	var in wasm.Instr
	for {
		more, err := c.Next(&in)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
		line := fmt.Sprintf("%-14v %d %-5v %s", in.Op, c.Depth(), c.Reachable(), strings.Trim(fmt.Sprint(c.Stack()), "[]"))
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
	}
	if b.String() != want[1:] {
		t.Errorf("got\n%swant\n%s", b.String(), want[1:])
	}
	if more, err := c.Next(&in); more || err != nil {
		t.Errorf("after the end: %v, %v", more, err)
	}
	if got := fmt.Sprint(c.Locals()); got != "[i32 i64 f64 f64 exnref]" {
		t.Errorf("locals: %s", got)
	}
}

// TestFrames looks at the labels of a loop with parameters inside of a block with a result.
func TestFrames(t *testing.T) {
	m := everything(unhex(t, "02 7c 41 00 03 01 00 0b 00 0b 1a 41 00 0b"))
	c := wasm.NewChecker(m)
	c.Begin(0)
	var in wasm.Instr
	for in.Op != wasm.OpLoop {
		if _, err := c.Next(&in); err != nil {
			t.Fatal(err)
		}
	}
	got := fmt.Sprint(c.IsLoop(0), c.Label(0), c.Frame(0).Height, c.IsLoop(1), c.Label(1), c.Frame(2).Func, c.Label(2))
	if want := "true [i32] 0 false [f64] true [i32]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if index, ok := in.Block.Index(); !ok || index != 1 {
		t.Errorf("block type %d", in.Block)
	}
}

// TestInstructions reads one instruction of each kind of immediates.
func TestInstructions(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"41 7f", "i32.const -1"},
		{"41 80 80 80 80 78", "i32.const -2147483648"},
		{"42 80 80 80 80 80 80 80 80 80 7f", "i64.const -9223372036854775808"},
		{"43 00 00 c0 3f", "f32.const 1.5"},
		{"44 00 00 00 00 00 00 04 c0", "f64.const -2.5"},
		{"28 02 80 80 04", "i32.load align=2 offset=65536"},
		{"fd 54 00 10 0f", "v128.load8_lane align=0 offset=16 lane=15"},
		{"fe 1e 02 08", "i32.atomic.rmw.add align=2 offset=8"},
		{"0e 02 00 01 80 01", "br_table [0 1 128]"},
		{"11 05 01", "call_indirect 5 1"},
		{"fc 0e 01 02", "table.copy 1 2"},
		{"fc 08 03 00", "memory.init 3 0"},
		{"1c 01 70", "select [funcref]"},
		{"d0 6f", "ref.null externref"},
		{"02 40", "block -64"},
		{"02 69", "block -23"},
		{"03 80 01", "loop 128"},
		{"1f 7f 03 00 01 02 02 00 03 01", "try_table -1 [{0 1 2} {2 0 0} {3 0 1}]"},
		{"fd 8e 01", "i16x8.add"},
	} {
		b := unhex(t, c.code)
		r := wasm.NewReader(b, 0)
		var in wasm.Instr
		if !r.Next(&in) || in.End != len(b) {
			t.Errorf("%s: read up to %d: %v", c.code, in.End, r.Err())
			continue
		}
		if got := strings.TrimSpace(in.Op.String() + " " + immediates(&in)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.code, got, c.want)
		}
		if op := wasm.AppendOp(nil, in.Op); string(op) != string(b[:len(op)]) {
			t.Errorf("%s: opcode written as %x", c.code, op)
		}
	}
}

// immediates writes those that the opcode has.
func immediates(in *wasm.Instr) string {
	switch in.Op {
	case wasm.OpI32Const:
		return fmt.Sprint(in.I32())
	case wasm.OpI64Const:
		return fmt.Sprint(in.I64())
	case wasm.OpF32Const:
		return fmt.Sprint(in.F32())
	case wasm.OpF64Const:
		return fmt.Sprint(in.F64())
	case wasm.OpI32Load, wasm.OpI32AtomicRmwAdd:
		return fmt.Sprintf("align=%d offset=%d", in.A, in.Offset)
	case wasm.OpV128Load8Lane:
		return fmt.Sprintf("align=%d offset=%d lane=%d", in.A, in.Offset, in.B)
	case wasm.OpBrTable:
		return fmt.Sprint(in.Targets)
	case wasm.OpCallIndirect, wasm.OpTableCopy, wasm.OpMemoryInit:
		return fmt.Sprint(in.A, in.B)
	case wasm.OpSelectT:
		return fmt.Sprint(in.Types)
	case wasm.OpRefNull:
		return in.Type.String()
	case wasm.OpBlock, wasm.OpLoop:
		return fmt.Sprintf("%d", in.Block)
	case wasm.OpTryTable:
		return fmt.Sprintf("%d %v", in.Block, in.Catches)
	}
	return ""
}

// TestOps checks that every opcode has a name of its own and survives writing and reading.
func TestOps(t *testing.T) {
	names := map[string]wasm.Op{}
	for i := range 1 << 16 {
		op := wasm.Op(i)
		if !op.Known() {
			continue
		}
		if other, ok := names[op.String()]; ok && op != wasm.OpSelectT {
			t.Errorf("%#x and %#x are both %v", uint16(other), uint16(op), op)
		}
		names[op.String()] = op
		r := wasm.NewReader(append(wasm.AppendOp(nil, op), make([]byte, 32)...), 0)
		var in wasm.Instr
		if r.Next(&in); in.Op != op {
			t.Errorf("%v is read as %v", op, in.Op)
		}
	}
	// 2.0 has 436 instructions (select counted once); then 67 atomics, 2 tail calls and 3 for exceptions.
	if len(names) != 508 {
		t.Errorf("%d instructions", len(names))
	}
}
