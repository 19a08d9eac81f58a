package wire

import "fmt"

// Between the submitter of a task that runs for long, and its executor.
type (
	// Keep is an executor's question who is to keep the checkpoints of an attempt.
	// Answer: Granted. It may be asked again when keepers have gone: Lost are those.
	Keep struct {
		Ref
		Lost []NodeID `cbor:"lost,omitempty"`
	}
	// Granted carries a Grant in its envelope.
	Granted struct {
		Ref
		Envelope []byte `cbor:"envelope"`
	}
	// Kept is an executor's word on an attempt's checkpoints.
	Kept struct {
		Ref
		// From is the checkpoint that the attempt has gone on from.
		From Point `cbor:"from,omitzero"`
		// Last is the newest that counts, and Keepers have it; without any, the executor
		// alone.
		Last    Point    `cbor:"last,omitzero"`
		Keepers []NodeID `cbor:"keepers,omitempty"`
		// Count is how many of this attempt count, Bytes what was sent to keepers.
		Count uint64 `cbor:"count,omitempty"`
		Bytes uint64 `cbor:"bytes,omitempty"`
		// Why is why there are none; empty if there are, or may be.
		Why string `cbor:"why,omitempty"`
	}
	// Yield asks an executor to suspend an attempt and give it back with a last
	// checkpoint, for another to go on from.
	Yield struct{ Ref }
)

// On a stream of their own, between an executor or submitter and a keeper. Each stream
// begins with a Claim, which Found answers.
type (
	// Claim asks for one thing. Grant is the envelope of the sender's; a submitter that
	// drops a task's checkpoints needs none.
	Claim struct {
		Verb  Verb   `cbor:"verb"`
		Task  TaskID `cbor:"task"`
		Grant []byte `cbor:"grant,omitempty"`
		// Want is the checkpoint to be sent, of those found.
		Want Link `cbor:"want,omitzero"`
	}
	// Found answers a Claim. With Why empty, Keep goes on with a transfer from the
	// claimant, Fetch with one to it (package checkpoint/transfer).
	Found struct {
		Why         string `cbor:"why,omitempty"`
		Checkpoints []Held `cbor:"checkpoints,omitempty"` // newest first
	}
	// Held is a checkpoint that a keeper has whole, on disk.
	Held struct {
		Point
		Maker NodeID `cbor:"maker"`
		Link  Link   `cbor:"link"`
	}
)

// Verb is what a Claim asks for.
type Verb uint8

// The verbs.
const (
	VerbKeep  Verb = iota + 1 // take this checkpoint
	VerbFind                  // tell what there is to go on from
	VerbFetch                 // send one of these
	VerbDrop                  // forget the task's
)

func (Keep) message()    {}
func (Granted) message() {}
func (Kept) message()    {}
func (Yield) message()   {}
func (Claim) message()   {}
func (Found) message()   {}

// Validate implements Body.
func (m Keep) Validate() error { return first(m.Ref.validate(), validKeepers(m.Lost)) }

// Validate implements Body. The envelope is checked by [Open].
func (m Granted) Validate() error { return first(m.Ref.validate(), validGrant(m.Envelope, true)) }

// Validate implements Body.
func (m Kept) Validate() error {
	if m.From.Attempt >= m.Attempt || m.Last.Attempt > m.Attempt || m.Count > MaxPoint || m.Bytes > MaxPoint {
		return fmt.Errorf("checkpoints of attempt %s: %w", m.Ref, ErrInvalid)
	}
	return first(m.Ref.validate(), m.From.validate(), m.Last.validate(), validKeepers(m.Keepers),
		checkText("why", m.Why, 0, MaxDetail))
}

// Validate implements Body.
func (m Yield) Validate() error { return m.Ref.validate() }

// Validate implements Body. The grant is checked by [Open].
func (m Claim) Validate() error {
	if m.Verb < VerbKeep || m.Verb > VerbDrop || m.Task.IsZero() || (m.Verb == VerbFetch) != m.Want.Defined() {
		return fmt.Errorf("claim %d of task %s: %w", m.Verb, m.Task, ErrInvalid)
	}
	return validGrant(m.Grant, m.Verb != VerbDrop)
}

// Validate implements Body.
func (m Found) Validate() error {
	if len(m.Checkpoints) > MaxHeld {
		return fmt.Errorf("%d checkpoints: %w", len(m.Checkpoints), ErrInvalid)
	}
	for _, h := range m.Checkpoints {
		if h.Point.IsZero() || !h.Link.Defined() || h.Maker.Validate() != nil {
			return fmt.Errorf("checkpoint without point, link or maker: %w", ErrInvalid)
		}
		if err := h.Point.validate(); err != nil {
			return err
		}
	}
	return checkText("why", m.Why, 0, MaxDetail)
}

func validGrant(envelope []byte, needed bool) error {
	if len(envelope) > MaxGrant || needed != (len(envelope) > 0) {
		return fmt.Errorf("grant of %d bytes: %w", len(envelope), ErrInvalid)
	}
	return nil
}

func validKeepers(list []NodeID) error {
	if len(list) > MaxKeepers {
		return fmt.Errorf("%d keepers: %w", len(list), ErrInvalid)
	}
	for _, id := range list {
		if id.Validate() != nil {
			return fmt.Errorf("keeper %x: %w", string(id), ErrInvalid)
		}
	}
	return nil
}
