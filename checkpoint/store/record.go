package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// A record is a header of headerSize bytes and a payload; doc.go has the
// offsets.
const (
	headerSize = 68
	idSize     = 36
	maxPayload = checkpoint.MaxEnvelope
)

type kind byte

const (
	// object records hold an object.
	object kind = 1
	// commit records hold an envelope: with one, a checkpoint counts.
	commit kind = 2
	// removal records take back the checkpoint that they name.
	removal kind = 3
	// seal records end a segment that was not cut off.
	seal kind = 4
)

// emptyID names no bytes at all; seal records have it.
var emptyID = checkpoint.NewRaw(nil).ID

// record is a header, and where it is.
type record struct {
	kind kind
	id   cid.Cid
	// batch is the offset of the first record that a commit needs, durable
	// what was known to be on disk of this segment when it was written.
	batch, durable int64
	offset         int64
	length         uint32
	payloadSum     uint32
}

func (r record) payload() int64 { return r.offset + headerSize }
func (r record) end() int64     { return r.payload() + int64(r.length) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord writes a record. Checksums begin with the segment's salt, so
// that nothing a guest writes in its memory can pass for a record.
func appendRecord(b []byte, salt uint32, r record, payload []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, 32)...)
	h := b[start:]
	binary.LittleEndian.PutUint32(h[4:], crc32.Update(salt, castagnoli, payload))
	binary.LittleEndian.PutUint32(h[8:], uint32(len(payload)))
	h[12] = byte(r.kind)
	binary.LittleEndian.PutUint64(h[16:], uint64(r.batch))
	binary.LittleEndian.PutUint64(h[24:], uint64(r.durable))
	b = append(b, r.id.KeyString()...)
	binary.LittleEndian.PutUint32(b[start:], crc32.Update(salt, castagnoli, b[start+4:]))
	return append(b, payload...)
}

// parseHeader reads a header at offset; false if there is none.
func parseHeader(h []byte, salt uint32, offset int64) (record, bool) {
	if len(h) < headerSize || binary.LittleEndian.Uint32(h) != crc32.Update(salt, castagnoli, h[4:headerSize]) {
		return record{}, false
	}
	id, err := cid.Cast(h[32:headerSize])
	batch, durable := binary.LittleEndian.Uint64(h[16:]), binary.LittleEndian.Uint64(h[24:])
	r := record{
		kind: kind(h[12]), id: id, batch: int64(batch), durable: int64(durable),
		offset: offset, payloadSum: binary.LittleEndian.Uint32(h[4:]), length: binary.LittleEndian.Uint32(h[8:]),
	}
	ok := err == nil && r.kind >= object && r.kind <= seal && r.length <= maxPayload &&
		batch <= uint64(offset) && durable <= uint64(offset) && batch <= math.MaxInt64 && durable <= math.MaxInt64
	return r, ok
}

// repairHeader is parseHeader of a header in which one byte is wrong. A
// wrong byte of the checksum itself is one that all else contradicts.
func repairHeader(h []byte, salt uint32, offset int64) (r record, ok bool) {
	if len(h) < headerSize {
		return record{}, false
	}
	h = bytes.Clone(h[:headerSize])
	if sum := binary.LittleEndian.Uint32(h); !oneByte(sum ^ crc32.Update(salt, castagnoli, h[4:])) {
		parsed := func([]byte) bool { r, ok = parseHeader(h, salt, offset); return ok }
		return r, repair(h[4:], salt, sum, parsed)
	}
	binary.LittleEndian.PutUint32(h, crc32.Update(salt, castagnoli, h[4:]))
	return parseHeader(h, salt, offset)
}

func oneByte(v uint32) bool { return v<<8 == 0 || v&^0xff0000 == 0 || v&^0xff00 == 0 || v&^0xff == 0 }

// gap is a stretch of a segment that holds no record.
type gap struct{ from, to int64 }

// contents is what a segment holds.
type contents struct {
	records []record
	gaps    []gap
	// repaired are headers that had one wrong byte.
	repaired []gap
	// durable is how much of the segment was on disk for certain: damage before
	// it is damage, behind it a write that was never finished.
	durable int64
}

// scan reads all headers of a segment. Where there is none it looks for the
// next, byte by byte.
func scan(f io.ReaderAt, size int64, salt uint32) (contents, error) {
	var c contents
	w := window{f: f, size: size}
	for at := int64(0); at < size; {
		h, err := w.at(at, headerSize)
		if err != nil {
			return c, err
		}
		r, ok := parseHeader(h, salt, at)
		if !ok && c.end() == at {
			if r, ok = repairHeader(h, salt, at); ok {
				c.repaired = append(c.repaired, gap{at, at + headerSize})
			}
		}
		if !ok || r.end() > size {
			c.skip(at)
			at++
			continue
		}
		c.records = append(c.records, r)
		c.durable = max(c.durable, r.durable)
		at = r.end()
	}
	return c, nil
}

// end is where the last record ended.
func (c *contents) end() int64 {
	if len(c.records) == 0 {
		return 0
	}
	return c.records[len(c.records)-1].end()
}

// skip notes that the byte at offset belongs to no record.
func (c *contents) skip(at int64) {
	if n := len(c.gaps); n > 0 && c.gaps[n-1].to == at {
		c.gaps[n-1].to++
		return
	}
	c.gaps = append(c.gaps, gap{at, at + 1})
}

// whole keeps, of the records that may not have been on disk, those whose
// payload is right, and of the commits those that have all of their batch.
func (c *contents) whole(f io.ReaderAt, salt uint32) error {
	kept := c.records[:0]
	run := int64(0) // where the unbroken records up to here began
	end := int64(0)
	for _, r := range c.records {
		if r.offset != end {
			run = r.offset
		}
		end = r.end()
		if r.offset >= c.durable {
			sound, err := payloadSound(f, salt, r)
			if err != nil {
				return err
			}
			if !sound {
				run = end
				c.gaps = append(c.gaps, gap{r.offset, end})
				continue
			}
			if r.kind == commit && r.batch < run {
				continue
			}
		}
		kept = append(kept, r)
	}
	c.records = kept
	return nil
}

func payloadSound(f io.ReaderAt, salt uint32, r record) (bool, error) {
	b := make([]byte, r.length)
	if n, err := f.ReadAt(b, r.payload()); n < len(b) {
		return false, fmt.Errorf("read record: %w", err)
	}
	return crc32.Update(salt, castagnoli, b) == r.payloadSum, nil
}

// window reads a file by large pieces.
type window struct {
	f     io.ReaderAt
	size  int64
	buf   []byte
	start int64
}

const windowSize = 64 << 10

// at returns up to n bytes at off, fewer at the end of the file. They are valid
// until the next call.
func (w *window) at(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.size-off))
	if off < w.start || off+int64(n) > w.start+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, windowSize)
		}
		w.buf = w.buf[:cap(w.buf)]
		got, err := w.f.ReadAt(w.buf[:min(int64(len(w.buf)), w.size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read segment: %w", err)
		}
		w.start, w.buf = off, w.buf[:got]
	}
	i := int(off - w.start)
	return w.buf[i:min(i+n, len(w.buf))], nil
}
