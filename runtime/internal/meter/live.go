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
	evEnd                       // closes the innermost construct
	evBranch                    // may go to the label at depth arg
	evStop                      // does not go on to the next event
	evPoint                     // passes edge arg, where the host may be called
)

const (
	evKind = 15 << 28
	evArg  = 1<<28 - 1
)

func (g *graph) event(kind event, arg uint32) {
	if g.fn.loops || g.fn.header {
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

// maxLiveWork bounds the words that liveness may touch in one round; beyond
// it, every local counts as live.
const maxLiveWork = 1 << 22

// liveness finds for each loop which locals are modified in it, and which are
// live at its header. It walks the events backwards, with the best guess so far
// for the headers, until the guesses hold: the least fixed point of the usual
// data-flow equations. It reports false if that is too much work.
func (g *graph) liveness(locals int) bool {
	words := (locals + 63) / 64
	if len(g.events) == 0 {
		return true
	}
	if g.fn.catches || len(g.events)*words > maxLiveWork || len(g.loops)*words > maxLiveWork/8 {
		return false
	}
	for i := range g.loops {
		g.loops[i].live, g.loops[i].modified = make(bits, words), make(bits, words)
	}
	g.modified()
	w := liveWalk{g: g, words: words}
	for range 10 {
		if !w.round() {
			return true
		}
	}
	return false
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
	open := []int32{-1} // the innermost loop at each level
	for _, e := range g.events {
		inner := open[len(open)-1]
		switch e & evKind {
		case evBlock, evIf:
			open = append(open, inner)
		case evLoop:
			open = append(open, int32(e&evArg))
		case evEnd:
			open = open[:len(open)-1]
		case evSet:
			if inner >= 0 {
				g.loops[inner].modified.add(uint32(e & evArg))
			}
		}
	}
	for i, l := range slices.Backward(g.loops) {
		if l.parent >= 0 {
			g.loops[l.parent].modified.addAll(g.loops[i].modified)
		}
	}
}

// liveFrame is an open construct on the way backwards.
type liveFrame struct {
	after bits // live after its end
	other bits // live at the start of its else branch, once that is known
	loop  int32
}

type liveWalk struct {
	g      *graph
	words  int
	frames []liveFrame
	loops  []int32 // the loop of each construct still to come, in reverse
	spare  []bits
}

func (w *liveWalk) set(from bits) bits {
	var b bits
	if n := len(w.spare); n > 0 {
		b, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		b = make(bits, w.words)
	}
	copy(b, from)
	return b
}

// round walks once from the end to the start and reports whether a guess grew.
func (w *liveWalk) round() bool {
	w.matchLoops()
	grew := false
	live := make(bits, w.words)
	none := make(bits, w.words)
	w.frames = append(w.frames[:0], liveFrame{after: none, loop: -1})
	for _, e := range slices.Backward(w.g.events) {
		arg := uint32(e & evArg)
		switch e & evKind {
		case evGet:
			live.add(arg)
		case evSet:
			live.drop(arg)
		case evBranch:
			live.addAll(w.label(arg))
		case evStop:
			clear(live)
		case evPoint:
			w.g.point(arg, live)
		case evEnd:
			w.frames = append(w.frames, liveFrame{after: w.set(live), loop: w.nextLoop()})
		case evElse:
			f := &w.frames[len(w.frames)-1]
			f.other = w.set(live)
			copy(live, f.after)
		case evIf:
			f := w.frames[len(w.frames)-1]
			if f.other == nil {
				f.other = f.after
			}
			live.addAll(f.other)
			w.pop()
		case evBlock:
			w.pop()
		case evLoop:
			w.pop()
			grew = w.grow(w.g.loops[arg].live, live) || grew
		}
	}
	return grew
}

func (w *liveWalk) pop() {
	f := w.frames[len(w.frames)-1]
	w.frames = w.frames[:len(w.frames)-1]
	w.spare = append(w.spare, f.after)
	if f.other != nil {
		w.spare = append(w.spare, f.other)
	}
}

func (w *liveWalk) grow(guess, live bits) bool {
	grew := false
	for i := range guess {
		if live[i]&^guess[i] != 0 {
			guess[i] |= live[i]
			grew = true
		}
	}
	return grew
}

func (w *liveWalk) label(depth uint32) bits {
	f := &w.frames[len(w.frames)-1-int(depth)]
	if f.loop >= 0 {
		return w.g.loops[f.loop].live
	}
	return f.after
}

// matchLoops lists, in the order of the ends, which loop each end closes.
func (w *liveWalk) matchLoops() {
	if w.loops != nil {
		w.loops = w.loops[:cap(w.loops)]
		return
	}
	var open, closed []int32
	for _, e := range w.g.events {
		switch e & evKind {
		case evBlock, evIf:
			open = append(open, -1)
		case evLoop:
			open = append(open, int32(e&evArg))
		case evEnd:
			closed = append(closed, open[len(open)-1])
			open = open[:len(open)-1]
		}
	}
	w.loops = slices.Clip(closed)
}

func (w *liveWalk) nextLoop() int32 {
	l := w.loops[len(w.loops)-1]
	w.loops = w.loops[:len(w.loops)-1]
	return l
}
