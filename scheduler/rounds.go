package scheduler

import (
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Round is one look for a node for a task: who was asked, what they said and when,
// and who got it. A task keeps its last ones, for people who ask why.
type Round struct {
	// Attempt is the number under which it asked.
	Attempt uint32 `cbor:"attempt"`
	// Way is wire.PlaceDirect or wire.PlaceAuction; Why is why the latter.
	Way wire.Placement `cbor:"way"`
	Why string         `cbor:"why,omitempty"`
	// Began is when; Took is how long until it was over, zero while it goes on.
	Began time.Time     `cbor:"began"`
	Took  time.Duration `cbor:"took,omitempty"`
	// Asked is how many nodes were to answer, of those known.
	Asked int `cbor:"asked"`
	// Known is how many nodes there were to choose from, and Summary which part of
	// them fitted, in words; Considered are those that are kept, best first.
	Known      int          `cbor:"known,omitempty"`
	Summary    string       `cbor:"summary,omitempty"`
	Considered []Considered `cbor:"considered,omitempty"`
	// Chosen is the node that got the task, and Score why; empty if none did.
	Chosen wire.NodeID `cbor:"chosen,omitempty"`
	Score  float64     `cbor:"score,omitempty"`
	// Terms are those of the node that came first. Names and weights hold for all: see
	// Choices.
	Terms []placement.Term `cbor:"terms,omitempty"`
	// Answers in the order in which they came; More counts those left out.
	Answers []Answer `cbor:"answers,omitempty"`
	More    int      `cbor:"more,omitempty"`
}

// Answer is what a node that was asked said.
type Answer struct {
	Node wire.NodeID `cbor:"node"`
	// Asked and After are when it was asked and when it answered, since the round
	// began; After is zero while it has not.
	Asked time.Duration `cbor:"asked,omitempty"`
	After time.Duration `cbor:"after,omitempty"`
	Said  Said          `cbor:"said,omitempty"`
	// Why it refused, or why its offer is out of the question; Detail says more.
	Why    wire.Refusal `cbor:"why,omitempty"`
	Detail string       `cbor:"detail,omitempty"`
	// Score of the node when it was asked, or of its offer.
	Score float64 `cbor:"score,omitempty"`
	// Offer are the facts of an offer.
	Offer *OfferFacts `cbor:"offer,omitempty"`
}

// OfferFacts are what is kept of an offer: see wire.Offer.
type OfferFacts struct {
	Queue uint32        `cbor:"queue"`
	Cost  uint64        `cbor:"cost,omitempty"`
	Start time.Duration `cbor:"start,omitempty"`
	Held  uint64        `cbor:"held,omitempty"`
	RTT   time.Duration `cbor:"rtt,omitempty"`
	Lease time.Duration `cbor:"lease"`
}

// Said is the kind of an answer.
type Said string

// The answers.
const (
	SaidNothing  Said = ""         // not yet
	SaidReserved Said = "reserved" // capacity is kept
	SaidOffered  Said = "offered"  // capacity is kept, for an auction
	SaidRefused  Said = "refused"  //
	SaidInvalid  Said = "invalid"  // an offer that does not hold
	SaidSilent   Said = "silent"   // nothing, in time
	SaidGone     Said = "gone"     // nothing: its connection closed
)

const (
	// maxRounds is how many rounds of a task are kept, and maxAnswers how many
	// answers of each.
	maxRounds, maxAnswers = 8, 32
	// maxAnswerText is how many bytes are kept of what a node says in words.
	maxAnswerText = 256
)

// round is the one that goes on for a task, or a new one.
func (s *Submitter) round(t *task, way wire.Placement, why string) *Round {
	if n := len(t.rounds); n > 0 && t.rounds[n-1].Took == 0 && t.rounds[n-1].Way == way {
		return &t.rounds[n-1]
	}
	s.endRound(t, "")
	if len(t.rounds) >= maxRounds {
		t.rounds = slices.Delete(t.rounds, 0, 1)
	}
	t.rounds = append(t.rounds, Round{Attempt: t.number, Way: way, Why: why, Began: s.now})
	return &t.rounds[len(t.rounds)-1]
}

// endRound ends the round that goes on, if one does.
func (s *Submitter) endRound(t *task, chosen wire.NodeID) {
	r := t.openRound()
	if r == nil {
		return
	}
	r.Took, r.Chosen = max(s.now.Sub(r.Began), 1), chosen
	if chosen != "" {
		r.Score = t.score
	}
}

// openRound is the round that goes on, or nil.
func (t *task) openRound() *Round {
	if n := len(t.rounds); n > 0 && t.rounds[n-1].Took == 0 {
		return &t.rounds[n-1]
	}
	return nil
}

// asks notes that a node is asked.
func (s *Submitter) asks(t *task, node wire.NodeID, score float64) {
	r := s.round(t, wire.PlaceDirect, "")
	r.Attempt = t.number
	r.Asked++
	r.add(Answer{Node: node, Asked: s.now.Sub(r.Began), Score: score})
}

// answers notes what a node said that was asked.
func (s *Submitter) answers(t *task, a Answer) {
	r := t.openRound()
	if r == nil {
		return
	}
	a.After, a.Detail = max(s.now.Sub(r.Began), 1), cut(a.Detail, maxAnswerText)
	for i := range r.Answers {
		if old := &r.Answers[i]; old.Node == a.Node && old.Said == SaidNothing {
			a.Asked, a.Score = old.Asked, old.Score
			*old = a
			return
		}
	}
	r.add(a)
}

func (r *Round) add(a Answer) {
	if len(r.Answers) >= maxAnswers {
		r.More++
		return
	}
	r.Answers = append(r.Answers, a)
}

// cloneRounds shares nothing that is still written to.
func cloneRounds(rounds []Round) []Round {
	rounds = slices.Clone(rounds)
	for i := range rounds {
		rounds[i].Answers = slices.Clone(rounds[i].Answers)
	}
	return rounds
}
