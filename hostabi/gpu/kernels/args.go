package kernels

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// args are the arguments of a launch, that fit the kernel's signature.
type args []device.Value

func (a args) int(i int) int64 { return int64(int32(binary.LittleEndian.Uint32(a[i].Bytes))) }

func (a args) float(i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(a[i].Bytes))
}

// elements is how many of 4 bytes there are in a buffer.
func (a args) elements(i int) int64 {
	if a[i].Buffer == nil {
		return 0
	}
	return int64(min(a[i].Size/4, math.MaxInt64))
}

// count is an integer that must not be negative.
func (a args) counts(indexes ...int) error {
	for _, i := range indexes {
		if n := a.int(i); n < 0 {
			return fmt.Errorf("argument %d is %d: %w", i, n, device.ErrArgument)
		}
	}
	return nil
}

// holds tells whether a buffer has so many elements; need may be anything from 0 to 2^62.
func (a args) holds(i int, need int64) error {
	if have := a.elements(i); need > have {
		return fmt.Errorf("argument %d has %d elements of the %d that are needed: %w", i, have, need, device.ErrRange)
	}
	return nil
}

// floats is the memory of a buffer of this package, as elements. Those are in the
// machine's order, which is little-endian wherever Godwit is built for.
func (a args) floats(i int) []float32 {
	n := a.elements(i)
	if n == 0 {
		return nil
	}
	b := a[i].Buffer.(*buffer)
	return unsafe.Slice((*float32)(unsafe.Pointer(&b.words[0])), 2*len(b.words))[a[i].Offset/4:][:n]
}

func (a args) uints(i int) []uint32 {
	f := a.floats(i)
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(f))), len(f))
}

// most is the product of numbers that are not negative, or an error if that is beyond 2^62.
func product(factors ...int64) (int64, error) {
	p := int64(1)
	for _, f := range factors {
		if f != 0 && p > 1<<62/f {
			return 0, fmt.Errorf("too much to do: %w", device.ErrArgument)
		}
		p *= f
	}
	return p, nil
}
