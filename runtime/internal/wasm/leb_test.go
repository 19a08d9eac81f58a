package wasm

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestLEB gives the borders of the encoding.
func TestLEB(t *testing.T) {
	for _, c := range []struct {
		bytes  string
		bits   int
		signed bool
		want   int64
		next   int // after it, or why not
	}{
		{"\x00", 32, false, 0, 1},
		{"\x7f", 32, false, 127, 1},
		{"\x7f", 32, true, -1, 1},
		{"\x80\x01", 32, false, 128, 2},
		{"\x80\x00", 32, false, 0, 2},
		{"\xff\xff\xff\xff\x0f", 32, false, math.MaxUint32, 5},
		{"\xff\xff\xff\xff\x1f", 32, false, 0, lebTooLong},
		{"\x80\x80\x80\x80\x80\x00", 32, false, 0, lebTooLong},
		{"\x80\x80\x80", 32, false, 0, lebTruncated},
		{"", 32, true, 0, lebTruncated},
		{"\xff\xff\xff\xff\x07", 32, true, math.MaxInt32, 5},
		{"\x80\x80\x80\x80\x78", 32, true, math.MinInt32, 5},
		{"\xff\xff\xff\xff\x0f", 32, true, 0, lebTooLong},
		{"\x80\x80\x80\x80\x70", 32, true, 0, lebTooLong},
		{"\xff\xff\xff\xff\x0f", 33, true, math.MaxUint32, 5},
		{"\x80\x80\x80\x80\x70", 33, true, -1 << 32, 5},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 64, true, math.MinInt64, 10},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 64, true, 0, lebTooLong},
	} {
		v, next := signed([]byte(c.bytes), 0, c.bits)
		if !c.signed {
			var u uint64
			u, next = unsigned([]byte(c.bytes), 0, c.bits)
			v = int64(u)
		}
		if next != c.next || next > 0 && v != c.want {
			t.Errorf("%x of %d bits: %d, %d", c.bytes, c.bits, v, next)
		}
	}
}

// TestLEBRoundTrip writes numbers and reads them again.
func TestLEBRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u32v, s32, s64, u64v := rapid.Uint32().Draw(t, "u32"), rapid.Int32().Draw(t, "s32"), rapid.Int64().Draw(t, "s64"), rapid.Uint64().Draw(t, "u64")
		b := AppendU64(AppendS64(AppendS32(AppendU32(nil, u32v), s32), s64), u64v)
		a, pos := u32(b, 0)
		c, pos := signed(b, pos, 32)
		d, pos := signed(b, pos, 64)
		e, pos := unsigned(b, pos, 64)
		if a != u32v || c != int64(s32) || d != s64 || e != u64v || pos != len(b) {
			t.Fatalf("%x: %d %d %d %d", b, a, c, d, e)
		}
		if n := len(AppendU32(nil, u32v)); n != lenU32(u32v) {
			t.Fatalf("%d takes %d bytes, not %d", u32v, n, lenU32(u32v))
		}
	})
}
