package wasm_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestModuleErrors gives whole files that are wrong outside of function bodies.
func TestModuleErrors(t *testing.T) {
	const head = "0061736d 01000000"
	for _, c := range []struct {
		name, input string
		err         error
		want        string
	}{
		{"empty file", "", wasm.ErrNotWasm, "offset 0x0: expected the bytes 00 61 73 6d, found another kind of file"},
		{"text", "68656c6c6f20776f726c64", wasm.ErrNotWasm, "offset 0x0: expected the bytes 00 61 73 6d, found another kind of file"},
		{"only the magic", "0061736d", wasm.ErrMalformed, "offset 0x4: expected the version, found the end of the file"},
		{"component", "0061736d 0d000100", wasm.ErrComponent, "offset 0x6: expected a core module, found a component"},
		{"version", "0061736d 02000000", wasm.ErrMalformed, "offset 0x4: expected version 1, found 2"},
		{"section id", head + "0e 00", wasm.ErrMalformed, "offset 0x8: expected a section id from 0 to 13, found 14"},
		{"truncated section", head + "01 05", wasm.ErrMalformed, "offset 0x8: expected a section of 5 bytes, found 0 before the end of the file"},
		{"section twice", head + "01 01 00 01 01 00", wasm.ErrMalformed, "offset 0xb: expected a section after section 1, found section 1 out of order"},
		{"section order", head + "06 01 00 0d 01 00", wasm.ErrMalformed, "offset 0xb: expected a section after section 6, found section 13 out of order"},
		{"section too long", head + "01 02 00 00", wasm.ErrMalformed, "offset 0xb: expected the end of the section, found 1 more bytes"},
		{"hostile count", head + "01 05 ffffffff0f", wasm.ErrMalformed, "offset 0xa: expected at most 0 types in the bytes that are left, found a count of 4294967295"},
		{"overlong count", head + "01 06 808080808000", wasm.ErrMalformed, "offset 0xa: expected the number of types in at most 32 bits, found more"},
		{"function type", head + "01 04 01 61 00 00", wasm.ErrMalformed, "offset 0xb: expected the form 0x60 of a function type, found 0x61"},
		{"struct type", head + "01 04 01 5f 00 00", wasm.ErrUnsupported, "offset 0xb: garbage collected types (type form 0x5f) are not supported"},
		{"typed reference", head + "01 06 01 60 01 64 70 00", wasm.ErrUnsupported, "offset 0xd: typed references (type byte 0x64) are not supported"},
		{"name", head + "02 07 01 01 ff 01 66 00 00", wasm.ErrMalformed, "offset 0xb: expected a module name in UTF-8, found other bytes"},
		{"import of no type", head + "02 07 01 01 61 01 66 00 00", wasm.ErrInvalid, "offset 0xb: expected a type index below 0, found 0"},
		{"64-bit memory", head + "05 03 01 04 01", wasm.ErrUnsupported, "offset 0xb: 64-bit memories and tables are not supported"},
		{"two memories", head + "05 05 02 0001 0001", wasm.ErrUnsupported, "offset 0xb: expected at most one memory, found 2"},
		{"large memory", head + "05 05 01 00 818004", wasm.ErrInvalid, "offset 0xb: expected a memory of at most 65536 pages, found 65537"},
		{"memory limits", head + "05 04 01 01 02 01", wasm.ErrInvalid, "offset 0xb: expected a maximum size of at least the minimum 2, found 1"},
		{"shared memory", head + "05 03 01 02 01", wasm.ErrInvalid, "offset 0xb: expected a maximum size of a shared memory, found none"},
		{"tag with results", head + "01 05 01 60 00 01 7f 0d 03 01 00 00", wasm.ErrInvalid, "offset 0x13: expected a tag type without results, found [i32]"},
		{"global type", head + "06 06 01 7e 00 41 00 0b", wasm.ErrInvalid, "offset 0xd: expected a constant expression of type i64, found [i32]"},
		{"global not constant", head + "06 07 01 7f 00 41 00 45 0b", wasm.ErrInvalid, "offset 0xf: expected a constant instruction, found i32.eqz"},
		{"global without end", head + "06 05 01 7f 00 41 00", wasm.ErrMalformed, "offset 0xf: expected end of a constant expression, found the end of the section"},
		{"global of a later one", head + "06 06 01 7f 00 23 00 0b", wasm.ErrInvalid, "offset 0xd: expected the index of one of 0 globals usable here, found 0"},
		{"exports of one name", head + "05 03 01 00 01 07 09 02 01 61 02 00 01 61 02 00", wasm.ErrInvalid, "offset 0x14: expected export names that differ, found \"a\" twice"},
		{"export of nothing", head + "07 05 01 01 61 03 07", wasm.ErrInvalid, "offset 0xb: expected \"a\" to export one of 0 of the kind global, found index 7"},
		{"start", head + "08 01 00", wasm.ErrInvalid, "offset 0xa: expected a start function below 0, found 0"},
		{"segment without table", head + "09 06 01 00 41 00 0b 00", wasm.ErrInvalid, "offset 0xb: expected a table index below 0, found 0"},
		{"segment of no function", head + "04 04 01 70 00 01 09 07 01 00 41 00 0b 01 05", wasm.ErrInvalid, "offset 0x16: expected a function index below 0, found 5"},
		{"functions without bodies", head + "01 04 01 60 00 00 03 02 01 00", wasm.ErrMalformed, "offset 0x12: expected as many function bodies as functions (1), found 0"},
		{"data count", head + "0c 01 01", wasm.ErrMalformed, "offset 0xb: expected as many data segments as announced (1), found 0"},
		{"data without memory", head + "0b 06 01 00 41 00 0b 00", wasm.ErrInvalid, "offset 0xb: expected a memory index below 0, found 0"},
		{"locals", head + "01 04 01 60 00 00 03 02 01 00 0a 0e 01 0c 02 ffffffff0f 7f 01 7f 0b 00 00", wasm.ErrMalformed, "offset 0x1d: expected less than 2^32 locals, found 4294967296"},
	} {
		b := unhex(t, c.input)
		_, err := verdict(b)
		if !errors.Is(err, c.err) || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

// TestBodyErrors gives bodies of the function of the module "everything": a function from
// [i32 i64] to [i32]. Offsets count from the body.
func TestBodyErrors(t *testing.T) {
	for _, c := range []struct {
		name, body string
		offset     int
		err        error
		want       string
	}{
		{"empty", "", 0, wasm.ErrMalformed, "expected end, found the end of the code with 1 blocks open"},
		{"no end", "41 00", 2, wasm.ErrMalformed, "expected end, found the end of the code with 1 blocks open"},
		{"more after the end", "41 00 0b 01", 3, wasm.ErrMalformed, "expected the end of the code, found nop"},
		{"no result", "0b", 0, wasm.ErrInvalid, "expected an operand of type i32, found none in this block"},
		{"two results", "41 00 41 00 0b", 4, wasm.ErrInvalid, "expected only the results [i32] at the end of the block, found 1 more operands"},
		{"local", "20 05 0b", 0, wasm.ErrInvalid, "expected a local index below 5, found 5"},
		{"truncated", "41", 1, wasm.ErrMalformed, "expected a signed integer constant, found the end of the code"},
		{"constant too long", "41 ffffffff8f 00 0b", 1, wasm.ErrMalformed, "expected a signed integer constant, found one that is too long or too large"},
		{"type", "42 00 45 0b", 2, wasm.ErrInvalid, "expected an operand of type i32, found i64"},
		{"underflow of a block", "41 00 02 7f 45 0b 0b", 4, wasm.ErrInvalid, "expected an operand of type i32, found none in this block"},
		{"label", "41 00 0c 01 0b", 2, wasm.ErrInvalid, "expected a label below 1, found 1"},
		{"else", "02 40 05 0b 0b", 2, wasm.ErrMalformed, "expected else only inside of if, found it in block"},
		{"if without else", "41 00 04 7f 41 00 0b 0b", 6, wasm.ErrInvalid, "expected else in an if from [] to [i32], found end"},
		{"alignment", "41 00 28 03 00 0b", 2, wasm.ErrInvalid, "expected an alignment exponent of at most 2, found 3"},
		{"atomic alignment", "41 00 fe 10 01 00 0b", 2, wasm.ErrInvalid, "expected an alignment exponent of exactly 2, found 1"},
		{"memory index", "41 00 28 42 00 00 0b", 3, wasm.ErrUnsupported, "multiple memories are not supported"},
		{"lane", "20 00 fd 0f fd 15 10 0b", 4, wasm.ErrInvalid, "expected a lane index below 16, found 16"},
		{"immutable global", "d2 00 24 01 0b", 2, wasm.ErrInvalid, "expected a mutable global, found immutable global 1"},
		{"table of another type", "20 00 11 00 01 0b", 2, wasm.ErrInvalid, "expected a table of funcref, found table 1 of externref"},
		{"tail call", "41 00 12 01 0b", 2, wasm.ErrInvalid, "expected a function index below 1, found 1"},
		{"tail call of other results", "41 00 41 00 13 01 00 0b", 4, wasm.ErrInvalid, "expected a callee with the results [i32], found []"},
		{"catch label", "1f 40 01 02 00 0b 41 00 0b", 0, wasm.ErrInvalid, "expected a catch label that takes [], found [i32]"},
		{"catch_ref label", "1f 40 01 03 00 0b 41 00 0b", 0, wasm.ErrInvalid, "expected a catch label that takes an exnref last, found [i32]"},
		{"catch kind", "1f 40 01 04 00 0b 0b", 3, wasm.ErrMalformed, "expected a catch clause of kind 0 to 3, found 4"},
		{"throw", "08 00 0b", 0, wasm.ErrInvalid, "expected an operand of type i32, found none in this block"},
		{"overlong vector opcode", "fd 8c 00 0b", 1, wasm.ErrUnsupported, "expected the shortest encoding of sub-opcode 0xc"},
		{"legacy exceptions", "06 40 0b 0b", 0, wasm.ErrUnsupported, "legacy exception handling instructions are not supported"},
		{"typed calls", "14 00 0b", 0, wasm.ErrUnsupported, "typed function references are not supported"},
		{"garbage collection", "fb 00 0b", 0, wasm.ErrUnsupported, "garbage collected types are not supported"},
		{"relaxed vectors", "fd 80 02 0b", 0, wasm.ErrUnsupported, "relaxed vector instructions are not supported"},
		{"no instruction", "ff 0b", 0, wasm.ErrMalformed, "expected an instruction, found opcode 0xff"},
		{"br_table count", "41 00 0e ffffff7f 0b", 3, wasm.ErrMalformed, "expected 268435455 list entries, found the end after 1 bytes"},
	} {
		b := everything(unhex(t, c.body)).Encode()
		offset := decode(t, b).Codes[0].Offset
		_, err := verdict(b)
		var e *wasm.Error
		if !errors.As(err, &e) || !errors.Is(err, c.err) || e.Offset-offset != c.offset || e.Msg != c.want {
			t.Errorf("%s:\n got %v (body at %#x)\nwant %d: %s", c.name, err, offset, c.offset, c.want)
		}
	}
}

// TestLimits gives modules that are well-formed, small, and would take much memory.
func TestLimits(t *testing.T) {
	t.Run("locals of a function", func(t *testing.T) {
		m := everything([]byte("\x41\x00\x0b"))
		m.Codes[0].Locals = []wasm.LocalRun{{N: 49_999, Type: wasm.I32}}
		requireUnsupported(t, m, "expected at most 50000 locals, found more")
		m.Codes[0].Locals[0].N-- // and two parameters
		if err := wasm.Validate(m); err != nil {
			t.Error(err)
		}
	})
	t.Run("locals of the module", func(t *testing.T) {
		m := everything([]byte("\x41\x00\x0b"))
		m.Codes[0].Locals = []wasm.LocalRun{{N: 49_000, Type: wasm.I32}}
		for len(m.Codes) < 100 {
			m.Funcs, m.Codes = append(m.Funcs, 0), append(m.Codes, m.Codes[0])
		}
		requireUnsupported(t, m, "expected at most 4194604 locals in all functions, found 4900000")
	})
	t.Run("operands", func(t *testing.T) {
		m := everything([]byte("\x00" + strings.Repeat("\x11\x05\x00", 1100) + "\x0b"))
		m.Types = append(m.Types, wasm.FuncType{Results: make([]wasm.ValType, wasm.MaxResults)})
		requireUnsupported(t, m, "expected at most 1048576 operands on the stack, found more")
	})
}

func requireUnsupported(t *testing.T, m *wasm.Module, want string) {
	t.Helper()
	if err := wasm.Validate(m); !errors.Is(err, wasm.ErrUnsupported) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestDeepNesting has blocks nested as deep as the input is long.
func TestDeepNesting(t *testing.T) {
	const depth = 200_000
	body := strings.Repeat("\x02\x40", depth) + strings.Repeat("\x0b", depth) + "\x41\x00\x0b"
	if err := wasm.Validate(everything([]byte(body))); err != nil {
		t.Error(err)
	}
}
