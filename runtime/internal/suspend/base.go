package suspend

import (
	"cmp"
	mathbits "math/bits"
	"slices"
)

// A base is what many points of a function save alike: locals that are live at most of them,
// and hold the same value at all of them. One piece of code saves it for all.
const (
	maxBases   = 4        // of one function
	maxCommon  = maxPiece // values of a base
	minPoints  = 3        // that make a base
	minGain    = 8        // values that need not be saved again
	maxVersion = 1 << 20  // points × locals, beyond which there are no bases
)

// versions tells locals' values apart: two points at which a local has the same version see
// the same value, and so would a compiler. It is found by walking over the events: what is
// set within a construct is another value behind it, and what is set within a loop another one
// at its header.
func (s *scan) versions(locals int) [][]int32 {
	words := (locals + 63) / 64
	if s.kept() < 2*minGain || len(s.points)*locals > maxVersion || (len(s.events)+len(s.constructs))*words > maxLiveWork {
		return nil
	}
	w := versionWalk{modified: s.modified(words), now: make([]int32, locals), at: make([][]int32, len(s.points)), slab: make([]int32, 0, locals*len(s.points))}
	for n, e := range s.events {
		w.step(e, int32(n)+1)
	}
	return w.at
}

// kept is how many locals all points keep.
func (s *scan) kept() (n int) {
	for p := range s.points {
		for _, w := range s.points[p].live {
			n += mathbits.OnesCount64(w)
		}
	}
	return n
}

type versionWalk struct {
	modified []bits // by each construct
	opened   int
	open     []versionFrame
	now      []int32 // version of each local
	at       [][]int32
	slab     []int32 // for them
}

type versionFrame struct {
	construct int
	before    []int32 // of an if: the versions where it was opened
}

func (w *versionWalk) step(e event, fresh int32) {
	switch arg := e.arg(); e.kind() {
	case evSet:
		w.now[arg] = fresh
	case evPoint:
		w.slab = append(w.slab, w.now...)
		w.at[arg] = w.slab[len(w.slab)-len(w.now):]
	case evBlock, evLoop, evIf:
		f := versionFrame{construct: w.opened}
		if w.opened++; e.kind() == evIf {
			f.before = slices.Clone(w.now)
		}
		w.open = append(w.open, f)
		if e.kind() == evLoop {
			w.renew(f.construct, fresh)
		}
	case evElse:
		copy(w.now, w.open[len(w.open)-1].before)
	case evEnd:
		f := w.open[len(w.open)-1]
		w.open = w.open[:len(w.open)-1]
		w.renew(f.construct, fresh)
	}
}

// renew gives all that a construct sets a new version.
func (w *versionWalk) renew(construct int, fresh int32) {
	for x := range w.now {
		if w.modified[construct].has(uint32(x)) {
			w.now[x] = fresh
		}
	}
}

// modified are the locals that each construct sets.
func (s *scan) modified(words int) []bits {
	sets := make([]bits, 0, len(s.constructs))
	slab := make(bits, words*len(s.constructs))
	var open []int
	for _, e := range s.events {
		switch e.kind() {
		case evBlock, evLoop, evIf:
			open = append(open, len(sets))
			sets, slab = append(sets, slab[:words:words]), slab[words:]
		case evSet:
			if n := len(open); n > 0 {
				sets[open[n-1]].add(e.arg())
			}
		case evEnd:
			n := len(open) - 1
			if n > 0 {
				sets[open[n-1]].addAll(sets[open[n]])
			}
			open = open[:n]
		}
	}
	return sets
}

// version is a local with one of its values, and at how many points it is live.
type version struct {
	local uint32
	at    int32
	count int
}

// findBases finds what points save alike, and notes at each point which base it has.
func (s *scan) findBases(locals int) (found [][]uint32) {
	at := s.versions(locals)
	for range min(maxBases, len(at)) {
		common := s.common(at, locals)
		if common == nil {
			break
		}
		for p := range s.points {
			if at[p] != nil && s.points[p].base == 0 && holds(at[p], common) {
				s.points[p].base = len(found) + 1
			}
		}
		var list []uint32
		for _, v := range common {
			list = append(list, v.local)
		}
		found = append(found, list)
	}
	return found
}

func holds(now []int32, versions []version) bool {
	return !slices.ContainsFunc(versions, func(v version) bool { return now[v.local] != v.at })
}

// common picks the versions that a new base is best made of, or none.
func (s *scan) common(at [][]int32, locals int) []version {
	var list []version
	var seen []int32
	for x := range locals {
		seen = seen[:0]
		for p := range s.points {
			if s.points[p].base == 0 && at[p] != nil && s.points[p].live.has(uint32(x)) {
				seen = append(seen, at[p][x])
			}
		}
		if len(seen) < minPoints {
			continue
		}
		slices.Sort(seen)
		for start, n := 0, 1; n <= len(seen); n++ {
			if n == len(seen) || seen[n] != seen[start] {
				if n-start >= minPoints {
					list = append(list, version{uint32(x), seen[start], n - start})
				}
				start = n
			}
		}
	}
	slices.SortFunc(list, func(a, b version) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.local, b.local), cmp.Compare(a.at, b.at))
	})
	best, most := 0, minGain
	g := gains{at: at, scan: s, points: s.without()}
	for n, v := range list[:min(len(list), maxCommon)] {
		if gain := g.add(v); gain > most {
			best, most = n+1, gain
		}
	}
	if best == 0 {
		return nil
	}
	return list[:best]
}

// gains counts how many values need not be saved by points on their own if the versions that
// have been added make a base.
type gains struct {
	*scan
	at     [][]int32
	points []held // that the base would be of
	values int    // that these keep and it saves
	added  int
}

// held is a point and how many values of a base it keeps.
type held struct{ point, values int }

// without lists the points that have no base.
func (s *scan) without() (list []held) {
	for p := range s.points {
		if s.points[p].base == 0 {
			list = append(list, held{point: p})
		}
	}
	return list
}

// add adds a version, and is the gain with it.
func (g *gains) add(v version) int {
	kept := g.points[:0]
	for _, h := range g.points {
		at := g.at[h.point]
		if at == nil || at[v.local] != v.at {
			g.values -= h.values
			continue
		}
		if g.scan.points[h.point].live.has(v.local) {
			h.values++
			g.values++
		}
		kept = append(kept, h)
	}
	g.points = kept
	g.added++
	return g.values - g.added
}
