package wasmgen

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// address leaves an address that is mostly within the first page, and aligned
// to 8 bytes.
func (b *body) address() {
	b.value(i32)
	if b.mostly(64) {
		b.i32(0x7ff8)
		b.op(wasm.OpI32And)
	}
}

// atomicAddress leaves one within the first page, which is seldom not aligned:
// which trap it is when something else is wrong too depends on the engine.
func (b *body) atomicAddress(unaligned bool) {
	b.value(i32)
	mask := int32(0x7ff8)
	if unaligned && b.oneIn(32) {
		mask = 0x7fff
	}
	b.i32(mask)
	b.op(wasm.OpI32And)
}

// index leaves a number that is mostly below size, a power of two.
func (b *body) index(size int32) {
	b.value(i32)
	if b.mostly(32) {
		b.i32(size - 1)
		b.op(wasm.OpI32And)
	}
}

// length leaves a number that is mostly below 1<<bits, and now and then a
// large one, in which case the instruction will trap or fail.
func (b *body) length(bits, rare int) {
	b.value(i32)
	if rare == 0 || b.mostly(32) {
		b.i32(1<<bits - 1)
		b.op(wasm.OpI32And)
	}
}

// memarg appends alignment and offset.
func (b *body) memarg(align uint32, aligned bool) {
	if !aligned {
		align = uint32(b.below(int(align) + 1))
	}
	offset := uint64(0)
	switch b.below(8) {
	case 1, 2:
		offset = uint64(b.below(32)) * 8
	case 3:
		if !aligned {
			offset = uint64(b.byte())
		}
	case 4:
		if !aligned && b.oneIn(8) {
			offset = uint64(uint32(b.bits()))
		}
	}
	b.code = wasm.AppendU64(wasm.AppendU32(b.code, align), offset)
}

func (b *body) load(t wasm.ValType) bool {
	fit := filter(loads, func(_ int, a access) bool { return a.typ == t })
	if !b.memory || len(fit) == 0 {
		return false
	}
	if t == vec && b.oneIn(4) {
		b.laneAccess(wasm.OpV128Load8Lane, types{vec})
		return true
	}
	a := loads[pick(&b.choices, fit)]
	b.address()
	b.apply(a.op, types{i32}, types{t})
	b.memarg(a.align, false)
	return true
}

func (b *body) store() {
	if !b.memory {
		b.assign()
		return
	}
	fit := filter(stores, func(_ int, a access) bool {
		return (b.floats || a.typ != f32 && a.typ != f64) && (b.vectors || a.typ != vec)
	})
	a := stores[pick(&b.choices, fit)]
	if a.typ == vec && b.oneIn(3) {
		b.laneAccess(wasm.OpV128Store8Lane, nil)
		return
	}
	b.address()
	b.value(a.typ)
	b.apply(a.op, types{i32, a.typ}, nil)
	b.memarg(a.align, false)
}

// laneAccess loads or stores one lane of a vector; first is the opcode for 8
// bits.
func (b *body) laneAccess(first wasm.Op, result []wasm.ValType) {
	size := b.below(4)
	b.address()
	b.value(vec)
	b.apply(first+wasm.Op(size), types{i32, vec}, result)
	b.memarg(uint32(size), false)
	b.code = append(b.code, byte(b.below(16>>size)))
}

// atomic reads or changes memory and leaves what was there.
func (b *body) atomic(t wasm.ValType) bool {
	fit := filter(atomics, func(_ int, a access) bool { return a.typ == t })
	if !b.memory || b.mostly(3) {
		return false
	}
	a := atomics[pick(&b.choices, fit)]
	kind := b.below(10)
	b.atomicAddress(kind != 2 && kind != 3)
	switch kind {
	case 0:
		b.apply(wasm.OpI32AtomicLoad+a.op, types{i32}, types{t})
	case 1:
		b.value(t)
		b.value(t)
		b.apply(wasm.OpI32AtomicRmwCmpxchg+a.op, types{i32, t, t}, types{t})
	case 2, 3:
		return b.waitOrNotify(t, kind == 2)
	default:
		b.value(t)
		b.apply(wasm.OpI32AtomicRmwAdd+7*wasm.Op(kind-4)+a.op, types{i32, t}, types{t})
	}
	b.memarg(a.align, true)
	return true
}

// waitOrNotify waits for a microsecond at most, or wakes nobody. Either leaves
// an i32.
func (b *body) waitOrNotify(t wasm.ValType, wait bool) bool {
	op, operands, align := wasm.OpMemoryAtomicNotify, types{i32, i32}, uint32(2)
	if wait && t == i32 {
		op, operands = wasm.OpMemoryAtomicWait32, types{i32, i32, i64}
	} else if wait {
		op, operands, align = wasm.OpMemoryAtomicWait64, types{i32, i64, i64}, 3
	}
	b.value(operands[1])
	if wait {
		b.op(wasm.OpI64Const)
		b.code = wasm.AppendS64(b.code, int64(b.below(1000)))
		b.push(i64)
	}
	b.apply(op, operands, types{i32})
	b.memarg(align, true)
	if t == i64 {
		b.apply(wasm.OpI64ExtendI32U, types{i32}, types{i64})
	}
	return true
}

func (b *body) atomicStore() {
	if !b.memory {
		return
	}
	if b.oneIn(8) {
		b.op(wasm.OpAtomicFence)
		b.code = append(b.code, 0)
		return
	}
	a := pick(&b.choices, atomics)
	b.atomicAddress(true)
	b.value(a.typ)
	b.apply(wasm.OpI32AtomicStore+a.op, types{i32, a.typ}, nil)
	b.memarg(a.align, true)
}

// bulkMemory moves bytes.
func (b *body) bulkMemory() {
	if !b.memory || !b.bulk {
		return
	}
	data := len(b.m.Data)
	switch k := b.below(8); {
	case k == 1 && data > 0:
		b.opU32(wasm.OpDataDrop, uint32(b.below(data)))
	case k <= 3 && len(b.passive) > 0:
		b.address()
		b.length(3, 1)
		b.length(5, 1)
		b.apply(wasm.OpMemoryInit, types{i32, i32, i32}, nil, pick(&b.choices, b.passive), 0)
	case k <= 5:
		b.address()
		b.value(i32)
		b.length(14, 1)
		b.apply(wasm.OpMemoryFill, types{i32, i32, i32}, nil, 0)
	default:
		b.address()
		b.address()
		b.length(14, 1)
		b.apply(wasm.OpMemoryCopy, types{i32, i32, i32}, nil, 0, 0)
	}
}

// changing chooses a table to change: seldom the one that is called through.
func (b *body) changing() (table uint32, elem wasm.ValType) {
	switch b.below(8) {
	case 1, 2, 3:
		return 2, wasm.ExternRef
	case 4:
		if b.oneIn(8) {
			return 0, wasm.FuncRef
		}
	}
	return 1, wasm.FuncRef
}

func (b *body) tableGrow() bool {
	if !b.bulk || !b.refs {
		return false
	}
	table, elem := b.changing()
	b.value(elem)
	b.length(3, 1)
	b.apply(wasm.OpTableGrow, types{elem, i32}, types{i32}, table)
	return true
}

// bulkTable moves or sets table elements.
func (b *body) bulkTable() {
	if !b.bulk {
		return
	}
	table, elem := b.changing()
	switch b.below(8) {
	case 0, 1, 2:
		b.index(8)
		b.value(elem)
		b.apply(wasm.OpTableSet, types{i32, elem}, nil, table)
	case 3:
		b.index(4)
		b.value(elem)
		b.length(2, 1)
		b.apply(wasm.OpTableFill, types{i32, elem, i32}, nil, table)
	case 4:
		b.opU32(wasm.OpElemDrop, uint32(b.below(len(b.m.Elems))))
	case 5:
		b.index(4)
		b.length(1, 1)
		b.length(1, 1)
		b.apply(wasm.OpTableInit, types{i32, i32, i32}, nil, uint32(b.below(len(b.m.Elems))), table%2)
	default:
		b.index(4)
		b.index(4)
		b.length(2, 1)
		from := table
		if table == 1 {
			from = uint32(b.below(2))
		}
		b.apply(wasm.OpTableCopy, types{i32, i32, i32}, nil, table, from)
	}
}
