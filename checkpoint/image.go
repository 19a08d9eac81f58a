package checkpoint

import (
	"fmt"
	"io"
	"slices"

	"github.com/ipfs/go-cid"
)

// Image tells where each page of a checkpoint's memory is.
type Image struct {
	size     uint64
	places   []place
	mapTree  tree
	packTree tree
}

// Extent is a run of pages of a memory that lie one after the other in a pack.
type Extent struct {
	// Page is the index of the first page in memory, Count their number.
	Page, Count int
	// Pack is the object, Slot the first page's index in it.
	Pack cid.Cid
	Slot int
}

// PageRange is a run of pages of a memory, [First, First+Count).
type PageRange struct{ First, Count int }

// String gives the range in bytes, as a debugger would: 0x1000-0x3000.
func (r PageRange) String() string {
	return fmt.Sprintf("%#x-%#x", uint64(r.First)*PageSize, uint64(r.First+r.Count)*PageSize)
}

// LoadImage reads a memory's trees. A damaged or missing node is a
// *[DamageError].
func LoadImage(m Memory, g Getter) (*Image, error) {
	im := newImage(m)
	w := walker{get: g, memory: m, node: func(v nodeVisit) error { im.set(v); return nil }}
	if err := w.trees(); err != nil {
		return nil, err
	}
	return im, im.complete()
}

func newImage(m Memory) *Image {
	im := &Image{size: m.Size, places: make([]place, m.pages()), mapTree: newTree(), packTree: newTree()}
	im.mapTree.extend(leavesOf(m.pages()))
	im.packTree.extend(int(m.PackCount))
	return im
}

func (im *Image) set(v nodeVisit) {
	t := &im.mapTree
	if v.packs {
		t = &im.packTree
	}
	t.levels[v.level][v.index] = v.id
	if v.isLeaf() {
		copy(im.places[v.first:], v.places)
	}
}

// complete reports pages whose pack is not listed.
func (im *Image) complete() error {
	for i, p := range im.places {
		if p != 0 && !im.packTree.levels[0][p.pack()].Defined() {
			return &DamageError{Part: "pack list", Pages: []PageRange{{i, 1}},
				Err: fmt.Errorf("pack %d is not listed: %w", p.pack(), ErrFormat)}
		}
	}
	return nil
}

// Size is the memory's length in bytes.
func (im *Image) Size() uint64 { return im.size }

// Extents lists the pages that are not zero, pack by pack, so that each pack
// need be read only once; within a pack by page.
func (im *Image) Extents() []Extent {
	var es []Extent
	for page := 0; page < len(im.places); {
		n := runLength(im.places[page:])
		if p := im.places[page]; p != 0 {
			if id := im.packTree.levels[0][p.pack()]; id.Defined() {
				es = append(es, Extent{Page: page, Count: n, Pack: id, Slot: p.slot()})
			}
		}
		page += n
	}
	slices.SortStableFunc(es, func(a, b Extent) int { return im.packOf(a) - im.packOf(b) })
	return es
}

func (im *Image) packOf(e Extent) int { return im.places[e.Page].pack() }

// WriteTo writes every page that is not zero to w, at its place in the memory:
// w must read as zeroes before, as a new file does that was truncated to Size.
// What w then holds is the linear memory, byte for byte; as a file it can be
// mapped. Damaged or missing packs are a *[DamageError].
func (im *Image) WriteTo(w io.WriterAt, g Getter) error {
	es := im.Extents()
	for len(es) > 0 {
		n := 1
		for n < len(es) && es[n].Pack == es[0].Pack {
			n++
		}
		if err := writePack(w, g, es[:n]); err != nil {
			return err
		}
		es = es[n:]
	}
	return nil
}

// writePack writes the pages that lie in one pack.
func writePack(w io.WriterAt, g Getter, es []Extent) error {
	pages, err := readPack(g, es[0].Pack)
	if err == nil {
		err = fits(len(pages)/PageSize, es)
	}
	if err != nil {
		return &DamageError{Object: es[0].Pack, Part: "pages", Pages: pageRanges(es), Err: err}
	}
	for _, e := range es {
		run := pages[e.Slot*PageSize : (e.Slot+e.Count)*PageSize]
		if _, err := w.WriteAt(run, int64(e.Page)*PageSize); err != nil {
			return fmt.Errorf("write memory image: %w", err)
		}
	}
	return nil
}

// fits tells whether a pack of so many pages has all that are said to lie in it.
func fits(pages int, es []Extent) error {
	for _, e := range es {
		if e.Slot+e.Count > pages {
			return fmt.Errorf("pack has only %d pages: %w", pages, ErrFormat)
		}
	}
	return nil
}

func pageRanges(es []Extent) []PageRange {
	var rs []PageRange
	for _, e := range es {
		rs = append(rs, PageRange{e.Page, e.Count})
	}
	return rs
}

func (im *Image) byPack() map[cid.Cid][]Extent {
	by := map[cid.Cid][]Extent{}
	for _, e := range im.Extents() {
		by[e.Pack] = append(by[e.Pack], e)
	}
	return by
}

func readPack(g Getter, id cid.Cid) ([]byte, error) {
	b, err := g.Get(id)
	if err != nil {
		return nil, err
	}
	return decodePack(b)
}

// memoryWriter is a memory as an io.WriterAt.
type memoryWriter []byte

// WriteAt implements io.WriterAt.
func (m memoryWriter) WriteAt(p []byte, off int64) (int, error) {
	return copy(m[off:], p), nil
}

// Read returns the memory's bytes. For large ones WriteTo a file is cheaper.
func (im *Image) Read(g Getter) ([]byte, error) {
	if uint64(int(im.size)) != im.size {
		return nil, fmt.Errorf("memory of %d bytes does not fit this machine's addresses", im.size)
	}
	m := make(memoryWriter, im.size)
	return m, im.WriteTo(m, g)
}

func leavesOf(pages int) int { return (pages + LeafPages - 1) / LeafPages }
