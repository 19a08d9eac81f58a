package actors

import (
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// maxHeld is how many requests of an actor wait for a leader.
const maxHeld = 1 << 14

// request takes a request for an actor that should be led here.
func (l *loop) request(now time.Time, from wire.NodeID, m wire.Request) {
	r := l.replicas[m.Actor]
	if r == nil {
		l.refer(now, from, m)
		return
	}
	if err := l.unpark(now, r); err != nil {
		l.logFailure(r, "cannot be taken up", err)
		l.respond(now, r, from, wire.Response{ID: requestID(&m), Phase: wire.Unavailable})
		return
	}
	r.work = now
	l.touch(r)
	switch leader, _ := r.group.Leader(); {
	case r.leading:
		l.admit(now, r, from, m)
	case leader != "" && leader != l.host.cfg.Self && l.liveness.alive(leader) && from != leader:
		l.redirect(now, r, from, requestID(&m))
	default:
		l.hold(now, r, from, m)
	}
}

// refer answers a request for an actor that this node has no replica of.
func (l *loop) refer(now time.Time, from wire.NodeID, m wire.Request) {
	answer := wire.Response{Actor: m.Actor, ID: requestID(&m), Phase: wire.Redirected}
	if l.buried.has(m.Actor) {
		answer.Phase = wire.Gone
	} else if p := l.directory.known[m.Actor]; p != nil {
		answer.Leader, answer.Members, answer.Epoch = p.Leader, p.Members, p.Epoch
	}
	if from == l.host.cfg.Self {
		l.response(now, from, answer)
		return
	}
	l.send(from, answer)
}

// requestID is the id of a request.
func requestID(m *wire.Request) wire.MessageID {
	if m.Control != nil {
		return m.Control.ID
	}
	return m.Message.ID
}

// admit takes a request into the actor's log, unless it is there already.
func (l *loop) admit(now time.Time, r *replica, from wire.NodeID, m wire.Request) {
	id := requestID(&m)
	w := r.waiting[id]
	if w != nil {
		l.again(now, r, w, from, m)
		return
	}
	if !l.quorum(r) {
		l.respond(now, r, from, wire.Response{ID: id, Phase: wire.Unavailable})
		return
	}
	item := wire.Item{Message: m.Message, Control: m.Control}
	weight := itemBytes(item)
	full := r.intake.bytes+weight > l.host.cfg.Unapplied || r.intake.count >= l.host.cfg.UnappliedEntries
	if full || m.Message != nil && r.summary.Kept > maxKept {
		l.respond(now, r, from, wire.Response{ID: id, Phase: wire.Busy})
		return
	}
	w = &waiter{from: from, ask: m.Control != nil || m.Message.Ask, began: now, until: now.Add(m.Remaining + time.Second)}
	if m.Message != nil && !m.Message.From.IsZero() {
		w.actor = true
		r.requesters[m.Message.From] = from
	}
	r.waiting[id] = w
	r.intake.add(item, weight)
	l.traffic(r, from, 1)
}

// sayUnavailable tells all who wait for an actor that too few of its replicas live, if that
// is so. What is in the log stays there, and what is not they send again: it may count or
// not. What is committed is not answered either, since nobody knows who leads now.
func (l *loop) sayUnavailable(now time.Time, r *replica) {
	if l.quorum(r) {
		return
	}
	for id, w := range r.waiting {
		l.respond(now, r, w.from, wire.Response{ID: id, Phase: wire.Unavailable})
	}
	for _, h := range r.held {
		l.respond(now, r, h.from, wire.Response{ID: requestID(&h.request), Phase: wire.Unavailable})
	}
	r.held = nil
	l.scatter(now, r)
}

// maxKept is how many bytes of log may be behind the last checkpoint: a process that is
// never at rest cannot be captured, and all its messages are kept for its next activation.
const maxKept = 64 << 20

// again takes a request that was taken before. One that is committed is proposed once
// more: the mailbox knows it, and repeats the reply if there is one.
func (l *loop) again(now time.Time, r *replica, w *waiter, from wire.NodeID, m wire.Request) {
	w.from = from
	if !l.quorum(r) {
		l.respond(now, r, from, wire.Response{ID: requestID(&m), Phase: wire.Unavailable})
		return
	}
	if !w.committed {
		return
	}
	if m.Message != nil {
		item := wire.Item{Message: m.Message}
		r.intake.add(item, itemBytes(item))
	}
	if !w.actor {
		l.respond(now, r, from, wire.Response{ID: requestID(&m), Phase: wire.Acknowledged})
	}
}

// hold keeps a request until there is a leader, and sees to it that there will be one.
func (l *loop) hold(now time.Time, r *replica, from wire.NodeID, m wire.Request) {
	id := requestID(&m)
	if !l.quorum(r) {
		l.respond(now, r, from, wire.Response{ID: id, Phase: wire.Unavailable})
		return
	}
	for i := range r.held {
		if requestID(&r.held[i].request) == id {
			r.held[i].from = from
			l.want(now, r, "")
			return
		}
	}
	if len(r.held) >= maxHeld {
		l.respond(now, r, from, wire.Response{ID: id, Phase: wire.Busy})
		return
	}
	r.held = append(r.held, held{from, m, now.Add(m.Remaining + time.Second)})
	l.want(now, r, "")
}

// quorum tells whether a majority of the replicas lives.
func (l *loop) quorum(r *replica) bool {
	n := 0
	for _, m := range r.where.Members {
		if l.lives(m.Node) {
			n++
		}
	}
	if n == len(r.where.Members) || r.live == nil {
		return 2*n > len(r.where.Members)
	}
	return l.votersLive(r.group.Roster())
}

// votersLive is quorum where somebody is dead: those who only learn do not count.
func (l *loop) votersLive(of group.Roster) bool {
	n := 0
	for _, voter := range of.Voters {
		if l.lives(of.Members.Node(voter)) {
			n++
		}
	}
	return 2*n > len(of.Voters)
}

func (l *loop) lives(node wire.NodeID) bool {
	return node == l.host.cfg.Self || l.liveness.alive(node)
}

// want has the replicas find a leader if there is none.
func (l *loop) want(now time.Time, r *replica, reason wire.Reason) {
	if l.unpark(now, r) != nil || r.leading || now.Sub(r.gaveAt) < giveTime && l.liveness.alive(r.gave) {
		return
	}
	if reason == "" && now.Sub(r.wantedAt) < wantAgain {
		return
	}
	r.wantedAt = now
	if r.reason == "" {
		if r.reason = reason; reason == "" {
			r.reason = l.reasonNow(r)
		}
		r.began = now
	}
	l.step(now, r, group.Campaign{})
}

// wantAgain is the time between two campaigns for the same want.
const wantAgain = 50 * time.Millisecond

// giveTime is how long a node that has handed an actor over leaves the other one in
// peace.
const giveTime = 500 * time.Millisecond

// reasonNow is why this node would activate the actor.
func (l *loop) reasonNow(r *replica) wire.Reason {
	if r.where.Epoch == 0 {
		return wire.ReasonCreated // it has never been active
	}
	if r.interrupted {
		return wire.ReasonFailure
	}
	if r.where.Leader == "" || r.where.Leader == l.host.cfg.Self || l.liveness.alive(r.where.Leader) {
		return wire.ReasonWoken
	}
	return wire.ReasonFailure
}

// admitHeld takes the requests that waited for a leader.
func (l *loop) admitHeld(now time.Time, r *replica) {
	all := r.held
	r.held = nil
	for _, h := range all {
		l.admit(now, r, h.from, h.request)
	}
}

// redirectAll sends all who wait here to who leads now, or has them ask again.
func (l *loop) redirectAll(now time.Time, r *replica) {
	for id, w := range r.waiting {
		l.redirect(now, r, w.from, id)
	}
	clear(r.waiting)
	leader, _ := r.group.Leader()
	if leader == "" || leader == l.host.cfg.Self {
		return
	}
	for _, h := range r.held {
		l.redirect(now, r, h.from, requestID(&h.request))
	}
	r.held = nil
}

func (l *loop) redirect(now time.Time, r *replica, to wire.NodeID, id wire.MessageID) {
	leader, epoch := r.group.Leader()
	if (leader == "" || leader == l.host.cfg.Self) && !r.leading {
		leader = r.gave
	}
	m := wire.Response{Actor: r.id, ID: id, Phase: wire.Redirected, Leader: leader, Members: r.where.Members, Epoch: epoch}
	if to == l.host.cfg.Self {
		l.inbox.put(received{to, m})
		return
	}
	l.send(to, m)
}

// failAll ends all that waits here.
func (l *loop) failAll(now time.Time, r *replica, phase wire.Phase) {
	if r.live == nil {
		return
	}
	for id, w := range r.waiting {
		l.respond(now, r, w.from, wire.Response{ID: id, Phase: phase})
	}
	clear(r.waiting)
	for _, h := range r.held {
		l.respond(now, r, h.from, wire.Response{ID: requestID(&h.request), Phase: phase})
	}
	r.held = nil
}

// response takes what a node says of a request of this one.
func (l *loop) response(now time.Time, from wire.NodeID, m wire.Response) {
	if m.Phase == wire.Redirected {
		l.directory.redirect(m.Actor, m.Leader, m.Members, m.Epoch)
	}
	if !l.channels.response(now, from, m) {
		l.calls.response(now, from, m)
	}
}
