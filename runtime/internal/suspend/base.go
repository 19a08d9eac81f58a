package suspend

import (
	"cmp"
	"slices"
)

// A base is what many points of a function save alike: locals that are live at most of them,
// and hold the same value at all of them. One piece of code saves it for all. Some of the points of a
// base may save more alike: then they have a base on that base.
const (
	maxBases   = 16       // of one function
	maxCommon  = maxPiece // values of a base
	minPoints  = 3        // that make a base
	minGain    = 6        // values that need not be saved again
	maxVersion = 1 << 20  // points × locals, beyond which there are no bases
)

// base is one of them.
type base struct {
	locals []uint32 // the best first
	set    bits     // these and those of the bases that it is on
	on     int      // the number of the base that it is on, counted from 1; 0 is none
}

// version is a column with one of its values, and at how many points its local is live.
type version struct {
	column int
	at     int32
	count  int
}

// baseFinder finds bases, in one function after another.
type baseFinder struct {
	versionWalk
	seen   []int32
	list   []version
	points []held
}

// find finds what points save alike, and notes at each point which base it has. A base comes behind
// the one that it is on.
func (f *baseFinder) find(s *scan, locals int) (found []base) {
	f.scan = s
	if f.pick(locals); len(f.locals) == 0 {
		return nil
	}
	f.walk()
	for on := 0; on <= len(found); on++ {
		for len(found) < maxBases {
			common := f.common(found, on)
			if len(common) == 0 {
				break
			}
			found = append(found, f.base(common, found, on, locals))
			for p := range s.points {
				if s.points[p].base == on && holds(f.at(p), common) {
					s.points[p].base = len(found)
				}
			}
		}
	}
	return found
}

// base makes the base of these versions, on another one.
func (f *baseFinder) base(versions []version, found []base, on, locals int) base {
	b := base{locals: make([]uint32, len(versions)), set: make(bits, (locals+63)/64), on: on}
	if on > 0 {
		copy(b.set, found[on-1].set)
	}
	for i, v := range versions {
		b.locals[i] = f.locals[v.column]
		b.set.add(b.locals[i])
	}
	return b
}

func holds(now []int32, versions []version) bool {
	return !slices.ContainsFunc(versions, func(v version) bool { return now[v.column] != v.at })
}

// common picks the versions that a new base on another one is best made of, if any.
func (f *baseFinder) common(found []base, on int) []version {
	f.pointsOf(on)
	f.list = f.list[:0]
	for c, x := range f.locals {
		if on > 0 && found[on-1].set.has(x) {
			continue
		}
		f.seen = f.seen[:0]
		for i := range f.points {
			if h := &f.points[i]; h.live.has(x) {
				f.seen = append(f.seen, h.at[c])
			}
		}
		f.list = appendVersions(f.list, c, f.seen)
	}
	slices.SortFunc(f.list, func(a, b version) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.column, b.column), cmp.Compare(a.at, b.at))
	})
	best, most := 0, minGain
	g := gains{points: f.points}
	for n, v := range f.list[:min(len(f.list), maxCommon)] {
		if gain := g.add(v, f.locals[v.column]); gain > most {
			best, most = n+1, gain
		}
	}
	return f.list[:best]
}

// pointsOf lists the points that have a base.
func (f *baseFinder) pointsOf(base int) {
	f.points = f.points[:0]
	for p := range f.scan.points {
		if f.scan.points[p].base == base {
			f.points = append(f.points, held{live: f.scan.points[p].live, at: f.at(p)})
		}
	}
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
	points []held // that the base would be of
	values int    // that these keep and it saves
	added  int
}

// held is a point and how many values of a base it keeps.
type held struct {
	live   bits
	at     []int32 // versions
	values int
}

// add adds a version of a local, and is the gain with it.
func (g *gains) add(v version, local uint32) int {
	kept := g.points[:0]
	for _, h := range g.points {
		if h.at[v.column] != v.at {
			g.values -= h.values
			continue
		}
		if h.live.has(local) {
			h.values++
			g.values++
		}
		kept = append(kept, h)
	}
	g.points = kept
	g.added++
	return g.values - g.added
}
