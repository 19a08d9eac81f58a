package wasmgen

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// choices is the byte string that decides everything. Once it is used up every
// choice is the first one, which is always the simplest.
type choices struct {
	rest []byte
}

func (c *choices) byte() byte {
	if len(c.rest) == 0 {
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

// below chooses a number in [0, n), for n up to 65536.
func (c *choices) below(n int) int {
	if n <= 1 {
		return 0
	}
	x := int(c.byte())
	if n > 256 {
		x = x<<8 | int(c.byte())
	}
	return x % n
}

// oneIn is true once in n times, and false when the choices are used up.
func (c *choices) oneIn(n int) bool { return c.below(n) == n-1 }

// mostly is true but for once in n times.
func (c *choices) mostly(n int) bool { return !c.oneIn(n) }

// bits chooses a number of up to 64 bits: often a small one or a corner case.
func (c *choices) bits() uint64 {
	switch k := c.below(8); k {
	case 0:
		return 0
	case 1, 2:
		return uint64(int8(c.byte()))
	case 3:
		return uint64(c.below(1 << 16))
	case 4:
		return uint64(1) << (c.byte() % 64)
	case 5:
		return uint64(1)<<(c.byte()%64) - 1
	case 6:
		return corners[int(c.byte())%len(corners)]
	default:
		return c.full()
	}
}

func (c *choices) full() uint64 {
	var x uint64
	for range 8 {
		x = x<<8 | uint64(c.byte())
	}
	return x
}

// corners are bits that some type finds special: extreme integers, infinities,
// NaN, negative zero, numbers at the edge of a conversion's range.
var corners = []uint64{
	1 << 31, 1 << 63, 1<<31 - 1, 1<<63 - 1, 1<<32 - 1, ^uint64(0),
	0x7f800000, 0xff800000, 0x7fc00000, 0x80000000, 0x4f000000, 0xcf000000, 0x5f000000, 0x3f800000,
	0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0x8000000000000000,
	0x41e0000000000000, 0xc1e0000000000000, 0x43e0000000000000, 0x3ff0000000000000,
}

// pick chooses from a list that is not empty.
func pick[T any](c *choices, list []T) T { return list[c.below(len(list))] }

// filter lists the indices of those that fit.
func filter[T any](list []T, fits func(int, T) bool) []int {
	var out []int
	for i, x := range list {
		if fits(i, x) {
			out = append(out, i)
		}
	}
	return out
}

var numbers = []wasm.ValType{wasm.I32, wasm.I64, wasm.F32, wasm.F64}
