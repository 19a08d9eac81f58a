package runtime

import (
	"fmt"
	"math"
	"strconv"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// ValueType is the type of a WebAssembly value, as in the binary format.
type ValueType = wasm.ValType

// The value types.
const (
	I32       = wasm.I32
	I64       = wasm.I64
	F32       = wasm.F32
	F64       = wasm.F64
	V128      = wasm.V128
	FuncRef   = wasm.FuncRef
	ExternRef = wasm.ExternRef
	ExnRef    = wasm.ExnRef
)

// Value is a WebAssembly value.
type Value struct {
	Type ValueType
	// Bits holds the value: i32 and f32 in the low half, floats as IEEE 754 bits,
	// of a vector the low half.
	Bits uint64
	// High is the upper half of a vector.
	High uint64
}

// ParseValue reads a number of the given type: integers in decimal, or in hex,
// octal or binary with the prefixes 0x, 0o and 0b, signed or unsigned; floats
// as Go's strconv.ParseFloat does. The error wraps ErrArguments.
func ParseValue(t ValueType, s string) (Value, error) {
	bits, err := parseBits(t, s)
	if err != nil {
		return Value{}, fmt.Errorf("%w: %q is no %v", ErrArguments, s, t)
	}
	return Value{Type: t, Bits: bits}, nil
}

func parseBits(t ValueType, s string) (uint64, error) {
	switch t {
	case wasm.I32:
		return parseInt(s, 32)
	case wasm.I64:
		return parseInt(s, 64)
	case wasm.F32:
		f, err := strconv.ParseFloat(s, 32)
		return uint64(math.Float32bits(float32(f))), err
	case wasm.F64:
		f, err := strconv.ParseFloat(s, 64)
		return math.Float64bits(f), err
	default:
		return 0, fmt.Errorf("type %v cannot be written", t)
	}
}

func parseInt(s string, size int) (uint64, error) {
	if u, err := strconv.ParseUint(s, 0, size); err == nil {
		return u, nil
	}
	i, err := strconv.ParseInt(s, 0, size)
	if size == 32 {
		return uint64(uint32(i)), err
	}
	return uint64(i), err
}

// String is the value in decimal: integers signed, floats in the shortest form
// that reads back the same.
func (v Value) String() string {
	switch v.Type {
	case wasm.I32:
		return strconv.FormatInt(int64(int32(v.Bits)), 10)
	case wasm.I64:
		return strconv.FormatInt(int64(v.Bits), 10)
	case wasm.F32:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(v.Bits))), 'g', -1, 32)
	case wasm.F64:
		return strconv.FormatFloat(math.Float64frombits(v.Bits), 'g', -1, 64)
	case wasm.FuncRef, wasm.ExternRef, wasm.ExnRef:
		if v.Bits == 0 {
			return "null"
		}
		return v.Type.String()
	default:
		return fmt.Sprintf("0x%016x%016x", v.High, v.Bits)
	}
}
