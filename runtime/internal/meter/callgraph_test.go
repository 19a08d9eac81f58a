package meter

import (
	"testing"

	"pgregory.net/rapid"
)

// randomCalls draws a call graph over functions and types.
func randomCalls(t *rapid.T) *module {
	n := int32(rapid.IntRange(1, 12).Draw(t, "functions"))
	types := rapid.IntRange(1, 3).Draw(t, "types")
	mod := &module{functions: make([]function, n), sigs: make([]signature, types), sig: make([]int, types)}
	for i := range mod.sig {
		mod.sig[i] = i
	}
	for i := range mod.functions {
		f := &mod.functions[i]
		f.frame = rapid.Int64Range(1, 100).Draw(t, "frame")
		for range rapid.IntRange(0, 3).Draw(t, "calls") {
			f.calls = append(f.calls, rapid.Int32Range(0, n-1).Draw(t, "callee"))
		}
		if rapid.IntRange(0, 4).Draw(t, "indirect") == 0 {
			f.calls = append(f.calls, n+rapid.Int32Range(0, int32(types)-1).Draw(t, "type"))
		}
		if rapid.IntRange(0, 2).Draw(t, "referenced") == 0 {
			s := &mod.sigs[rapid.IntRange(0, types-1).Draw(t, "own type")]
			s.members = append(s.members, int32(i))
		}
	}
	return mod
}

// reaches is the dumb way to ask whether there is a path of at least one call,
// through vertices that pass.
func (mod *module) reaches(from, to int32, pass func(int32) bool) bool {
	seen := make([]bool, mod.vertices())
	var visit func(v int32) bool
	visit = func(v int32) bool {
		found := false
		for _, w := range mod.successors(v) {
			if found || !pass(w) {
				continue
			}
			if w == to {
				found = true
			} else if !seen[w] {
				seen[w] = true
				found = visit(w)
			}
		}
		return found
	}
	return visit(from)
}

func all(int32) bool { return true }

// TestComponents compares Tarjan's algorithm with mutual reachability.
func TestComponents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mod := randomCalls(t)
		found := mod.components()
		component, cyclic := found.of, found.cyclic
		for v := range int32(mod.vertices()) {
			if got, want := cyclic[component[v]], mod.reaches(v, v, all); got != want {
				t.Fatalf("vertex %d: on a cycle: %v, want %v", v, got, want)
			}
			for w := range int32(mod.vertices()) {
				mutual := v == w || mod.reaches(v, w, all) && mod.reaches(w, v, all)
				if (component[v] == component[w]) != mutual {
					t.Fatalf("vertices %d and %d: in one component: %v, want %v", v, w, !mutual, mutual)
				}
				if !mutual && mod.reaches(v, w, all) && component[v] < component[w] {
					t.Fatalf("component of %d is numbered before that of %d, which it leads to", v, w)
				}
			}
		}
	})
}

// TestHeadersBreakCycles checks that every cycle of calls passes a header and each header is needed, that
// chains between headers are short, and that the order puts callees first.
func TestHeadersBreakCycles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mod := randomCalls(t)
		order := mod.headers(mod.components())
		n := int32(len(mod.functions))
		noHeader := func(v int32) bool { return v >= n || !mod.functions[v].header }
		place := make(map[int32]int)
		for i, v := range order {
			place[v] = i
		}
		if len(place) != mod.vertices() {
			t.Fatalf("order %v lists %d of %d vertices", order, len(place), mod.vertices())
		}
		for v := range int32(mod.vertices()) {
			if noHeader(v) && mod.reaches(v, v, noHeader) {
				t.Fatalf("vertex %d is on a cycle without a header", v)
			}
			for _, w := range mod.successors(v) {
				if noHeader(w) && place[w] > place[v] {
					t.Fatalf("%d comes before its callee %d", v, w)
				}
			}
			if v < n && noHeader(v) && mod.functions[v].chain > maxChain {
				t.Fatalf("function %d starts a chain of depth %d", v, mod.functions[v].chain)
			}
			long := func(w int32) bool { return w < n && mod.functions[w].chain > maxChain } // a header by that
			if v < n && !noHeader(v) && !long(v) &&
				!mod.reaches(v, v, func(w int32) bool { return w == v || noHeader(w) || long(w) }) {
				t.Fatalf("header %d breaks no cycle that another one does not", v)
			}
		}
	})
}
