package store

import "hash/crc32"

// A CRC is linear: flipping bits of one byte that has k bytes behind it changes
// the checksum by step^k(table[flipped]), whatever the rest is, where step is
// what a zero byte does. So undoing step from the difference, until an entry of
// the table comes out, finds the byte. Among the objects' 256 KiB there is
// rarely more than one that fits; a hash decides.

// unstep finds the table's index of an entry by its highest byte: they differ.
var unstep = func() (inverse [256]byte) {
	for i, entry := range castagnoli {
		inverse[entry>>24] = byte(i)
	}
	return inverse
}()

// repair puts right one byte of b, whose checksum should be want, if that makes
// it good. Otherwise it leaves b alone.
func repair(b []byte, salt, want uint32, good func([]byte) bool) bool {
	diff := want ^ crc32.Update(salt, castagnoli, b)
	for at := len(b) - 1; at >= 0; at-- {
		low := unstep[diff>>24]
		if castagnoli[low] == diff {
			b[at] ^= low
			if good(b) {
				return true
			}
			b[at] ^= low
		}
		diff = (diff^castagnoli[low])<<8 | uint32(low)
	}
	return false
}
