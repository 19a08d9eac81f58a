package wasmgen

import (
	"math"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

const maxNest = 6

// value adds code that leaves one value of type t.
func (b *body) value(t wasm.ValType) {
	floor := b.floor
	b.floor = len(b.stack)
	b.nest++
	defer func() { b.nest--; b.floor = floor }()
	if b.room <= 0 || b.nest > maxNest || !b.someValue(t) {
		b.constant(t)
	}
}

// someValue reports whether it found a way to make one.
func (b *body) someValue(t wasm.ValType) bool {
	switch k := b.below(24); k {
	case 1, 2, 3, 4, 5, 6:
		return b.localValue(t, wasm.OpLocalGet)
	case 7, 8:
		return b.globalValue(t)
	case 9, 10, 11, 12, 13, 14, 15:
		return b.plainValue(t)
	case 16, 17:
		return b.load(t)
	case 18:
		return b.choose(t)
	case 19:
		return b.localValue(t, wasm.OpLocalTee)
	case 20:
		b.simpleBlock(t)
		return true
	case 21:
		return b.callFor(types{t})
	case 22, 23:
		return b.special(t)
	}
	return false
}

func (b *body) constant(t wasm.ValType) {
	b.op(constOp(t))
	switch t {
	case i32:
		b.code = wasm.AppendS32(b.code, int32(b.bits()))
	case i64:
		b.code = wasm.AppendS64(b.code, int64(b.bits()))
	case f32:
		b.fixed32(uint32(b.floatBits(math.Float32bits)))
	case f64:
		b.fixed64(b.floatBits64())
	case vec:
		b.fixed64(b.bits())
		b.fixed64(b.bits())
	default:
		b.code = append(b.code, byte(t))
	}
	b.push(t)
}

// floatBits is a corner case or an ordinary number.
func (b *body) floatBits(of func(float32) uint32) uint32 {
	if b.oneIn(3) {
		return uint32(b.bits())
	}
	return of(float32(int8(b.byte())) / 4)
}

func (b *body) floatBits64() uint64 {
	if b.oneIn(3) {
		return b.bits()
	}
	return math.Float64bits(float64(int8(b.byte())) / 4)
}

func constOp(t wasm.ValType) wasm.Op {
	switch t {
	case i32:
		return wasm.OpI32Const
	case i64:
		return wasm.OpI64Const
	case f32:
		return wasm.OpF32Const
	case f64:
		return wasm.OpF64Const
	case vec:
		return wasm.OpV128Const
	}
	return wasm.OpRefNull
}

// localValue reads a local, or sets it and keeps the value.
func (b *body) localValue(t wasm.ValType, op wasm.Op) bool {
	fit := filter(b.locals, func(i int, l wasm.ValType) bool { return l == t && !b.own[i] })
	if len(fit) == 0 {
		return false
	}
	x := uint32(pick(&b.choices, fit))
	if op == wasm.OpLocalTee {
		b.operands(t)
		b.pop(1)
	}
	b.apply(op, nil, types{t}, x)
	return true
}

func (b *body) globalValue(t wasm.ValType) bool {
	fit := filter(b.globals, func(_ int, g wasm.GlobalType) bool { return g.Type == t })
	if len(fit) == 0 {
		return false
	}
	b.apply(wasm.OpGlobalGet, nil, types{t}, uint32(pick(&b.choices, fit)))
	return true
}

func (b *body) plainValue(t wasm.ValType) bool {
	fit := filter(plains[t], func(_ int, p plain) bool { return b.allows(p) })
	if len(fit) == 0 {
		return false
	}
	p := plains[t][pick(&b.choices, fit)]
	if b.mostly(16) {
		p.op = saturating(p.op)
	}
	b.operands(p.operands...)
	if divides(p.op) && b.mostly(16) {
		b.makeOdd(t)
	}
	if orders(p.op) {
		b.orZero(p.operands[1])
	}
	b.apply(p.op, p.operands, types{t})
	if p.lanes > 0 {
		b.code = append(b.code, byte(b.below(p.lanes)))
	}
	b.canonical(p)
	return true
}

// allows tells whether the program may use the types of an instruction.
func (b *body) allows(p plain) bool {
	if p.usesVectors() && !b.vectors {
		return false
	}
	for _, t := range append(types{p.result}, p.operands...) {
		if (t == f32 || t == f64) && !b.floats {
			return false
		}
	}
	return true
}

// makeOdd keeps a divisor from being zero.
func (b *body) makeOdd(t wasm.ValType) { b.or(t, 1) }

// orZero keeps wazero's compiler from taking the wrong branch on a comparison of
// zero with an and: it takes the zero to be on the right.
func (b *body) orZero(t wasm.ValType) { b.or(t, 0) }

// or sets bits of the integer on top of the stack.
func (b *body) or(t wasm.ValType, bits int32) {
	if t == i32 {
		b.i32(bits)
		b.op(wasm.OpI32Or)
		return
	}
	b.op(wasm.OpI64Const)
	b.code = wasm.AppendS64(b.code, int64(bits))
	b.op(wasm.OpI64Or)
}

// canonical replaces a NaN that an instruction may have made by one whose bits
// are the same everywhere.
func (b *body) canonical(p plain) {
	if p.nan == nanNone {
		return
	}
	x, ok := b.canon[p.result]
	if !ok {
		x = b.local(p.result, true)
		b.canon[p.result] = x
	}
	b.opU32(wasm.OpLocalTee, x)
	b.op(constOp(p.result))
	switch p.nan {
	case nanF32:
		b.fixed32(0x7fc00000)
	case nanF64:
		b.fixed64(0x7ff8000000000000)
	case nanF32x4:
		b.fixed64(0x7fc000007fc00000)
		b.fixed64(0x7fc000007fc00000)
	case nanF64x2:
		b.fixed64(0x7ff8000000000000)
		b.fixed64(0x7ff8000000000000)
	}
	b.opU32(wasm.OpLocalGet, x)
	b.opU32(wasm.OpLocalGet, x)
	b.op([]wasm.Op{nanF32: wasm.OpF32Eq, nanF64: wasm.OpF64Eq, nanF32x4: wasm.OpF32x4Eq, nanF64x2: wasm.OpF64x2Eq}[p.nan])
	if p.result == vec {
		b.op(wasm.OpV128Bitselect)
	} else {
		b.op(wasm.OpSelect)
	}
}

// choose is select, which the codec does not read for exnref.
func (b *body) choose(t wasm.ValType) bool {
	if t == wasm.ExnRef {
		return false
	}
	b.operands(t, t)
	b.value(i32)
	if t.IsRef() || b.oneIn(3) {
		b.apply(wasm.OpSelectT, types{t, t, i32}, types{t})
		b.code = append(b.code, 1, byte(t))
	} else {
		b.apply(wasm.OpSelect, types{t, t, i32}, types{t})
	}
	return true
}

// simpleBlock is a block or an if that leaves one value.
func (b *body) simpleBlock(t wasm.ValType) {
	typ := wasm.FuncType{Results: types{t}}
	if b.oneIn(2) {
		b.open(wasm.OpBlock, typ)
		b.statements(2)
		b.close()
		return
	}
	b.operands(i32)
	b.open(wasm.OpIf, typ)
	b.value(t)
	b.orElse()
	b.statements(2)
	b.close()
}

// special makes values in the ways that only some types have.
func (b *body) special(t wasm.ValType) bool {
	switch t {
	case i32:
		return b.specialI32()
	case i64:
		return b.atomic(t)
	case vec:
		b.operands(vec, vec)
		b.apply(wasm.OpI8x16Shuffle, types{vec, vec}, types{vec})
		for range 16 {
			b.code = append(b.code, byte(b.below(32)))
		}
		return true
	case wasm.FuncRef:
		return b.funcRef()
	case wasm.ExternRef:
		b.index(8)
		b.apply(wasm.OpTableGet, types{i32}, types{t}, 2)
		return true
	}
	return false
}

func (b *body) specialI32() bool {
	switch b.below(6) {
	case 1:
		if !b.memory {
			return false
		}
		b.apply(wasm.OpMemorySize, nil, types{i32}, 0)
		return true
	case 2:
		if !b.memory || !b.bulk {
			return false
		}
		b.length(2, 1)
		b.apply(wasm.OpMemoryGrow, types{i32}, types{i32}, 0)
		return true
	case 3:
		b.apply(wasm.OpTableSize, nil, types{i32}, uint32(b.below(3)))
		return true
	case 4:
		ref := []wasm.ValType{wasm.FuncRef, wasm.ExternRef}[b.below(2)]
		if !b.refs {
			return false
		}
		b.operands(ref)
		b.apply(wasm.OpRefIsNull, types{ref}, types{i32})
		return true
	case 5:
		return b.tableGrow()
	}
	return b.atomic(i32)
}

func (b *body) funcRef() bool {
	fit := filter(b.funcs, func(_ int, f function) bool { return f.ref })
	if len(fit) > 0 && b.oneIn(2) {
		b.apply(wasm.OpRefFunc, nil, types{wasm.FuncRef}, uint32(pick(&b.choices, fit)))
		return true
	}
	b.index(8)
	b.apply(wasm.OpTableGet, types{i32}, types{wasm.FuncRef}, uint32(b.below(2)))
	return true
}
