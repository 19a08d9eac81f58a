package runtime

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
)

// faulty is a wazero whose compiler has a fault.
type faulty struct{ wazero.Runtime }

func (faulty) CompileModule(context.Context, []byte) (wazero.CompiledModule, error) {
	panic("BUG: no such register")
}

// A module that the compiler panics at is interpreted, with the same result and fuel.
func TestCompilerPanic(t *testing.T) {
	binary, err := os.ReadFile("../examples/primes/primes.wasm")
	if err != nil {
		t.Fatal(err)
	}
	run := func(e *Engine) ending {
		t.Helper()
		return runToEnd(t.Context(), t, load(t, e, binary), Task{Args: []string{"primes", "1000"}})
	}
	want := run(newEngine(t, Config{}))
	e := newEngine(t, Config{})
	if !e.compiles() {
		t.Skip("there is no compiler for this machine")
	}
	main := e.main
	e.main = func() (wazero.Runtime, error) {
		r, err := main()
		return faulty{r}, err
	}
	if got := run(e); got != want || got.Status != StatusSucceeded {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if m := load(t, e, binary); !m.interpreted {
		t.Error("the module is not interpreted")
	}
	if _, err := compileModule(t.Context(), faulty{}, nil); !errors.Is(err, errCompilerPanicked) {
		t.Errorf("got %v", err)
	}
}
