package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
)

var (
	// ErrCapture is wrapped when a capture cannot be made a checkpoint of.
	ErrCapture = errors.New("invalid capture")
	// ErrStale is wrapped when a checkpoint is not newer, by epoch and
	// sequence, than the one before.
	ErrStale = errors.New("stale checkpoint")
)

// Run is a stretch of memory: both its start and its length are multiples of
// PageSize.
type Run struct {
	Start uint64
	Bytes []byte
}

// Capture is what was taken from a stopped instance.
type Capture struct {
	Order
	Time time.Time
	Fuel Fuel
	// Size is the memory's length in bytes, never less than the time before.
	Size uint64
	// Dirty has at least the pages that changed since the capture before, and
	// for the first one those that are not zero; ascending, not overlapping.
	// The chain keeps none of its bytes.
	Dirty []Run
	State State
}

// PageID identifies a page by its content: SHA-256.
type PageID [sha256.Size]byte

// Location is where a page is kept.
type Location struct {
	Pack cid.Cid
	Slot uint8
}

// Index finds pages that checkpoints of any name hold already.
type Index interface {
	Find(id PageID) (Location, bool)
}

// Ready is what must be stored, in any order but all or nothing, for a
// checkpoint to count.
type Ready struct {
	*Signed
	// Objects are those that the checkpoint before does not have.
	Objects []Object
	// Shared are packs that the Index knew, newly referred to.
	Shared []cid.Cid
	// Pages are those that the objects hold and an Index may learn, once they
	// are stored.
	Pages []IndexedPage
	Stats Stats
}

// IndexedPage is a page and where it is.
type IndexedPage struct {
	ID PageID
	At Location
}

// Stats counts what went into one checkpoint, or several.
type Stats struct {
	// Dirty pages were given. Of them Zero and Unchanged ones needed nothing,
	// and Shared ones were found in the Index or twice in the capture.
	Dirty, Zero, Unchanged, Shared int64
	// Written pages were packed; Moved ones as well, though not dirty: they
	// came from packs that had few live pages left.
	Written, Moved int64
	// PackBytes, NodeBytes and StateBytes are the sizes of the objects: packs;
	// map leaves and tree nodes; parts of the state.
	PackBytes, NodeBytes, StateBytes int64
}

// Plus adds up.
func (s Stats) Plus(t Stats) Stats {
	return Stats{
		Dirty: s.Dirty + t.Dirty, Zero: s.Zero + t.Zero, Unchanged: s.Unchanged + t.Unchanged, Shared: s.Shared + t.Shared,
		Written: s.Written + t.Written, Moved: s.Moved + t.Moved,
		PackBytes: s.PackBytes + t.PackBytes, NodeBytes: s.NodeBytes + t.NodeBytes, StateBytes: s.StateBytes + t.StateBytes,
	}
}

// Config is what stays the same from one checkpoint of a chain to the next.
type Config struct {
	// Name of the actor or task, and its module's CID.
	Name   string
	Module cid.Cid
	// Owner signs.
	Owner Signer
	// Index finds pages of other chains. nil shares nothing.
	Index Index
	// Old reads objects of the chain's earlier checkpoints, in order to gather
	// the live pages of packs that are mostly garbage. nil never gathers.
	Old Getter
	// Garbage is how many replaced pages there may be in packs for each live
	// one before packs are gathered. At least 0.25; 0 means 3. Less saves disk
	// and writes more.
	Garbage float64
}

func (c Config) withDefaults() (Config, error) {
	if c.Garbage == 0 {
		c.Garbage = 3
	}
	switch {
	case !validName(c.Name):
		return c, fmt.Errorf("checkpoint name is not 1 to %d bytes of UTF-8", MaxName)
	case !c.Module.Defined():
		return c, errors.New("checkpoint without module")
	case c.Owner == nil:
		return c, errors.New("checkpoint without owner")
	case !(c.Garbage >= 0.25):
		return c, fmt.Errorf("garbage %v is less than 0.25", c.Garbage)
	}
	return c, nil
}

// Chain makes each checkpoint of one instance from the one before. It holds
// the page map and the tree nodes' names, about 40 bytes for each page, but no
// page. It is not safe for concurrent use.
type Chain struct {
	cfg   Config
	last  *Signed
	place []place
	// id has each page's content, the zero PageID if unknown.
	id    []PageID
	packs packList
	tree  tree // of map leaves
	// blobs are the objects of the last checkpoint's state.
	blobs map[cid.Cid]bool
}

// NewChain begins with an empty memory: the first capture's Dirty has all pages
// that are not zero.
func NewChain(cfg Config) (*Chain, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Chain{cfg: cfg, packs: newPackList(), tree: newTree()}, nil
}

// Resume begins with a checkpoint that the next capture's Dirty is counted
// from, as after a restore. Its trees are read from g, its pages are not.
func Resume(cfg Config, last *Signed, g Getter) (*Chain, error) {
	c, err := NewChain(cfg)
	if err != nil {
		return nil, err
	}
	im, err := LoadImage(last.Memory, g)
	if err != nil {
		return nil, fmt.Errorf("resume %s: %w", cfg.Name, err)
	}
	c.last, c.place = last, im.places
	c.id = make([]PageID, len(im.places))
	c.packs.load(im.packTree, im.places)
	c.tree = im.mapTree
	return c, nil
}

// Last is the newest checkpoint, nil if there is none yet.
func (c *Chain) Last() *Signed { return c.last }

// Update makes the next checkpoint. An error that wraps [ErrCapture],
// [ErrStale] or [ErrFormat] leaves the chain as it was; if signing fails it is
// useless. After success it counts on the result being stored before the next
// one is. If that can't be, too, the chain is useless: resume from one that was.
func (c *Chain) Update(cap Capture) (*Ready, error) {
	if err := c.check(cap); err != nil {
		return nil, err
	}
	m, stateObjects, err := c.manifest(cap)
	if err != nil {
		return nil, err
	}
	u := newUpdate(c, cap.Size)
	u.take(cap.Dirty)
	u.gather()
	u.pack()
	u.writeTrees()
	u.keepState(stateObjects)
	m.Memory = u.memory()
	signed, err := sign(m, c.cfg.Owner)
	if err != nil {
		return nil, err
	}
	c.last = signed
	return &Ready{Signed: signed, Objects: u.objects, Shared: u.shared, Pages: u.indexed, Stats: u.stats}, nil
}

// manifest is all of it but the memory's trees.
func (c *Chain) manifest(cap Capture) (*Manifest, []Object, error) {
	state, objects, err := encodeState(cap.State)
	if err != nil {
		return nil, nil, err
	}
	m := &Manifest{
		Name: c.cfg.Name, Order: cap.Order, Time: cap.Time.UTC(), Module: c.cfg.Module,
		Owner: c.cfg.Owner.PublicKey(), Fuel: cap.Fuel, State: state, Memory: Memory{Size: cap.Size},
	}
	if c.last != nil {
		m.Previous = c.last.ID
	}
	return m, objects, m.Validate()
}

func sign(m *Manifest, s Signer) (*Signed, error) {
	encoded, err := m.Encode()
	if err != nil {
		return nil, err
	}
	envelope, err := Seal(encoded, s)
	if err != nil {
		return nil, err
	}
	return &Signed{Manifest: m, ID: nameOf(cid.DagCBOR, encoded), Encoded: encoded, Envelope: envelope}, nil
}

func (c *Chain) check(cap Capture) error {
	if c.last != nil && cap.Order.Compare(c.last.Order) <= 0 {
		return fmt.Errorf("%s %s is not after %s: %w", c.cfg.Name, cap.Order, c.last.Order, ErrStale)
	}
	if have := uint64(len(c.place)) * PageSize; cap.Size < have || cap.Size > MaxMemory || cap.Size%WasmPage != 0 {
		return fmt.Errorf("memory size %d after %d: %w", cap.Size, have, ErrCapture)
	}
	end := uint64(0)
	for _, r := range cap.Dirty {
		n := uint64(len(r.Bytes))
		if r.Start < end || r.Start%PageSize != 0 || n%PageSize != 0 || r.Start > cap.Size || n > cap.Size-r.Start {
			return fmt.Errorf("dirty run of %d bytes at %#x: %w", n, r.Start, ErrCapture)
		}
		end = r.Start + n
	}
	return nil
}

// Lost is called for a pack that turned out to be damaged: it returns the
// pages that must be in the next capture, changed or not, to be written anew.
func (c *Chain) Lost(pack cid.Cid) []PageRange {
	im := Image{places: c.place, packTree: c.packs.tree}
	ranges := pageRanges(im.byPack()[pack])
	for _, r := range ranges {
		clear(c.id[r.First : r.First+r.Count])
	}
	delete(c.packs.index, pack) // should it come out the same, it is written again
	return ranges
}

// encodeState makes the parts of a state and the objects they need.
func encodeState(s State) (refs StateRefs, objects []Object, err error) {
	add := func(data []byte) Blob {
		b, more, e := newBlob(data)
		objects, err = append(objects, more...), errors.Join(err, e)
		return b
	}
	addSet := func(indices []uint32) Blob {
		data, e := encodeSet(indices)
		err = errors.Join(err, e)
		return add(data)
	}
	refs.Globals = add(encodeGlobals(s.Globals))
	for _, t := range s.Tables {
		refs.Tables = append(refs.Tables, TableRef{t.Type, add(encodeEntries(t.Entries))})
	}
	refs.DroppedData, refs.DroppedElements = addSet(s.DroppedData), addSet(s.DroppedElements)
	refs.Sections = map[string]Blob{}
	for _, name := range sortedKeys(s.Sections) {
		refs.Sections[name] = add(s.Sections[name])
	}
	if wrong := refs.wrong(); wrong != "" {
		err = errors.Join(err, fmt.Errorf("%s: %w", wrong, ErrCapture))
	}
	return refs, objects, err
}

var zeroPage [PageSize]byte

func isZero(page []byte) bool { return bytes.Equal(page, zeroPage[:]) }

// pagesOf yields the pages of runs.
func pagesOf(runs []Run) func(yield func(page int, data []byte) bool) {
	return func(yield func(int, []byte) bool) {
		for _, r := range runs {
			page := int(r.Start / PageSize)
			for data := range slices.Chunk(r.Bytes, PageSize) {
				if !yield(page, data) {
					return
				}
				page++
			}
		}
	}
}
