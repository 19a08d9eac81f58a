package suspend

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// A reference to an exception is kept as what was thrown: the number of the tag, counted from 1, or 0
// for null, and the words of the values. Nothing but the values and the tag can be told of an exception,
// so one that is thrown anew is as good as the first. Two functions of the module that runs do
// this: taker throws the exception, so as to catch what is in it, and maker throws what has been saved, so as
// to catch the reference.

const (
	// exceptionWords is how many words a reference to an exception takes.
	exceptionWords = 8
	// maxTags is how many tags are told apart. Each takes a hundred bytes of code, and a block around
	// those before it, while it takes the module a byte.
	maxTags = 256
)

const (
	takerName = "taker"
	makerName = "maker"
)

var (
	exnrefs   = []wasm.ValType{wasm.ExnRef}
	exception = slices.Repeat([]wasm.ValType{wasm.I64}, exceptionWords)
	takerType = wasm.FuncType{Params: exnrefs, Results: exception}
	makerType = wasm.FuncType{Params: exception, Results: exnrefs}
)

// null tells whether all values of a type are null: nobody gives the guest external references, and
// those to exceptions come from try_table.
func (mod *module) null(t wasm.ValType) bool {
	return t == wasm.ExternRef || t == wasm.ExnRef && !mod.catches
}

// keeps tells whether values of a type are in frames.
func (mod *module) keeps(t wasm.ValType) bool {
	return !mod.null(t) && (t != wasm.ExnRef || mod.fits)
}

// thrown is what is thrown with each tag.
func (mod *module) thrown() (list [][]wasm.ValType) {
	for tag := range mod.m.TagCount() {
		t, _ := mod.m.TagTypeOf(uint32(tag))
		list = append(list, mod.m.Types[t].Params)
	}
	return list
}

// exceptionsFit tells whether there are words for each exception of the module.
func (mod *module) exceptionsFit() bool {
	return mod.m.TagCount() <= maxTags && !slices.ContainsFunc(mod.thrown(), func(types []wasm.ValType) bool {
		return len(types) >= exceptionWords || slices.ContainsFunc(types, func(t wasm.ValType) bool { return t.IsRef() || t == wasm.V128 })
	})
}

// take adds the two functions at its first use.
func (o *output) take() uint32 {
	if o.taker == 0 {
		o.taker = o.function(takerType, o.takerBody())
		o.maker = o.function(makerType, makerBody(o.mod.thrown()))
	}
	return o.taker
}

// takerBody catches what it throws with a block for each tag, of which the first is the innermost.
func (o *output) takerBody() wasm.Code {
	const exn, word = 0, 1 // locals
	thrown := o.mod.thrown()
	var a asm
	a.localGet(exn)
	a.op(wasm.OpRefIsNull)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.words(0, word, 0)
	a.ret()
	a.end()
	var catches []wasm.Catch
	for tag := len(thrown) - 1; tag >= 0; tag-- {
		a.block(wasm.OpBlock, o.types.block(nil, thrown[tag]))
	}
	for tag := range thrown {
		catches = append(catches, wasm.Catch{Kind: wasm.CatchTag, Tag: uint32(tag), Label: uint32(tag)})
	}
	a.tryTable(wasm.BlockEmpty, catches)
	a.localGet(exn)
	a.op(wasm.OpThrowRef)
	a.end()
	a.op(wasm.OpUnreachable)
	for tag, types := range thrown {
		a.end()
		for i, t := range slices.Backward(types) {
			a.widen(t)
			a.localSet(word + uint32(i))
		}
		a.words(tag+1, word, len(types))
		a.ret()
	}
	a.end()
	return wasm.Code{Locals: []wasm.LocalRun{{N: exceptionWords - 1, Type: wasm.I64}}, Body: a.b}
}

func (a *asm) tryTable(t wasm.BlockType, catches []wasm.Catch) {
	a.block(wasm.OpTryTable, t)
	a.b = wasm.AppendU32(a.b, uint32(len(catches)))
	for _, c := range catches {
		a.b = wasm.AppendCatch(a.b, c)
	}
}

// words pushes an exception's words: the number of the tag, n words in locals from word on, and zeros.
func (a *asm) words(number int, word uint32, n int) {
	a.i64(int64(number))
	for i := range exceptionWords - 1 {
		if i < n {
			a.localGet(word + uint32(i))
		} else {
			a.i64(0)
		}
	}
}

// widen makes 64 bits of the number on top of the stack.
func (a *asm) widen(t wasm.ValType) {
	switch t {
	case wasm.F32:
		a.op(wasm.OpI32ReinterpretF32)
		a.op(wasm.OpI64ExtendI32U)
	case wasm.I32:
		a.op(wasm.OpI64ExtendI32U)
	case wasm.F64:
		a.op(wasm.OpI64ReinterpretF64)
	}
}

// narrow is the other way.
func (a *asm) narrow(t wasm.ValType) {
	switch t {
	case wasm.F32:
		a.op(wasm.OpI32WrapI64)
		a.op(wasm.OpF32ReinterpretI32)
	case wasm.I32:
		a.op(wasm.OpI32WrapI64)
	case wasm.F64:
		a.op(wasm.OpF64ReinterpretI64)
	}
}

// makerBody throws what its words say. Those that say nothing that can be make it trap.
func makerBody(thrown [][]wasm.ValType) wasm.Code {
	const number = 0
	var a asm
	a.localGet(number)
	a.op(wasm.OpI64Eqz)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	a.zero(wasm.ExnRef)
	a.ret()
	a.end()
	a.block(wasm.OpBlock, wasm.BlockOf(wasm.ExnRef))
	a.tryTable(wasm.BlockEmpty, []wasm.Catch{{Kind: wasm.CatchAllRef}})
	for tag, types := range thrown {
		a.localGet(number)
		a.i64(int64(tag) + 1)
		a.op(wasm.OpI64Eq)
		a.block(wasm.OpIf, wasm.BlockEmpty)
		for i, t := range types {
			a.localGet(number + 1 + uint32(i))
			a.narrow(t)
		}
		a.opU32(wasm.OpThrow, uint32(tag))
		a.end()
	}
	a.end()
	a.op(wasm.OpUnreachable)
	a.end()
	a.end()
	return wasm.Code{Body: a.b}
}

// exportExceptions publishes what clones import.
func (o *output) exportExceptions(add func(name string, kind wasm.ExternKind, index uint32)) {
	if o.taker != 0 {
		add(takerName, wasm.KindFunc, o.taker)
		add(makerName, wasm.KindFunc, o.maker)
	}
}
