package suspend

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// sorted goes through functions in the order in which they were added.
func sorted[K comparable](moves map[K]uint32) iter.Seq2[K, uint32] {
	keys := slices.SortedFunc(maps.Keys(moves), func(a, b K) int { return cmp.Compare(moves[a], moves[b]) })
	return func(yield func(K, uint32) bool) {
		for _, k := range keys {
			if !yield(k, moves[k]) {
				return
			}
		}
	}
}
