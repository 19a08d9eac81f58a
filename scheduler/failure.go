package scheduler

import (
	"iter"
	"maps"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// What a failure detector (package detect) believes of a node. Cores do without: then
// closed connections and silence about attempts tell, later.
type (
	// Suspected says that a node may have failed: it gets no new tasks until it has
	// Recovered.
	Suspected struct{ Node wire.NodeID }

	// Lost says that a node is dead: its attempts have died with it.
	Lost struct{ Node wire.NodeID }

	// Recovered says that a node is alive after all, or again.
	Recovered struct{ Node wire.NodeID }
)

func (Suspected) event() {}
func (Lost) event()      {}
func (Recovered) event() {}

// Partners are the nodes that have, or were asked to reserve for, tasks of this one:
// worth to be watched.
func (s *Submitter) Partners() iter.Seq[wire.NodeID] { return maps.Keys(s.on) }

// Partners are the nodes of whose tasks this one has attempts. Mere reservations do not
// count: whoever bids in an auction has nothing to lose yet.
func (e *Executor) Partners() iter.Seq[wire.NodeID] {
	return func(yield func(wire.NodeID) bool) {
		for id, p := range e.peers {
			if p.working() && !yield(id) {
				return
			}
		}
	}
}

func (p *submitterRuns) working() bool {
	for _, r := range p.runs {
		if r.phase != runReserved {
			return true
		}
	}
	return false
}

// suspected keeps tasks off a node. What it has it keeps, for the time being.
func (s *Submitter) suspected(node wire.NodeID) {
	s.view.rest(s.now, node, wire.RefusedSilent, s.cfg.ForgetAfter)
}

// lostNode ends what a dead node has of this one's tasks. Results that have come are
// still good: what they name may be had elsewhere.
func (s *Submitter) lostNode(node wire.NodeID) {
	s.disconnected(node)
	s.suspected(node)
	for _, t := range s.tasksOn(node) {
		if t.phase == phaseAssigning || t.phase == phaseRunning {
			s.lost(t, "the node died, or cannot be reached any more")
		}
	}
}

func (s *Submitter) recovered(node wire.NodeID) {
	s.view.setGone(s.now, node, false)
	s.placeAgain = true
}
