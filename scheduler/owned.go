package scheduler

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// task is a task on its submitter.
type task struct {
	id     wire.TaskID
	spec   *wire.Spec
	needs  wire.Profile
	digest [sha256.Size]byte // of the spec, if there is a key
	client string
	key    string
	group  string // what it is queued with

	phase   phase
	state   State
	reason  wire.Reason
	message string

	// number is that of the current or last attempt; spent if an executor may
	// know it for good, so that the next attempt needs another.
	number uint32
	spent  bool
	// node has the task, from Reserve to the end of the attempt.
	node     wire.NodeID
	score    float64 // of node, when it was chosen
	attempts []Attempt
	failures int
	rounds   []Round
	auction  *auction // while it goes on

	// tried are nodes passed over until a pause has ended; refusals counts them.
	tried    map[wire.NodeID]bool
	refusals int
	// auctions without a good offer, since the last attempt.
	auctions int
	renewals int // of the attempts' leases
	// grant is that of the current attempt, if it has one, and keepers those it names.
	// goingTo is where it is asked to go on.
	grant   []byte
	keepers []wire.NodeID
	goingTo wire.NodeID

	// Times; what they mean depends on the phase.
	notBefore time.Time // of a pause: when it ends
	checkAt   time.Time // queued: when to see whether anyone could ever run it
	auctionAt time.Time // not to be auctioned before
	answerBy  time.Time // bidding, reserving, assigning, collecting
	resendAt  time.Time // assigning
	renewAt   time.Time // assigning, running: when to renew its lease
	seen      time.Time // running: when its executor last spoke of it

	created, started, ended, deadline time.Time

	result   *wire.Result
	envelope []byte
}

// phase is where a task is for its submitter; State is what others see of that.
type phase uint8

const (
	phaseNew        phase = iota
	phaseQueued           // in the queue
	phasePaused           // waits for notBefore, then looks for a node
	phaseBidding          // all nodes were asked for offers
	phaseReserving        // node was asked to reserve
	phaseAssigning        // node was given the task
	phaseRunning          // node has accepted it
	phaseCollecting       // node has delivered a good result; its outputs are on the way
	phaseEnded
)

func (p phase) placed() bool { return p >= phaseReserving && p <= phaseCollecting }

// maxAttempts is how much of a task's history is kept.
const maxAttempts = 128

// deadlineSlack is how long an executor has to report that a deadline has passed,
// before its submitter says so.
const deadlineSlack = time.Second

func (t *task) ref() wire.Ref { return wire.Ref{Task: t.id, Attempt: t.number} }

// snapshot is the task as others see it.
func (t *task) snapshot() Task {
	node := t.node
	for i := len(t.attempts) - 1; i >= 0; i-- {
		if a := &t.attempts[i]; !a.Vain {
			node = a.Node
			break
		}
	}
	return Task{
		ID: t.id, Spec: t.spec, Client: t.client, State: t.state, Reason: t.reason, Message: t.message,
		Node: node, Attempts: slices.Clone(t.attempts),
		Created: t.created, Started: t.started, Ended: t.ended, Result: t.result, Envelope: t.envelope,
	}
}

// wakeAt is when something is due for the task.
func (t *task) wakeAt(cfg *SubmitterConfig) time.Time {
	slack := t.deadline
	if !slack.IsZero() {
		slack = slack.Add(deadlineSlack)
	}
	switch t.phase {
	case phaseQueued:
		return earliest(t.deadline, t.checkAt, t.auctionAt)
	case phasePaused:
		return earliest(t.deadline, t.notBefore)
	case phaseBidding, phaseReserving:
		return earliest(t.deadline, t.answerBy)
	case phaseAssigning:
		return earliest(slack, t.answerBy, t.resendAt, t.renewAt)
	case phaseRunning:
		return earliest(slack, t.seen.Add(cfg.LostAfter), t.renewAt)
	case phaseCollecting:
		return t.answerBy
	}
	return time.Time{}
}

// enter changes the phase and everything that follows from it: state, counts,
// and who has the task.
func (s *Submitter) enter(t *task, p phase) {
	s.leave(t)
	t.phase = p
	switch {
	case p == phaseQueued, p == phasePaused:
		s.waiting++
		s.become(t, Queued)
	case p == phaseBidding:
		s.inFlight++
		s.bidding[t.id] = t
		s.become(t, Placing)
	case p.placed():
		s.inFlight++
		s.view.joined(t.node)
		if s.on[t.node] == nil {
			s.on[t.node] = make(map[wire.TaskID]*task)
		}
		s.on[t.node][t.id] = t
		if p == phaseReserving || p == phaseAssigning {
			s.become(t, Placing)
		} else {
			s.become(t, Running)
		}
	}
	if p == phaseQueued {
		s.queue.push(t)
	}
	s.rearm(t)
}

func (s *Submitter) leave(t *task) {
	switch {
	case t.phase == phaseQueued:
		s.queue.remove(t)
		s.waiting--
	case t.phase == phasePaused:
		s.waiting--
	case t.phase == phaseBidding:
		s.inFlight--
		delete(s.bidding, t.id)
		t.auction = nil
	case t.phase == phaseReserving:
		s.view.answered(t.node, t.needs)
		s.leaveNode(t)
	case t.phase.placed():
		s.leaveNode(t)
	}
}

func (s *Submitter) leaveNode(t *task) {
	s.inFlight--
	s.view.left(t.node)
	delete(s.on[t.node], t.id)
	if len(s.on[t.node]) == 0 {
		delete(s.on, t.node)
	}
}

// become sets the state and tells of it if it is new.
func (s *Submitter) become(t *task, state State) {
	if t.state == state {
		return
	}
	t.state = state
	if state == Running {
		t.started = s.now
	}
	s.effect(Changed{t.snapshot()})
}

func (s *Submitter) rearm(t *task) { s.wakes.set(t.id, t.wakeAt(&s.cfg)) }

// persist writes the task as it is.
func (s *Submitter) persist(t *task) {
	rec := taskRecord{
		Version: journalVersion, ID: t.id, Client: t.client, Key: t.key, State: t.state, Reason: t.reason,
		Message: t.message, Failures: t.failures, Number: t.number, Attempts: t.attempts,
		Created: t.created, Started: t.started, Ended: t.ended, Envelope: t.envelope,
		Rounds: t.rounds,
	}
	s.out.Persist = append(s.out.Persist, Record{taskPrefix + t.id.String(), encodeRecord(rec)})
}

// openAttempt begins the history of the current attempt.
func (s *Submitter) openAttempt(t *task) {
	if len(t.attempts) > 0 {
		s.stats.Retries++
	}
	if len(t.attempts) >= maxAttempts {
		t.attempts = slices.Delete(t.attempts, 0, 1)
	}
	t.attempts = append(t.attempts, Attempt{Number: t.number, Node: t.node, Score: t.score, Started: s.now})
	t.spent, t.checkAt, t.auctions, t.renewals = true, time.Time{}, 0, 0
	t.grant, t.goingTo = nil, ""
}

// vainAttempt writes an attempt into the history that was asked for, and of which the
// node may know, but never begun.
func (s *Submitter) vainAttempt(t *task, how string) {
	s.openAttempt(t)
	a := &t.attempts[len(t.attempts)-1]
	a.Ended, a.Status, a.Reason, a.Message, a.Vain = s.now, wire.Failed, wire.ReasonNodeLost, how, true
	s.persist(t)
}

// number gives the next attempt a number.
func (s *Submitter) number(t *task) {
	if t.number > 0 && !t.spent {
		return
	}
	t.number++
	t.spent = false
}

// closeAttempt ends the history of the current attempt, if it has begun.
func (s *Submitter) closeAttempt(t *task, o wire.Outcome) {
	if t.phase < phaseAssigning || t.phase > phaseCollecting {
		return
	}
	a := &t.attempts[len(t.attempts)-1]
	a.Ended, a.Status, a.Reason, a.Fault, a.Message = s.now, o.Status, o.Reason, o.Fault, cut(o.Message, wire.MaxDetail)
}

// jitter is from 1/2 to 1, by hash of a task and a number: tasks that failed
// together do not come again together.
func jitter(id wire.TaskID, n int) float64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(id[:], uint32(n)))
	return 0.5 + float64(binary.BigEndian.Uint32(sum[:4]))/(1<<33)
}
