package wasm

import "math/bits"

// LEB128 as the specification bounds it (section 5.2.2): an N-bit integer takes at most
// ceil(N/7) bytes and the bits of the last one beyond N must be an extension of the value.

// Failures of the LEB128 readers, in place of the next position.
const (
	lebTruncated = -1 // the bytes end first
	lebTooLong   = -2 // more bytes or bits than the type has
)

// unsigned reads an unsigned integer of at most bits bits at b[pos:] and gives the position
// after it, or a negative lebTruncated or lebTooLong.
func unsigned(b []byte, pos, bits int) (uint64, int) {
	var v uint64
	for shift := 0; ; shift += 7 {
		if pos >= len(b) {
			return 0, lebTruncated
		}
		c := b[pos]
		pos++
		if left := bits - shift; left < 7 && c>>left != 0 {
			return 0, lebTooLong
		}
		v |= uint64(c&0x7f) << (shift & 63) // the mask spares a test
		if c < 0x80 {
			return v, pos
		}
	}
}

// signed is unsigned for signed integers.
func signed(b []byte, pos, bits int) (int64, int) {
	var v int64
	for shift := 0; ; shift += 7 {
		if pos >= len(b) {
			return 0, lebTruncated
		}
		c := b[pos]
		pos++
		if left := bits - shift; left < 7 {
			// Sign and unused bits must agree: shifting them down leaves all zeros or all ones.
			if rest := int8(c<<1) >> left; c >= 0x80 || rest != 0 && rest != -1 {
				return 0, lebTooLong
			}
		}
		v |= int64(c&0x7f) << (shift & 63)
		if c < 0x80 {
			if shift < 57 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v, pos
		}
	}
}

// u32 reads an unsigned 32-bit integer at b[pos:] and gives the position after it, or a negative
// lebTruncated or lebTooLong. One byte is by far the most frequent length, then two.
func u32(b []byte, pos int) (uint32, int) {
	if uint(pos) < uint(len(b)) && b[pos] < 0x80 {
		return uint32(b[pos]), pos + 1
	}
	if uint(pos+1) < uint(len(b)) && b[pos+1] < 0x80 {
		return uint32(b[pos]&0x7f) | uint32(b[pos+1])<<7, pos + 2
	}
	v, next := unsigned(b, pos, 32)
	return uint32(v), next
}

// AppendU32 appends v in unsigned LEB128, as short as possible.
func AppendU32(b []byte, v uint32) []byte { return AppendU64(b, uint64(v)) }

// lenU32 is how many bytes AppendU32 appends.
func lenU32(v uint32) int { return (bits.Len32(v|1) + 6) / 7 }

// AppendU64 appends v in unsigned LEB128, as short as possible.
func AppendU64(b []byte, v uint64) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// AppendS32 appends v in signed LEB128, as short as possible.
func AppendS32(b []byte, v int32) []byte { return AppendS64(b, int64(v)) }

// AppendS64 appends v in signed LEB128, as short as possible.
func AppendS64(b []byte, v int64) []byte {
	for ; v < -64 || v > 63; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v)&0x7f)
}

// AppendName appends a name: its length in bytes, then its bytes.
func AppendName(b []byte, name string) []byte {
	return append(AppendU32(b, uint32(len(name))), name...)
}

// AppendOp appends an opcode with its prefix.
func AppendOp(b []byte, op Op) []byte {
	if op > 0xff {
		return AppendU32(append(b, byte(op>>8)), uint32(op&0xff))
	}
	return append(b, byte(op))
}

// AppendBlockType appends the type of a structured instruction.
func AppendBlockType(b []byte, t BlockType) []byte { return AppendS64(b, int64(t)) }
