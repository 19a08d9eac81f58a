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

// columns are the locals that a base may have: those that enough points keep.
type columns struct {
	locals []uint32
	of     []int32 // each local's place among them, or none
}

// columns picks those locals. There are none where no base could save enough.
func (s *scan) columns(locals int) (c columns) {
	words := (locals + 63) / 64
	if len(s.points)*locals > maxVersion || (len(s.events)+len(s.constructs))*words > maxLiveWork {
		return c
	}
	c.of = make([]int32, locals)
	kept, gain := s.countLive(c.of), 0
	for x, points := range c.of {
		c.of[x] = none
		if points >= minPoints {
			c.of[x] = int32(len(c.locals))
			c.locals = append(c.locals, uint32(x))
			gain += int(points) - 1
		}
	}
	if kept < 2*minGain || gain <= minGain {
		c.locals = nil
	}
	return c
}

// countLive counts at how many points each local is live, and is the sum.
func (s *scan) countLive(points []int32) (sum int) {
	for p := range s.points {
		for i, w := range s.points[p].live {
			for ; w != 0; w &= w - 1 {
				points[64*i+mathbits.TrailingZeros64(w)]++
				sum++
			}
		}
	}
	return sum
}

// versionWalk tells locals' values apart: two points at which a local has the same version see
// the same value, and so would a compiler. It is found by walking over the events: what is
// set within a construct is another value behind it, and what is set within a loop another one
// at its header.
type versionWalk struct {
	*scan
	columns
	modified [][]uint64 // columns that each construct sets
	now      []int32    // version of each column
	before   []int32    // versions where the ifs were opened whose else branches are to come
	at       [][]int32  // versions at each point
}

func (s *scan) versions(c columns) [][]int32 {
	n := len(c.locals)
	w := versionWalk{scan: s, columns: c, now: make([]int32, n), at: make([][]int32, len(s.points))}
	slab := make([]int32, n*len(s.points))
	for p := range w.at {
		w.at[p] = slab[p*n : (p+1)*n]
	}
	w.findModified()
	for i, e := range s.events {
		w.step(e, int32(i)+1)
	}
	return w.at
}

func (w *versionWalk) step(e event, fresh int32) {
	switch arg := e.arg(); e.kind() {
	case evSet:
		if c := w.of[arg]; c != none {
			w.now[c] = fresh
		}
	case evPoint:
		copy(w.at[arg], w.now)
	case evLoop, evEnd:
		w.renew(arg, fresh)
	case evIf:
		if w.constructs[arg].other > 0 {
			w.before = append(w.before, w.now...)
		}
	case evElse:
		n := len(w.before) - len(w.now)
		copy(w.now, w.before[n:])
		w.before = w.before[:n]
	}
}

// renew gives all that a construct sets a new version.
func (w *versionWalk) renew(construct uint32, fresh int32) {
	for i, m := range w.modified[construct] {
		for ; m != 0; m &= m - 1 {
			w.now[64*i+mathbits.TrailingZeros64(m)] = fresh
		}
	}
}

// findModified finds what each construct sets.
func (w *versionWalk) findModified() {
	words := (len(w.locals) + 63) / 64
	slab := make([]uint64, words*len(w.constructs))
	w.modified = make([][]uint64, len(w.constructs))
	for c := range w.modified {
		w.modified[c] = slab[c*words : (c+1)*words]
	}
	inner := int32(none)
	for _, e := range w.events {
		arg := e.arg()
		switch e.kind() {
		case evBlock, evLoop, evIf:
			inner = int32(arg)
		case evSet:
			if c := w.of[arg]; c != none && inner != none {
				bits(w.modified[inner]).add(uint32(c))
			}
		case evEnd:
			if inner = w.constructs[arg].parent; inner != none {
				bits(w.modified[inner]).addAll(w.modified[arg])
			}
		}
	}
}

// version is a column with one of its values, and at how many points its local is live.
type version struct {
	column int
	at     int32
	count  int
}

// findBases finds what points save alike, and notes at each point which base it has.
func (s *scan) findBases(locals int) (found [][]uint32) {
	c := s.columns(locals)
	if len(c.locals) == 0 {
		return nil
	}
	at := s.versions(c)
	for range maxBases {
		common := s.common(at, c.locals)
		if common == nil {
			break
		}
		for p := range s.points {
			if s.points[p].base == 0 && holds(at[p], common) {
				s.points[p].base = len(found) + 1
			}
		}
		var list []uint32
		for _, v := range common {
			list = append(list, c.locals[v.column])
		}
		found = append(found, list)
	}
	return found
}

func holds(now []int32, versions []version) bool {
	return !slices.ContainsFunc(versions, func(v version) bool { return now[v.column] != v.at })
}

// common picks the versions that a new base is best made of, or none.
func (s *scan) common(at [][]int32, locals []uint32) []version {
	points := s.without()
	var list []version
	var seen []int32
	for c, x := range locals {
		seen = seen[:0]
		for _, h := range points {
			if s.points[h.point].live.has(x) {
				seen = append(seen, at[h.point][c])
			}
		}
		list = appendVersions(list, c, seen)
	}
	slices.SortFunc(list, func(a, b version) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.column, b.column), cmp.Compare(a.at, b.at))
	})
	best, most := 0, minGain
	g := gains{at: at, scan: s, points: points}
	for n, v := range list[:min(len(list), maxCommon)] {
		if gain := g.add(v, locals[v.column]); gain > most {
			best, most = n+1, gain
		}
	}
	if best == 0 {
		return nil
	}
	return list[:best]
}

// appendVersions appends those of a column's versions that enough points have seen.
func appendVersions(list []version, column int, seen []int32) []version {
	if len(seen) < minPoints {
		return list
	}
	slices.Sort(seen)
	for start, n := 0, 1; n <= len(seen); n++ {
		if n == len(seen) || seen[n] != seen[start] {
			if n-start >= minPoints {
				list = append(list, version{column, seen[start], n - start})
			}
			start = n
		}
	}
	return list
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

// add adds a version of a local, and is the gain with it.
func (g *gains) add(v version, local uint32) int {
	kept := g.points[:0]
	for _, h := range g.points {
		if g.at[h.point][v.column] != v.at {
			g.values -= h.values
			continue
		}
		if g.scan.points[h.point].live.has(local) {
			h.values++
			g.values++
		}
		kept = append(kept, h)
	}
	g.points = kept
	g.added++
	return g.values - g.added
}
