package transfer

import (
	"slices"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// Recent remembers what the last checkpoints of each name have added, so that what
// another node lacks need not be searched for. It keeps names only. It is safe for
// concurrent use.
type Recent struct {
	max int // checkpoints of one name

	mu  sync.Mutex
	all map[string][]addition
}

// addition is what a checkpoint has beyond the one before.
type addition struct {
	id, previous cid.Cid
	objects      []cid.Cid
}

// NewRecent remembers so many checkpoints of each name.
func NewRecent(max int) *Recent { return &Recent{max: max, all: map[string][]addition{}} }

// Add remembers a checkpoint that was stored.
func (r *Recent) Add(ready *checkpoint.Ready) {
	a := addition{id: ready.ID, previous: ready.Previous, objects: slices.Clone(ready.Shared)}
	for _, o := range ready.Objects {
		a.objects = append(a.objects, o.ID)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all[ready.Name]
	if n := len(all); n > 0 && all[n-1].id != a.previous {
		all = nil
	}
	if len(all) >= r.max {
		all = slices.Delete(all, 0, len(all)-r.max+1)
	}
	r.all[ready.Name] = append(all, a)
}

// since lists what was added after base up to a checkpoint; not ok if it is not
// remembered.
func (r *Recent) since(s *checkpoint.Signed, base cid.Cid) (ids []cid.Cid, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all[s.Name]
	want := s.ID
	for _, a := range slices.Backward(all) {
		if a.id != want {
			continue
		}
		ids = append(ids, a.objects...)
		if want = a.previous; want == base {
			slices.SortFunc(ids, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
			return slices.Compact(ids), true
		}
	}
	return nil, false
}

// Forget forgets a name.
func (r *Recent) Forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, name)
}
