package checkpoint

import (
	"cmp"
	"slices"

	"github.com/ipfs/go-cid"
)

// packList is the packs that a checkpoint's pages lie in, and how full of live
// pages they are. A pack without any leaves its place to another.
type packList struct {
	ids   []cid.Cid
	index map[cid.Cid]int
	tree  tree // of ids, as of the last write
	// total has the number of pages in each pack, as far as is known, live the
	// number of pages of the memory that lie there: more than total if several
	// share one.
	total, live []int
	// pages and used sum them up, over packs in use.
	pages, used int
	free        []int
	changed     map[int]bool
}

func newPackList() packList {
	return packList{tree: newTree(), index: map[cid.Cid]int{}, changed: map[int]bool{}}
}

// load takes over the packs of a checkpoint.
func (l *packList) load(t tree, places []place) {
	l.tree, l.ids = t, slices.Clone(t.levels[0])
	n := len(l.ids)
	l.total, l.live = make([]int, n), make([]int, n)
	for _, p := range places {
		if p == 0 {
			continue
		}
		l.setTotal(p.pack(), p.slot()+1)
		l.use(p, +1)
	}
	for i, id := range l.ids {
		switch {
		case !id.Defined():
			l.free = append(l.free, i)
			continue
		case l.live[i] == 0:
			l.changed[i] = true
		}
		l.index[id] = i
	}
}

func (l *packList) id(i int) cid.Cid { return l.ids[i] }

// add returns the pack's place in the list, and whether it is new there. pages
// is how many the pack has, or how many it has at least.
func (l *packList) add(id cid.Cid, pages int) (i int, added bool) {
	i, known := l.index[id]
	if !known {
		i = l.vacant()
		l.ids[i] = id
		l.index[id] = i
		l.changed[i] = true
	}
	l.setTotal(i, pages)
	return i, !known
}

// vacant finds a free place or makes one.
func (l *packList) vacant() int {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		return i
	}
	l.ids, l.total, l.live = append(l.ids, cid.Undef), append(l.total, 0), append(l.live, 0)
	return len(l.ids) - 1
}

func (l *packList) setTotal(i, pages int) {
	if more := pages - l.total[i]; more > 0 {
		l.total[i] += more
		l.pages += more
	}
}

// use counts a page at p more or less.
func (l *packList) use(p place, n int) {
	if p == 0 {
		return
	}
	l.live[p.pack()] += n
	l.used += n
	if l.live[p.pack()] == 0 {
		l.changed[p.pack()] = true
	}
}

// wasteful tells whether packs should be gathered: because there are more than
// garbage replaced pages for each live one, or eight times as many packs as
// could be. A few packs are always fine.
func (l *packList) wasteful(garbage float64) bool {
	slack := 4 * PackPages
	dead := l.pages - l.used
	packs := len(l.ids) - len(l.free)
	return float64(dead) > garbage*float64(l.used)+float64(slack) || packs > 8*(l.used/PackPages)+slack
}

// victims are the packs with the fewest live pages, at most budget together.
func (l *packList) victims(budget int) []int {
	var sparse []int
	for i, live := range l.live {
		if live > 0 && live <= PackPages/2 {
			sparse = append(sparse, i)
		}
	}
	slices.SortFunc(sparse, func(a, b int) int { return cmp.Or(cmp.Compare(l.live[a], l.live[b]), a-b) })
	for i, v := range sparse {
		if budget -= l.live[v]; budget < 0 {
			return sparse[:i]
		}
	}
	return sparse
}

// write drops the packs that are not used any more and returns the list's new
// nodes.
func (l *packList) write() []Object {
	changed := make([]int, 0, len(l.changed))
	for i := range l.changed {
		changed = append(changed, i)
		if l.live[i] == 0 {
			l.drop(i)
		}
	}
	slices.Sort(changed)
	clear(l.changed)
	return l.tree.update(len(l.ids), changed, l.id)
}

func (l *packList) drop(i int) {
	if id := l.id(i); id.Defined() {
		if l.index[id] == i {
			delete(l.index, id)
		}
		l.ids[i] = cid.Undef
		l.free = append(l.free, i)
	}
	l.pages -= l.total[i]
	l.total[i] = 0
}
