package suspend

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// sorted goes through moves in the order in which they were added.
func sorted(moves map[move]uint32) iter.Seq2[move, uint32] {
	keys := slices.SortedFunc(maps.Keys(moves), func(a, b move) int { return cmp.Compare(moves[a], moves[b]) })
	return func(yield func(move, uint32) bool) {
		for _, k := range keys {
			if !yield(k, moves[k]) {
				return
			}
		}
	}
}
