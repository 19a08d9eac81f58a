package meter

import (
	"cmp"
	"slices"
)

// vote is for what the debt of a tree's root should be.
type vote struct {
	root int32
	turn int32
	debt int64
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
		f.votes = append(f.votes, vote{root, int32(len(f.votes)), debt})
	}
}

// count settles the trees that have been voted on: the most votes win, and the first
// of as many.
func (f *flow) count() {
	if len(f.votes) > 1 {
		slices.SortFunc(f.votes, func(a, b vote) int {
			return cmp.Or(cmp.Compare(a.root, b.root), cmp.Compare(a.debt, b.debt), cmp.Compare(a.turn, b.turn))
		})
	}
	for rest := f.votes; len(rest) > 0; {
		first, most, best := rest[0], 0, vote{}
		for len(rest) > 0 && rest[0].root == first.root {
			n, v := 1, rest[0]
			for n < len(rest) && rest[n].root == v.root && rest[n].debt == v.debt {
				n++
			}
			rest = rest[n:]
			if n > most || n == most && v.turn < best.turn {
				most, best = n, v
			}
		}
		f.trees[best.root].interval = interval{best.debt, best.debt}
	}
}
