package checkpoint

import (
	"fmt"
	"io"
)

// Change makes w, which holds the memory of from, hold this one: it writes only
// the pages that lie elsewhere, and zeroes where there are none any more. w must read
// as zeroes beyond from's size, as a file does that was truncated to the new one. So
// the file of a memory follows its checkpoints at the price of what changed. An error
// leaves some of both. Damaged or missing packs are a *[DamageError].
func (im *Image) Change(w io.WriterAt, g Getter, from *Image) error {
	if from.size > im.size {
		return fmt.Errorf("memory of %d bytes cannot become one of %d", from.size, im.size)
	}
	changed := &Image{size: im.size, places: make([]place, len(im.places)), packTree: im.packTree}
	zero := make([]byte, PageSize)
	for page, p := range im.places {
		switch {
		case p != 0 && !im.same(page, from):
			changed.places[page] = p
		case p == 0 && page < len(from.places) && from.places[page] != 0:
			if _, err := w.WriteAt(zero, int64(page)*PageSize); err != nil {
				return fmt.Errorf("write memory image: %w", err)
			}
		}
	}
	return changed.WriteTo(w, g)
}

// same tells whether a page that is not zero lies at the same place in another image.
func (im *Image) same(page int, other *Image) bool {
	if page >= len(other.places) || other.places[page] == 0 {
		return false
	}
	p, q := im.places[page], other.places[page]
	return p.slot() == q.slot() && im.packTree.levels[0][p.pack()] == other.packTree.levels[0][q.pack()]
}

// NonZero counts the pages that are not zero.
func (im *Image) NonZero() (n int) {
	for _, p := range im.places {
		if p != 0 {
			n++
		}
	}
	return n
}
