package wire

import (
	"cmp"
	"fmt"
	"slices"
)

// The bounds of what is said of checkpoints.
const (
	MaxKeepers = 8       // of one attempt
	MaxMakers  = 16      // attempts that one may go on from
	MaxGrant   = 8 << 10 // bytes of a grant's envelope
	MaxHeld    = 16      // checkpoints of one answer
	MaxPoint   = 1<<63 - 1
)

// Grant is a submitter's word that an attempt may give checkpoints to others to keep, and
// go on from those that earlier attempts of its task have made. It is the fence of
// checkpoints: who has seen the grant of an attempt takes none of an earlier one any more.
type Grant struct {
	Ref
	Submitter NodeID `cbor:"submitter"`
	Executor  NodeID `cbor:"executor"`
	// Keepers are the nodes that are to keep them, best first.
	Keepers []NodeID `cbor:"keepers,omitempty"`
	// Makers are the earlier attempts whose checkpoints count, oldest first.
	Makers []Maker `cbor:"makers,omitempty"`
	// Known is the newest of their checkpoints that the submitter has heard of: there
	// may be newer ones.
	Known Point `cbor:"known,omitzero"`
}

// Maker is the node of an earlier attempt.
type Maker struct {
	Attempt uint32 `cbor:"attempt"`
	Node    NodeID `cbor:"node"`
}

// Point is a checkpoint of a task: where in its life it was made.
type Point struct {
	// Attempt that made it, from 1; with Sequence, from 1 in each attempt, it orders
	// the checkpoints of a task.
	Attempt  uint32 `cbor:"attempt" json:"attempt"`
	Sequence uint64 `cbor:"sequence" json:"sequence"`
	// Fuel is what the task had used by then, in units.
	Fuel uint64 `cbor:"fuel" json:"fuel"`
}

// IsZero tells whether the point is the beginning of a task.
func (p Point) IsZero() bool { return p == Point{} }

// Compare orders points of one task.
func (p Point) Compare(q Point) int {
	return cmp.Or(cmp.Compare(p.Attempt, q.Attempt), cmp.Compare(p.Sequence, q.Sequence))
}

// Made tells whether a checkpoint counts for the attempt: one that the node of an earlier
// attempt has made in it.
func (g *Grant) Made(by NodeID, attempt uint32) bool {
	return slices.Contains(g.Makers, Maker{attempt, by})
}

// Signer implements Record.
func (g Grant) Signer() NodeID { return g.Submitter }

func (Grant) topic() string { return "grant" }

// Validate implements Body.
func (g Grant) Validate() error {
	if g.Submitter.Validate() != nil || g.Executor.Validate() != nil || len(g.Keepers) > MaxKeepers || len(g.Makers) > MaxMakers {
		return fmt.Errorf("grant: submitter, executor, or more than %d keepers or %d makers: %w", MaxKeepers, MaxMakers, ErrInvalid)
	}
	for _, k := range g.Keepers {
		if k.Validate() != nil {
			return fmt.Errorf("grant: keeper %x: %w", string(k), ErrInvalid)
		}
	}
	for _, m := range g.Makers {
		if m.Node.Validate() != nil || m.Attempt == 0 || m.Attempt >= g.Attempt {
			return fmt.Errorf("grant: attempt %d before %d: %w", m.Attempt, g.Attempt, ErrInvalid)
		}
	}
	return first(g.Ref.validate(), g.Known.validate())
}

func (p Point) validate() error {
	if p.Sequence > MaxPoint || p.Fuel > MaxPoint || (p.Attempt == 0) != (p.Sequence == 0) {
		return fmt.Errorf("checkpoint %d.%d: %w", p.Attempt, p.Sequence, ErrInvalid)
	}
	return nil
}
