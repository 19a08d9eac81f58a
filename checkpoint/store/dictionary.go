package store

import "github.com/godwit-run/godwit/checkpoint"

// dictionary remembers where the newest pages are, a fixed number of them.
type dictionary struct {
	at    map[checkpoint.PageID]checkpoint.Location
	order []checkpoint.PageID // a ring once it is full
	next  int
	most  int
}

func newDictionary(most int) dictionary {
	return dictionary{at: map[checkpoint.PageID]checkpoint.Location{}, most: max(most, 0)}
}

func (d *dictionary) learn(pages []checkpoint.IndexedPage) {
	for _, p := range pages {
		if _, known := d.at[p.ID]; !known && !d.remember(p.ID) {
			return
		}
		d.at[p.ID] = p.At
	}
}

// remember makes room for id. It is false if there is never any.
func (d *dictionary) remember(id checkpoint.PageID) bool {
	switch {
	case d.most == 0:
		return false
	case len(d.order) < d.most:
		d.order = append(d.order, id)
		return true
	}
	delete(d.at, d.order[d.next])
	d.order[d.next] = id
	d.next = (d.next + 1) % d.most
	return true
}

// Find implements checkpoint.Index over the newest pages of all names.
func (s *Store) Find(id checkpoint.PageID) (checkpoint.Location, bool) {
	s.mu.RLock()
	_, ok := s.pages.at[id]
	s.mu.RUnlock()
	if !ok {
		return checkpoint.Location{}, false // as for most pages
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.pages.at[id]
	if !ok || !s.has(at.Pack) {
		return checkpoint.Location{}, false
	}
	s.touched[at.Pack] = s.clock
	return at, true
}
