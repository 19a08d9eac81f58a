package meter

import (
	"cmp"
	"math"
	"slices"
)

// vote is for what the debt of a tree's root should be.
type vote struct {
	what uint64 // the root and the debt above its least
	turn int32
}

// vote takes down what an edge between a settled node and one that is not votes for, if that
// is within bounds.
func (f *flow) vote(e *edge) {
	ra, oa := f.find(e.from)
	rb, ob := f.find(e.to)
	shift := oa + f.nodes[e.from].cost - ob // of b's root against a's
	a, b := &f.trees[ra], &f.trees[rb]
	switch {
	case a.settled() == b.settled():
	case a.settled():
		f.cast(rb, a.least+shift)
	default:
		f.cast(ra, b.least-shift)
	}
}

func (f *flow) cast(root int32, debt int64) {
	if t := &f.trees[root]; t.least <= debt && debt <= t.most {
		f.votes = append(f.votes, vote{uint64(root)<<32 | uint64(debt-t.least), int32(len(f.votes))})
	}
}

// count settles the trees that have been voted on: the most votes win, and the first
// of as many.
func (f *flow) count() {
	slices.SortFunc(f.votes, func(a, b vote) int {
		if a.what != b.what {
			return cmp.Compare(a.what, b.what)
		}
		return cmp.Compare(a.turn, b.turn)
	})
	for rest := f.votes; len(rest) > 0; {
		root, most, best := rest[0].what>>32, 0, vote{}
		for len(rest) > 0 && rest[0].what>>32 == root {
			n, v := 1, rest[0]
			for n < len(rest) && rest[n].what == v.what {
				n++
			}
			rest = rest[n:]
			if n > most || n == most && v.turn < best.turn {
				most, best = n, v
			}
		}
		t := &f.trees[root]
		debt := t.least + int64(best.what&math.MaxUint32)
		t.interval = interval{debt, debt}
	}
}
