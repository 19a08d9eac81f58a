package runtime

import (
	"slices"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// The stack of a trap tells functions without names by the indices that the guest's module
// gives them, whatever the rewriters import before them, and none that they add.
func TestTrapTellsTheGuestsIndices(t *testing.T) {
	var b builder
	last := b.function(func(c *body) { // which may be suspended before
		c.open(wasm.OpLoop).tick().i32(0).u32(wasm.OpI32Load, 2, 0).i32(9).op(wasm.OpI32LtU).u32(wasm.OpBrIf, 0).op(wasm.OpEnd, wasm.OpUnreachable)
	})
	for range 2 {
		next := last
		last = b.function(func(c *body) { c.times(100, func(c *body) { c.u32(wasm.OpCall, next) }) }) // in rows
	}
	want := []string{".$0()", ".$1()", ".$2()"}
	code := b.encode()
	for name, cfg := range map[string]Config{
		"compiled": {}, "interpreted": {Kind: KindInterpreter}, "suspendable": {Suspend: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, cfg)
			m, err := e.Load(t.Context(), code)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			r, err := e.Run(t.Context(), m, Task{})
			if err != nil {
				t.Fatal(err)
			}
			_, stack, _ := strings.Cut(r.Message, "stack trace:")
			if got := strings.Fields(stack); r.Reason != ReasonTrap || !slices.Equal(got, want) {
				t.Errorf("%v: %q", r.Reason, r.Message)
			}
		})
	}
}
