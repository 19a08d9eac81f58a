package scheduler

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Task is a task as it is now.
func (s *Submitter) Task(id wire.TaskID) (Task, bool) {
	t := s.tasks[id]
	if t == nil {
		return Task{}, false
	}
	return t.snapshot(), true
}

// Tasks are all tasks, newest first.
func (s *Submitter) Tasks() iter.Seq[Task] {
	return func(yield func(Task) bool) {
		ids := slices.SortedFunc(maps.Keys(s.tasks), func(a, b wire.TaskID) int { return b.Compare(a) })
		for _, id := range ids {
			if t := s.tasks[id]; t != nil && !yield(t.snapshot()) {
				return
			}
		}
	}
}

// Explanation is why a task is where it is, or nowhere yet.
type Explanation struct {
	Task  wire.TaskID
	State State
	// Node has the task, or would get it; empty if none.
	Node wire.NodeID
	// Summary says it in words.
	Summary string
	// NextTry is when a task that waits after a failure is tried again, or zero.
	NextTry time.Time
	// Choices are all nodes: those that could have the task, best first, then the
	// others, each with its reason. None once the task has ended.
	Choices []Choice
	// Rounds are the last looks for a node, oldest first: who was asked, who answered
	// what and when, and who got the task. They stay when it has ended.
	Rounds []Round
}

// Choice is a node as a place for a task.
type Choice struct {
	Node wire.NodeID
	// Out is why it cannot have the task; empty if it can. Never says that this
	// will not pass.
	Out   wire.Refusal
	Never bool
	// Score from 0 to 1, and what it is made of: the Terms, times Factor.
	Score  float64
	Terms  []placement.Term
	Factor float64
}

// Explain tells why a task is where it is, as of the last step.
func (s *Submitter) Explain(id wire.TaskID) (Explanation, bool) {
	t := s.tasks[id]
	if t == nil {
		return Explanation{}, false
	}
	x := Explanation{Task: id, State: t.state, Node: t.snapshot().Node, Summary: t.message, Rounds: cloneRounds(t.rounds)}
	if t.phase == phaseEnded {
		return x, true
	}
	s.fill(&x, t.spec, t.needs)
	switch {
	case t.phase == phasePaused:
		x.NextTry = t.notBefore
		x.Summary = "waits before it is tried again"
		if n := len(t.attempts); n > 0 && !t.attempts[n-1].Ended.IsZero() {
			x.Summary += ": " + string(t.attempts[n-1].Reason) + " on " + t.attempts[n-1].Node.Short()
		}
	case t.phase == phaseQueued && s.inFlight >= s.cfg.MaxConcurrent:
		x.Summary = "waits for one of the tasks that run to end: there are as many as may be at once"
	case t.phase == phaseBidding:
		x.Summary = "waits for offers: " + t.openRound().Why + "; " + x.Summary
	case t.phase.placed():
		x.Summary = string(t.state) + " on " + t.node.Short()
	}
	return x, true
}

// Score is what made the node of a task's last choice first; 0 if there was none.
func (s *Submitter) Score(id wire.TaskID) float64 {
	if t := s.tasks[id]; t != nil {
		return t.score
	}
	return 0
}

// Plan tells where a task would go now, by what is known, and whether offers would be
// asked for all the same. Nothing is accepted.
func (s *Submitter) Plan(id wire.TaskID, spec *wire.Spec) Explanation {
	x := Explanation{Task: id}
	s.fill(&x, spec, spec.Needs())
	var best *placement.Node
	if len(x.Choices) > 0 && x.Choices[0].Out == "" {
		x.Node = x.Choices[0].Node
		best = s.view.index.Node(x.Node)
	}
	if why, _ := s.whyAuction(&task{id: id, spec: spec, needs: spec.Needs()}, best); why != "" {
		x.Summary += "; all would be asked for offers: " + why
	}
	return x
}

// fill ranks all nodes, with all reasons.
func (s *Submitter) fill(x *Explanation, spec *wire.Spec, needs wire.Profile) {
	r := s.request(x.Task, spec, needs)
	candidates := s.view.index.Rank(&r)
	x.Summary = placement.SummaryFor(&r, candidates)
	for _, c := range candidates {
		why := s.view.index.Reasons(&r, c.Node)
		x.Choices = append(x.Choices, Choice{c.Node.ID, c.Out, c.Never, c.Score, why.Terms, c.Factor})
	}
}

// Nodes are the nodes in view, by id. Their vectors must not be changed.
func (s *Submitter) Nodes() []placement.Node { return s.view.sorted() }

// SubmitterStats count tasks since the start, but for the first three, which are
// as of now.
type SubmitterStats struct {
	Queued, Placing, Running int

	Succeeded, Failed, Cancelled uint64
	// FailedFor counts failed tasks by reason.
	FailedFor map[wire.Reason]uint64
	// StaleResults were of attempts given up before; BadResults were not
	// acceptable.
	StaleResults, BadResults uint64
	// BadOffers did not hold; Retries are attempts after a task's first, those too
	// that no node has begun.
	BadOffers, Retries uint64
}

// Retries counts attempts after a task's first, those too that no node has begun.
func (s *Submitter) Retries() uint64 { return s.stats.Retries }

// Stats are for metrics.
func (s *Submitter) Stats() SubmitterStats {
	st := s.stats
	st.FailedFor = maps.Clone(st.FailedFor)
	st.Queued, st.Placing = s.waiting, len(s.bidding)
	for _, tasks := range s.on {
		for _, t := range tasks {
			if t.state == Running {
				st.Running++
			} else {
				st.Placing++
			}
		}
	}
	return st
}

func (st *SubmitterStats) count(state State, reason wire.Reason) {
	switch state {
	case Succeeded:
		st.Succeeded++
	case Cancelled:
		st.Cancelled++
	case Failed:
		st.Failed++
		if st.FailedFor == nil {
			st.FailedFor = make(map[wire.Reason]uint64)
		}
		st.FailedFor[reason]++
	}
}
