package checkpoint

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/ipfs/go-cid"
)

// update is one Chain.Update in progress.
type update struct {
	*Chain
	// fresh are the pages to pack; until then their place is 0.
	fresh []freshPage
	// byID finds fresh pages, and copies are the pages with the same content.
	byID   map[PageID]int
	copies []copyPage
	// leaves are the map leaves to write.
	leaves  map[int]bool
	objects []Object
	shared  []cid.Cid
	indexed []IndexedPage
	stats   Stats
}

type freshPage struct {
	page int
	id   PageID
	data []byte
}

type copyPage struct{ page, of int }

func newUpdate(c *Chain, size uint64) *update {
	u := &update{Chain: c, byID: map[PageID]int{}, leaves: map[int]bool{}}
	old, n := len(c.place), int(size/PageSize)
	if n > old && old%LeafPages != 0 {
		u.leaves[old/LeafPages] = true // the last leaf gets longer
	}
	c.place = append(c.place, make([]place, n-old)...)
	c.id = append(c.id, make([]PageID, n-old)...)
	return u
}

// take sorts out the dirty pages: those in fresh are left.
func (u *update) take(dirty []Run) {
	for page, data := range pagesOf(dirty) {
		u.stats.Dirty++
		if isZero(data) {
			u.stats.Zero++
			u.put(page, 0, PageID{})
			continue
		}
		id := PageID(sha256.Sum256(data))
		if u.place[page] != 0 && u.id[page] == id {
			u.stats.Unchanged++
			continue
		}
		u.add(page, id, data)
	}
}

// add finds a place for a page that has changed, or must be moved.
func (u *update) add(page int, id PageID, data []byte) {
	u.put(page, 0, id)
	if of, ok := u.byID[id]; ok {
		u.stats.Shared++
		u.copies = append(u.copies, copyPage{page, of})
		return
	}
	if u.cfg.Index != nil {
		if at, ok := u.cfg.Index.Find(id); ok && at.Slot < PackPages && checkID(at.Pack) == nil {
			u.stats.Shared++
			pack, added := u.packs.add(at.Pack, int(at.Slot)+1)
			if added {
				u.shared = append(u.shared, at.Pack)
			}
			u.put(page, placeAt(pack, int(at.Slot)), id)
			return
		}
	}
	u.byID[id] = len(u.fresh)
	u.fresh = append(u.fresh, freshPage{page, id, data})
}

// put gives a page its place.
func (u *update) put(page int, at place, id PageID) {
	old := u.place[page]
	u.id[page] = id
	if old == at {
		return
	}
	u.packs.use(old, -1)
	u.packs.use(at, +1)
	u.place[page] = at
	u.leaves[page/LeafPages] = true
}

// gather adds the live pages of packs that have few to the fresh ones, so that
// replaced pages don't pile up. It moves at most as many as are dirty, and one
// pack's worth.
func (u *update) gather() {
	if u.cfg.Old == nil || !u.packs.wasteful(u.cfg.Garbage) {
		return
	}
	pages := make([][]byte, len(u.packs.ids))
	for _, v := range u.packs.victims(max(int(u.stats.Dirty), PackPages)) {
		// A pack that cannot be read is left alone: to name the damage is
		// Verify's part.
		if data, err := readPack(u.cfg.Old, u.packs.id(v)); err == nil {
			pages[v] = data
		}
	}
	for page, at := range u.place {
		if at == 0 {
			continue
		}
		data, end := pages[at.pack()], (at.slot()+1)*PageSize
		if end > len(data) {
			continue
		}
		u.stats.Moved++
		u.move(page, data[end-PageSize:end])
	}
}

func (u *update) move(page int, data []byte) {
	id := u.id[page]
	if id == (PageID{}) {
		id = sha256.Sum256(data)
	}
	u.put(page, 0, id)
	if of, ok := u.byID[id]; ok {
		u.copies = append(u.copies, copyPage{page, of})
		return
	}
	u.byID[id] = len(u.fresh)
	u.fresh = append(u.fresh, freshPage{page, id, data})
}

// pack writes the fresh pages.
func (u *update) pack() {
	for chunk := range slices.Chunk(u.inOrder(), PackPages) {
		pages := make([][]byte, len(chunk))
		for i, f := range chunk {
			pages[i] = u.fresh[f].data
		}
		o := NewRaw(encodePack(pages))
		pack, added := u.packs.add(o.ID, len(chunk))
		if added {
			u.objects = append(u.objects, o)
		}
		for slot, f := range chunk {
			u.put(u.fresh[f].page, placeAt(pack, slot), u.fresh[f].id)
			u.indexed = append(u.indexed, IndexedPage{u.fresh[f].id, Location{o.ID, uint8(slot)}})
		}
		u.stats.Written += int64(len(chunk))
		u.stats.PackBytes += int64(len(o.Data))
	}
	for _, c := range u.copies {
		f := u.fresh[c.of]
		u.put(c.page, u.place[f.page], f.id)
	}
}

// inOrder lists the fresh pages by page, moved ones among the dirty.
func (u *update) inOrder() []int {
	order := make([]int, len(u.fresh))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(u.fresh[a].page, u.fresh[b].page) })
	return order
}

func (u *update) writeTrees() {
	leaves := make([]int, 0, len(u.leaves))
	for l := range u.leaves {
		leaves = append(leaves, l)
	}
	slices.Sort(leaves)
	nodes := u.tree.update(leavesOf(len(u.place)), leaves, u.leaf)
	nodes = append(nodes, u.packs.write()...)
	u.objects = append(u.objects, nodes...)
	for _, n := range nodes {
		u.stats.NodeBytes += int64(len(n.Data))
	}
}

// leaf writes a map leaf.
func (u *update) leaf(i int) cid.Cid {
	places := u.place[i*LeafPages : min(len(u.place), (i+1)*LeafPages)]
	if !slices.ContainsFunc(places, func(p place) bool { return p != 0 }) {
		return cid.Undef
	}
	o := NewRaw(encodeLeaf(places))
	if o.ID != u.tree.levels[0][i] {
		u.stats.NodeBytes += int64(len(o.Data))
		u.objects = append(u.objects, o)
	}
	return o.ID
}

// keepState adds the objects of the state that the checkpoint before lacks.
func (u *update) keepState(objects []Object) {
	blobs := make(map[cid.Cid]bool, len(objects))
	for _, o := range objects {
		if !u.blobs[o.ID] && !blobs[o.ID] {
			u.objects = append(u.objects, o)
			u.stats.StateBytes += int64(len(o.Data))
		}
		blobs[o.ID] = true
	}
	u.blobs = blobs
}

func (u *update) memory() Memory {
	m := Memory{Size: uint64(len(u.place)) * PageSize, Map: u.tree.root(), Packs: u.packs.tree.root()}
	if m.Packs.Defined() {
		m.PackCount = uint32(len(u.packs.tree.levels[0]))
	}
	return m
}
