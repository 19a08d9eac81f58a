package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	magic      = 0x67776231 // "gwb1"
	fixedBytes = 9
	// MaxKey is the length in bytes of the longest key.
	MaxKey = 255
)

// ErrCorrupt: the bytes at a location are no record, or another than expected.
var ErrCorrupt = errors.New("segment: corrupt record")

// Record is a block and its key. Neither is copied.
type Record struct {
	Key  []byte
	Data []byte
}

// Location is where a record is.
type Location struct {
	Segment uint32
	Offset  uint32 // of the header
	Size    uint32 // of the data, in bytes
}

// Overhead is the number of bytes that a record takes beyond its data.
func Overhead(key []byte) int64 { return int64(fixedBytes + len(key)) }

func (r Record) size() int64 { return Overhead(r.Key) + int64(len(r.Data)) }

func (r Record) header() []byte {
	h := make([]byte, fixedBytes, fixedBytes+len(r.Key))
	binary.BigEndian.PutUint32(h, magic)
	binary.BigEndian.PutUint32(h[4:], uint32(len(r.Data)))
	h[8] = byte(len(r.Key))
	return append(h, r.Key...)
}

// parseFixed reads the fixed part of a header.
func parseFixed(h []byte) (keyLen int, dataLen uint32, err error) {
	if m := binary.BigEndian.Uint32(h); m != magic {
		return 0, 0, fmt.Errorf("%w: starts with %08x", ErrCorrupt, m)
	}
	return int(h[8]), binary.BigEndian.Uint32(h[4:]), nil
}
