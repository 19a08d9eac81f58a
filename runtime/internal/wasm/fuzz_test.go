package wasm_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// FuzzDecode feeds arbitrary bytes. Nothing may panic; errors must say where in the input; what
// validates must be the same once it is written and read again, and wazero must compile it.
func FuzzDecode(f *testing.F) {
	e := newEngine(f)
	seeds, err := filepath.Glob(filepath.Join(wazeroDir(f), "internal", "integration_test", "spectest", "*", "testdata", "*.1[0-3].wasm"))
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds:", err)
	}
	for _, path := range seeds {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := verdict(b)
		if err != nil {
			requirePlace(t, err, len(b))
			return
		}
		m.CleanCustoms()
		roundTrip(t, e, "input", m)
		m.MapFuncs(func(i uint32) uint32 { return i })
		m.CleanCustoms()
		roundTrip(t, e, "input with functions mapped to themselves", m)
	})
}

// requirePlace checks that an error is one that callers can use.
func requirePlace(t *testing.T, err error, size int) {
	t.Helper()
	var e *wasm.Error
	if !errors.As(err, &e) || e.Offset < 0 || e.Offset > size {
		t.Fatalf("no place in %d bytes: %v", size, err)
	}
	known := false
	for _, sentinel := range []error{wasm.ErrNotWasm, wasm.ErrComponent, wasm.ErrMalformed, wasm.ErrInvalid, wasm.ErrUnsupported} {
		known = known || errors.Is(err, sentinel)
	}
	if !known {
		t.Fatalf("no sentinel: %v", err)
	}
}

// FuzzBody puts arbitrary instructions into functions of a module that has something of
// everything, which gets deeper than mutating whole modules.
func FuzzBody(f *testing.F) {
	e := newEngine(f)
	for _, body := range []string{
		"\x20\x00\x0b", "\x02\x40\x0c\x00\x0b\x41\x00\x0b", "\x1f\x40\x02\x00\x00\x01\x02\x01\x0b\x41\x00\x0b",
		"\x41\x01\x04\x7f\x41\x01\x05\x41\x02\x0b\x0b", "\x12\x00\x0b", "\x41\x00\x13\x00\x00\x0b",
		"\x41\x00\xfd\x00\x04\x00\xfd\x1b\x00\x0b", "\x41\x00\xfe\x10\x02\x00\x0b", "\x41\x00\x0e\x02\x00\x00\x00\x0b",
		"\x00\x1b\x0b", "\xd2\x00\xd1\x0b", "\x41\x00\x41\x00\x41\x00\xfc\x08\x00\x00\x41\x00\x0b", "\x03\x00\x0c\x00\x0b\x41\x00\x0b",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := everything(body).Encode()
		m, err := verdict(b)
		if err != nil {
			requirePlace(t, err, len(b))
			return
		}
		roundTrip(t, e, "body", m)
	})
}

// everything is a module with types, tables, a memory, globals, tags and segments, and one
// function from [i32 i64] to [i32] of the given body.
func everything(body []byte) *wasm.Module {
	one := uint32(1)
	return &wasm.Module{
		Types: []wasm.FuncType{
			{Params: []wasm.ValType{wasm.I32, wasm.I64}, Results: []wasm.ValType{wasm.I32}},
			{Params: []wasm.ValType{wasm.I32}},
			{Results: []wasm.ValType{wasm.I64, wasm.F32}},
			{Params: []wasm.ValType{wasm.V128}, Results: []wasm.ValType{wasm.V128}},
			{Results: []wasm.ValType{wasm.I32, wasm.ExnRef}},
		},
		Funcs: []uint32{0},
		Tables: []wasm.Table{
			{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: 3}}},
			{Type: wasm.TableType{Elem: wasm.ExternRef, Limits: wasm.Limits{Min: 1, Max: 5, HasMax: true}}},
		},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: 1, Max: 2, HasMax: true, Shared: true}}},
		Tags:     []uint32{1},
		Globals: []wasm.Global{
			{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.ConstI32(-1)},
			{Type: wasm.GlobalType{Type: wasm.FuncRef}, Init: wasm.ConstRefFunc(0)},
			{Type: wasm.GlobalType{Type: wasm.V128}, Init: wasm.ConstZero(wasm.V128)},
		},
		Elems:     []wasm.Elem{{Mode: wasm.Passive, Type: wasm.FuncRef, Funcs: []uint32{0, 0}}},
		DataCount: &one,
		Data:      []wasm.Data{{Mode: wasm.Passive, Bytes: []byte("data")}},
		Codes:     []wasm.Code{{Locals: []wasm.LocalRun{{N: 2, Type: wasm.F64}, {N: 1, Type: wasm.ExnRef}}, Body: body}},
	}
}
