package placement

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Request is what a task wants of the node that runs it.
type Request struct {
	Task wire.TaskID
	// Needs is Spec.Needs.
	Needs     wire.Profile
	Hints     *wire.Hints // nil is none
	Placement wire.Placement
	// MaxCost as in wire.Spec; Fuel is the task's limit, 0 if there is none.
	MaxCost, Fuel uint64
	// Beside is the node where the task of Hints.Colocate runs or ran, if known.
	Beside wire.NodeID
}

// Node is a node as the one that places sees it.
type Node struct {
	ID   wire.NodeID
	Self bool
	// Vector is what it last said of itself.
	Vector *wire.Vector
	// Free is what is left of it to the best of what is known: what it said, less
	// what was asked of it since.
	Free wire.Capacity
	// Tasks are those that run there, as far as known.
	Tasks int
	// Out is why it is out of the question whatever the request; empty if not.
	Out wire.Refusal
	// Trust from 0 to 1; RTT is zero if not measured.
	Trust float64
	RTT   time.Duration
	// Health is what was seen of it.
	Health Health
}

// Health is what was seen of a node's work.
type Health struct {
	// SuccessRate of late from 0 to 1; of a node never tried it is 1.
	SuccessRate float64
	// AvgCompletion of its tasks; zero if there were none.
	AvgCompletion time.Duration
	// ConsecutiveFailures since the last success.
	ConsecutiveFailures int
	LastSeen            time.Time
}

// Candidate is a node with its rank, or why it has none.
type Candidate struct {
	Node *Node
	// Out is why it cannot have the task; empty if it can.
	Out wire.Refusal
	// Never tells that it would be out even with nothing else running.
	Never bool
	// Score from 0 to 1; higher is better. Terms are what it is made of.
	Score float64
	Terms []Term
}

// Term is a part of a score: value times weight.
type Term struct {
	Name          string
	Value, Weight float64
}

// Policy ranks nodes for tasks.
type Policy interface {
	// Rank appends a candidate for each node to dst: those that can have the task,
	// best first, then the others. It keeps nothing of its arguments.
	Rank(dst []Candidate, r *Request, nodes []Node) []Candidate
}
