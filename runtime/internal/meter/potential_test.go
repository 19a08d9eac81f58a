package meter

import (
	"testing"

	"pgregory.net/rapid"
)

// randomFlow draws a flow in which every node is reached from node 1.
func randomFlow(t *rapid.T) *flow {
	f := &flow{}
	n := rapid.IntRange(3, 30).Draw(t, "nodes")
	open := rapid.Bool().Draw(t, "open")
	f.nodes = append(f.nodes, node{pin: true}, node{open: open}, node{open: open, pin: !open})
	for range n - 3 {
		f.nodes = append(f.nodes, node{
			cost: rapid.Int64Range(0, 50).Draw(t, "cost"),
			pin:  rapid.IntRange(0, 6).Draw(t, "pin") == 0,
			soft: rapid.IntRange(0, 6).Draw(t, "soft") == 0,
			deep: rapid.IntRange(0, 6).Draw(t, "deep") == 0,
		})
	}
	edge := func(from, to int) {
		weight := weight(rapid.IntRange(int(once-half), int(weights)-1).Draw(t, "weight"))
		f.edges = append(f.edges, edge{from: int32(from), to: int32(to), weight: weight, loop: -1})
	}
	inner := func(below int) int { // the entry, or a node that is not the exit
		if i := rapid.IntRange(exit, below-1).Draw(t, "from"); i != exit {
			return i
		}
		return entry
	}
	edge(zero, entry)
	for i := exit + 1; i < n; i++ {
		edge(inner(i), i)
	}
	for range rapid.IntRange(0, 30).Draw(t, "more") {
		edge(inner(n), rapid.IntRange(exit, n-1).Draw(t, "to"))
	}
	return f
}

// TestChargesAddUp walks flows at random: whatever the way, what has been charged
// is what has been executed less the debt of the place.
func TestChargesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := randomFlow(t)
		f.solveDepth(3)
		f.solve()
		at, executed, charged, depth := int32(zero), int64(0), int64(0), int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			var out []edge
			for _, e := range f.edges {
				if e.from == at {
					out = append(out, e)
				}
			}
			if len(out) == 0 {
				break
			}
			e := out[rapid.IntRange(0, len(out)-1).Draw(t, "step")]
			executed += f.nodes[at].cost
			charged += e.charge
			depth += e.depth
			at = e.to
			n := &f.nodes[at]
			if executed-charged != n.debt {
				t.Fatalf("executed %d, charged %d, but the debt of node %d is %d", executed, charged, at, n.debt)
			}
			if depth != n.level || n.deep && depth != 3 || at == exit && depth != 0 {
				t.Fatalf("depth %d at node %d, whose level is %d", depth, at, n.level)
			}
		}
	})
}

// TestDebtsKeepTheirBounds checks what solve promises of single nodes.
func TestDebtsKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := randomFlow(t)
		f.solve()
		for i, n := range f.nodes {
			switch {
			case n.pin && n.debt != 0:
				t.Errorf("node %d: debt %d, but it is pinned", i, n.debt)
			case n.open && (n.debt < -maxPrepay || n.debt > maxCallDebt):
				t.Errorf("node %d: debt %d is not in %d..%d", i, n.debt, -maxPrepay, maxCallDebt)
			case n.soft && (n.debt < 0 || n.debt > maxCallDebt):
				t.Errorf("node %d: debt %d is not in 0..%d", i, n.debt, maxCallDebt)
			case n.debt > maxDebt || n.debt < -maxDebt:
				t.Errorf("node %d: debt %d is beyond %d", i, n.debt, maxDebt)
			}
		}
	})
}

// TestHeavyEdgesAreFree: a loop whose body is a straight line is charged once a
// round, on its back edge, which carries a check anyway.
func TestHeavyEdgesAreFree(t *testing.T) {
	f := &flow{
		nodes: []node{{pin: true}, {}, {pin: true}, {cost: 2}, {cost: 5}, {cost: 7}, {cost: 1}},
		edges: []edge{
			{from: zero, to: entry, weight: once, loop: -1},
			{from: entry, to: 3, weight: once, loop: -1},
			{from: 3, to: 4, weight: once, loop: -1},
			{from: 4, to: 5, weight: once + tenfold, loop: -1},
			{from: 5, to: 4, weight: once + tenfold, loop: 0, checked: true},
			{from: 5, to: 6, weight: once + tenfold, loop: -1},
			{from: 6, to: exit, weight: once - half, loop: -1},
		},
	}
	f.solve()
	want := []int64{0, 0, 0, 0, 12, 0, 15}
	for i, e := range f.edges {
		if e.charge != want[i] {
			t.Errorf("edge %d→%d charges %d, want %d", e.from, e.to, e.charge, want[i])
		}
	}
}
