package meter

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRank compares counting with sorting: by falling weight, and by number where they weigh the same.
func TestRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ranking
		var want []int32
		for i := range rapid.Int32Range(0, 50).Draw(t, "edges") {
			r.weigh = append(r.weigh, weight(rapid.IntRange(0, weights-1).Draw(t, "weight")))
			want = append(want, i)
		}
		slices.SortStableFunc(want, func(a, b int32) int { return int(r.weigh[b]) - int(r.weigh[a]) })
		r.rank()
		if !slices.Equal(r.order, want) {
			t.Fatalf("weights %v in order %v, not %v", r.weigh, r.order, want)
		}
		var all []int32
		for group := range r.groups {
			for _, i := range group {
				if r.weigh[i] != r.weigh[group[0]] {
					t.Fatalf("%d weighs %d in a group of %d", i, r.weigh[i], r.weigh[group[0]])
				}
			}
			all = append(all, group...)
		}
		if !slices.Equal(all, want) {
			t.Fatalf("groups of %v, not %v", all, want)
		}
	})
}

// TestWeights: in so many loops all lies between once and ten times as often, and is told apart.
func TestWeights(t *testing.T) {
	for depth := range maxDepth {
		w := often(depth)
		rising := []weight{w, often(depth+1) - half, w + taken, often(depth + 1)} // 1, 5, 9, 10
		if !slices.IsSorted(rising) || len(slices.Compact(rising)) != 4 {
			t.Errorf("%d loops: %v", depth, rising)
		}
		if depth >= 2 && w-cold != often(depth-2) {
			t.Errorf("a hundredth of %d is %d", w, w-cold)
		}
	}
	if least, most := once-half-cold, often(maxDepth+1)+taken; least <= weightless || int(most) >= weights {
		t.Errorf("weights from %d to %d", least, most)
	}
}
