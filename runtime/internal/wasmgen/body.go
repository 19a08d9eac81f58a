package wasmgen

import (
	"encoding/binary"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// frame is an open block, loop, if, try_table, or the function itself.
type frame struct {
	op              wasm.Op
	params, results []wasm.ValType
	height          int  // operands below its own
	dead            bool // what follows, up to its end, cannot be reached
	counter         int  // local that counts a loop down, -1 if there is none
	ticks           bool // a loop that anybody may go back to: it ends when patience does
}

// label is what a branch to the frame carries.
func (f *frame) label() []wasm.ValType {
	if f.op == wasm.OpLoop {
		return f.params
	}
	return f.results
}

// body writes one function. It knows the type of every operand.
type body struct {
	*maker
	self   *function
	code   []byte
	locals []wasm.ValType // with the parameters
	own    []bool         // of each local: it is used in one way only, which must not be disturbed
	stack  []wasm.ValType
	frames []frame
	room   int // instructions that may still be added
	nest   int // of expressions and blocks
	floor  int // operands below are not for the expression being made

	counting []rounds // that are open

	canon map[wasm.ValType]uint32 // locals in which NaNs are made canonical
}

func (k *maker) bodies() {
	for i := k.imported; i < len(k.funcs); i++ {
		b := &body{maker: k, self: &k.funcs[i], canon: make(map[wasm.ValType]uint32)}
		k.m.Codes = append(k.m.Codes, b.function())
	}
}

// sizes of functions in instructions, more or less.
var sizes = []int{30, 8, 60, 150, 400}

func (b *body) function() wasm.Code {
	t := b.self.typ
	for _, p := range append(slices.Clone(t.Params), b.valTypes(6)...) {
		b.local(p, false)
	}
	if b.oneIn(64) {
		for range 100 {
			b.local(b.valType(), false)
		}
	}
	b.room = pick(&b.choices, sizes)
	b.frames = []frame{{op: wasm.OpBlock, results: t.Results, counter: -1}}
	if b.self.ticks {
		b.tick()
	}
	if b.oneIn(4) {
		b.row()
	}
	b.statements(16)
	b.close()
	code := wasm.Code{Body: b.code}
	for _, l := range b.locals[len(t.Params):] {
		code.Locals = append(code.Locals, wasm.LocalRun{N: 1, Type: l})
	}
	return code
}

func (b *body) local(t wasm.ValType, own bool) uint32 {
	b.locals, b.own = append(b.locals, t), append(b.own, own)
	return uint32(len(b.locals) - 1)
}

func (b *body) op(op wasm.Op) {
	b.code = wasm.AppendOp(b.code, op)
	b.room--
}

func (b *body) opU32(op wasm.Op, immediates ...uint32) {
	b.op(op)
	for _, x := range immediates {
		b.code = wasm.AppendU32(b.code, x)
	}
}

func (b *body) i32(v int32) {
	b.op(wasm.OpI32Const)
	b.code = wasm.AppendS32(b.code, v)
}

func (b *body) fixed64(v uint64) { b.code = binary.LittleEndian.AppendUint64(b.code, v) }
func (b *body) fixed32(v uint32) { b.code = binary.LittleEndian.AppendUint32(b.code, v) }

// top is the innermost frame.
func (b *body) top() *frame { return &b.frames[len(b.frames)-1] }

// frame is the one that a branch to that depth names.
func (b *body) frame(depth int) *frame { return &b.frames[len(b.frames)-1-depth] }

// above is the operands of the innermost frame, as far as they are known.
func (b *body) above() []wasm.ValType { return b.stack[b.top().height:] }

func (b *body) push(list ...wasm.ValType) { b.stack = append(b.stack, list...) }

// pop takes n operands; in dead code there may be fewer.
func (b *body) pop(n int) { b.stack = b.stack[:len(b.stack)-min(n, len(b.above()))] }

// die begins dead code.
func (b *body) die() {
	b.stack = b.stack[:b.top().height]
	b.top().dead = true
}

// has tells whether the operands on top of the stack are these, and free to be
// used.
func (b *body) has(list []wasm.ValType) bool {
	above := b.stack[max(b.floor, b.top().height):]
	return len(above) >= len(list) && slices.Equal(above[len(above)-len(list):], list)
}

// operands sees to it that these are on top of the stack: they are there
// already, or dead code need not have them, or they are made.
func (b *body) operands(list ...wasm.ValType) {
	if len(list) == 0 || b.has(list) && b.mostly(4) {
		return
	}
	if b.top().dead && len(b.above()) == 0 && b.oneIn(2) {
		return
	}
	for _, t := range list {
		b.value(t)
	}
}

// apply adds an instruction whose operands are on the stack.
func (b *body) apply(op wasm.Op, operands, results []wasm.ValType, immediates ...uint32) {
	b.opU32(op, immediates...)
	b.pop(len(operands))
	b.push(results...)
}

// settle leaves exactly these operands in the innermost frame.
func (b *body) settle(want []wasm.ValType) {
	have := b.above()
	switch {
	case slices.Equal(have, want):
		return
	case !b.top().dead && b.has(want) && b.top().op != wasm.OpLoop && b.oneIn(2):
		b.opU32(wasm.OpBr, 0) // which drops the rest
		b.die()
		return
	}
	for range have {
		b.apply(wasm.OpDrop, types{0}, nil)
	}
	if b.top().dead && b.oneIn(2) {
		return
	}
	for _, t := range want {
		b.value(t)
	}
}

// open starts a block, loop, if or try_table of that type, whose parameters are
// on the stack.
func (b *body) open(op wasm.Op, t wasm.FuncType) {
	if op == wasm.OpIf {
		b.pop(1)
	}
	b.op(op)
	b.code = wasm.AppendBlockType(b.code, b.blockType(t))
	b.pop(len(t.Params))
	b.frames = append(b.frames, frame{op: op, params: t.Params, results: t.Results, height: len(b.stack), counter: -1})
	b.push(t.Params...)
}

func (b *body) blockType(t wasm.FuncType) wasm.BlockType {
	if len(t.Params) == 0 && b.mostly(8) {
		switch len(t.Results) {
		case 0:
			return wasm.BlockEmpty
		case 1:
			return wasm.BlockOf(t.Results[0])
		}
	}
	return wasm.BlockIndex(b.typeIndex(t))
}

// orElse starts the other branch of an if.
func (b *body) orElse() {
	b.settle(b.top().results)
	b.op(wasm.OpElse)
	f := b.top()
	f.dead = false
	b.stack = append(b.stack[:f.height], f.params...)
}

// close ends the innermost frame.
func (b *body) close() {
	f := *b.top()
	b.settle(f.results)
	b.op(wasm.OpEnd)
	b.frames = b.frames[:len(b.frames)-1]
	b.stack = append(b.stack[:f.height], f.results...)
}
