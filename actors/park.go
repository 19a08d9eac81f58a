package actors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/journal"
)

// info is what the journal has of a replica beside its group's: enough to know of it
// without taking it up.
type info struct {
	Number  uint64       `cbor:"1,keyasint"`
	Name    string       `cbor:"2,keyasint"`
	Created int64        `cbor:"3,keyasint"`
	Members wire.Members `cbor:"4,keyasint"`
	Leader  wire.NodeID  `cbor:"5,keyasint"`
	Epoch   uint64       `cbor:"6,keyasint"`
	// Due is when the actor has to be woken, in nanoseconds since 1970; 0: not at all.
	Due int64 `cbor:"7,keyasint"`
	// Parked: nothing was under way when this was written.
	Parked bool `cbor:"8,keyasint"`
	// Sequence is the last entry that was committed when it was parked.
	Sequence uint64 `cbor:"9,keyasint"`
	// Stopped is why the actor has stopped, as far as its leader knew when it was parked.
	Stopped string `cbor:"10,keyasint,omitempty"`
}

// saveInfo writes what is known of a replica.
func (l *loop) saveInfo(r *replica) {
	w := r.where
	i := info{
		Number: r.number, Name: w.Name, Created: w.Created, Members: w.Members, Leader: w.Leader, Epoch: w.Epoch,
		Parked: r.live == nil, Sequence: r.sequence, Stopped: r.stopped,
	}
	if !r.due.IsZero() {
		i.Due = r.due.UnixNano()
	}
	value, err := cbor.Marshal(i)
	if err != nil {
		panic(fmt.Sprintf("info of a replica: %v", err)) // it has only what always encodes
	}
	l.out.records = append(l.out.records, journal.Record{Key: actorKey(r.id, keyInfo), Value: value})
}

// restore takes up what the journal has. Who worked when the host ended works on.
func (l *loop) restore(j *journal.Journal) error {
	now := time.Now()
	var awake []*replica
	for p, err := range j.Scan(nil, nil) {
		if err != nil {
			return err
		}
		if len(p.Key) != len(wire.ActorID{})+1 {
			continue
		}
		if p.Key[len(p.Key)-1] == keyGrave {
			if err := l.buried.restore(wire.ActorID(p.Key[:16]), p.Value); err != nil {
				return err
			}
		}
		if p.Key[len(p.Key)-1] != keyInfo {
			continue
		}
		var i info
		if err := cbor.Unmarshal(p.Value, &i); err != nil {
			return fmt.Errorf("journal of actors: %w", err)
		}
		r := l.remember(now, wire.ActorID(p.Key[:16]), i)
		if i.Epoch == 0 {
			l.doubt(now, r)
		}
		if !i.Parked {
			awake = append(awake, r)
		}
	}
	for _, r := range awake {
		if err := l.unpark(now, r); err != nil {
			l.logFailure(r, "cannot be taken up", err)
			continue
		}
		r.interrupted = true
		l.orphans = append(l.orphans, r.id)
	}
	l.swept = now.Add(restartWait)
	return nil
}

// restartWait is the time that other nodes have to say who leads, after a restart.
const restartWait = 500 * time.Millisecond

// remember makes a parked replica of what is known of it.
func (l *loop) remember(now time.Time, id wire.ActorID, i info) *replica {
	r := &replica{id: id, number: i.Number, sequence: i.Sequence, stopped: i.Stopped, where: &wire.Where{
		Actor: id, Name: i.Name, Created: i.Created, Members: i.Members, Leader: i.Leader, Epoch: i.Epoch,
	}}
	if i.Due != 0 {
		r.due = time.Unix(0, i.Due)
	}
	l.replicas[id] = r
	l.directory.hold(r.where)
	l.alarms.set(id, r.due)
	for _, m := range i.Members {
		l.shareWith(now, m.Node, 1)
	}
	return r
}

// unpark makes a replica's group from what is on disk.
func (l *loop) unpark(now time.Time, r *replica) error {
	if r.live != nil {
		return nil
	}
	if r.mending {
		return errMending
	}
	saved, there, err := savedIn(l.host.journal, r.id)
	if err != nil {
		return err
	}
	return l.begin(now, r, saved, there)
}

// errMending: what a broken group has written is not all on disk yet.
var errMending = fmt.Errorf("%w: its group is made again", ErrUnavailable)

// begin makes a replica's group.
func (l *loop) begin(now time.Time, r *replica, saved group.Saved, there extent) error {
	cfg := group.Config{Self: l.host.cfg.Self}
	if r.where.Leader == l.host.cfg.Self {
		cfg.Stagger = 1 // it is this node's turn, before all others'
	}
	if len(saved.Base) == 0 {
		cfg.Join = r.where.Members
	}
	g, err := group.New(cfg, r.id, r.number, saved)
	if err != nil {
		return err
	}
	r.live = &live{
		group: g, disk: there, work: now, waiting: make(map[wire.MessageID]*waiter),
		requesters: make(map[wire.ActorID]wire.NodeID), pushes: make(map[wire.NodeID]*push),
		lags: make(map[uint64]lag),
	}
	r.spec = g.Base().Spec
	r.due = time.Time{}
	l.saveInfo(r)
	l.step(now, r, group.Tick{})
	if c := g.Base().Checkpoint; c != nil && r.live != nil {
		l.keep(now, r, *c)
	}
	l.tellLives(now, r)
	if r.live != nil {
		l.astray(now, r)
	}
	return nil
}

// tellLives tells a group which members' nodes are dead and which live: of one that was
// no member meanwhile it has not heard.
func (l *loop) tellLives(now time.Time, r *replica) {
	for _, m := range r.where.Members {
		switch {
		case r.live == nil:
			return
		case m.Node == l.host.cfg.Self:
		case l.liveness.alive(m.Node):
			l.step(now, r, group.Trust{Node: m.Node})
		default:
			l.step(now, r, group.Suspect{Node: m.Node})
		}
	}
}

// suspect tells a group that a node is dead, or lives again. If the node led, somebody
// has to go on with what was under way.
func (l *loop) suspect(now time.Time, r *replica, node wire.NodeID, alive bool) {
	if r.live == nil {
		if !alive && r.where.Leader == node {
			l.orphans = append(l.orphans, r.id)
		}
		return
	}
	if alive {
		l.step(now, r, group.Trust{Node: node})
		if r.live != nil && r.leading {
			l.supply(r, node)
			l.maintainIn(r, raiseAgain)
		}
		return
	}
	l.step(now, r, group.Suspect{Node: node})
	if r.live != nil && r.leading {
		l.maintainIn(r, l.host.cfg.ReplaceAfter)
		l.handoverStep(now, r)
	}
	if r.live != nil {
		l.sayUnavailable(now, r)
	}
	if r.live != nil && !r.leading && r.where.Leader == node {
		l.want(now, r, wire.ReasonFailure)
	}
}

// park lets go of a replica that has nothing to do.
func (l *loop) park(now time.Time, r *replica) {
	quiet := now.Sub(r.work) >= l.host.cfg.ParkAfter && r.group.Idle() &&
		len(r.held) == 0 && len(r.waiting) == 0 && len(r.batches) == 0 && !r.unpushed()
	if !quiet || r.leading && !r.settled() {
		return
	}
	if r.leading && l.drained(now, r) { // its replicas are on their way elsewhere
		l.maintainIn(r, raiseAgain)
		return
	}
	if r.leading && l.draining && l.canLeave(now, r) {
		l.maintainIn(r, improveEvery)
		return
	}
	if !r.leading && (r.where.Leader == "" || len(r.group.Roster().Learners) > 0) {
		return // nobody leads, or somebody learns: that is no rest
	}
	r.due = time.Time{}
	if r.leading {
		r.due, r.stopped = r.summary.Due, ""
		if r.summary.Status != mailbox.Running {
			r.stopped = cmp.Or(r.summary.Reason, "it has stopped")
		}
		l.event(now, r, "idle", "")
		l.saveRest(r)
	}
	l.retire(now, r)
	r.sequence = r.lastIndex()
	r.live = nil
	l.saveInfo(r)
}

// settled tells whether a leader has nothing under way: all is executed and in a
// checkpoint that the majority has.
func (r *replica) settled() bool {
	s := &r.summary
	return r.executed && r.active != nil && (s.Settled || s.Status != mailbox.Running) && r.handover == nil && !r.changing && !r.recruiting &&
		len(r.intake.items) == 0 && r.intake.proposed == 0 && len(r.kept) == 0 &&
		r.lastWork() <= r.agreedIndex
}

// lastWork is the last entry that a checkpoint is worth for.
func (r *replica) lastWork() uint64 {
	for i := len(r.log) - 1; i >= 0; i-- {
		if e := &r.log[i].Entry; !ofGroup(e) {
			return r.log[i].Index
		}
	}
	return 0
}

// sweepEvery and sweepMost bound how many parked actors of a dead node are taken up at
// once: whoever has a message comes up at once, and the others, which may have timers,
// one after the other.
const (
	sweepEvery = 50 * time.Millisecond
	sweepMost  = 8
	// orphanAgain is how long an election of one of them may take.
	orphanAgain = time.Second
)

// sweepOrphans takes up actors that nobody may lead: parked ones whose leader is dead,
// and those that were at work when this node ended.
func (l *loop) sweepOrphans(now time.Time) {
	if len(l.orphans) == 0 || now.Before(l.swept.Add(sweepEvery)) {
		return
	}
	l.swept = now
	for n, look := 0, len(l.orphans); n < sweepMost && look > 0; look-- {
		r := l.replicas[l.orphans[0]]
		l.orphans = l.orphans[1:]
		if r == nil || l.isLed(r) {
			continue
		}
		l.orphans = append(l.orphans, r.id) // elections fail: until somebody leads it
		if r.live != nil && now.Sub(r.wantedAt) < orphanAgain {
			continue
		}
		n++
		l.want(now, r, l.reasonNow(r))
	}
}

// isLed tells whether a living node is known to lead an actor.
func (l *loop) isLed(r *replica) bool {
	leader := r.where.Leader
	if r.live != nil {
		if r.leading {
			return true
		}
		leader, _ = r.group.Leader()
	}
	return leader != l.host.cfg.Self && l.liveness.alive(leader)
}

// savedIn is what the journal has of a group, and which entries those are.
func savedIn(j *journal.Journal, id wire.ActorID) (s group.Saved, there extent, err error) {
	for p, err := range j.Scan(id[:], afterActor(id)) {
		if err != nil {
			return s, there, err
		}
		value := append([]byte(nil), p.Value...)
		switch p.Key[len(id)] {
		case keyState:
			s.State = value
		case keyBase:
			s.Base = value
		case keyEntry:
			if at := binary.BigEndian.Uint64(p.Key[len(id)+1:]); there.empty() {
				there = extent{at, at + 1}
			} else {
				there.end = at + 1
			}
			s.Entries = append(s.Entries, value)
		}
	}
	return s, there, nil
}
