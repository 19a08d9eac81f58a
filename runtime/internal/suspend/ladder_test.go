package suspend

import (
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// TestLadders counts the checks between rungs: there are as few in a row of 5000.
func TestLadders(t *testing.T) {
	const few, many = (minRungs + 1) * rungChecks, 5000
	for _, test := range []struct {
		name   string
		binary []byte
		ladder int // rungs at least
	}{
		{"few checks", rowOfCalls(few-1, division...), 0},
		{"many", rowOfCalls(many, division...), many/rungChecks - 1},
		{"batches", rowOfCalls(many), many/maxBatch/rungChecks - 1},
	} {
		m, code := metered(t, test.binary)
		plan, err := Rewrite(m, code)
		if err != nil || plan.Refused != "" {
			t.Fatal(err, plan.Refused)
		}
		if err := wasm.Validate(m); err != nil {
			t.Fatal(err)
		}
		checks, ladders := checksOf(m, 0)
		if test.ladder == 0 || len(ladders) == 0 {
			if len(ladders) != test.ladder {
				t.Errorf("%s: ladders %v, want none", test.name, ladders)
			}
			continue
		}
		if len(ladders) != 1 || ladders[0] < test.ladder {
			t.Errorf("%s: ladders of %d rungs, want one of %d", test.name, ladders, test.ladder)
		}
		between := make(map[int]int)
		for _, rung := range checks {
			if between[rung]++; between[rung] > 2*rungChecks {
				t.Fatalf("%s: more than %d checks behind rung %d", test.name, 2*rungChecks, rung)
			}
		}
	}
}
