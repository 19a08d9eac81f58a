package checkpoint

import (
	"encoding/binary"
	"fmt"
)

// LeafPages is the number of pages that a map leaf places: 256 KiB of memory.
const LeafPages = 64

// place says where a page is: 0 for a zero page, which is nowhere, else 1 +
// PackPages * the pack's index + the slot in that pack.
type place uint32

func placeAt(pack int, slot int) place { return place(1 + PackPages*pack + slot) }

func (p place) pack() int { return int(p-1) / PackPages }
func (p place) slot() int { return int(p-1) % PackPages }

// A leaf is a version byte and runs of pages: the run's pack index plus 1, 0
// for zero pages (uvarint); the number of its pages less 1 (byte); unless zero,
// the first one's slot (byte). A run's pages have consecutive slots; runs are as
// long as can be. A leaf of zero pages only is not written.
func encodeLeaf(places []place) []byte {
	b := []byte{Version}
	for i := 0; i < len(places); {
		n := runLength(places[i:])
		if p := places[i]; p == 0 {
			b = append(b, 0, byte(n-1))
		} else {
			b = binary.AppendUvarint(b, uint64(p.pack())+1)
			b = append(b, byte(n-1), byte(p.slot()))
		}
		i += n
	}
	return b
}

// runLength is the number of pages at the beginning of places that are one run.
func runLength(places []place) int {
	n := 1
	for n < len(places) && continues(places[n-1], places[n]) {
		n++
	}
	return n
}

func continues(a, b place) bool {
	if a == 0 || b == 0 {
		return a == b
	}
	return b == a+1 && a.pack() == b.pack()
}

// decodeLeaf reads a leaf of n pages whose packs are below packs.
func decodeLeaf(b []byte, n int, packs uint32) ([]place, error) {
	r := leafReader{rest: b}
	if r.byte() != Version {
		return nil, fmt.Errorf("map leaf of another version: %w", ErrFormat)
	}
	places := make([]place, 0, n)
	zero := true
	for len(r.rest) > 0 && !r.bad && len(places) < n {
		first, count := r.run(packs)
		r.bad = r.bad || count > n-len(places) || len(places) > 0 && continues(places[len(places)-1], first)
		for i := range count {
			p := first
			if first != 0 {
				p, zero = first+place(i), false
			}
			places = append(places, p)
		}
	}
	if r.bad || len(r.rest) > 0 || len(places) != n || zero {
		return nil, fmt.Errorf("map leaf of %d pages: %w", n, ErrFormat)
	}
	return places, nil
}

type leafReader struct {
	rest []byte
	bad  bool
}

func (r *leafReader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

// run reads one run: its first page's place and its length, at most LeafPages.
func (r *leafReader) run(packs uint32) (first place, count int) {
	pack, size := binary.Uvarint(r.rest)
	if size <= 0 || pack > uint64(packs) || len(binary.AppendUvarint(nil, pack)) != size {
		r.bad = true
		return 0, 0
	}
	r.rest = r.rest[size:]
	count = int(r.byte()) + 1
	if count > LeafPages {
		r.bad = true
		return 0, 0
	}
	if pack == 0 {
		return 0, count
	}
	slot := int(r.byte())
	if slot+count > PackPages {
		r.bad = true
		return 0, 0
	}
	return placeAt(int(pack)-1, slot), count
}
