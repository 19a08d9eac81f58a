package wasi

import "slices"

// Entries is the content of a directory. An entry has a position that it keeps
// for life, and positions only grow, so that a reader who goes on after a
// position misses nothing that stays and sees nothing twice, whatever is
// created or removed meanwhile.
type Entries struct {
	// Parent is the inode of the directory above; the root is its own.
	Parent uint64
	// List is ordered by position. Removed entries have Inode 0 until they are
	// swept out.
	List []Entry
	// Last is the last position given out.
	Last uint64

	index   map[string]uint64 // positions by name, for large directories; derived
	removed int               // entries of List with Inode 0; derived
}

// Entry is a name in a directory.
type Entry struct {
	Name     string
	Inode    uint64
	Position uint64
}

// Positions of the two entries that every directory has, and the first of those
// that come after them.
const (
	positionSelf   = 1
	positionParent = 2
	positionFirst  = 3
)

// indexFrom is the number of entries from which a directory keeps an index.
const indexFrom = 16

// find is the index in List of the entry of that name, or -1.
func (d *Entries) find(name string) int {
	if len(d.List) < indexFrom {
		return slices.IndexFunc(d.List, func(e Entry) bool { return e.Inode != 0 && e.Name == name })
	}
	if d.index == nil {
		d.reindex()
	}
	position, ok := d.index[name]
	if !ok {
		return -1
	}
	return d.from(position)
}

// from is the index in List of the first entry at or after position.
func (d *Entries) from(position uint64) int {
	i, _ := slices.BinarySearchFunc(d.List, position, func(e Entry, p uint64) int {
		switch {
		case e.Position < p:
			return -1
		case e.Position > p:
			return 1
		}
		return 0
	})
	return i
}

func (d *Entries) reindex() {
	d.index = make(map[string]uint64, len(d.List))
	for _, e := range d.List {
		if e.Inode != 0 {
			d.index[e.Name] = e.Position
		}
	}
}

// lookup is the inode of that name, or 0.
func (d *Entries) lookup(name string) uint64 {
	if i := d.find(name); i >= 0 {
		return d.List[i].Inode
	}
	return 0
}

// add appends an entry; the name must not be there yet.
func (d *Entries) add(name string, inode uint64) {
	d.Last = max(d.Last+1, positionFirst)
	d.List = append(d.List, Entry{Name: name, Inode: inode, Position: d.Last})
	if d.index != nil {
		d.index[name] = d.Last
	}
}

// remove takes a name out. Removed entries are swept out when they are the
// majority, so that both removing and reading stay cheap.
func (d *Entries) remove(name string) {
	i := d.find(name)
	d.List[i] = Entry{Position: d.List[i].Position}
	delete(d.index, name)
	d.removed++
	if d.removed > len(d.List)/2 {
		d.List = slices.DeleteFunc(d.List, func(e Entry) bool { return e.Inode == 0 })
		d.removed = 0
	}
}

// empty reports whether nothing but "." and ".." is there.
func (d *Entries) empty() bool { return len(d.List) == d.removed }
