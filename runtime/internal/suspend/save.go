package suspend

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// save is code that hands a frame over. Points that save the same locals share it if most of
// these have last been written where they were at the first of the points: to a
// compiler, what was written elsewhere is another value, which it has to move.
type save struct {
	values []value
	wrote  []int // where each of them had been written at the first point
	first  Point
	shared bool // by more than one point
}

// pass is a point that has been passed, and what saves its frame, or none, where nothing is
// to be saved.
type pass struct{ ordinal, save int }

const none = -1

const (
	maxMoved = 2 // values of a save that may be others at another point
	maxTried = 4 // saves of the same locals that are looked at
)

// save is the number of what saves these values at the n-th point.
func (e *emitter) save(ordinal int, values []value) (int, error) {
	var key []byte
	wrote := make([]int, len(values))
	for i, v := range values {
		key = wasm.AppendU32(key, v.local)
		wrote[i] = e.wrote[v.local]
	}
	same := e.same[string(key)]
	for _, n := range same[max(0, len(same)-maxTried):] {
		if s := &e.saves[n]; s.moved(wrote) <= maxMoved {
			s.shared = true
			return n, nil
		}
	}
	if e.words += words(values); e.words > maxWords && e.words > wordsPerByte*len(e.body) {
		return 0, tooLarge(e.function)
	}
	n := len(e.saves)
	e.same[string(key)] = append(same, n)
	e.saves = append(e.saves, save{values: values, wrote: wrote, first: pointOf(e.function, ordinal)})
	return n, nil
}

// moved is how many values are others than at the first point.
func (s *save) moved(wrote []int) (n int) {
	for i, at := range s.wrote {
		if at != wrote[i] {
			n++
		}
	}
	return n
}

// write writes the code. Where points share it, a local tells which one it is.
func (s *save) write(e *emitter) {
	f := newFrame(s.first, s.values)
	f.save(&e.asm, e.linker, func(flags int64) {
		if !s.shared {
			e.i64(flags | int64(s.first))
			return
		}
		e.i64(flags | int64(pointOf(e.function, 0)))
		e.localGet(e.at)
		e.op(wasm.OpI64ExtendI32U)
		e.op(wasm.OpI64Or)
	})
}

// valuesAt is what is saved of a frame.
func (e *emitter) valuesAt(p pass) []value {
	if p.save == none {
		return nil
	}
	return e.saves[p.save].values
}
