//go:build wasip1

package gpu

import (
	"fmt"
	"structs"
	"unsafe"
)

// Null is the null pointer, as an argument.
const Null Buffer = 0

// Part is a part of a buffer, as an argument; size 0 is all there is from offset on.
type Part struct {
	Buffer       Buffer
	Offset, Size int
}

// Local is so many bytes of memory that a work-group shares, as an argument.
type Local int

// Half are the bits of a number of 16 bits, of which Go has none.
type Half uint16

// Number is what kernels compute with.
type Number interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | Half | float32 | float64
}

// Value is an argument that is passed by value.
type Value struct {
	code  uint32
	bytes []byte
}

// Scalar is a number, as an argument. Args takes numbers as they are, too.
func Scalar[T Number](v T) Value { return Value{codeOf(v), bytesOf([]T{v})} }

// Vector is a vector of 2, 3, 4, 8 or 16 numbers, as an argument.
func Vector[T Number](values ...T) Value {
	lanes := uint32(len(values))
	if lanes == 3 {
		values = append(values[:3:3], 0) // it takes as much room as one of four
	}
	return Value{codeOf(T(0)) | lanes<<8, bytesOf(values)}
}

// Struct is a structure, as an argument: with the members that the kernel's has, padded alike. It has
// no pointers.
func Struct[T any](v T) Value {
	return Value{0, append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v))...)}
}

// codeOf is the number of a type: see package hostabi/gpu.
func codeOf(v any) uint32 {
	switch v.(type) {
	case int8:
		return 1
	case uint8:
		return 2
	case int16:
		return 3
	case uint16:
		return 4
	case int32:
		return 5
	case uint32:
		return 6
	case int64:
		return 7
	case uint64:
		return 8
	case Half:
		return 9
	case float32:
		return 10
	}
	return 11
}

func bytesOf[T Number](v []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), int(unsafe.Sizeof(one))*len(v))
}

// Args sets all arguments: numbers, Value, Buffer, Part and Local.
func (k Kernel) Args(args ...any) error {
	for i, a := range args {
		if err := k.Arg(i, a); err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
	}
	return nil
}

// Arg sets an argument.
func (k Kernel) Arg(i int, a any) error {
	switch v := a.(type) {
	case Buffer:
		return check(hostSetBuffer(uint64(k), uint32(i), uint64(v), 0, 0))
	case Part:
		return check(hostSetBuffer(uint64(k), uint32(i), uint64(v.Buffer), uint64(v.Offset), uint64(v.Size)))
	case Local:
		return check(hostSetLocal(uint64(k), uint32(i), uint32(v)))
	case Value:
		return check(hostSetValue(uint64(k), uint32(i), v.code, unsafe.Pointer(unsafe.SliceData(v.bytes)), uint32(len(v.bytes))))
	}
	v, ok := valueOf(a)
	if !ok {
		return fmt.Errorf("%T: %w", a, Invalid)
	}
	return k.Arg(i, v)
}

// valueOf is a number as a value.
func valueOf(a any) (Value, bool) {
	switch v := a.(type) {
	case int8:
		return Scalar(v), true
	case uint8:
		return Scalar(v), true
	case int16:
		return Scalar(v), true
	case uint16:
		return Scalar(v), true
	case int32:
		return Scalar(v), true
	case uint32:
		return Scalar(v), true
	case int64:
		return Scalar(v), true
	case uint64:
		return Scalar(v), true
	case Half:
		return Scalar(v), true
	case float32:
		return Scalar(v), true
	case float64:
		return Scalar(v), true
	}
	return Value{}, false
}

// Space is where a parameter's memory is.
type Space uint32

// The spaces.
const (
	ByValue Space = iota
	Global
	Constant
	InLocal
)

// Parameter is what a kernel takes.
type Parameter struct {
	Space Space
	// Type is as in the source: "float4".
	Type string
	// Code is the number of a value's type, plus 256 times its lanes; 0 for those that the
	// source has made.
	Code uint32
	// Size of a value in bytes; 0 if it is not known.
	Size int
}

// parameter is what the host tells.
type parameter struct {
	_                 structs.HostLayout
	space, code, size uint32
}

// Parameters are those of the kernel, in order.
func (k Kernel) Parameters() ([]Parameter, error) {
	var n uint32
	if err := check(hostParameters(uint64(k), &n)); err != nil {
		return nil, err
	}
	list := make([]Parameter, n)
	text := make([]byte, 256)
	for i := range list {
		var p parameter
		var length uint32
		if err := check(hostParameter(uint64(k), uint32(i), &p, unsafe.Pointer(&text[0]), uint32(len(text)), &length)); err != nil {
			return nil, err
		}
		list[i] = Parameter{Space(p.space), string(text[:min(int(length), len(text))]), p.code, int(p.size)}
	}
	return list, nil
}
