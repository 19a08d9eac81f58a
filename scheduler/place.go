package scheduler

import (
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// lease is how long a reservation is asked for, beyond the time that the
	// answer may take.
	lease = 3 * time.Second
	// minWait and maxWait bound the pause of a task that every node has refused.
	minWait = 20 * time.Millisecond
	maxWait = time.Second
	// sharePause is how long a node is left alone that has others to serve first.
	sharePause = 100 * time.Millisecond
	// cheapPass is the number of lines without a node that a look at the queue may
	// meet without resting after it, and linePause the rest for each otherwise: so
	// a queue of very many lines takes a bounded part of the processor.
	cheapPass = 16
	linePause = 50 * time.Microsecond
)

// place looks at the queue, if that can be worth it, and finds nodes for the
// first of each line for as long as there are any.
func (s *Submitter) place() {
	if !s.placeAgain || s.placeAt.After(s.now) {
		return
	}
	var stuck []*line
	for len(s.queue.order) > 0 && s.inFlight < s.cfg.MaxConcurrent {
		first := s.queue.order[0]
		if found, _ := s.find(first.tasks[0]); !found {
			stuck = append(stuck, s.queue.setAside())
		}
	}
	s.queue.putBack(stuck)
	s.placeAgain = s.inFlight >= s.cfg.MaxConcurrent
	s.placeAt = s.now
	if len(stuck) > cheapPass {
		s.placeAt = s.now.Add(time.Duration(len(stuck)) * linePause)
	}
}

// find asks the best node for a task to reserve. It returns false if there is
// none, and then has changed nothing; fit tells whether there is one that was
// tried already.
func (s *Submitter) find(t *task) (found, fit bool) {
	r := s.request(t.id, t.spec, t.needs)
	if next, score := s.successor(t, &r); next != nil {
		t.score = score
		s.consider(t, &r, next)
		s.reserveAt(t, next.ID)
		return true, true
	}
	best, score, fit := s.best(&r, t.tried)
	if s.mayAuction(t) {
		if why, unmet := s.whyAuction(t, best); why != "" {
			s.openAuction(t, r, why, unmet)
			return true, true
		}
	}
	if best == nil || t.spec.Placement == wire.PlaceAuction {
		return false, fit && t.spec.Placement != wire.PlaceAuction
	}
	t.score = score
	s.consider(t, &r, best)
	s.reserveAt(t, best.ID)
	return true, fit
}

// best is the node that should have a task.
func (s *Submitter) best(r *placement.Request, tried map[wire.NodeID]bool) (best *placement.Node, score float64, fit bool) {
	if s.crowdUntil.After(s.now) && s.view.index.Len() <= crowdView {
		return s.roomy(r, tried)
	}
	return s.view.index.Best(r, tried)
}

// mayAuction tells whether there is room for another auction, and it is time for
// this task's.
func (s *Submitter) mayAuction(t *task) bool {
	return len(s.bidding) < s.cfg.MaxAuctions && !t.auctionAt.After(s.now)
}

func (s *Submitter) reserveAt(t *task, node wire.NodeID) {
	s.number(t)
	t.node, t.answerBy = node, s.now.Add(s.cfg.AnswerTimeout)
	s.asks(t, node, t.score)
	s.enter(t, phaseReserving)
	s.view.ask(node, t.needs)
	s.send(node, wire.Reserve{
		Ref: t.ref(), Profile: t.needs, Lease: min(s.cfg.AnswerTimeout+lease, wire.MaxLease),
		Fuel: t.spec.Limits.Fuel, MaxCost: t.spec.MaxCost,
	})
}

// reserved gives the task to the node that keeps capacity for it.
func (s *Submitter) reserved(t *task) {
	t.answerBy = s.now.Add(2 * s.cfg.AnswerTimeout)
	s.endRound(t, t.node)
	s.openAttempt(t)
	t.resendAt = s.now.Add(s.cfg.AnswerTimeout / 2)
	s.enter(t, phaseAssigning)
	s.persist(t)
	s.sendAssign(t)
}

func (s *Submitter) sendAssign(t *task) {
	m := wire.Assign{Ref: t.ref(), Spec: *t.spec, Lease: s.cfg.Lease}
	if t.grant == nil && len(makers(t)) > 0 {
		s.grant(t, nil)
	}
	m.Grant = t.grant
	t.renewAt = s.now.Add(s.cfg.Lease * 2 / 3)
	if !t.deadline.IsZero() {
		m.Remaining = max(t.deadline.Sub(s.now), time.Millisecond)
	}
	s.send(t.node, m)
}

// passOver gives up a reservation and tries the next node.
func (s *Submitter) passOver(t *task) {
	if t.tried == nil {
		t.tried = make(map[wire.NodeID]bool)
	}
	t.tried[t.node] = true
	t.refusals++
	s.pause(t, 0) // leaves the node, before others are asked
	if s.inFlight >= s.cfg.MaxConcurrent {
		s.lineUp(t)
		return
	}
	switch found, fit := s.find(t); {
	case found:
	case fit:
		s.pause(t, min(minWait<<min(t.refusals, 10), maxWait))
	default:
		s.lineUp(t) // until a node has more to offer
	}
}

// pause keeps a task from being placed for a while.
func (s *Submitter) pause(t *task, d time.Duration) {
	t.notBefore = s.now.Add(d)
	s.enter(t, phasePaused)
	t.node = ""
	s.placeAgain = true // another task may have what this one has left
}

// lineUp puts a task into the queue.
func (s *Submitter) lineUp(t *task) {
	t.tried = nil
	if t.checkAt.IsZero() {
		t.checkAt = s.now.Add(s.cfg.NotPlacedAfter)
	}
	s.endRound(t, "")
	s.enter(t, phaseQueued)
	t.node = ""
	s.placeAgain = true
}

// resume ends a pause: the task looks for a node that it has not tried, and else
// lines up.
func (s *Submitter) resume(t *task) {
	if s.inFlight < s.cfg.MaxConcurrent {
		if found, _ := s.find(t); found {
			return
		}
	}
	s.lineUp(t)
}

// checkPlaceable ends a task that no node could run even if it were idle.
func (s *Submitter) checkPlaceable(t *task) {
	r := s.request(t.id, t.spec, t.needs)
	candidates := s.view.index.Rank(&r)
	for _, c := range candidates {
		if !c.Never {
			t.checkAt = s.now.Add(s.cfg.NotPlacedAfter)
			s.rearm(t)
			return
		}
	}
	why := placement.SummaryFor(&r, candidates)
	s.considerNone(t, &r, candidates)
	s.finish(t, Failed, wire.ReasonNotPlaced, why)
}

// wakeTask does what is due for a task.
func (s *Submitter) wakeTask(t *task) {
	due := func(at time.Time) bool { return !at.IsZero() && !at.After(s.now) }
	late := due(t.deadline)
	switch t.phase {
	case phaseQueued, phasePaused, phaseBidding, phaseReserving:
		switch {
		case late:
			s.abandon(t, Failed, wire.ReasonTimeout, "the deadline passed before it ran")
		case t.phase == phaseQueued && due(t.auctionAt):
			t.auctionAt, s.placeAgain = time.Time{}, true
			s.rearm(t)
		case t.phase == phaseQueued:
			s.checkPlaceable(t)
		case t.phase == phaseBidding:
			s.closeAuction(t)
		case t.phase == phasePaused:
			s.resume(t)
		default:
			s.unanswered(t)
		}
	case phaseAssigning, phaseRunning:
		if due(t.renewAt) {
			s.renew(t.node)
		}
		s.wakeAttempt(t, due(t.deadline.Add(deadlineSlack)) && late)
	case phaseCollecting:
		s.uncollected(t, "its outputs did not arrive in time")
	}
}

// unanswered: the node has not answered a Reserve. It may answer yet, so the
// number is spent.
func (s *Submitter) unanswered(t *task) {
	s.send(t.node, wire.Cancel{Ref: t.ref()})
	s.answers(t, Answer{Node: t.node, Said: SaidSilent})
	s.vainAttempt(t, "the node did not answer")
	s.view.strike(s.now, t.node)
	s.passOver(t)
}

func (s *Submitter) wakeAttempt(t *task, late bool) {
	switch {
	case late:
		s.abandon(t, Failed, wire.ReasonTimeout, "the deadline passed")
	case t.phase == phaseRunning && !t.seen.Add(s.cfg.LostAfter).After(s.now):
		s.lost(t, "the node was silent for too long")
	case t.phase == phaseAssigning && !t.answerBy.After(s.now):
		s.view.strike(s.now, t.node)
		s.lost(t, "the node did not acknowledge the task")
	case t.phase == phaseAssigning && !t.resendAt.After(s.now):
		s.sendAssign(t)
		t.resendAt = s.now.Add(s.cfg.AnswerTimeout / 2)
		s.rearm(t)
	default:
		s.rearm(t)
	}
}

// renew renews the leases of all attempts on a node, as one of them has a third left
// of its. It is done again when that third is half over, in case it got lost.
func (s *Submitter) renew(node wire.NodeID) {
	var refs []wire.Ref
	for _, t := range s.tasksOn(node) {
		if t.phase != phaseAssigning && t.phase != phaseRunning {
			continue
		}
		refs = append(refs, t.ref())
		if t.renewals++; t.renewals%2 == 1 {
			t.renewAt = s.now.Add(s.cfg.Lease / 6)
		} else {
			t.renewAt = s.now.Add(s.cfg.Lease / 2)
		}
		s.rearm(t)
	}
	for some := range slices.Chunk(refs, wire.MaxRefs) {
		s.send(node, wire.Renew{Attempts: some, Lease: s.cfg.Lease})
	}
}

// lost ends an attempt of which nothing more is heard.
func (s *Submitter) lost(t *task, how string) {
	s.send(t.node, wire.Cancel{Ref: t.ref()})
	s.failed(t, wire.Outcome{Status: wire.Failed, Reason: wire.ReasonNodeLost, Message: how})
}
