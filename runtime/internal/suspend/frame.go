package suspend

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// value is a local that belongs to a frame, or, with pad, a zero in its place.
type value struct {
	local uint32
	typ   wasm.ValType
	pad   bool
}

// frame is what is saved at a point.
type frame struct {
	point  Point
	pieces [][]value
}

// class orders values within a frame.
func class(t wasm.ValType) int {
	switch t {
	case wasm.I32, wasm.F32, wasm.FuncRef: // a reference is its number
		return 0
	case wasm.I64, wasm.F64:
		return 1
	}
	return 2 // a vector: two words, the lower half first; an exception: see exceptionWords
}

func newFrame(p Point, values []value) frame {
	slices.SortStableFunc(values, func(a, b value) int { return class(a.typ) - class(b.typ) })
	f := frame{point: p}
	for len(values) > maxPiece {
		f.pieces, values = append(f.pieces, padded(values[:maxPiece])), values[maxPiece:]
	}
	f.pieces = append(f.pieces, padded(values))
	return f
}

// padded is a piece with zeros, so that it has one of few shapes, for each of which there is a
// function.
func padded(values []value) []value {
	n := 0
	for n < len(values) && class(values[n].typ) == 0 {
		n++
	}
	piece := pad(append(make([]value, 0, len(values)+8), values[:n]...), n, wasm.I32)
	return pad(append(piece, values[n:]...), words(values[n:]), wasm.I64)
}

// pad adds zeros to so many words.
func pad(list []value, words int, t wasm.ValType) []value {
	for range shape(words) - words {
		list = append(list, value{typ: t, pad: true})
	}
	return list
}

// shape rounds a number of words up.
func shape(words int) int {
	switch {
	case words <= 2:
		return words
	case words <= 6:
		return (words + 1) / 2 * 2
	}
	return (words + 3) / 4 * 4
}

// words is how many words the values take.
func words(values []value) int {
	n := len(values)
	for _, v := range values {
		switch v.typ {
		case wasm.V128:
			n++
		case wasm.ExnRef:
			n += exceptionWords - 1
		}
	}
	return n
}

// words is how many words the frame has.
func (f *frame) words() (n int) {
	for _, piece := range f.pieces {
		n += words(piece)
	}
	return n
}

// A frame is handed over in pieces, each with a head:
//
//	bits 0 to 47    the point
//	bits 48 to 55   number of words that follow
//	bit 56          more pieces follow
const (
	headWords = 48
	headMore  = 1 << 56
	maxPiece  = 24 // values, before padding
)

// PointOf is the point of a piece whose first word is head.
func PointOf(head uint64) Point { return Point(head & (1<<headWords - 1)) }

// WordsOf is how many words follow head in its piece, and whether the frame goes on after
// it.
func WordsOf(head uint64) (n int, more bool) {
	return int(head >> headWords & 0xff), head&headMore != 0
}

// saver is who knows the functions that save pieces.
type saver interface {
	// piece is a function that takes a head without its number of words, and words: n
	// of type i32, then m of type i64.
	piece(n, m int) uint32
	// ref is the function that numbers references to functions, and take the one that gives the
	// words of references to exceptions.
	ref() uint32
	take() uint32
	// leaver is a function that takes a head, of a frame without words, and traps unless
	// the stack unwinds.
	leaver() uint32
}

// save writes code that hands a frame over, or, if more is to come, its first part. head
// pushes the point, with flags.
func (f *frame) save(a *asm, s saver, more bool, head func(flags int64)) {
	for i, piece := range f.pieces {
		flags := int64(0)
		if more || i < len(f.pieces)-1 {
			flags |= headMore
		}
		head(flags)
		n := 0
		for _, v := range piece {
			a.saveWord(v, s)
			if class(v.typ) == 0 {
				n++
			}
		}
		a.call(s.piece(n, words(piece)-n))
	}
}

func (a *asm) saveWord(v value, s saver) {
	if v.pad {
		a.zero(v.typ)
		return
	}
	a.localGet(v.local)
	switch v.typ {
	case wasm.FuncRef:
		a.call(s.ref())
	case wasm.ExnRef:
		a.call(s.take())
	case wasm.F32:
		a.op(wasm.OpI32ReinterpretF32)
	case wasm.F64:
		a.op(wasm.OpI64ReinterpretF64)
	case wasm.V128:
		a.lane(wasm.OpI64x2ExtractLane, 0)
		a.localGet(v.local)
		a.lane(wasm.OpI64x2ExtractLane, 1)
	}
}

// pieceType is the type of a function that saves a piece.
func pieceType(n, m int) wasm.FuncType {
	params := append([]wasm.ValType{wasm.I64}, slices.Repeat([]wasm.ValType{wasm.I32}, n)...)
	return wasm.FuncType{Params: append(params, slices.Repeat([]wasm.ValType{wasm.I64}, m)...)}
}

// pieceBody is its body: it calls save with eight words at a time.
func pieceBody(n, m int, save uint32) wasm.Code {
	var a asm
	a.localGet(0)
	a.i64(int64(n+m) << headWords)
	a.op(wasm.OpI64Or)
	pushed := 1
	for i := range n + m {
		a.localGet(uint32(i + 1))
		if i < n {
			a.op(wasm.OpI64ExtendI32U)
		}
		if pushed++; pushed == Chunk {
			a.call(save)
			pushed = 0
		}
	}
	if pushed > 0 {
		for range Chunk - pushed {
			a.i64(0)
		}
		a.call(save)
	}
	a.end()
	return wasm.Code{Body: a.b}
}

// shapeOf names the functions that save pieces: by their numbers of words, and the leaver.
func shapeOf(n, m int) uint32 { return uint32(n)<<16 | uint32(m) }

const leaverShape = 1<<32 - 1

// leaverBody is the leaver's body.
func leaverBody(flag, save uint32) wasm.Code {
	var a asm
	a.globalGet(flag)
	a.op(wasm.OpI32Eqz)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.op(wasm.OpUnreachable)
	a.end()
	a.raw(pieceBody(0, 0, save).Body)
	return wasm.Code{Body: a.b}
}

// refs are the words of the frame that number references.
func (f *frame) refs() (list []int) {
	n := 0
	for _, v := range slices.Concat(f.pieces...) {
		if v.typ == wasm.FuncRef && !v.pad {
			list = append(list, n)
		}
		n += words([]value{v})
	}
	return list
}

// loader is what code that loads a frame works with: HostLoad, HostDeref and the maker of exceptions,
// a local for the place of the next clone, one to work with, and new ones.
type loader struct {
	load, next, scratch uint32
	deref, maker        func() uint32
	local               func(wasm.ValType) uint32
}

// load writes code that takes a frame from HostLoad: the place of the next clone, and the
// values.
func (f *frame) load(a *asm, l *loader) {
	stores := []func(){func() { a.op(wasm.OpI32WrapI64); a.localSet(l.next) }}
	var made []func()
	for _, v := range slices.Concat(f.pieces...) {
		switch {
		case v.pad:
			for range words([]value{v}) {
				stores = append(stores, func() { a.op(wasm.OpDrop) })
			}
		case v.typ == wasm.V128:
			for lane := range byte(2) {
				stores = append(stores, func() { a.loadLane(v.local, lane, l.scratch) })
			}
		case v.typ == wasm.ExnRef:
			words := make([]uint32, exceptionWords)
			for i := range words {
				words[i] = l.local(wasm.I64)
				stores = append(stores, func() { a.localSet(words[i]) })
			}
			made = append(made, func() { a.makeException(v.local, words, l.maker()) })
		default:
			stores = append(stores, func() { a.loadWord(v, l) })
		}
	}
	for chunk := range slices.Chunk(stores, Chunk) {
		a.call(l.load)
		for range Chunk - len(chunk) {
			a.op(wasm.OpDrop)
		}
		for _, store := range slices.Backward(chunk) {
			store()
		}
	}
	for _, make := range made {
		make()
	}
}

// makeException sets a local to the exception that words say.
func (a *asm) makeException(local uint32, words []uint32, maker uint32) {
	for _, w := range words {
		a.localGet(w)
	}
	a.call(maker)
	a.localSet(local)
}

func (a *asm) loadLane(local uint32, lane byte, scratch uint32) {
	a.localSet(scratch)
	a.localGet(local)
	a.localGet(scratch)
	a.lane(wasm.OpI64x2ReplaceLane, lane)
	a.localSet(local)
}

func (a *asm) loadWord(v value, l *loader) {
	if v.typ == wasm.FuncRef {
		a.op(wasm.OpI32WrapI64)
		a.call(l.deref())
	} else {
		a.narrow(v.typ)
	}
	a.localSet(v.local)
}
