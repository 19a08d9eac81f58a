package meter

import "slices"

// event is one step of a function's life of locals: a kind in the upper four
// bits, an argument below.
type event uint32

const (
	evGet    event = iota << 28 // reads local arg
	evSet                       // writes local arg
	evBlock                     // opens a block
	evLoop                      // opens loop arg
	evIf                        // opens an if
	evElse                      // starts its else branch
	evEnd                       // closes the innermost construct: loop arg-1, or none if arg is 0
	evBranch                    // may go to the label at depth arg
	evStop                      // does not go on to the next event
	evPoint                     // passes edge arg, where the host may be called
)

const (
	evKind = 15 << 28
	evArg  = 1<<28 - 1
)

func (g *graph) event(kind event, arg uint32) {
	if g.living {
		g.events = append(g.events, kind|event(arg))
	}
}

// bits is a set of locals.
type bits []uint64

func (b bits) add(x uint32)      { b[x/64] |= 1 << (x % 64) }
func (b bits) drop(x uint32)     { b[x/64] &^= 1 << (x % 64) }
func (b bits) has(x uint32) bool { return b[x/64]&(1<<(x%64)) != 0 }

func (b bits) addAll(c bits) {
	for i := range b {
		b[i] |= c[i]
	}
}

// grow is addAll, and reports whether that adds any.
func (b bits) grow(c bits) bool {
	grew := false
	for i := range b {
		grew = grew || c[i]&^b[i] != 0
		b[i] |= c[i]
	}
	return grew
}

// maxLiveWork bounds the words that liveness may touch in one round; beyond
// it, every local counts as live.
const maxLiveWork = 1 << 22

// maxLiveRounds is how often liveness walks over a function at most.
const maxLiveRounds = 10

// liveness finds for each loop which locals are modified in it, and which are
// live at its header. It walks the events backwards, with the best guess so far
// for the headers, until the guesses hold: the least fixed point of the usual
// data-flow equations. A local is live at a header if it is read, and not set before, on a way
// that does not come back there; such a way goes back to loops around alone. So each round
// settles the loops one level further in, and one more round all points between. It reports false
// if that is too much work.
func (g *graph) liveness(locals int) bool {
	words := (locals + 63) / 64
	if len(g.events) == 0 {
		return true
	}
	if g.fn.catches || len(g.events)*words > maxLiveWork || len(g.loops)*words > maxLiveWork/8 {
		return false
	}
	g.sets = cleared(g.sets, 2*words*len(g.loops))
	for i := range g.loops {
		pair := g.sets[2*i*words:]
		g.loops[i].live, g.loops[i].modified = pair[:words], pair[words:2*words]
	}
	g.modified()
	rounds := g.nest
	if g.fn.header {
		rounds++
	}
	for range min(rounds, maxLiveRounds) {
		if !g.lives.round(g, words) {
			return true
		}
	}
	return g.nest < maxLiveRounds
}

// cleared gives b with so many words, all of them zero.
func cleared(b bits, words int) bits {
	b = slices.Grow(b[:0], words)[:words]
	clear(b)
	return b
}

// point notes what is live on an edge on which the host may be called.
func (g *graph) point(edge uint32, live bits) {
	if g.edges[edge].depth <= 0 || len(g.points)*len(live) > maxLiveWork/8 {
		return
	}
	if g.points == nil {
		g.points = make(map[int32]bits)
	}
	if g.points[int32(edge)] == nil {
		g.points[int32(edge)] = slices.Clone(live)
	}
	copy(g.points[int32(edge)], live)
}

// modified collects the locals that each loop sets.
func (g *graph) modified() {
	inner := int32(-1)
	for _, e := range g.events {
		switch e & evKind {
		case evLoop:
			inner = int32(e & evArg)
		case evEnd:
			if loop := int32(e&evArg) - 1; loop >= 0 {
				inner = g.loops[loop].parent
			}
		case evSet:
			if inner >= 0 {
				g.loops[inner].modified.add(uint32(e & evArg))
			}
		}
	}
	for i := len(g.loops) - 1; i >= 0; i-- {
		if l := &g.loops[i]; l.parent >= 0 {
			g.loops[l.parent].modified.addAll(l.modified)
		}
	}
}

// liveFrame is an open construct on the way backwards.
type liveFrame struct {
	loop  int32 // that it is, or -1
	split bool  // its else branch has been read
}

// liveWalk is what the way backwards works with.
type liveWalk struct {
	words  int
	frames []liveFrame
	sets   bits // two for each frame: live after its end, and at the start of its else branch
	live   bits // here
}

// round walks once from the end to the start and reports whether a guess grew.
func (w *liveWalk) round(g *graph, words int) bool {
	w.words, w.frames, w.live = words, w.frames[:0], cleared(w.live, words)
	w.push(-1)
	grew, live := false, w.live
	for i := len(g.events) - 1; i >= 0; i-- {
		e := g.events[i]
		arg := uint32(e & evArg)
		switch e & evKind {
		case evGet:
			live.add(arg)
		case evSet:
			live.drop(arg)
		case evBranch:
			live.addAll(w.label(g, arg))
		case evStop:
			clear(live)
		case evPoint:
			g.point(arg, live)
		case evEnd:
			w.push(int32(arg) - 1)
		case evElse:
			w.frames[len(w.frames)-1].split = true
			after, other := w.innermost()
			copy(other, live)
			copy(live, after)
		case evIf:
			after, other := w.innermost()
			if w.pop().split {
				after = other
			}
			live.addAll(after)
		case evBlock:
			w.pop()
		case evLoop:
			w.pop()
			grew = g.loops[arg].live.grow(live) || grew
		}
	}
	return grew
}

// push enters a construct at its end.
func (w *liveWalk) push(loop int32) {
	w.frames = append(w.frames, liveFrame{loop: loop})
	if n := 2 * w.words * len(w.frames); n > len(w.sets) {
		w.sets = slices.Grow(w.sets, n-len(w.sets))[:n]
	}
	after, _ := w.innermost()
	copy(after, w.live)
}

func (w *liveWalk) pop() liveFrame {
	f := w.frames[len(w.frames)-1]
	w.frames = w.frames[:len(w.frames)-1]
	return f
}

func (w *liveWalk) innermost() (after, other bits) {
	pair := w.sets[2*w.words*(len(w.frames)-1):]
	return pair[:w.words], pair[w.words : 2*w.words]
}

// label is what is live where a branch to that depth leads.
func (w *liveWalk) label(g *graph, depth uint32) bits {
	at := len(w.frames) - 1 - int(depth)
	if loop := w.frames[at].loop; loop >= 0 {
		return g.loops[loop].live
	}
	return w.sets[2*w.words*at:][:w.words]
}
