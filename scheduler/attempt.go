package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// receive takes an executor's message. Whatever it says of an attempt that is not
// the live one of its task, on that node, is refused.
func (s *Submitter) receive(from wire.NodeID, m wire.Message) {
	switch m := m.(type) {
	case wire.Reserved:
		s.heard(from, m.Free)
		s.onReserved(s.live(from, m.Ref), from, m.Ref)
	case wire.Bid:
		s.bid(from, m)
	case wire.Refused:
		s.heard(from, m.Free)
		if m.Why == wire.RefusedTrust { // said of this node
			s.view.distrusted(s.now, from)
			m.Why = wire.RefusedStranger
		}
		if t := s.bidding[m.Task]; t != nil && t.number == m.Attempt {
			s.declined(t, Answer{Node: from, Said: SaidRefused, Why: m.Why, Detail: m.Detail})
		} else if t := s.live(from, m.Ref); t != nil {
			s.onRefused(t, m)
		}
	case wire.Accepted:
		s.confirmOrCancel(from, m.Ref)
	case wire.Progress:
		if t := s.live(from, m.Ref); t != nil {
			s.confirm(t)
			s.effect(Used{m.Ref, m.FuelUsed, m.MemoryBytes})
		}
	case wire.Output:
		if t := s.live(from, m.Ref); t != nil {
			s.confirm(t)
			s.effect(Write{m.Ref, began(t.attempts, t.number), m.Stream, m.Offset, m.Data})
		}
	case wire.Keep:
		s.onKeep(from, m)
	case wire.Kept:
		s.onKept(from, m)
	case wire.Heartbeat:
		s.heard(from, m.Free)
		for _, ref := range m.Attempts {
			s.confirmOrCancel(from, ref)
		}
	case wire.Done:
		s.heard(from, m.Free)
		s.done(from, m)
	}
}

// heard takes in what a node has free.
func (s *Submitter) heard(from wire.NodeID, free wire.Capacity) {
	s.view.report(s.now, from, free)
	s.placeAgain = true
}

// live is the task whose current attempt this is, on this node, or nil.
func (s *Submitter) live(from wire.NodeID, ref wire.Ref) *task {
	t := s.tasks[ref.Task]
	if t == nil || !t.phase.placed() || t.node != from || t.number != ref.Attempt {
		return nil
	}
	return t
}

func (s *Submitter) onReserved(t *task, from wire.NodeID, ref wire.Ref) {
	switch {
	case t == nil:
		s.send(from, wire.Cancel{Ref: ref})
	case t.phase == phaseReserving:
		s.answers(t, Answer{Node: from, Said: SaidReserved})
		s.reserved(t)
	}
}

// onRefused tries the next node. A node that refuses what it has reserved has
// spent an attempt, which does not count against the task but against the node.
func (s *Submitter) onRefused(t *task, m wire.Refused) {
	switch t.phase {
	case phaseReserving:
		s.answers(t, Answer{Node: t.node, Said: SaidRefused, Why: m.Why, Detail: m.Detail})
		if crowded(m.Why) {
			s.crowdUntil = s.now.Add(crowdFor)
		}
		switch m.Why {
		case wire.RefusedStale:
			t.spent = true
		case wire.RefusedShare:
			s.view.rest(s.now, t.node, m.Why, sharePause)
		case wire.RefusedDraining, wire.RefusedBusy:
			s.view.rest(s.now, t.node, m.Why, minPause)
		}
		s.passOver(t)
	case phaseAssigning:
		s.closeAttempt(t, wire.Outcome{Status: wire.Failed, Reason: wire.ReasonRefused, Fault: wire.FaultNode,
			Message: "refused after it had reserved: " + m.Why.String()})
		s.view.strike(s.now, t.node)
		s.passOver(t)
		s.persist(t)
	}
}

// confirmOrCancel: a node says that it has an attempt.
func (s *Submitter) confirmOrCancel(from wire.NodeID, ref wire.Ref) {
	if t := s.live(from, ref); t != nil {
		s.confirm(t)
		return
	}
	s.send(from, wire.Cancel{Ref: ref})
}

// confirm: the live attempt is on its executor's disk.
func (s *Submitter) confirm(t *task) {
	t.seen = s.now
	switch t.phase {
	case phaseReserving: // it had accepted before this node forgot in a crash
		s.endRound(t, t.node)
		s.openAttempt(t)
	case phaseAssigning:
	default:
		s.rearm(t)
		return
	}
	t.refusals, t.tried = 0, nil
	s.enter(t, phaseRunning)
	s.persist(t)
}

// done takes a result. It is acknowledged as soon as it is on disk, or is not
// wanted.
func (s *Submitter) done(from wire.NodeID, m wire.Done) {
	t := s.live(from, m.Ref)
	if t == nil {
		s.stats.StaleResults++
		s.send(from, wire.Ack{Ref: m.Ref})
		return
	}
	if t.phase == phaseCollecting {
		return
	}
	s.confirm(t)
	r, err := openResult(t, m)
	if err != nil {
		s.stats.BadResults++
		s.send(from, wire.Ack{Ref: m.Ref})
		s.failed(t, wire.Outcome{Status: wire.Failed, Reason: wire.ReasonRefused, Fault: wire.FaultNode, Message: err.Error()})
		return
	}
	t.result, t.envelope = r, m.Envelope
	links := r.Links()
	if !guestDone(r.Outcome) || len(links) == 0 {
		s.settle(t)
		return
	}
	t.answerBy = s.now.Add(s.cfg.CollectTimeout)
	s.enter(t, phaseCollecting)
	s.effect(Collect{Ref: m.Ref, Node: from, Links: links})
}

// openResult checks that a result is the live attempt's, and fits the task.
func openResult(t *task, m wire.Done) (*wire.Result, error) {
	r, err := wire.Open[wire.Result](m.Envelope)
	if err != nil {
		return nil, fmt.Errorf("the node's result is not acceptable: %w", err)
	}
	limit := t.spec.Limits.Fuel
	switch {
	case r.Executor != t.node || r.Submitter != t.spec.Submitter || r.Ref != t.ref():
		err = fmt.Errorf("the node's result is of another attempt")
	case r.Started && r.FuelLimit != limit:
		err = fmt.Errorf("the node's result has a fuel limit of %d, not %d", r.FuelLimit, limit)
	case r.Reason == wire.ReasonOutOfFuel && limit == 0, r.Status == wire.Cancelled:
		err = fmt.Errorf("the node's result, %s %s, cannot be", r.Status, r.Reason)
	case len(r.Values) > 0 && t.spec.Invoke == "":
		err = fmt.Errorf("the node's result has values, but no function was invoked")
	}
	return &r, err
}

// guestDone tells whether an outcome is the guest's own end, good or bad, and not
// the fault of a node.
func guestDone(o wire.Outcome) bool {
	return o.Status == wire.Succeeded || o.Reason != wire.ReasonNodeLost && o.Reason != wire.ReasonRefused
}

func (s *Submitter) collected(ev Collected) {
	t := s.tasks[ev.Task]
	if t == nil || t.phase != phaseCollecting || t.number != ev.Attempt {
		return
	}
	if ev.Err != "" {
		s.uncollected(t, ev.Err)
		return
	}
	s.settle(t)
}

// uncollected: the outputs that a result names are not to be had, so it is worth
// nothing.
func (s *Submitter) uncollected(t *task, how string) {
	s.send(t.node, wire.Ack{Ref: t.ref()})
	t.result, t.envelope = nil, nil
	s.failed(t, wire.Outcome{Status: wire.Failed, Reason: wire.ReasonRefused, Fault: wire.FaultFetch,
		Message: "outputs cannot be fetched: " + how})
}

// settle ends the task, or the attempt, with the result that was checked.
func (s *Submitter) settle(t *task) {
	o, node, ref := t.result.Outcome, t.node, t.ref()
	if o.Status == wire.Succeeded {
		s.closeAttempt(t, o)
		s.view.worked(s.now, node, true, o.Wall)
		s.finish(t, Succeeded, wire.ReasonNone, "")
	} else {
		s.failed(t, o)
	}
	s.send(node, wire.Ack{Ref: ref})
}

// mayRetry tells whether another attempt is to be made after a failure.
func (s *Submitter) mayRetry(t *task, o wire.Outcome) bool {
	if o.Fault == wire.FaultDrain {
		return true // given back, not failed
	}
	if s.ownLoss(t.node, o) && ownLosses(t) < maxOwnLosses {
		return !s.cfg.NoRetryOnNodeLoss
	}
	if lostOnTheWay(t, o) {
		return !s.cfg.NoRetryOnNodeLoss
	}
	if t.failures >= int(t.spec.Retries) {
		return false
	}
	switch o.Reason {
	case wire.ReasonNodeLost:
		return !s.cfg.NoRetryOnNodeLoss
	case wire.ReasonTimeout:
		late := !t.deadline.IsZero() && !t.deadline.After(s.now)
		return !s.cfg.NoRetryOnTimeout && !late
	case wire.ReasonRefused:
		return o.Fault != wire.FaultModule
	}
	return false
}

// ownLoss: this node ran the task itself, and was restarted. That is no fault of the
// task's, whose submitter has come back to see it through, and uses up no retry.
func (s *Submitter) ownLoss(node wire.NodeID, o wire.Outcome) bool {
	return node == s.cfg.Self && o.Reason == wire.ReasonNodeLost && o.Fault != wire.FaultDrain
}

// maxOwnLosses is how often: a task that brings its node down must not do so for ever.
const maxOwnLosses = 8

func ownLosses(t *task) (n int) {
	for _, a := range t.attempts {
		if a.Node == t.spec.Submitter && a.Reason == wire.ReasonNodeLost && a.Fault != wire.FaultDrain {
			n++
		}
	}
	return n
}

// failed ends the live attempt, and the task too unless it may be tried again.
func (s *Submitter) failed(t *task, o wire.Outcome) {
	node, again := t.node, s.mayRetry(t, o)
	own := s.ownLoss(node, o) && ownLosses(t) < maxOwnLosses
	onTheWay := lostOnTheWay(t, o)
	s.closeAttempt(t, o)
	switch {
	case guestDone(o):
		s.view.worked(s.now, node, true, o.Wall)
	case o.Fault != wire.FaultDrain && o.Fault != wire.FaultModule:
		s.view.worked(s.now, node, false, 0)
	}
	if !again {
		s.finish(t, Failed, o.Reason, o.Message)
		return
	}
	t.result, t.envelope = nil, nil
	wait := time.Duration(0)
	switch {
	case own: // this node knows nobody else yet
		wait = min(s.cfg.BackoffBase, maxSelfWait)
	case onTheWay: // at once
	case o.Fault != wire.FaultDrain:
		t.failures++
		wait = s.backoff(t, o)
	}
	t.tried = nil
	if o.Reason != wire.ReasonTimeout {
		t.tried = map[wire.NodeID]bool{node: true} // others first
	}
	s.pause(t, wait)
	s.persist(t)
	if wait == 0 {
		s.resume(t)
	}
}

// maxSelfWait is how long a task that was lost with this node itself waits at most
// for others to be known again.
const maxSelfWait = 2 * time.Second

// backoff is how long to wait before the next attempt. The first loss of a node
// says nothing of the task: it is placed anew at once.
func (s *Submitter) backoff(t *task, o wire.Outcome) time.Duration {
	n := t.failures - 1
	if o.Reason == wire.ReasonNodeLost {
		if n == 0 {
			return 0
		}
		n--
	}
	wait := s.cfg.BackoffMax
	if n < 30 && s.cfg.BackoffBase < wait>>n {
		wait = s.cfg.BackoffBase << n
	}
	return time.Duration(float64(wait) * jitter(t.id, t.failures))
}

// finish is the one end of a task.
func (s *Submitter) finish(t *task, state State, reason wire.Reason, message string) {
	t.reason, t.message, t.ended = reason, cut(message, wire.MaxMessageText), s.now
	s.dropCheckpoints(t)
	s.endRound(t, "")
	t.tried = nil
	s.leave(t)
	t.phase = phaseEnded
	s.rearm(t)
	s.ended = append(s.ended, t)
	s.stats.count(state, reason)
	s.become(t, state)
	s.persist(t)
	s.out.Sync = true
	s.placeAgain = true
}

// abandon ends a task whatever its node does with it.
func (s *Submitter) abandon(t *task, state State, reason wire.Reason, message string) {
	if t.phase.placed() {
		s.send(t.node, wire.Cancel{Ref: t.ref()})
		s.closeAttempt(t, wire.Outcome{Status: wire.Status(state), Reason: reason, Message: message})
	}
	s.dropAuction(t)
	t.result, t.envelope = nil, nil
	s.finish(t, state, reason, message)
}

// connected delivers what a node may have missed.
func (s *Submitter) connected(node wire.NodeID) {
	s.view.setGone(s.now, node, false)
	s.placeAgain = true
	for _, t := range s.tasksOn(node) {
		if t.phase == phaseAssigning {
			s.sendAssign(t)
		}
	}
	s.renew(node)
}

// disconnected: what a node was asked to reserve goes elsewhere, and what it runs
// is lost unless it comes back soon.
func (s *Submitter) disconnected(node wire.NodeID) {
	s.view.setGone(s.now, node, true)
	for _, t := range s.auctions() {
		s.declined(t, Answer{Node: node, Said: SaidGone})
	}
	last := s.now.Add(s.cfg.ReconnectGrace)
	for _, t := range s.tasksOn(node) {
		switch t.phase {
		case phaseReserving:
			s.answers(t, Answer{Node: node, Said: SaidGone})
			s.vainAttempt(t, "the connection closed before the node answered")
			s.passOver(t)
		case phaseAssigning:
			t.answerBy = earliest(t.answerBy, last)
			s.rearm(t)
		case phaseRunning:
			t.seen = earliest(t.seen, last.Add(-s.cfg.LostAfter))
			s.rearm(t)
		}
	}
}

// tasksOn are the tasks that a node has, in an order that is the same every time.
func (s *Submitter) tasksOn(node wire.NodeID) []*task {
	return slices.SortedFunc(maps.Values(s.on[node]), func(a, b *task) int { return a.id.Compare(b.id) })
}
