package placement

import (
	"cmp"
	"math"
	"slices"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// sorter orders candidates as compare does, in a time that is proportional to their
// number: a radix sort by the score, rounded to 32 bits, and then the few of one
// rounded score by comparison. It keeps its memory.
type sorter struct {
	keys, spare []key
	out         []Candidate
	reasons     []wire.Refusal
}

// key is a candidate by its place, and by its score so that higher ones are less.
type key struct{ score, at uint32 }

const (
	digitBits = 11
	digits    = 1 << digitBits
	// fewKeys are sorted sooner than the digits of radix are counted.
	fewKeys = 256
)

// sort returns the candidates in order, in memory of its own that the next call
// uses again; it takes list for that of the call after.
func (s *sorter) sort(task uint64, list []Candidate) []Candidate {
	s.out = slices.Grow(s.out[:0], len(list))
	s.keys, s.reasons = s.keys[:0], s.reasons[:0]
	for i := range list {
		if out := list[i].Out; out == "" {
			s.keys = append(s.keys, key{^math.Float32bits(float32(list[i].Score)), uint32(i)})
		} else if !slices.Contains(s.reasons, out) {
			s.reasons = append(s.reasons, out)
		}
	}
	if len(s.keys) < fewKeys {
		slices.SortStableFunc(s.keys, func(a, b key) int { return cmp.Compare(a.score, b.score) })
	} else {
		s.radix()
	}
	for _, k := range s.keys {
		s.out = append(s.out, list[k.at])
	}
	s.settleEqual(task)
	slices.Sort(s.reasons)
	for _, out := range s.reasons {
		for i := range list {
			if list[i].Out == out {
				s.out = append(s.out, list[i])
			}
		}
	}
	sorted := s.out
	s.out = list
	return sorted
}

// radix sorts the keys by score, least first, and keeps the order of equal ones.
func (s *sorter) radix() {
	s.spare = slices.Grow(s.spare[:0], len(s.keys))[:len(s.keys)]
	for shift := 0; shift < 32; shift += digitBits {
		var starts [digits + 1]uint32
		for _, k := range s.keys {
			starts[k.score>>shift%digits+1]++
		}
		for d := range digits {
			starts[d+1] += starts[d]
		}
		for _, k := range s.keys {
			d := k.score >> shift % digits
			s.spare[starts[d]] = k
			starts[d]++
		}
		s.keys, s.spare = s.spare, s.keys
	}
}

// settleEqual orders those whose rounded scores are equal.
func (s *sorter) settleEqual(task uint64) {
	for from := 0; from < len(s.out); {
		to := from + 1
		for to < len(s.out) && s.keys[to].score == s.keys[from].score {
			to++
		}
		if to-from > 1 {
			slices.SortFunc(s.out[from:to], func(a, b Candidate) int {
				return cmp.Or(cmp.Compare(b.Score, a.Score), compareEqual(task, a.Node, b.Node))
			})
		}
		from = to
	}
}
