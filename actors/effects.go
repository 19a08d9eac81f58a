package actors

import (
	"encoding/binary"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/journal"
)

// effect carries out an effect of a group.
func (l *loop) effect(now time.Time, r *replica, e group.Effect) {
	switch e := e.(type) {
	case group.Elected:
		l.elected(now, r, e.Epoch)
	case group.Deposed:
		l.retire(now, r)
		l.redirectAll(now, r)
	case group.Following:
		l.following(now, r, e.Leader, e.Epoch)
	case group.Confirmed:
		l.confirmed(now, r)
	case group.TransferFailed:
		l.handoverFailed(now, r)
	case group.Changed:
		l.membersChanged(now, r, e.Roster.Members)
		if e.Capture && r.live != nil && r.active != nil {
			l.captureFor(now, r)
		}
	case group.Installed:
		l.installed(now, r, e.Base)
	case group.Based:
		l.based(r, e.Base)
	case group.Agreed:
		l.agreed(now, r, e.Checkpoint)
	case group.Gone:
		l.gone(now, r, e.Removed)
	}
}

// elected begins this replica's epoch: nothing is executed before that is committed.
func (l *loop) elected(now time.Time, r *replica, epoch uint64) {
	r.leading, r.epoch = true, epoch
	r.intake = intake{}
	l.tellWhere(now, r, l.host.cfg.Self, epoch)
	reason := r.reason
	if reason == "" {
		reason = wire.ReasonFailure
	}
	item := wire.Item{Activate: &wire.Activate{Node: l.host.cfg.Self, Reason: reason}}
	l.proposeEntry(now, r, []wire.Item{item}, 0) // if not now, then with what comes
	if r.live != nil && r.leading {
		l.admitHeld(now, r)
	}
}

// following notes who leads, and sends those who wait there.
func (l *loop) following(now time.Time, r *replica, leader wire.NodeID, epoch uint64) {
	l.tellWhere(now, r, leader, epoch)
	l.redirectAll(now, r)
}

// tellWhere notes where an actor is.
func (l *loop) tellWhere(now time.Time, r *replica, leader wire.NodeID, epoch uint64) {
	first := r.where.Epoch == 0
	r.where.Leader, r.where.Epoch, r.work = leader, epoch, now
	if leader != "" {
		r.interrupted = false
	}
	if leader != l.host.cfg.Self {
		r.stopped = ""
	}
	if first {
		l.saveInfo(r) // for after a restart: it has been active
	}
	l.directory.hold(r.where)
}

// membersChanged notes who has replicas.
func (l *loop) membersChanged(now time.Time, r *replica, members wire.Members) {
	if len(members) == 0 {
		return
	}
	for _, m := range members {
		l.shareWith(now, m.Node, 1)
	}
	for _, m := range r.where.Members {
		l.shareWith(now, m.Node, -1)
	}
	r.where.Members, r.changing = members, false
	l.directory.hold(r.where)
	l.saveInfo(r)
	l.tellLives(now, r)
	if r.live != nil && r.leading {
		l.maintainIn(r, raiseAgain)
	}
}

// captureFor makes a checkpoint behind a change of members, for a new one to begin with:
// raft begins nobody where it does not belong to the group yet. The entry is there so
// that there is something to capture: it settles a channel that nobody has.
func (l *loop) captureFor(now time.Time, r *replica) {
	nothing := wire.Item{Ack: &wire.Settled{To: "replica of " + r.id.String(), Seq: 1}}
	l.proposeEntry(now, r, []wire.Item{nothing}, 0)
}

func (l *loop) shareWith(now time.Time, node wire.NodeID, more int) {
	if node == l.host.cfg.Self {
		return
	}
	shared := l.liveness.share(now, node, more)
	if l.host.cfg.Watch == nil {
		return
	}
	stop, watched := l.watches[node]
	switch {
	case shared > 0 && !watched:
		l.watches[node] = l.host.cfg.Watch(node, func(alive bool) { l.host.Believe(node, alive) })
	case shared == 0 && watched:
		delete(l.watches, node)
		stop()
	}
}

// based forgets what is in the base.
func (l *loop) based(r *replica, b wire.Base) {
	if b.Checkpoint == nil {
		return
	}
	l.host.engine.Needed(r.id, b.Checkpoint.Manifest.Cid)
	if r.active != nil && b.Checkpoint.Epoch == r.epoch {
		r.active.Agreed(b.Checkpoint.Sequence)
	}
	n := 0
	for n < len(r.log) && r.log[n].Index <= b.Checkpoint.Index {
		n++
	}
	if n > 0 {
		r.log = append([]wire.Committed(nil), r.log[n:]...)
	}
}

// gone deletes a replica that has no place any more.
func (l *loop) gone(now time.Time, r *replica, removed bool) {
	if removed {
		l.event(now, r, "removed", "")
	}
	led := r.live != nil && r.leading
	l.retire(now, r)
	if removed && led {
		l.evictAt(r.id, r.where.Members) // before whoever had it removed hears that it is
		for _, id := range r.removers {
			l.answered(now, r, id, wire.ActorID{}, wire.Result{Outcome: wire.OK})
		}
	}
	phase := wire.Unavailable // here: others have it
	if removed {
		phase = wire.Gone
	}
	l.failAll(now, r, phase)
	for _, m := range r.where.Members {
		l.shareWith(now, m.Node, -1)
	}
	delete(l.replicas, r.id)
	l.alarms.set(r.id, time.Time{})
	id, module := r.id, r.spec.Module.Cid
	l.directory.release(id)
	l.claims.free(r.where.Name, id)
	r.live = nil
	l.out.records = append(l.out.records, journal.Record{Key: id[:], End: afterActor(id)})
	if removed {
		l.directory.forget(id)
		l.bury(now, r)
	}
	l.out.sync = true
	l.out.after = append(l.out.after, func() { l.host.forget(id, module) })
}

// Keys of the journal: an actor's id, then one byte for what it is.
const (
	keyInfo  = 'i'
	keyState = 's'
	keyBase  = 'b'
	keyEntry = 'e' // and the index
	keyGrave = 'g' // of an actor that was removed
	keyRest  = 'r' // of an actor that was parked by this node, as its leader
)

func actorKey(id wire.ActorID, what byte) []byte { return append(id[:], what) }

func entryKey(id wire.ActorID, index uint64) []byte {
	return binary.BigEndian.AppendUint64(actorKey(id, keyEntry), index)
}

// afterActor is the first key behind all those of an actor.
func afterActor(id wire.ActorID) []byte { return actorKey(id, 0xff) }

// write writes what a group wants written, and tells it when that is on disk.
func (l *loop) write(r *replica, w *group.Write) {
	id, out := r.id, &l.out
	if w.State != nil {
		out.records = append(out.records, journal.Record{Key: actorKey(id, keyState), Value: w.State})
	}
	if w.Base != nil {
		out.records = append(out.records, journal.Record{Key: actorKey(id, keyBase), Value: w.Base})
	}
	out.records = append(out.records, r.disk.update(id, w)...)
	out.sync = out.sync || w.Sync
	l.out.written = append(l.out.written, written{r.live, r.id, w.Number})
}

// written says that a write is on disk.
type written struct {
	live   *live
	actor  wire.ActorID
	number uint64
}

// afterWriting tells groups what is on disk.
func (l *loop) afterWriting(now time.Time, all []written) {
	for _, w := range all {
		if r := l.replicas[w.actor]; r != nil && r.live != nil && r.live == w.live {
			l.step(now, r, group.Written{Number: w.number})
		}
	}
}
