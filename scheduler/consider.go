package scheduler

import (
	"cmp"
	"slices"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Considered is a node as it was ranked when a round began.
type Considered struct {
	Node wire.NodeID `cbor:"node"`
	// Out is why it was out of the question; empty if it was not.
	Out   wire.Refusal `cbor:"out,omitempty"`
	Score float64      `cbor:"score,omitempty"`
	// Factor is how reliable it was; Values are those of the round's Terms.
	Factor float64   `cbor:"factor,omitempty"`
	Values []float64 `cbor:"values,omitempty"`
}

const (
	// maxConsidered is how many nodes of a round are kept: all of a small mesh, else
	// those that came first.
	maxConsidered = 16
	// fewNodes are ranked all for the record when a round begins. Of more only the one
	// that was chosen is kept: ranking all would cost more than placing the task.
	fewNodes = 256
)

// consider writes into the record how nodes rank as a round begins. best comes first.
func (s *Submitter) consider(t *task, r *placement.Request, best *placement.Node) {
	round := s.round(t, wire.PlaceDirect, "")
	if len(round.Considered) > 0 {
		return
	}
	if s.view.index.Len() > fewNodes {
		c := s.view.index.Reasons(r, best)
		round.Known = s.view.index.Len()
		round.keep(&c)
		return
	}
	s.keepAll(round, r, s.view.index.Rank(r))
}

// considerNone writes into the record why nobody has a task that ends with that, unless
// the last round says so.
func (s *Submitter) considerNone(t *task, r *placement.Request, ranked []placement.Candidate) {
	n := len(t.rounds)
	said := n > 0 && t.rounds[n-1].Summary == placement.SummaryFor(r, ranked)
	if !said && len(ranked) <= fewNodes {
		s.endRound(t, "")
		s.keepAll(s.round(t, wire.PlaceDirect, ""), r, ranked)
		s.endRound(t, "")
	}
}

func (s *Submitter) keepAll(round *Round, r *placement.Request, ranked []placement.Candidate) {
	round.Known, round.Summary = len(ranked), placement.SummaryFor(r, ranked)
	for i := range ranked[:min(len(ranked), maxConsidered)] {
		c := s.view.index.Reasons(r, ranked[i].Node)
		round.keep(&c)
	}
}

// without are the nodes in view that have made no offer, each with the reason.
func (s *Submitter) without(t *task) (list []placement.Candidate) {
	if s.view.index.Len() > fewNodes {
		return nil
	}
	said := make(map[wire.NodeID]wire.Refusal)
	for _, a := range t.openRound().Answers {
		switch a.Said {
		case SaidRefused:
			said[a.Node] = a.Why
		case SaidSilent, SaidGone:
			said[a.Node] = wire.RefusedSilent
		}
	}
	for _, c := range s.view.index.Rank(&t.auction.wanted) {
		offered := slices.ContainsFunc(t.auction.offers, func(o offer) bool { return o.Executor == c.Node.ID })
		if why := cmp.Or(said[c.Node.ID], c.Out); why != "" && !offered {
			list = append(list, placement.Candidate{Node: c.Node, Out: why})
		}
	}
	return list
}

// keep adds a candidate with all its terms.
func (r *Round) keep(c *placement.Candidate) {
	seen := Considered{Node: c.Node.ID, Out: c.Out, Score: c.Score, Factor: c.Factor}
	if c.Out == "" && len(r.Terms) == 0 {
		r.Terms = append(r.Terms, c.Terms...)
	}
	for _, term := range c.Terms {
		seen.Values = append(seen.Values, term.Value)
	}
	r.Considered = append(r.Considered, seen)
}

// Choices are the nodes that were considered, with all that is kept of why.
func (r *Round) Choices() (list []Choice) {
	for _, c := range r.Considered {
		choice := Choice{Node: c.Node, Out: c.Out, Score: c.Score, Factor: c.Factor}
		for i, v := range c.Values[:min(len(c.Values), len(r.Terms))] {
			choice.Terms = append(choice.Terms, placement.Term{Name: r.Terms[i].Name, Value: v, Weight: r.Terms[i].Weight})
		}
		list = append(list, choice)
	}
	return list
}
