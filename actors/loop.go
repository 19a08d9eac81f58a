package actors

import (
	"context"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// loop owns all that is decided about the actors of a node: groups, who lives, where
// actors are, what is under way. It alone steps it, in rounds: all that has come is
// taken, then every group that was touched is driven, and what they want done goes to
// the committer as one step.
type loop struct {
	host  *Host
	inbox *inbox
	out   step // of this round

	replicas map[wire.ActorID]*replica
	touched  []*replica
	alarms   *alarms[wire.ActorID]

	liveness  *liveness
	directory *directory
	calls     *calls
	channels  *channels
	sessions  *sessions
	finder    *finder
	claims    *claims
	pulses    pulses
	making    map[wire.ActorID]*making // that are created from here
	unmakings map[wire.ActorID]*unmaking
	spawning  map[wire.ActorID]bool
	spawns    []spawn                // that wait for their turn
	spawned   int                    // that are being made
	seeking   map[wire.ActorID]bool  // that are looked for anew
	watches   map[wire.NodeID]func() // what ends the watching of a node
	halting   map[wire.ActorID]int   // activations that have not ended yet
	buried    graves
	doubts    *alarms[wire.ActorID]  // of replicas that may be the only ones
	orphans   []wire.ActorID         // parked, and their leader's node is dead
	turns     map[lane]chan struct{} // of pushes
	// What later has put off, by number.
	laters     uint64
	delayed    map[uint64]func(time.Time)
	afterwards *alarms[uint64]

	swept    time.Time
	reviewed time.Time
	draining bool
}

// received is a message of a node.
type received struct {
	from    wire.NodeID
	message wire.NodeMessage
}

// connected is a connection that has come or gone.
type connected struct {
	node wire.NodeID
	up   bool
}

// What this node remembers of others at most.
const (
	maxPlaces   = 1 << 16
	maxSessions = 1 << 14
)

func newLoop(h *Host) *loop {
	l := &loop{
		host: h, inbox: newInbox(),
		replicas: make(map[wire.ActorID]*replica), alarms: newAlarms[wire.ActorID](),
		liveness:  newLiveness(h.cfg.Heartbeat, h.cfg.SuspectAfter),
		directory: newDirectory(maxPlaces), sessions: newSessions(maxSessions),
		pulses: newPulses(), making: make(map[wire.ActorID]*making), unmakings: make(map[wire.ActorID]*unmaking), spawning: make(map[wire.ActorID]bool),
		seeking: make(map[wire.ActorID]bool), watches: make(map[wire.NodeID]func()),
		halting: make(map[wire.ActorID]int),
		turns:   make(map[lane]chan struct{}),
		delayed: make(map[uint64]func(time.Time)), afterwards: newAlarms[uint64](),
		buried: newGraves(), doubts: newAlarms[wire.ActorID](),
	}
	l.calls = newCalls(h.cfg.Self, l.route, l.sendRequest)
	l.calls.seek = l.seek
	l.channels = newChannels()
	l.channels.route, l.channels.send = l.route, l.sendRequest
	l.channels.find, l.channels.settle = l.findForChannel, l.settle
	l.finder = newFinder(h.cfg.Self, l.send)
	l.claims = newClaims(l.send, l.holderOf)
	l.claims.gone = l.buried.has
	return l
}

// run steps until ctx is done.
func (l *loop) run(ctx context.Context) error {
	defer l.inbox.close()
	defer l.unwatch()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.inbox.wake:
		case <-timer.C:
		}
		l.round(time.Now())
		timer.Reset(time.Until(l.deadline()))
	}
}

// unwatch ends the watching of all nodes.
func (l *loop) unwatch() {
	for _, stop := range l.watches {
		stop()
	}
}

// round takes what has come and what is due.
func (l *loop) round(now time.Time) {
	for _, ev := range l.inbox.take() {
		l.take(now, ev)
	}
	l.tick(now)
	for len(l.touched) > 0 { // driving one may touch another
		batch := l.touched
		l.touched = nil
		for _, r := range batch {
			r.touched = false
			l.drive(now, r)
		}
	}
	l.hand()
}

// hand hands on what this round wants done: what is said need not wait for the disk,
// since groups say nothing that does.
func (l *loop) hand() {
	if len(l.out.messages) > 0 {
		l.host.post.add(l.out.messages...)
		l.out.messages = nil
	}
	if !l.out.empty() {
		l.host.committer.add(l.out)
		l.out = step{}
	}
}

// take takes an event.
func (l *loop) take(now time.Time, ev any) {
	switch ev := ev.(type) {
	case func(time.Time):
		ev(now)
	case received:
		l.receive(now, ev.from, ev.message)
	case connected:
		if l.liveness.connection(now, ev.node, ev.up) {
			l.lifeChanged(now, ev.node, ev.up)
		}
	case *clientCall:
		l.beginCall(now, ev)
	case *batch:
		l.beginBatch(now, ev)
	case activity:
		l.sunk(now, ev)
	case []written:
		l.afterWriting(now, ev)
	}
}

// receive takes a message of a node.
func (l *loop) receive(now time.Time, from wire.NodeID, m wire.NodeMessage) {
	if from != l.host.cfg.Self && l.liveness.heard(now, from) {
		l.lifeChanged(now, from, true)
	}
	switch m := m.(type) {
	case wire.Raft, wire.Held, wire.Evicted, wire.Vouch:
		l.forGroup(now, from, m)
	case wire.Request:
		l.request(now, from, m)
	case wire.Response:
		l.response(now, from, m)
	case wire.Ack:
		l.channels.acked(now, m)
	case wire.Create:
		l.createHere(now, from, m)
	case wire.Created:
		l.created(now, from, m)
	case wire.Claim:
		l.claims.asked(now, from, m)
	case wire.Claimed:
		l.claims.claimed(now, from, m)
	case wire.Find:
		l.find(from, m)
	case wire.Found:
		l.heardOf(from, m)
	case wire.Heartbeat:
		l.pulses.heard(now, from, m)
	}
}

// tick does what is due.
func (l *loop) tick(now time.Time) {
	if !l.liveness.deadline().After(now) {
		beats, died := l.liveness.look(now)
		for _, node := range beats {
			l.send(node, l.pulses.beat(now, node, l.draining))
		}
		for _, node := range died {
			l.lifeChanged(now, node, false)
		}
	}
	l.calls.tick(now)
	l.channels.tick(now)
	l.finder.tick(now)
	l.claims.tick(now)
	l.runDelayed(now)
	l.sweepOrphans(now)
	l.review(now)
	l.resolveDoubts(now)
	for id, ok := l.alarms.due(now); ok; id, ok = l.alarms.due(now) {
		if r := l.replicas[id]; r != nil {
			l.wake(now, r)
		}
	}
}

// deadline is when there is something to do even if nothing comes.
func (l *loop) deadline() time.Time {
	first := l.liveness.deadline()
	for _, t := range []time.Time{l.calls.due.next(), l.channels.due.next(), l.finder.due.next(),
		l.claims.due.next(), l.claims.again.next(), l.claims.expiry.next(), l.alarms.next(), l.afterwards.next()} {
		if !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}

// lifeChanged has everything that counted on a node look elsewhere, or try it again.
func (l *loop) lifeChanged(now time.Time, node wire.NodeID, alive bool) {
	l.host.cfg.Log.Debug("node", "node", node, "alive", alive)
	if alive {
		l.evictAll(node)
	} else {
		l.finder.lost(node)
		l.claims.lost(node)
	}
	for _, r := range l.replicas {
		switch {
		case r.where.Members.Replica(node) != 0:
			l.suspect(now, r, node, alive)
		case alive && r.live != nil && r.leading && len(r.where.Members) < r.spec.Replicas:
			l.maintainIn(r, raiseAgain)
		}
	}
	if !alive {
		l.calls.lost(now, node)
		l.channels.lost(now, node)
	}
}

// send has a message sent at the end of the round. One to this node itself is received
// in the next.
func (l *loop) send(to wire.NodeID, m wire.NodeMessage) {
	if to == "" {
		return
	}
	if to == l.host.cfg.Self {
		l.inbox.put(received{to, m})
		return
	}
	l.out.messages = append(l.out.messages, outgoing{to, m})
}

// forGroup gives a message of another replica to the group that it is for.
func (l *loop) forGroup(now time.Time, from wire.NodeID, m wire.NodeMessage) {
	var actor wire.ActorID
	switch m := m.(type) {
	case wire.Raft:
		actor = m.Actor
	case wire.Held:
		actor = m.Actor
	case wire.Evicted:
		if actor = m.Actor; l.evictedHere(now, from, m) {
			return
		}
	case wire.Vouch:
		actor = m.Actor
	}
	r := l.replicas[actor]
	if r == nil {
		l.evict(from, actor)
		return
	}
	if err := l.unpark(now, r); err != nil {
		l.logFailure(r, "cannot be taken up", err)
		return
	}
	r.work = now
	if err := l.step(now, r, group.Received{From: from, Message: m}); err != nil {
		l.host.cfg.Log.Debug("message of a replica", "actor", actor, "from", from, "err", err)
	}
}

// later has f called on the loop's goroutine after a while.
func (l *loop) later(wait time.Duration, f func(now time.Time)) {
	l.afterwards.set(l.laters, time.Now().Add(wait))
	l.delayed[l.laters] = f
	l.laters++
}

// runDelayed calls what is due of later.
func (l *loop) runDelayed(now time.Time) {
	for n, ok := l.afterwards.due(now); ok; n, ok = l.afterwards.due(now) {
		f := l.delayed[n]
		delete(l.delayed, n)
		f(now)
	}
}

// sendRequest is send for what calls and channels want.
func (l *loop) sendRequest(to wire.NodeID, r wire.Request) { l.send(to, r) }

// touch has a replica driven in this round.
func (l *loop) touch(r *replica) {
	if !r.touched {
		r.touched = true
		l.touched = append(l.touched, r)
	}
}

// do calls f on the loop's goroutine, and waits until that is done.
func (l *loop) do(ctx context.Context, f func(now time.Time)) error {
	done := make(chan struct{})
	err := l.inbox.offer(ctx, func(now time.Time) {
		f(now)
		close(done)
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.host.stopped:
		return ErrUnavailable
	}
}
