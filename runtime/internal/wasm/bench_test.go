package wasm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// program is a C program with its library, as Zig builds it; wazero ships it.
func program(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(wazeroDir(t), "imports", "wasi_snapshot_preview1", "testdata", "zig-cc", "wasi.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// codeSize is the number of bytes of all function bodies.
func codeSize(m *wasm.Module) int64 {
	n := 0
	for i := range m.Codes {
		n += len(m.Codes[i].Body)
	}
	return int64(n)
}

func decode(t testing.TB, b []byte) *wasm.Module {
	t.Helper()
	m, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// BenchmarkRead is the instruction reader alone; bytes are those of code.
func BenchmarkRead(b *testing.B) {
	m := decode(b, program(b))
	b.SetBytes(codeSize(m))
	var in wasm.Instr
	for b.Loop() {
		for i := range m.Codes {
			r := wasm.NewReader(m.Codes[i].Body, 0)
			for r.Next(&in) {
			}
			if r.Err() != nil {
				b.Fatal(r.Err())
			}
		}
	}
}

// BenchmarkValidate is Decode and Validate; bytes are those of code.
func BenchmarkValidate(b *testing.B) {
	input := program(b)
	b.SetBytes(codeSize(decode(b, input)))
	for b.Loop() {
		if _, err := verdict(input); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncode writes the module; bytes are those of code.
func BenchmarkEncode(b *testing.B) {
	m := decode(b, program(b))
	b.SetBytes(codeSize(m))
	for b.Loop() {
		m.Encode()
	}
}

// BenchmarkWazero is wazero's own decoding and validation with its compiler, for the ratio.
func BenchmarkWazero(b *testing.B) {
	input := program(b)
	b.SetBytes(codeSize(decode(b, input)))
	e := newCompiler(b)
	for b.Loop() {
		if err := e.compile(input); err != nil {
			b.Fatal(err)
		}
	}
}
