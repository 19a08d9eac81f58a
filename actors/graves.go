package actors

import (
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/journal"
)

// maxGraves is how many removed actors a node remembers, the last ones.
const maxGraves = 4096

// graves are the actors that were removed: replicas that were away then are told when
// they come back.
type graves struct {
	order []wire.ActorID
	dead  map[wire.ActorID]grave
}

// grave is what the journal keeps of a removed actor.
type grave struct {
	Members wire.Members `cbor:"1,keyasint"`
	Removed int64        `cbor:"2,keyasint"` // nanoseconds since 1970
}

func newGraves() graves { return graves{dead: make(map[wire.ActorID]grave)} }

func (g *graves) has(id wire.ActorID) bool {
	_, ok := g.dead[id]
	return ok
}

// add remembers an actor, and returns the one that is forgotten for it, if any.
func (g *graves) add(id wire.ActorID, of grave) (forgotten wire.ActorID) {
	if g.has(id) {
		return forgotten
	}
	if len(g.order) >= maxGraves {
		forgotten = g.order[0]
		delete(g.dead, forgotten)
		g.order = g.order[1:]
	}
	g.order = append(g.order, id)
	g.dead[id] = of
	return forgotten
}

// restore takes a grave of the journal.
func (g *graves) restore(id wire.ActorID, value []byte) error {
	var of grave
	if err := cbor.Unmarshal(value, &of); err != nil {
		return fmt.Errorf("journal of actors: %w", err)
	}
	at := slices.IndexFunc(g.order, func(other wire.ActorID) bool { return g.dead[other].Removed > of.Removed })
	if at < 0 {
		at = len(g.order)
	}
	g.order = slices.Insert(g.order, at, id)
	g.dead[id] = of
	return nil
}

// bury remembers that an actor was removed, and tells its other replicas.
func (l *loop) bury(now time.Time, r *replica) {
	l.remove(now, r.id, r.where.Members)
}

// remove remembers that an actor was removed which had, or was to have, these replicas.
func (l *loop) remove(now time.Time, id wire.ActorID, members wire.Members) {
	of := grave{Members: members, Removed: now.UnixNano()}
	value, err := cbor.Marshal(of)
	if err != nil {
		panic(fmt.Sprintf("grave: %v", err)) // it has only what always encodes
	}
	l.entomb(id, of)
	l.out.records = append(l.out.records, journal.Record{Key: actorKey(id, keyGrave), Value: value})
	l.later(evictDelay, func(time.Time) { l.evictAt(id, members) })
}

// evictDelay is the time that replicas have to learn of a removal by their log, or from
// their leader.
const evictDelay = 500 * time.Millisecond

// evictAt tells the nodes that have replicas of an actor that it is gone.
func (l *loop) evictAt(id wire.ActorID, members wire.Members) {
	for _, m := range members {
		if m.Node != l.host.cfg.Self && l.liveness.alive(m.Node) {
			l.send(m.Node, wire.Evicted{Actor: id, Replica: m.Replica, Removed: true})
		}
	}
}

// outlived notes that an actor was removed of which this node has no replica, so that
// others which have not heard that yet, as they were away, are not believed.
func (l *loop) outlived(id wire.ActorID) {
	if l.replicas[id] != nil || l.buried.has(id) {
		return
	}
	l.directory.forget(id)
	l.entomb(id, grave{})
}

// entomb remembers a removed actor in memory, in place of the first one if there are many.
func (l *loop) entomb(id wire.ActorID, of grave) {
	if old := l.buried.add(id, of); !old.IsZero() {
		l.out.records = append(l.out.records, journal.Record{Key: actorKey(old, keyGrave)})
	}
}

// evict tells a node that an actor is gone, if it is.
func (l *loop) evict(node wire.NodeID, actor wire.ActorID) {
	of, ok := l.buried.dead[actor]
	if n := of.Members.Replica(node); ok && n != 0 && node != l.host.cfg.Self {
		l.send(node, wire.Evicted{Actor: actor, Replica: n, Removed: true})
	}
}

// evictAll tells a node of all that is gone, when it comes back.
func (l *loop) evictAll(node wire.NodeID) {
	for _, id := range l.buried.order {
		l.evict(node, id)
	}
}
