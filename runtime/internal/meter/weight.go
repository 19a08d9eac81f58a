package meter

import (
	mathbits "math/bits"
	"slices"
)

// weight is a guess of what a charge on an edge would cost, all told, in steps of which three make
// a power of ten: 1, 5, 9, 10, 50, 90 and so on. All that is asked of it is what weighs more.
type weight int8

const (
	weightless weight = 0 // something is done there anyway
	once       weight = 9 // 1, below which there is room for a half that is cold

	tenfold weight = 3
	taken   weight = 2 // nine times as much: a charge on a taken br_if turns one instruction into a construct around two
	half    weight = 2 // of it is to be taken away
	cold    weight = 6 // a hundredth, to be taken away

	maxDepth = 12 // beyond so many loops all is as dear
	weights  = int(once + maxDepth*tenfold + taken + 1)
)

// often is the guess of how often a place runs in so many loops.
func often(depth int) weight { return once + tenfold*weight(min(depth, maxDepth)) }

// ranking orders edges by weight.
type ranking struct {
	weigh   []weight       // what each weighs
	order   []int32        // edges by falling weight, and by number where they weigh the same
	ends    [weights]int32 // of those of each weight, in order
	present uint64         // the weights that there are
}

// rank sorts the edges. Of weights there are few, so that it counts how many weigh as much.
func (r *ranking) rank() {
	r.ends, r.present = [weights]int32{}, 0
	for _, w := range r.weigh {
		r.ends[w]++
		r.present |= 1 << w
	}
	next := int32(0)
	for w := range r.falling {
		next, r.ends[w] = next+r.ends[w], next
	}
	r.order = slices.Grow(r.order[:0], len(r.weigh))[:len(r.weigh)]
	for i, w := range r.weigh {
		r.order[r.ends[w]] = int32(i)
		r.ends[w]++
	}
}

// falling yields the weights that there are, the heaviest first.
func (r *ranking) falling(yield func(weight) bool) {
	for rest := r.present; rest != 0; {
		w := mathbits.Len64(rest) - 1
		rest &^= 1 << w
		if !yield(weight(w)) {
			return
		}
	}
}

// groups yields the edges that weigh the same, the heaviest first.
func (r *ranking) groups(yield func([]int32) bool) {
	start := int32(0)
	for w := range r.falling {
		if !yield(r.order[start:r.ends[w]]) {
			return
		}
		start = r.ends[w]
	}
}
