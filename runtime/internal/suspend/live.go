package suspend

import "slices"

// event is one step of a function's life of locals: a kind in the upper four bits, an
// argument below.
type event uint32

const (
	evGet    event = iota << 28 // reads local arg
	evSet                       // writes local arg
	evBlock                     // opens a block or try_table
	evLoop                      // opens a loop: construct arg
	evIf                        // opens an if
	evElse                      // starts its else branch
	evEnd                       // closes the innermost construct
	evBranch                    // may go to the label at depth arg
	evStop                      // does not go on to the next event
	evPoint                     // passes point arg
)

const (
	evKind = 15 << 28
	evArg  = 1<<28 - 1
)

func (s *scan) event(kind event, arg uint32) { s.events = append(s.events, kind|event(arg)) }

// bits is a set of locals.
type bits []uint64

func (b bits) add(x uint32)  { b[x/64] |= 1 << (x % 64) }
func (b bits) drop(x uint32) { b[x/64] &^= 1 << (x % 64) }

// has tells whether x is in the set; nil is the set of all.
func (b bits) has(x uint32) bool { return b == nil || b[x/64]&(1<<(x%64)) != 0 }

func (b bits) addAll(c bits) {
	for i := range b {
		b[i] |= c[i]
	}
}

// maxLiveWork bounds the words that liveness may touch in one round; beyond it, every
// local counts as live.
const maxLiveWork = 1 << 23

// liveness finds which locals are live at each point: those whose value is read before it
// is written on some way from there. It walks the events backwards, with the best guess
// so far for the headers of loops, until the guesses hold: the least fixed point of the
// usual data-flow equations.
func (s *scan) liveness(locals int) {
	words := (locals + 63) / 64
	if s.catches || (len(s.events)+len(s.points)+len(s.constructs))*words > maxLiveWork {
		return
	}
	w := liveWalk{s: s, words: words, headers: make([]bits, len(s.constructs)), points: make(bits, words*len(s.points)), slab: make(bits, 64*words)}
	for range 10 {
		if !w.round() {
			return
		}
	}
	for i := range s.points { // no guess that holds
		s.points[i].live = nil
	}
}

// liveFrame is an open construct on the way backwards.
type liveFrame struct {
	after  bits // live after its end
	other  bits // live at the start of its else branch, once that is known
	header bits // of a loop
}

type liveWalk struct {
	s       *scan
	words   int
	points  bits    // for those that have none yet
	headers []bits  // of the loops among the constructs
	ends    []int32 // the construct that each end closes, in order
	frames  []liveFrame
	spare   []bits
	slab    bits // for new ones
}

func (w *liveWalk) set(from bits) bits {
	var b bits
	if n := len(w.spare); n > 0 {
		b, w.spare = w.spare[n-1], w.spare[:n-1]
		copy(b, from)
		return b
	}
	if len(w.slab) < w.words {
		w.slab = make(bits, 64*w.words)
	}
	b, w.slab = w.slab[:w.words:w.words], w.slab[w.words:]
	copy(b, from)
	return b
}

// round walks once from the end to the start and reports whether a guess grew.
func (w *liveWalk) round() bool {
	w.matchEnds()
	grew := false
	live := make(bits, w.words)
	w.frames = append(w.frames[:0], liveFrame{after: make(bits, w.words)})
	end := len(w.ends)
	for _, e := range slices.Backward(w.s.events) {
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
			w.point(arg, live)
		case evEnd:
			end--
			w.frames = append(w.frames, liveFrame{after: w.set(live), header: w.headers[w.ends[end]]})
		case evElse:
			f := &w.frames[len(w.frames)-1]
			f.other = w.set(live)
			copy(live, f.after)
		case evIf:
			f := &w.frames[len(w.frames)-1]
			if f.other == nil {
				live.addAll(f.after)
			} else {
				live.addAll(f.other)
			}
			w.pop()
		case evBlock:
			w.pop()
		case evLoop:
			w.pop()
			grew = w.grow(w.headers[arg], live) || grew
		}
	}
	return grew
}

func (w *liveWalk) point(p uint32, live bits) {
	at := &w.s.points[p].live
	if *at == nil {
		*at = w.points[:w.words:w.words]
		w.points = w.points[w.words:]
	}
	copy(*at, live)
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
	if f.header != nil {
		return f.header
	}
	return f.after
}

// matchEnds lists which construct each end closes, and makes the loops' first guesses.
func (w *liveWalk) matchEnds() {
	if w.ends != nil {
		return
	}
	w.ends = make([]int32, 0, len(w.s.constructs))
	next := int32(0)
	var open []int32
	for _, e := range w.s.events {
		switch e & evKind {
		case evLoop:
			w.headers[next] = make(bits, w.words)
			fallthrough
		case evBlock, evIf:
			open = append(open, next)
			next++
		case evEnd:
			w.ends = append(w.ends, open[len(open)-1])
			open = open[:len(open)-1]
		}
	}
}
