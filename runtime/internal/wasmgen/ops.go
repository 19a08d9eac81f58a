package wasmgen

import "github.com/godwit-run/godwit/runtime/internal/wasm"

const (
	i32 = wasm.I32
	i64 = wasm.I64
	f32 = wasm.F32
	f64 = wasm.F64
	vec = wasm.V128
)

// nan says of which type the NaN may be that an instruction makes: its bits are
// not the same on every engine.
type nan byte

const (
	nanNone nan = iota
	nanF32
	nanF64
	nanF32x4
	nanF64x2
)

// plain is an instruction with fixed operands and one result.
type plain struct {
	op       wasm.Op
	operands []wasm.ValType
	result   wasm.ValType
	lanes    int // bound of the lane immediate, 0 if there is none
	nan      nan
}

type types = []wasm.ValType

// ranges are plain instructions with the same signature and opcodes next to
// each other.
var ranges = []struct {
	first, last wasm.Op
	operands    types
	result      wasm.ValType
	lanes       int
	nan         nan
}{
	{0x45, 0x45, types{i32}, i32, 0, 0}, // tests and comparisons
	{0x46, 0x4f, types{i32, i32}, i32, 0, 0},
	{0x50, 0x50, types{i64}, i32, 0, 0},
	{0x51, 0x5a, types{i64, i64}, i32, 0, 0},
	{0x5b, 0x60, types{f32, f32}, i32, 0, 0},
	{0x61, 0x66, types{f64, f64}, i32, 0, 0},
	{0x67, 0x69, types{i32}, i32, 0, 0}, // arithmetic
	{0x6a, 0x78, types{i32, i32}, i32, 0, 0},
	{0x79, 0x7b, types{i64}, i64, 0, 0},
	{0x7c, 0x8a, types{i64, i64}, i64, 0, 0},
	{0x8b, 0x8c, types{f32}, f32, 0, 0},
	{0x8d, 0x91, types{f32}, f32, 0, nanF32},
	{0x92, 0x97, types{f32, f32}, f32, 0, nanF32},
	{0x98, 0x98, types{f32, f32}, f32, 0, 0},
	{0x99, 0x9a, types{f64}, f64, 0, 0},
	{0x9b, 0x9f, types{f64}, f64, 0, nanF64},
	{0xa0, 0xa5, types{f64, f64}, f64, 0, nanF64},
	{0xa6, 0xa6, types{f64, f64}, f64, 0, 0},
	{0xa7, 0xa7, types{i64}, i32, 0, 0}, // conversions
	{0xa8, 0xa9, types{f32}, i32, 0, 0},
	{0xaa, 0xab, types{f64}, i32, 0, 0},
	{0xac, 0xad, types{i32}, i64, 0, 0},
	{0xae, 0xaf, types{f32}, i64, 0, 0},
	{0xb0, 0xb1, types{f64}, i64, 0, 0},
	{0xb2, 0xb3, types{i32}, f32, 0, 0},
	{0xb4, 0xb5, types{i64}, f32, 0, 0},
	{0xb6, 0xb6, types{f64}, f32, 0, nanF32},
	{0xb7, 0xb8, types{i32}, f64, 0, 0},
	{0xb9, 0xba, types{i64}, f64, 0, 0},
	{0xbb, 0xbb, types{f32}, f64, 0, nanF64},
	{0xbc, 0xbc, types{f32}, i32, 0, 0},
	{0xbd, 0xbd, types{f64}, i64, 0, 0},
	{0xbe, 0xbe, types{i32}, f32, 0, 0},
	{0xbf, 0xbf, types{i64}, f64, 0, 0},
	{0xc0, 0xc1, types{i32}, i32, 0, 0},
	{0xc2, 0xc4, types{i64}, i64, 0, 0},
	{0xfc00, 0xfc01, types{f32}, i32, 0, 0},
	{0xfc02, 0xfc03, types{f64}, i32, 0, 0},
	{0xfc04, 0xfc05, types{f32}, i64, 0, 0},
	{0xfc06, 0xfc07, types{f64}, i64, 0, 0},

	{0xfd0e, 0xfd0e, types{vec, vec}, vec, 0, 0}, // lanes
	{0xfd0f, 0xfd11, types{i32}, vec, 0, 0},
	{0xfd12, 0xfd12, types{i64}, vec, 0, 0},
	{0xfd13, 0xfd13, types{f32}, vec, 0, 0},
	{0xfd14, 0xfd14, types{f64}, vec, 0, 0},
	{0xfd15, 0xfd16, types{vec}, i32, 16, 0},
	{0xfd17, 0xfd17, types{vec, i32}, vec, 16, 0},
	{0xfd18, 0xfd19, types{vec}, i32, 8, 0},
	{0xfd1a, 0xfd1a, types{vec, i32}, vec, 8, 0},
	{0xfd1b, 0xfd1b, types{vec}, i32, 4, 0},
	{0xfd1c, 0xfd1c, types{vec, i32}, vec, 4, 0},
	{0xfd1d, 0xfd1d, types{vec}, i64, 2, 0},
	{0xfd1e, 0xfd1e, types{vec, i64}, vec, 2, 0},
	{0xfd1f, 0xfd1f, types{vec}, f32, 4, 0},
	{0xfd20, 0xfd20, types{vec, f32}, vec, 4, 0},
	{0xfd21, 0xfd21, types{vec}, f64, 2, 0},
	{0xfd22, 0xfd22, types{vec, f64}, vec, 2, 0},
	{0xfd23, 0xfd4c, types{vec, vec}, vec, 0, 0}, // comparisons
	{0xfd4d, 0xfd4d, types{vec}, vec, 0, 0},
	{0xfd4e, 0xfd51, types{vec, vec}, vec, 0, 0},
	{0xfd52, 0xfd52, types{vec, vec, vec}, vec, 0, 0},
	{0xfd53, 0xfd53, types{vec}, i32, 0, 0},
	{0xfd5e, 0xfd5e, types{vec}, vec, 0, nanF32x4},
	{0xfd5f, 0xfd5f, types{vec}, vec, 0, nanF64x2},
	{0xfd60, 0xfd62, types{vec}, vec, 0, 0}, // 8 bits
	{0xfd63, 0xfd64, types{vec}, i32, 0, 0},
	{0xfd65, 0xfd66, types{vec, vec}, vec, 0, 0},
	{0xfd67, 0xfd6a, types{vec}, vec, 0, nanF32x4},
	{0xfd6b, 0xfd6d, types{vec, i32}, vec, 0, 0},
	{0xfd6e, 0xfd73, types{vec, vec}, vec, 0, 0},
	{0xfd74, 0xfd75, types{vec}, vec, 0, nanF64x2},
	{0xfd76, 0xfd79, types{vec, vec}, vec, 0, 0},
	{0xfd7a, 0xfd7a, types{vec}, vec, 0, nanF64x2},
	{0xfd7b, 0xfd7b, types{vec, vec}, vec, 0, 0},
	{0xfd7c, 0xfd81, types{vec}, vec, 0, 0}, // 16 bits
	{0xfd82, 0xfd82, types{vec, vec}, vec, 0, 0},
	{0xfd83, 0xfd84, types{vec}, i32, 0, 0},
	{0xfd85, 0xfd86, types{vec, vec}, vec, 0, 0},
	{0xfd87, 0xfd8a, types{vec}, vec, 0, 0},
	{0xfd8b, 0xfd8d, types{vec, i32}, vec, 0, 0},
	{0xfd8e, 0xfd93, types{vec, vec}, vec, 0, 0},
	{0xfd94, 0xfd94, types{vec}, vec, 0, nanF64x2},
	{0xfd95, 0xfd99, types{vec, vec}, vec, 0, 0},
	{0xfd9b, 0xfd9f, types{vec, vec}, vec, 0, 0},
	{0xfda0, 0xfda1, types{vec}, vec, 0, 0}, // 32 bits
	{0xfda3, 0xfda4, types{vec}, i32, 0, 0},
	{0xfda7, 0xfdaa, types{vec}, vec, 0, 0},
	{0xfdab, 0xfdad, types{vec, i32}, vec, 0, 0},
	{0xfdae, 0xfdae, types{vec, vec}, vec, 0, 0},
	{0xfdb1, 0xfdb1, types{vec, vec}, vec, 0, 0},
	{0xfdb5, 0xfdba, types{vec, vec}, vec, 0, 0},
	{0xfdbc, 0xfdbf, types{vec, vec}, vec, 0, 0},
	{0xfdc0, 0xfdc1, types{vec}, vec, 0, 0}, // 64 bits
	{0xfdc3, 0xfdc4, types{vec}, i32, 0, 0},
	{0xfdc7, 0xfdca, types{vec}, vec, 0, 0},
	{0xfdcb, 0xfdcd, types{vec, i32}, vec, 0, 0},
	{0xfdce, 0xfdce, types{vec, vec}, vec, 0, 0},
	{0xfdd1, 0xfdd1, types{vec, vec}, vec, 0, 0},
	{0xfdd5, 0xfddf, types{vec, vec}, vec, 0, 0},
	{0xfde0, 0xfde1, types{vec}, vec, 0, 0}, // floats
	{0xfde3, 0xfde3, types{vec}, vec, 0, nanF32x4},
	{0xfde4, 0xfde9, types{vec, vec}, vec, 0, nanF32x4},
	{0xfdea, 0xfdeb, types{vec, vec}, vec, 0, 0},
	{0xfdec, 0xfded, types{vec}, vec, 0, 0},
	{0xfdef, 0xfdef, types{vec}, vec, 0, nanF64x2},
	{0xfdf0, 0xfdf5, types{vec, vec}, vec, 0, nanF64x2},
	{0xfdf6, 0xfdf7, types{vec, vec}, vec, 0, 0},
	{0xfdf8, 0xfdff, types{vec}, vec, 0, 0},
}

// plains are all plain instructions by their result.
var plains = func() map[wasm.ValType][]plain {
	by := make(map[wasm.ValType][]plain)
	for _, r := range ranges {
		for op := r.first; op <= r.last; op++ {
			by[r.result] = append(by[r.result], plain{op, r.operands, r.result, r.lanes, r.nan})
		}
	}
	return by
}()

// usesVectors tells whether the instruction has to do with vectors.
func (p plain) usesVectors() bool { return p.op>>8 == 0xfd }

// access is a load or store of one value.
type access struct {
	op    wasm.Op
	typ   wasm.ValType
	align uint32 // largest alignment exponent
}

var loads = []access{
	{wasm.OpI32Load, i32, 2}, {wasm.OpI64Load, i64, 3}, {wasm.OpF32Load, f32, 2}, {wasm.OpF64Load, f64, 3},
	{wasm.OpI32Load8S, i32, 0}, {wasm.OpI32Load8U, i32, 0}, {wasm.OpI32Load16S, i32, 1}, {wasm.OpI32Load16U, i32, 1},
	{wasm.OpI64Load8S, i64, 0}, {wasm.OpI64Load8U, i64, 0}, {wasm.OpI64Load16S, i64, 1}, {wasm.OpI64Load16U, i64, 1},
	{wasm.OpI64Load32S, i64, 2}, {wasm.OpI64Load32U, i64, 2},
	{wasm.OpV128Load, vec, 4}, {wasm.OpV128Load8x8S, vec, 3}, {wasm.OpV128Load8x8U, vec, 3},
	{wasm.OpV128Load16x4S, vec, 3}, {wasm.OpV128Load16x4U, vec, 3}, {wasm.OpV128Load32x2S, vec, 3},
	{wasm.OpV128Load32x2U, vec, 3}, {wasm.OpV128Load8Splat, vec, 0}, {wasm.OpV128Load16Splat, vec, 1},
	{wasm.OpV128Load32Splat, vec, 2}, {wasm.OpV128Load64Splat, vec, 3}, {wasm.OpV128Load32Zero, vec, 2},
	{wasm.OpV128Load64Zero, vec, 3},
}

var stores = []access{
	{wasm.OpI32Store, i32, 2}, {wasm.OpI64Store, i64, 3}, {wasm.OpF32Store, f32, 2}, {wasm.OpF64Store, f64, 3},
	{wasm.OpI32Store8, i32, 0}, {wasm.OpI32Store16, i32, 1}, {wasm.OpI64Store8, i64, 0},
	{wasm.OpI64Store16, i64, 1}, {wasm.OpI64Store32, i64, 2}, {wasm.OpV128Store, vec, 4},
}

// atomics are the widths in which every kind of atomic access comes, in the
// order of their opcodes.
var atomics = []access{{0, i32, 2}, {1, i64, 3}, {2, i32, 0}, {3, i32, 1}, {4, i64, 0}, {5, i64, 1}, {6, i64, 2}}

// saturating gives, for a conversion that may trap, the one that does not.
func saturating(op wasm.Op) wasm.Op {
	switch {
	case op >= wasm.OpI32TruncF32S && op <= wasm.OpI32TruncF64U:
		return op - wasm.OpI32TruncF32S + wasm.OpI32TruncSatF32S
	case op >= wasm.OpI64TruncF32S && op <= wasm.OpI64TruncF64U:
		return op - wasm.OpI64TruncF32S + wasm.OpI64TruncSatF32S
	}
	return op
}

// divides tells whether an instruction traps when its second operand is zero.
func divides(op wasm.Op) bool {
	return op >= wasm.OpI32DivS && op <= wasm.OpI32RemU || op >= wasm.OpI64DivS && op <= wasm.OpI64RemU
}

// orders tells whether an instruction compares integers by their order.
func orders(op wasm.Op) bool {
	return op >= wasm.OpI32LtS && op <= wasm.OpI32GeU || op >= wasm.OpI64LtS && op <= wasm.OpI64GeU
}
