package checkpoint

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
)

const (
	// MaxInline is the most bytes that a manifest holds itself of one part.
	MaxInline = 1 << 10
	// ChunkSize is the number of bytes in a full chunk of a part that has
	// several.
	ChunkSize = 256 << 10
	// MaxBlob is the largest part in bytes: 4096 chunks, 1 GiB.
	MaxBlob = ChunkSize * maxChunks

	maxChunks = 4096
)

// Blob is a part of a checkpoint as bytes, up to MaxInline of them, or as a
// link: to a chunk (codec raw), or to a list of chunks (codec dag-cbor), all but
// the last of them full. Chunks that did not change are shared with the
// checkpoint before.
type Blob struct {
	Inline []byte
	Link   cid.Cid
}

// MarshalCBOR implements cbor.Marshaler: a link or a byte string.
func (b Blob) MarshalCBOR() ([]byte, error) {
	if b.Link.Defined() {
		return appendLink(nil, b.Link), nil
	}
	inline := b.Inline
	if inline == nil {
		inline = []byte{} // nil would become null
	}
	return encoding.Marshal(inline)
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (b *Blob) UnmarshalCBOR(data []byte) error {
	if len(data) > 0 && data[0] == linkHead[0] {
		var l link
		err := l.UnmarshalCBOR(data)
		b.Link = l.Cid
		return err
	}
	if err := decoding.Unmarshal(data, &b.Inline); err != nil {
		return err
	}
	if len(b.Inline) > MaxInline {
		return fmt.Errorf("%d bytes in the manifest, more than %d: %w", len(b.Inline), MaxInline, ErrFormat)
	}
	return nil
}

var _ cbor.Unmarshaler = (*Blob)(nil)

// newBlob makes the blob of data and the objects it needs.
func newBlob(data []byte) (Blob, []Object, error) {
	if len(data) <= MaxInline {
		return Blob{Inline: bytes.Clone(data)}, nil, nil
	}
	if len(data) > MaxBlob {
		return Blob{}, nil, fmt.Errorf("part of %d bytes, more than %d: %w", len(data), MaxBlob, ErrCapture)
	}
	var objects []Object
	var ids []cid.Cid
	for chunk := range slices.Chunk(data, ChunkSize) {
		o := NewRaw(bytes.Clone(chunk))
		objects, ids = append(objects, o), append(ids, o.ID)
	}
	if len(ids) > 1 {
		objects = append(objects, newNode(encodeLinks(ids)))
	}
	return Blob{Link: objects[len(objects)-1].ID}, objects, nil
}

// chunks lists the objects below the blob without its own list, given that.
func (b Blob) chunks(list []byte) ([]cid.Cid, error) {
	ids, err := decodeLinks(list, maxChunks)
	if err != nil {
		return nil, err
	}
	if len(ids) < 2 || slices.ContainsFunc(ids, func(id cid.Cid) bool { return id.Type() != cid.Raw }) {
		return nil, fmt.Errorf("chunk list: %w", ErrFormat)
	}
	return ids, nil
}

func (b Blob) isList() bool { return b.Link.Type() == cid.DagCBOR }

// blobReader reads blobs until the first error.
type blobReader struct {
	get Getter
	err error
}

func decodePart[T any](r *blobReader, part string, b Blob, decode func([]byte) (T, error)) (v T) {
	if r.err != nil {
		return v
	}
	data, at, err := readBlob(r.get, b)
	if err == nil {
		v, err = decode(data)
	}
	if err != nil {
		r.err = &DamageError{Object: at, Part: part, Err: err}
	}
	return v
}

// readBlob returns the blob's bytes, and the object where it failed.
func readBlob(g Getter, b Blob) (data []byte, at cid.Cid, err error) {
	if !b.Link.Defined() {
		return b.Inline, cid.Undef, nil
	}
	top, err := g.Get(b.Link)
	if err != nil || !b.isList() {
		return top, b.Link, err
	}
	ids, err := b.chunks(top)
	if err != nil {
		return nil, b.Link, err
	}
	for i, id := range ids {
		chunk, err := g.Get(id)
		if err != nil {
			return nil, id, err
		}
		if len(chunk) > ChunkSize || i < len(ids)-1 && len(chunk) != ChunkSize {
			return nil, id, fmt.Errorf("chunk of %d bytes: %w", len(chunk), ErrFormat)
		}
		data = append(data, chunk...)
	}
	return data, b.Link, nil
}

// encodeLinks writes an array of links, null for undefined ones.
func encodeLinks(ids []cid.Cid) []byte {
	b := appendArrayHead(make([]byte, 0, 3+len(ids)*(len(linkHead)+idSize)), len(ids))
	for _, id := range ids {
		b = appendLink(b, id)
	}
	return b
}

// appendArrayHead writes CBOR's major type 4 with a length below 2^16.
func appendArrayHead(b []byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, 0x80|byte(n))
	case n < 256:
		return append(b, 0x98, byte(n))
	}
	return append(b, 0x99, byte(n>>8), byte(n))
}

// decodeLinks reads what encodeLinks writes, at most so many. The form is so
// narrow, and there are so many, that it is done by hand.
func decodeLinks(b []byte, most int) ([]cid.Cid, error) {
	n, rest, ok := cutArrayHead(b)
	if !ok || n > most {
		return nil, fmt.Errorf("array of at most %d links: %w", most, ErrFormat)
	}
	ids := make([]cid.Cid, n)
	for i := range ids {
		if len(rest) > 0 && rest[0] == cborNull {
			rest = rest[1:]
			continue
		}
		raw, ok := bytes.CutPrefix(rest, linkHead)
		if !ok || len(raw) < idSize {
			return nil, fmt.Errorf("link %d: %w", i, ErrFormat)
		}
		var err error
		if ids[i], err = parseID(raw[:idSize]); err != nil {
			return nil, fmt.Errorf("link %d: %w", i, err)
		}
		rest = raw[idSize:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("bytes after %d links: %w", n, ErrFormat)
	}
	return ids, nil
}

// cutArrayHead reads what appendArrayHead writes.
func cutArrayHead(b []byte) (n int, rest []byte, ok bool) {
	size := 1
	switch {
	case len(b) > 0 && b[0]&0xe0 == 0x80 && b[0] < 0x98:
		n = int(b[0] & 0x1f)
	case len(b) > 1 && b[0] == 0x98:
		n, size = int(b[1]), 2
	case len(b) > 2 && b[0] == 0x99:
		n, size = int(b[1])<<8|int(b[2]), 3
	default:
		return 0, nil, false
	}
	return n, b[size:], bytes.Equal(appendArrayHead(nil, n), b[:size])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
