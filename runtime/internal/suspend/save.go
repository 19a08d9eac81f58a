package suspend

import (
	"fmt"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// save is code that hands a frame over. Points that save the same locals share it if most of
// these have last been written where they were at the first of the points: to a
// compiler, what was written elsewhere is another value, which it has to move.
type save struct {
	values []value
	wrote  []int // when each of them had last been written, at the first point
	first  Point
	before int  // the last save of the same locals before, or none
	base   int  // the number of what saves the rest, counted from 1; 0 is none
	points int  // that share it
	settle bool // they end batches
}

// pass is a point that has been passed, and what saves its frame, or none, where nothing is
// to be saved.
type pass struct {
	ordinal, save int
	own           []value // where the values of a batch go; nil: where they are from
}

const none = -1

const (
	maxMoved  = 2  // values of a save that may be others at another point
	maxTried  = 4  // saves of the same locals that are looked at
	maxShared = 64 // points of a save: compilers search through all that leads to it
)

// values lists what a frame holds beside its base: locals that are live and operands. References that
// can only be null are left out. The list is good until the next.
func (e *emitter) values(p *point, operands []wasm.ValType) ([]value, error) {
	e.listed = e.listed[:0]
	var base bits
	if p.base > 0 {
		base = e.bases[p.base-1].set
	}
	for x, t := range e.checker.Locals() {
		if !p.live.has(uint32(x)) || base != nil && base.has(uint32(x)) && e.mod.keeps(t) {
			continue
		}
		if err := e.list(uint32(x), t); err != nil {
			return nil, err
		}
	}
	for h, t := range operands {
		if err := e.list(e.temp(h, t), t); err != nil {
			return nil, err
		}
	}
	return e.listed, nil
}

// list adds a value to the list, unless it can only be null.
func (e *emitter) list(local uint32, t wasm.ValType) error {
	if e.mod.keeps(t) {
		e.listed = append(e.listed, value{local: local, typ: t})
	} else if !e.mod.null(t) {
		return &refusal{e.function, fmt.Sprintf("keeps a value of type %v across a call, and exceptions hold references or more than %d words, or are of more than %d tags", t, exceptionWords-1, maxTags)}
	}
	return nil
}

// save is the number of what saves these values, beside the base, at a point, or at those of a
// batch.
func (e *emitter) save(base int, at Point, values []value, batch bool) (int, error) {
	e.key = append(e.key[:0], byte(base))
	if batch {
		e.key[0] |= 0x80
	}
	for _, v := range values {
		e.key = wasm.AppendU32(e.key, v.local)
	}
	last, ok := e.same[string(e.key)]
	if !ok {
		last = none
	}
	if n := e.shared(last); n != none {
		e.saves[n].points++
		return n, nil
	}
	if e.words += words(values); e.words > maxWords && e.words > wordsPerByte*len(e.body) {
		return 0, tooLarge(e.function)
	}
	n := len(e.saves)
	e.same[string(e.key)] = n
	values, wrote := e.keepValues(values)
	e.saves = append(e.saves, save{values: values, wrote: wrote, before: last, base: base, points: 1, first: at, settle: batch})
	return n, nil
}

// shared is the first of those saves of the same locals, of which the last is given, that another
// point may share, or none.
func (e *emitter) shared(last int) int {
	found := none
	for range maxTried {
		if last == none {
			break
		}
		s := &e.saves[last]
		if s.points < maxShared && s.moved(e.wrote) <= maxMoved {
			found = last
		}
		last = s.before
	}
	return found
}

// keepValues keeps values, and when each has last been written, until the function is written.
func (e *emitter) keepValues(values []value) ([]value, []int) {
	n, from := len(e.kept), len(e.stamps)
	e.kept = append(e.kept, values...)
	for _, v := range values {
		e.stamps = append(e.stamps, e.wrote[v.local])
	}
	return e.kept[n:], e.stamps[from:]
}

// moved is how many values are others than at the first point, by when locals have been written.
func (s *save) moved(wrote []int) (n int) {
	for i, v := range s.values {
		if s.wrote[i] != wrote[v.local] {
			n++
		}
	}
	return n
}

// write writes the code. Where points share it, a local tells which one it is.
func (s *save) write(e *emitter) {
	if s.settle {
		e.localGet(e.at)
		e.call(e.settler())
		e.localSet(e.at)
	}
	if len(s.values) == 0 && s.base > 0 {
		return
	}
	f := newFrame(s.first, s.values)
	f.save(&e.asm, e.linker, s.base > 0, func(flags int64) {
		if s.points > 1 || s.settle {
			e.here(flags)
		} else {
			e.i64(flags | int64(s.first))
		}
	})
}

// here pushes the head of a piece, whichever point it is.
func (e *emitter) here(flags int64) {
	e.i64(flags | int64(pointOf(e.function, 0)))
	e.localGet(e.at)
	e.op(wasm.OpI64ExtendI32U)
	e.op(wasm.OpI64Or)
}

// baseValues is what a base saves.
func (e *emitter) baseValues(base int) (values []value) {
	for _, x := range e.bases[base-1].locals {
		if t := e.checker.Locals()[x]; e.mod.keeps(t) {
			values = append(values, value{local: x, typ: t})
		}
	}
	return values
}

// frameAt is what is saved at a point.
func (e *emitter) frameAt(p pass) frame {
	point := pointOf(e.function, p.ordinal)
	if p.save == none {
		return newFrame(point, nil)
	}
	s := &e.saves[p.save]
	values := s.values
	if p.own != nil {
		values = p.own
	}
	if s.base == 0 {
		return newFrame(point, values)
	}
	f := frame{point: point}
	if len(values) > 0 {
		f = newFrame(point, values)
	}
	for b := s.base; b > 0; b = e.bases[b-1].on {
		f.pieces = append(f.pieces, newFrame(point, e.baseValues(b)).pieces...)
	}
	return f
}
