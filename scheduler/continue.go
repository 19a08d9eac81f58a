package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// briefly is how long an attempt may have run without a chance of a checkpoint: the first
// is due after CheckpointAfter.
const briefly = CheckpointAfter / 2

// CheckpointAfter is how long an attempt runs before checkpoints are made of it.
const CheckpointAfter = time.Second

// makers are the attempts that the current or next one may go on from, oldest first. What ended
// in the guest's own way began anew: so did the clock of its time limit.
func makers(t *task) (list []wire.Maker) {
	for _, a := range slices.Backward(t.attempts) {
		if a.Ended.IsZero() {
			continue
		}
		if a.Reason == wire.ReasonTimeout || len(list) == wire.MaxMakers {
			break
		}
		if !a.Last.IsZero() || !a.Vain && a.Ended.Sub(a.Started) > briefly {
			list = append(list, wire.Maker{Attempt: a.Number, Node: a.Node})
		}
	}
	slices.Reverse(list)
	return list
}

// grant signs who is to keep the checkpoints of the current attempt, and which it may go
// on from. Of the keepers there were, all stay but those that are lost.
func (s *Submitter) grant(t *task, lost []wire.NodeID) {
	if s.cfg.Key == nil || t.spec.NoCheckpoints {
		return
	}
	t.keepers = s.chooseKeepers(t, lost)
	g := wire.Grant{Ref: t.ref(), Submitter: s.cfg.Self, Executor: t.node, Keepers: t.keepers, Makers: makers(t), Known: t.newest()}
	t.grant = must(wire.Seal(g, s.cfg.Key))
}

// newest is the newest checkpoint of earlier attempts that is known.
func (t *task) newest() wire.Point {
	for _, a := range slices.Backward(t.attempts) {
		if a.Number < t.number && !a.Last.IsZero() {
			return a.Last
		}
	}
	return wire.Point{}
}

// maxLostOnTheWay is how often a node may be lost without using up a retry: who claims
// progress after progress must not have a task tried for ever.
const maxLostOnTheWay = 100

// lostOnTheWay tells whether the live attempt's node is lost, but the task is nearer to its
// end than any attempt had brought it: nothing is to be retried, it goes on.
func lostOnTheWay(t *task, o wire.Outcome) bool {
	if o.Reason != wire.ReasonNodeLost || o.Fault == wire.FaultDrain || len(t.attempts) == 0 {
		return false
	}
	last := len(t.attempts) - 1
	return advanced(t.attempts, last) && advances(t.attempts[:last]) < maxLostOnTheWay
}

// advances counts the attempts that were lost with their nodes after they had advanced.
func advances(attempts []Attempt) (n int) {
	for i, a := range attempts {
		if a.Reason == wire.ReasonNodeLost && a.Fault != wire.FaultDrain && advanced(attempts, i) {
			n++
		}
	}
	return n
}

// advanced tells whether an attempt has a checkpoint that is further than all before it.
func advanced(attempts []Attempt, i int) bool {
	furthest := attempts[i].From.Fuel
	for _, a := range attempts[:i] {
		furthest = max(furthest, a.Last.Fuel)
	}
	return attempts[i].Last.Fuel > furthest
}

// chooseKeepers takes nodes that could run the task, best first: there it can go on
// without its pages being fetched. Where there are too few, this node keeps them as well.
func (s *Submitter) chooseKeepers(t *task, lost []wire.NodeID) (keepers []wire.NodeID) {
	r := s.request(t.id, t.spec, t.needs)
	had := t.lastKeepers()
	for _, c := range s.view.index.Rank(&r) {
		id := c.Node.ID
		if mayKeep(&c) && id != t.node && !slices.Contains(lost, id) {
			keepers = append(keepers, id)
		}
	}
	slices.SortStableFunc(keepers, func(a, b wire.NodeID) int {
		return cmp.Compare(rankIn(had, a), rankIn(had, b))
	})
	keepers = slices.Clone(keepers[:min(len(keepers), s.cfg.Keepers)])
	if self := s.cfg.Self; len(keepers) < s.cfg.Keepers && self != t.node && !slices.Contains(keepers, self) {
		keepers = append(keepers, self)
	}
	return keepers
}

// mayKeep tells whether a node could run the task, if it had room.
func mayKeep(c *placement.Candidate) bool {
	switch c.Out {
	case "":
		return true
	case wire.RefusedCPU, wire.RefusedMemory, wire.RefusedStorage, wire.RefusedNetwork, wire.RefusedGPU:
		return !c.Never && c.Node.Out == ""
	}
	return false
}

// rankIn puts those in a list before others.
func rankIn(list []wire.NodeID, id wire.NodeID) int {
	if slices.Contains(list, id) {
		return 0
	}
	return 1
}

// lastKeepers are the nodes that keep checkpoints of the task already.
func (t *task) lastKeepers() []wire.NodeID {
	for _, a := range slices.Backward(t.attempts) {
		if !a.Last.IsZero() {
			return a.Keepers
		}
	}
	return t.keepers
}

// successor is the node that is to go on with a task, nil if any will do: the one that was
// asked for, else the best of those that have its last checkpoint.
func (s *Submitter) successor(t *task, r *placement.Request) (next *placement.Node, score float64) {
	candidates := []wire.NodeID{t.goingTo}
	if t.goingTo == "" {
		if candidates = nil; len(t.attempts) > 0 && len(makers(t)) > 0 {
			candidates = t.lastKeepers()
		}
	}
	for _, id := range candidates {
		_, n := s.view.node(id)
		if n == nil || t.tried[id] {
			continue
		}
		if c := s.view.index.Reasons(r, n); c.Out == "" && (next == nil || c.Score > score) {
			next, score = n, c.Score
		}
	}
	return next, score
}

// onKeep tells an executor who is to keep the checkpoints of its attempt.
func (s *Submitter) onKeep(from wire.NodeID, m wire.Keep) {
	t := s.live(from, m.Ref)
	if t == nil {
		s.send(from, wire.Cancel{Ref: m.Ref})
		return
	}
	s.confirm(t)
	if t.grant == nil || len(m.Lost) > 0 {
		s.grant(t, m.Lost)
	}
	if t.grant != nil {
		s.send(from, wire.Granted{Ref: m.Ref, Envelope: t.grant})
	}
}

// onKept notes what checkpoints there are of the live attempt.
func (s *Submitter) onKept(from wire.NodeID, m wire.Kept) {
	t := s.live(from, m.Ref)
	if t == nil {
		s.send(from, wire.Cancel{Ref: m.Ref})
		return
	}
	s.confirm(t)
	a := &t.attempts[len(t.attempts)-1]
	resumed := a.From.IsZero() && !m.From.IsZero()
	first := a.Last.IsZero() && !m.Last.IsZero()
	a.From, a.Last, a.Checkpoints, a.Bytes, a.Keepers, a.Unkept = m.From, m.Last, m.Count, m.Bytes, m.Keepers, m.Why
	if resumed {
		s.effect(Resumed{t.snapshot(), m.From})
	}
	if resumed || first {
		s.persist(t)
	}
}

// migrate asks the executor of a running task to give it back.
func (s *Submitter) migrate(ev MigrateTask) error {
	t := s.tasks[ev.Task]
	if t == nil {
		return ErrUnknownTask
	}
	if why := s.whyStay(t, ev.To); why != "" {
		return &MigrateError{why}
	}
	t.goingTo = ev.To
	s.send(t.node, wire.Yield{Ref: t.ref()})
	return nil
}

// whyStay is why a task cannot go on on a node, or if that is empty on any other.
func (s *Submitter) whyStay(t *task, to wire.NodeID) string {
	switch {
	case t.phase != phaseRunning:
		return "the task is " + string(t.state)
	case t.spec.Placement == wire.PlaceLocal:
		return "the task is to run on this node alone"
	case s.cfg.Key == nil || t.spec.NoCheckpoints:
		return "the task has no checkpoints"
	case t.attempts[len(t.attempts)-1].Unkept != "":
		return t.attempts[len(t.attempts)-1].Unkept
	case to == t.node:
		return "the task runs there"
	}
	r := s.request(t.id, t.spec, t.needs)
	if to == "" {
		if best, _, _ := s.view.index.Best(&r, map[wire.NodeID]bool{t.node: true}); best == nil {
			return "no other node can have it now: " + placement.Summary(s.view.index.Rank(&r))
		}
		return ""
	}
	_, n := s.view.node(to)
	if n == nil {
		return "node " + to.Short() + " is not known"
	}
	if c := s.view.index.Reasons(&r, n); c.Out != "" {
		return "node " + to.Short() + ": " + c.Out.String()
	}
	return ""
}

// dropCheckpoints tells all who may have checkpoints of a task that they are of no use
// any more.
func (s *Submitter) dropCheckpoints(t *task) {
	var nodes []wire.NodeID
	for i := range t.attempts {
		if a := &t.attempts[i]; a.Checkpoints > 0 || !a.From.IsZero() {
			nodes = append(append(nodes, a.Node), a.Keepers...)
		}
	}
	if nodes = append(nodes, t.keepers...); len(nodes) > 0 {
		slices.Sort(nodes)
		s.effect(Drop{t.id, slices.Compact(nodes)})
	}
	t.keepers, t.grant = nil, nil
}
