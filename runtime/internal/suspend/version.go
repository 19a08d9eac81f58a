package suspend

import mathbits "math/bits"

// versionWalk tells locals' values apart: two points at which a local has the same version see
// the same value, and so would a compiler. It is found by walking over the events: what is
// set within a construct is another value behind it, and what is set within a loop another one
// at its header. Of locals that few points keep there are no versions; each other one has a column.
// A walk serves one function after another.
type versionWalk struct {
	*scan
	column   []int32  // of each local, or none
	locals   []uint32 // of each column
	words    int      // of a set of columns
	steps    []event  // without those that do not matter; of evSet the argument is the column
	modified []uint64 // columns that each construct sets
	now      []int32  // version of each column
	before   []int32  // versions where the ifs were opened whose else branches are to come
	versions []int32  // at each point
}

// pick picks the locals that get columns. There are none if no base could save enough.
func (w *versionWalk) pick(locals int) {
	words := (locals + 63) / 64
	w.locals = w.locals[:0]
	if len(w.points)*locals > maxVersion || (len(w.events)+len(w.constructs))*words > maxLiveWork {
		return
	}
	w.column = zeroed(w.column, locals)
	kept, gain := w.countLive(w.column), 0
	for x, points := range w.column {
		w.column[x] = none
		if points >= minPoints {
			w.column[x] = int32(len(w.locals))
			w.locals = append(w.locals, uint32(x))
			gain += int(points) - 1
		}
	}
	if kept < 2*minGain || gain <= minGain {
		w.locals = w.locals[:0]
	}
}

// countLive counts at how many points each local is live, and is the sum.
func (s *scan) countLive(points []int32) (sum int) {
	for p := range s.points {
		for i, live := range s.points[p].live {
			for ; live != 0; live &= live - 1 {
				points[64*i+mathbits.TrailingZeros64(live)]++
				sum++
			}
		}
	}
	return sum
}

// at are the versions at a point.
func (w *versionWalk) at(point int) []int32 {
	n := len(w.locals)
	return w.versions[point*n : (point+1)*n]
}

// walk finds the versions at all points.
func (w *versionWalk) walk() {
	w.words = (len(w.locals) + 63) / 64
	w.findModified()
	w.now, w.before = zeroed(w.now, len(w.locals)), w.before[:0]
	w.versions = zeroed(w.versions, len(w.locals)*len(w.points))
	for i, e := range w.steps {
		fresh := int32(i) + 1
		switch arg := e.arg(); e.kind() {
		case evSet:
			w.now[arg] = fresh
		case evPoint:
			copy(w.at(int(arg)), w.now)
		case evLoop, evEnd:
			w.renew(w.sets(int32(arg)), fresh)
		case evIf:
			w.before = append(w.before, w.now...)
		case evElse:
			n := len(w.before) - len(w.now)
			copy(w.now, w.before[n:])
			w.before = w.before[:n]
		}
	}
}

// renew gives columns a new version.
func (w *versionWalk) renew(columns bits, fresh int32) {
	for i, m := range columns {
		for ; m != 0; m &= m - 1 {
			w.now[64*i+mathbits.TrailingZeros64(m)] = fresh
		}
	}
}

// sets are the columns that a construct sets.
func (w *versionWalk) sets(construct int32) bits {
	return w.modified[int(construct)*w.words:][:w.words]
}

// findModified finds what each construct sets, and picks the steps.
func (w *versionWalk) findModified() {
	w.modified = zeroed(w.modified, len(w.constructs)*w.words)
	w.steps = w.steps[:0]
	inner := int32(none)
	for _, e := range w.events {
		switch arg := e.arg(); e.kind() {
		case evGet, evBranch, evStop, evNone:
			continue
		case evSet:
			c := w.column[arg]
			if c == none {
				continue
			}
			e = eventOf(evSet, uint32(c))
			if inner != none {
				w.sets(inner).add(uint32(c))
			}
		case evBlock:
			inner = int32(arg)
			continue
		case evLoop:
			inner = int32(arg)
		case evIf:
			inner = int32(arg)
			if w.constructs[arg].other == 0 {
				continue
			}
		case evEnd:
			if inner = w.constructs[arg].parent; inner != none {
				w.sets(inner).addAll(w.sets(int32(arg)))
			}
		}
		w.steps = append(w.steps, e)
	}
}
