package checkpoint

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/s2"
)

const (
	// PageSize is the unit in which memory is compared and kept, in bytes.
	PageSize = 4096
	// PackPages is the most pages in a pack: 256 KiB, the size in which IPFS
	// cuts files.
	PackPages = 64

	// maxPacks allows each page a pack of its own, twice: while a checkpoint is
	// made, the packs that it replaces still have their places.
	maxPacks = 2 * MaxMemory / PageSize
)

// A pack is a header of four bytes (version, encoding, number of pages
// little-endian) and the pages, as they are or as one s2 block.
const (
	packHeader = 4

	packPlain = 0
	packS2    = 1
)

// encodePack packs 1 to PackPages pages. It compresses when that saves an
// eighth. What s2 makes of the same bytes differs between architectures, and
// so does the pack's CID; either reads the other's.
func encodePack(pages [][]byte) []byte {
	plain := make([]byte, packHeader, packHeader+len(pages)*PageSize)
	plain[0], plain[1] = Version, packPlain
	binary.LittleEndian.PutUint16(plain[2:], uint16(len(pages)))
	for _, p := range pages {
		plain = append(plain, p...)
	}
	body := plain[packHeader:]
	packed := s2.Encode(make([]byte, s2.MaxEncodedLen(len(body))), body)
	if len(packed) > len(body)/8*7 {
		return plain
	}
	out := append(make([]byte, 0, packHeader+len(packed)), plain[:packHeader]...)
	out[1] = packS2
	return append(out, packed...)
}

// decodePack returns the pages of a pack, one after the other. The result may
// share memory with b.
func decodePack(b []byte) ([]byte, error) {
	if len(b) < packHeader || b[0] != Version {
		return nil, fmt.Errorf("pack of %d bytes: %w", len(b), ErrFormat)
	}
	n, body := int(binary.LittleEndian.Uint16(b[2:])), b[packHeader:]
	if n == 0 || n > PackPages {
		return nil, fmt.Errorf("pack of %d pages: %w", n, ErrFormat)
	}
	switch b[1] {
	case packPlain:
		if len(body) != n*PageSize {
			return nil, fmt.Errorf("pack of %d pages has %d bytes: %w", n, len(body), ErrFormat)
		}
		return body, nil
	case packS2:
		size, err := s2.DecodedLen(body)
		if err != nil || size != n*PageSize {
			return nil, fmt.Errorf("pack of %d pages, %d bytes when decompressed: %w", n, size, ErrFormat)
		}
		pages, err := s2.Decode(make([]byte, size), body)
		if err != nil {
			return nil, fmt.Errorf("pack: %w: %w", ErrFormat, err)
		}
		return pages, nil
	}
	return nil, fmt.Errorf("pack of encoding %d: %w", b[1], ErrFormat)
}
