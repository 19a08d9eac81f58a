package runtime

import (
	"errors"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// TestRefuel: each call has a budget of its own, whatever slices and limits there
// were before, and what is used is counted on.
func TestRefuel(t *testing.T) {
	const rounds = 1000
	work := exporting("work", wasm.FuncType{}, func(c *body) { c.times(rounds, tick) }, withMemory(1))
	for _, kind := range kinds() {
		e := newEngine(t, Config{Kind: kind})
		m := load(t, e, work)
		i, err := m.Instantiate(t.Context(), Task{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Call(t.Context(), "work"); err != nil {
			t.Fatal(err)
		}
		one := i.FuelUsed()
		for n := range uint64(5) {
			i.Refuel(one)
			if _, err := i.Call(t.Context(), "work"); err != nil || i.FuelUsed() != (n+2)*one {
				t.Fatalf("%s: call %d: %v, %d used, not %d", kind, n, err, i.FuelUsed(), (n+2)*one)
			}
		}
		i.Refuel(MaxFuel)
		i.Refuel(one - 1)
		_, err = i.Call(t.Context(), "work")
		if end, ok := errors.AsType[*GuestError](err); !ok || end.Reason != ReasonOutOfFuel {
			t.Errorf("%s: %v", kind, err)
		}
		if err := errors.Join(i.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	}
}
