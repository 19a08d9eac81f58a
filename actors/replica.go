package actors

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors/activation"
	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// replica is one of an actor that this node holds. While it is parked it is no more
// than this, and what is on disk.
type replica struct {
	id     wire.ActorID
	number uint64      // in its group
	where  *wire.Where // as told to others, and as the directory has it
	// sequence is the last entry that was committed when it was parked.
	sequence uint64
	// due is when a parked replica that led is to be woken for a timer.
	due     time.Time
	touched bool
	// interrupted: it was at work when this node ended, and nobody has led it since.
	interrupted bool
	// stopped is why the actor had stopped when it was parked by this node, as its leader.
	stopped string
	// reviewed is when a parked replica was taken up last to be looked after.
	reviewed time.Time
	mending  bool // its group was broken, and is on its way to the disk
	*live         // nil while it is parked
}

// live is what a replica needs besides while something happens.
type live struct {
	group *group.Group
	disk  extent // of its log
	spec  wire.Spec
	log   []wire.Committed // behind the base, for whoever activates
	work  time.Time        // when something happened last

	leading bool
	epoch   uint64
	reason  wire.Reason // of the next activation here
	began   time.Time   // when the election was wanted
	intake  intake
	waiting map[wire.MessageID]*waiter
	// batches are on their way into the log, in their order there.
	batches []*batch
	// requesters are the nodes that other actors' messages came from last.
	requesters map[wire.ActorID]wire.NodeID
	// removers are the requests that have ended the actor.
	removers []wire.MessageID
	// held are requests that wait for a leader.
	held []held

	active   *activation.Activation
	sink     *sink
	summary  activation.Summary
	executed bool // the activation has caught up once
	dueAsked time.Time
	kept     []mailbox.Output // that wait until it is sure that this replica leads
	asked    int              // of kept, how many the question under way is for
	asking   bool
	pushes   map[wire.NodeID]*push
	lags     map[uint64]lag // of checkpoints that are not agreed yet, by index
	// agreedIndex is the last checkpoint that a majority holds.
	agreedIndex uint64
	captured    wire.Checkpoint
	capturedAt  time.Time // when the guest stood still for it
	changing    bool      // a change of members is under way
	maintained  time.Time
	invited     time.Time
	improved    time.Time
	arranged    bool          // it is to be maintained before long
	recruiting  bool          // a node is being looked for
	refused     []wire.NodeID // do not want a replica
	crowded     time.Time     // when no node was found for another replica
	// mute are voters that have not answered, though their nodes live, and since when.
	mute      map[wire.NodeID]time.Time
	sources   map[wire.NodeID]uint64
	handover  *handover
	gave      wire.NodeID // where this node has handed the actor to
	gaveAt    time.Time
	wantedAt  time.Time // when a leader was wanted last
	restarted int       // activations that failed, one after the other
	wanted    bool      // it is to be activated as soon as the last activation has ended
}

// waiter is a request that was taken and is not done.
type waiter struct {
	from      wire.NodeID
	ask       bool
	actor     bool // it is from an actor
	committed bool
	began     time.Time
	until     time.Time
}

// held is a request that came while there was no leader.
type held struct {
	from    wire.NodeID
	request wire.Request
	until   time.Time
}

// intake is what waits to be committed, and how much is on its way.
type intake struct {
	items []wire.Item
	sizes []int
	// proposed counts entries that are not committed yet; weights are the bytes of
	// entries that are not executed yet, by index.
	proposed int
	last     time.Time // when an entry was proposed last
	weights  []weight
	bytes    int // of all that is not executed
	count    int
	paused   bool // nothing is proposed: the actor is about to move
	retry    time.Time
}

type weight struct {
	index        uint64
	bytes, count int
}

// maxProposed is how many entries of a group are on their way at once: the more, the
// smaller they are.
const maxProposed = 4

// worthwhile is how many items go on their way at once while others are: an entry costs
// all replicas the same whatever is in it, and fewer are worth waiting for those who come
// until the one before is committed.
const worthwhile = 64

// proposalWait is how long fewer wait at most: it may be another entry that gets the one
// before committed.
const proposalWait = 20 * time.Millisecond

// due is when the next entry may be proposed, as far as those on their way go; not ok if
// there is nothing to propose, or no room.
func (q *intake) due() (at time.Time, ok bool) {
	switch {
	case len(q.items) == 0 || q.paused || q.proposed >= maxProposed:
		return at, false
	case q.proposed > 0 && len(q.items) < worthwhile:
		at = q.last.Add(proposalWait)
	}
	if q.retry.After(at) {
		at = q.retry
	}
	return at, true
}

// retryProposal is the wait after a group was too busy for a proposal.
const retryProposal = 3 * time.Millisecond

// add puts an item in.
func (q *intake) add(item wire.Item, bytes int) {
	q.items, q.sizes = append(q.items, item), append(q.sizes, bytes)
	q.bytes, q.count = q.bytes+bytes, q.count+1
}

// batch takes what fits one entry.
func (q *intake) batch() (items []wire.Item, bytes int) {
	n := 0
	for n < len(q.items) && n < wire.MaxItems && (n == 0 || bytes+q.sizes[n] <= wire.MaxBatch) {
		bytes += q.sizes[n]
		n++
	}
	items = append(items, q.items[:n]...)
	clear(q.items[:n])
	q.items, q.sizes = q.items[n:], q.sizes[n:]
	if len(q.items) == 0 {
		q.items, q.sizes = nil, nil
	}
	return items, bytes
}

// restore puts a batch back that could not be proposed.
func (q *intake) restore(items []wire.Item, each func(wire.Item) int) {
	sizes := make([]int, len(items))
	for i := range items {
		sizes[i] = each(items[i])
	}
	q.items, q.sizes = append(items, q.items...), append(sizes, q.sizes...)
}

// executed takes off what has been worked on.
func (q *intake) executed(index uint64) {
	n := 0
	for n < len(q.weights) && q.weights[n].index <= index {
		q.bytes -= q.weights[n].bytes
		q.count -= q.weights[n].count
		n++
	}
	if q.weights = q.weights[n:]; len(q.weights) == 0 {
		q.weights = nil
	}
}

// itemBytes is what an item weighs.
func itemBytes(i wire.Item) int {
	const some = 96
	switch {
	case i.Message != nil:
		return some + len(i.Message.Payload)
	case i.Reply != nil:
		return some + len(i.Reply.Result.Payload)
	}
	return some
}

// drive does what a replica wants done after it was touched: proposes, asks for
// confirmation, and sets its alarm.
func (l *loop) drive(now time.Time, r *replica) {
	if r.live == nil {
		l.alarms.set(r.id, r.due)
		return
	}
	if r.leading {
		l.propose(now, r)
		l.proposeTime(now, r)
		l.confirm(now, r)
	}
	if r.live != nil {
		l.alarms.set(r.id, l.next(now, r))
	}
}

// propose has what waits committed.
func (l *loop) propose(now time.Time, r *replica) {
	q := &r.intake
	for at, ok := q.due(); ok && !at.After(now); at, ok = q.due() {
		items, bytes := q.batch()
		if !l.proposeEntry(now, r, items, bytes) {
			return
		}
	}
}

// proposeEntry proposes one entry; if that cannot be now its items wait on.
func (l *loop) proposeEntry(now time.Time, r *replica, items []wire.Item, bytes int) bool {
	e := wire.Entry{Time: now.UnixNano(), Items: items}
	rand.Read(e.Seed[:])
	r.intake.proposed++
	r.intake.last = now
	err := l.step(now, r, group.Propose{Entry: e})
	if err == nil || r.live == nil {
		return r.live != nil
	}
	r.intake.proposed--
	r.intake.restore(items, itemBytes)
	if errors.Is(err, group.ErrBusy) {
		r.intake.retry = now.Add(retryProposal)
	}
	return false
}

// proposeTime has time pass in the actor's log when one of its timers is due.
func (l *loop) proposeTime(now time.Time, r *replica) {
	due := r.summary.Due
	if due.IsZero() || due.After(now) || due.Equal(r.dueAsked) || r.intake.paused || r.intake.retry.After(now) {
		return
	}
	if l.proposeEntry(now, r, nil, 0) {
		r.dueAsked = due
	}
}

// next is when a live replica is to be looked at even if nothing happens.
func (l *loop) next(now time.Time, r *replica) time.Time {
	at := r.work.Add(l.host.cfg.ParkAfter)
	if !at.After(now) {
		at = now.Add(l.host.cfg.ParkAfter)
	}
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	earlier(r.group.Deadline())
	if r.leading {
		if !r.summary.Due.Equal(r.dueAsked) {
			earlier(r.summary.Due)
		}
		if due, ok := r.intake.due(); ok {
			earlier(due)
		}
	}
	return at
}

// wake is called when a replica's alarm has come.
func (l *loop) wake(now time.Time, r *replica) {
	if r.live == nil {
		if !r.due.IsZero() && !r.due.After(now) {
			l.want(now, r, wire.ReasonWoken)
		}
		return
	}
	if d := r.group.Deadline(); !d.IsZero() && !d.After(now) {
		l.step(now, r, group.Tick{})
	}
	if r.live == nil {
		return
	}
	r.expire(now)
	if r.leading {
		l.maintain(now, r)
		l.captureLast(now, r)
	}
	if r.live == nil || l.astray(now, r) {
		return
	}
	l.park(now, r)
	l.touch(r)
}

// astray tells whether a replica does not belong to its group any more, as far as it
// knows, or not yet, and then has it ask whether it may go: what it waits for may be gone.
func (l *loop) astray(now time.Time, r *replica) bool {
	if r.group.Roster().Members.Replica(l.host.cfg.Self) != 0 {
		return false
	}
	l.step(now, r, group.Campaign{})
	return true
}

// expire forgets requests that nobody waits for any more.
func (r *replica) expire(now time.Time) {
	for id, w := range r.waiting {
		if w.until.Before(now) {
			delete(r.waiting, id)
		}
	}
	kept := r.held[:0]
	for _, h := range r.held {
		if h.until.After(now) {
			kept = append(kept, h)
		}
	}
	clear(r.held[len(kept):])
	r.held = kept
}

// step gives a group an event and carries out what it wants.
func (l *loop) step(now time.Time, r *replica, ev group.Event) error {
	ready, err := r.group.Step(now, ev)
	if errors.Is(err, group.ErrBroken) {
		l.mend(now, r, err)
		return err
	}
	l.carryOut(now, r, ready)
	l.touch(r)
	return err
}

// carryOut carries out what a group wants.
func (l *loop) carryOut(now time.Time, r *replica, ready group.Ready) {
	for _, m := range ready.Messages {
		l.send(m.To, m.Message)
	}
	if ready.Write != nil {
		l.write(r, ready.Write)
	}
	if len(ready.Committed) > 0 {
		l.committed(now, r, ready.Committed)
	}
	for _, e := range ready.Effects {
		if r.live == nil {
			return
		}
		l.effect(now, r, e)
	}
}

// committed takes what a group has committed.
func (l *loop) committed(now time.Time, r *replica, entries []wire.Committed) {
	r.log = append(r.log, entries...)
	r.work = now
	if !r.leading {
		return
	}
	active := r.active // one that begins with these has them already
	for i := range entries {
		l.commit(now, r, &entries[i])
	}
	if active != nil && active == r.active {
		active.Apply(entries)
	}
}

// commit takes an entry that was committed while this replica leads.
func (l *loop) commit(now time.Time, r *replica, e *wire.Committed) {
	own := e.Epoch == r.epoch
	weighs := weight{index: e.Index}
	for i := range e.Entry.Items {
		item := &e.Entry.Items[i]
		switch {
		case item.Activate != nil && own:
			defer l.activate(now, r)
		case item.Checkpoint != nil:
			continue // the group's own
		}
		if own {
			weighs.bytes += itemBytes(*item)
			weighs.count++
		}
		if item.Control != nil && item.Control.Verb == wire.VerbRemove {
			r.removers = append(r.removers, item.Control.ID)
		}
		if item.Message != nil {
			if !l.inBatch(now, r, item.Message.ID) {
				l.acknowledge(now, r, item.Message.ID)
			}
		}
	}
	if own {
		r.intake.weights = append(r.intake.weights, weighs)
		if !ofGroup(&e.Entry) {
			r.intake.proposed--
		}
	}
}

// ofGroup tells whether an entry is one that the group, or raft, has proposed itself.
func ofGroup(e *wire.Entry) bool {
	if len(e.Items) == 0 {
		return e.Time == 0
	}
	return len(e.Items) == 1 && e.Items[0].Checkpoint != nil
}

// acknowledge says that a message is committed, to who only wants to know that.
func (l *loop) acknowledge(now time.Time, r *replica, id wire.MessageID) {
	w := r.waiting[id]
	if w == nil || w.committed {
		return
	}
	w.committed = true
	l.host.cfg.Observer.Message(now.Sub(w.began))
	switch {
	case w.ask:
	case w.actor:
		delete(r.waiting, id)
	default:
		delete(r.waiting, id)
		l.respond(now, r, w.from, wire.Response{ID: id, Phase: wire.Acknowledged})
	}
}

// respond answers a request.
func (l *loop) respond(now time.Time, r *replica, to wire.NodeID, m wire.Response) {
	m.Actor, m.Epoch = r.id, r.where.Epoch
	if to == l.host.cfg.Self {
		l.response(now, to, m)
		return
	}
	l.send(to, m)
}

// mend makes a group that is broken again from disk, once: one that is broken there
// stays away, and the others go on without it.
func (l *loop) mend(now time.Time, r *replica, cause error) {
	l.host.cfg.Log.Error("group of an actor is broken", "actor", r.where.Name, "id", r.id, "err", cause)
	l.retire(now, r)
	r.live, r.mending = nil, true
	l.out.after = append(l.out.after, func() { l.inbox.put(func(time.Time) { r.mending = false }) })
	l.touch(r)
}

// logFailure is for what goes wrong with one actor and is tried again.
func (l *loop) logFailure(r *replica, what string, err error) {
	l.host.cfg.Log.Warn(fmt.Sprintf("actor: %s", what), "actor", r.where.Name, "id", r.id, "err", err)
}
