package actors

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/actors/wire"
)

// directory is where actors are, as far as this node knows: those it has replicas of,
// which it never forgets, and a bounded number that it has heard of. It is a guess and
// treated as such: whoever is asked says where else to ask.
//
// A name means one actor. Where two have one name, made on the two sides of a
// partition, it means the older one, and of two of one age the one with the smaller id.
type directory struct {
	limit  int
	known  map[wire.ActorID]*place
	names  map[string]wire.ActorID
	recent []wire.ActorID // those only heard of, in the order in which they came
	*rosters
}

// place is what is known of an actor: of one that this node has a replica of, as that
// has it, and who leads as far as was heard since.
type place struct {
	*wire.Where
	Leader wire.NodeID
	Epoch  uint64
	// held: this node has a replica.
	held bool
}

// where is what is told of an actor.
func (p *place) where() wire.Where {
	w := *p.Where
	w.Leader, w.Epoch = p.Leader, p.Epoch
	return w
}

func newDirectory(limit int) *directory {
	return &directory{limit: limit, known: make(map[wire.ActorID]*place), names: make(map[string]wire.ActorID), rosters: newRosters()}
}

// hear takes what a node tells of an actor; the later epoch counts.
func (d *directory) hear(w wire.Where) {
	if w.Removed {
		if p := d.known[w.Actor]; p != nil && !p.held {
			d.forget(w.Actor)
		}
		return
	}
	w.Members, w.Leader = d.members(w.Members), d.node(w.Leader)
	p := d.known[w.Actor]
	if p == nil {
		d.makeRoom()
		d.recent = append(d.recent, w.Actor)
		kept := w
		d.known[w.Actor] = &place{Where: &kept, Leader: w.Leader, Epoch: w.Epoch}
		d.name(&kept)
		return
	}
	d.name(p.Where) // an older one may be gone that had it
	if w.Epoch < p.Epoch || p.held && len(p.Members) > 0 {
		return
	}
	if len(w.Members) == 0 {
		w.Members = p.Members
	}
	p.Epoch, p.Leader, p.Members = w.Epoch, w.Leader, w.Members
}

// redirect takes where to ask instead, from a node that was asked.
func (d *directory) redirect(actor wire.ActorID, leader wire.NodeID, members wire.Members, epoch uint64) {
	p := d.known[actor]
	if p == nil || epoch < p.Epoch && p.Leader != "" {
		return // an epoch may end without a leader
	}
	p.Epoch, p.Leader = epoch, d.node(leader)
	if len(members) > 0 && !p.held {
		p.Members = d.members(members)
	}
}

// hold notes what this node knows of a replica of its own: that is w, now and later.
func (d *directory) hold(w *wire.Where) {
	w.Members, w.Leader = d.members(w.Members), d.node(w.Leader)
	p := d.known[w.Actor]
	if p == nil {
		p = new(place)
		d.known[w.Actor] = p
	}
	*p = place{Where: w, Leader: w.Leader, Epoch: w.Epoch, held: true}
	d.name(w)
}

// release notes that this node has no replica of an actor any more.
func (d *directory) release(actor wire.ActorID) {
	if p := d.known[actor]; p != nil && p.held {
		p.held = false
		d.recent = append(d.recent, actor)
	}
}

// forget drops an actor, such as one that was removed.
func (d *directory) forget(actor wire.ActorID) {
	p := d.known[actor]
	if p == nil {
		return
	}
	delete(d.known, actor)
	if d.names[p.Name] != actor {
		return
	}
	delete(d.names, p.Name)
}

func (d *directory) name(w *wire.Where) {
	id, taken := d.names[w.Name]
	if old := d.known[id]; taken && old != nil && !older(w.Created, w.Actor, old.Created, id) {
		return
	}
	d.names[w.Name] = w.Actor
}

// older tells whether a claim to a name comes before another.
func older(created int64, id wire.ActorID, than int64, other wire.ActorID) bool {
	return cmp.Or(cmp.Compare(created, than), bytes.Compare(id[:], other[:])) < 0
}

func (d *directory) makeRoom() {
	for len(d.recent) >= d.limit {
		oldest := d.recent[0]
		d.recent = d.recent[1:]
		if p := d.known[oldest]; p != nil && !p.held {
			d.forget(oldest)
		}
	}
}

// byName returns what is known of the actor that has a name; nil if nothing is.
func (d *directory) byName(name string) *place {
	id, ok := d.names[name]
	if !ok {
		return nil
	}
	return d.known[id]
}

// all goes through what is known of actors that this node has replicas of.
func (d *directory) all() iter.Seq[*place] {
	return func(yield func(*place) bool) {
		for _, p := range d.known {
			if p.held && !yield(p) {
				return
			}
		}
	}
}

// minPrefix is the shortest beginning of an id that is looked for, in characters.
const minPrefix = 4

// matches tells whether an actor is meant by a text: its name, its id, or the
// beginning of its id.
func matches(text string, w *wire.Where) bool {
	return w.Name == text || len(text) >= minPrefix && strings.HasPrefix(w.Actor.String(), text)
}

// choose returns which of several actors a text means: a name comes before an id, and
// then before the beginning of one.
func choose(text string, found []wire.Where) (wire.Where, error) {
	found = slices.DeleteFunc(slices.Clone(found), func(w wire.Where) bool { return w.Removed || !matches(text, &w) })
	slices.SortFunc(found, func(a, b wire.Where) int {
		named := func(w wire.Where) int {
			if w.Name == text {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(named(a), named(b)), cmp.Compare(a.Created, b.Created),
			bytes.Compare(a.Actor[:], b.Actor[:]), cmp.Compare(b.Epoch, a.Epoch))
	})
	switch {
	case len(found) == 0:
		return wire.Where{}, ErrNotFound
	case found[0].Name == text:
		return found[0], nil
	}
	for _, w := range found[1:] {
		if w.Actor != found[0].Actor {
			return wire.Where{}, ErrAmbiguous
		}
	}
	return found[0], nil
}
