package suspend

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// event is one step of a function's life of locals: a kind in the upper four bits, an
// argument below.
type event uint32

// The kinds of events.
const (
	evGet    = iota // reads local arg
	evSet           // writes local arg
	evBlock         // opens a block or try_table: construct arg
	evLoop          // opens a loop
	evIf            // opens an if
	evElse          // starts its else branch
	evEnd           // closes construct arg, the innermost
	evBranch        // may go to the label at depth arg
	evStop          // does not go on to the next event
	evPoint         // passes point arg
	evNone
)

func eventOf(kind, arg uint32) event { return event(kind<<28 | arg) }

func (e event) kind() uint32 { return uint32(e >> 28) }
func (e event) arg() uint32  { return uint32(e & (1<<28 - 1)) }

func (s *scan) event(kind, arg uint32) { s.events = append(s.events, eventOf(kind, arg)) }

// bits is a set of locals.
type bits []uint64

func (b bits) add(x uint32) { b[x/64] |= 1 << (x % 64) }

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

// find finds which locals are live at each point: those whose value is read before it
// is written on some way from there. It walks the events backwards, with the best guess
// so far for the headers of loops, until the guesses hold: the least fixed point of the
// usual data-flow equations. What is live among 64 locals does not depend on the others, so each
// 64 are looked at on their own.
func (w *liveWalk) find(s *scan, locals int) {
	words := (locals + 63) / 64
	if s.catches || (len(s.events)+len(s.points)+len(s.constructs))*words > maxLiveWork {
		return
	}
	w.live = zeroed(w.live, words*len(s.points))
	for p := range s.points {
		s.points[p].live = w.live[p*words : (p+1)*words : (p+1)*words]
	}
	for word := range words {
		if !w.holds(s, word) {
			for p := range s.points {
				s.points[p].live = nil
			}
			return
		}
	}
}

// zeroed is a list of n zeros, in the place of one that is not needed any more.
func zeroed[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	list = list[:n]
	clear(list)
	return list
}

// liveWalk finds what is live. It serves one function after another.
type liveWalk struct {
	live    []uint64 // at each point
	headers []uint64 // the guesses for loops, by construct
	frames  []liveFrame
}

// liveFrame is an open construct on the way backwards.
type liveFrame struct {
	after     uint64 // live after its end
	other     uint64 // live at the start of its else branch, or after its end if it has none
	construct int32
	loop      bool
}

// holds looks at the word-th 64 locals, and reports whether it found guesses that hold.
func (w *liveWalk) holds(s *scan, word int) bool {
	w.headers = zeroed(w.headers, len(s.constructs))
	for range 10 {
		if !w.round(s, uint32(word)) {
			return true
		}
	}
	return false
}

// round walks once from the end to the start and reports whether a guess grew.
func (w *liveWalk) round(s *scan, word uint32) (grew bool) {
	live := uint64(0)
	w.frames = append(w.frames[:0], liveFrame{})
	for _, e := range slices.Backward(s.events) {
		arg := e.arg()
		switch e.kind() {
		case evGet:
			if arg/64 == word {
				live |= 1 << (arg % 64)
			}
		case evSet:
			if arg/64 == word {
				live &^= 1 << (arg % 64)
			}
		case evBranch:
			live |= w.label(int(arg))
		case evStop:
			live = 0
		case evPoint:
			s.points[arg].live[word] = live
		case evEnd:
			loop := s.constructs[arg].op == wasm.OpLoop
			w.frames = append(w.frames, liveFrame{after: live, other: live, construct: int32(arg), loop: loop})
		case evElse:
			f := &w.frames[len(w.frames)-1]
			f.other, live = live, f.after
		case evIf:
			live |= w.frames[len(w.frames)-1].other
			w.frames = w.frames[:len(w.frames)-1]
		case evBlock:
			w.frames = w.frames[:len(w.frames)-1]
		case evLoop:
			w.frames = w.frames[:len(w.frames)-1]
			grew = grew || live&^w.headers[arg] != 0
			w.headers[arg] |= live
		}
	}
	return grew
}

// label is what is live at a label.
func (w *liveWalk) label(depth int) uint64 {
	f := &w.frames[len(w.frames)-1-depth]
	if f.loop {
		return w.headers[f.construct]
	}
	return f.after
}
