package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPositionals(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"run m.wasm", "run m.wasm"},
		{"run --fuel 5 m.wasm -- -v", "run --fuel 5 m.wasm -- -v"},
		{"run --invoke add m.wasm 1 -2", "run --invoke add -- m.wasm 1 -2"},
		{"run m.wasm -1 --invoke add 2 -q", "run --invoke add -q -- m.wasm -1 2"},
		{"run --invoke=add m.wasm -0x1f -.5 -1e3 -inf", "run --invoke=add -- m.wasm -0x1f -.5 -1e3 -inf"},
		{"run --invoke add m.wasm -1 -- --fuel -2", "run --invoke add -- m.wasm -1 --fuel -2"},
		// A flag's value is the flag's, number or not.
		{"run --fuel -1 m.wasm", "run --fuel -1 m.wasm"},
		{"run - -1", "run -- - -1"},
		{"actor ask counter -5", "actor ask -- counter -5"},
		{"actor send --timeout 3s counter -", "actor send --timeout 3s counter -"},
		{"version -1", "version -1"},
		{"", ""},
	} {
		args := strings.Fields(c.args)
		if got := positionals(newRoot(nil), args); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%q: got %q, want %q", c.args, got, c.want)
		}
	}
}
