package wire

import (
	"fmt"
	"slices"
	"time"
)

// Message is a body that one node sends another over a stream, which says who
// sent it. A message may be lost, late, early or come twice: cores bear that.
type Message interface {
	Body
	message()
}

// Ref names one attempt of a task: the fencing number of everything that is
// said of it. Attempts count from 1; each has one node.
type Ref struct {
	Task    TaskID `cbor:"task" json:"task"`
	Attempt uint32 `cbor:"attempt" json:"attempt"`
}

// String is the task and the attempt: "01hx…/2".
func (r Ref) String() string { return fmt.Sprintf("%s/%d", r.Task, r.Attempt) }

func (r Ref) validate() error {
	if r.Task.IsZero() || r.Attempt == 0 {
		return fmt.Errorf("attempt %s: %w", r, ErrInvalid)
	}
	return nil
}

const (
	// MaxLease is the longest time a reservation can be asked for.
	MaxLease = time.Minute
	// MaxOutput is the most bytes of one Output.
	MaxOutput = 64 << 10
	// MaxRefs is the most attempts of one Heartbeat.
	MaxRefs = 1024
	// MaxDetail is the longest cause in words, in bytes.
	MaxDetail = 4 << 10
)

// From the submitter to an executor.
type (
	// Reserve asks to keep capacity free for an attempt until it is assigned,
	// for as long as Lease. Answer: Reserved or Refused.
	Reserve struct {
		Ref
		Profile Profile       `cbor:"profile"`
		Lease   time.Duration `cbor:"lease"`
		// Fuel and MaxCost are those of the spec: a node that costs more by now
		// refuses.
		Fuel    uint64 `cbor:"fuel,omitempty"`
		MaxCost uint64 `cbor:"max_cost,omitempty"`
	}
	// Assign gives the task to the node that has reserved for it. Answer:
	// Accepted, once it is on disk there, or Refused.
	Assign struct {
		Ref
		Spec Spec `cbor:"spec"`
		// Remaining is the time to the task's deadline; 0 is none.
		Remaining time.Duration `cbor:"remaining,omitempty"`
		// Lease is how long it may run until it is renewed; 0 is as long as the node
		// allows.
		Lease time.Duration `cbor:"lease,omitempty"`
		// Grant is the envelope of a Grant if the attempt may go on from where earlier
		// ones have come to.
		Grant []byte `cbor:"grant,omitempty"`
	}
	// Cancel ends an attempt in whatever state it is: the submitter does not
	// want its result.
	Cancel struct{ Ref }
	// Ack says that an attempt's result is on the submitter's disk, or that it
	// is not wanted: the executor may forget it.
	Ack struct{ Ref }
)

// From an executor to the submitter.
type (
	// Reserved says that capacity is kept.
	Reserved struct {
		Ref
		Free Capacity `cbor:"free"` // what is left besides
	}
	// Refused says that the attempt will not run here.
	Refused struct {
		Ref
		Why    Refusal  `cbor:"why"`
		Detail string   `cbor:"detail,omitempty"` // in words
		Free   Capacity `cbor:"free"`
	}
	// Accepted says that the task is on disk and will run.
	Accepted struct{ Ref }
	// Progress says what a running attempt has used so far.
	Progress struct {
		Ref
		FuelUsed    uint64 `cbor:"fuel_used"`
		MemoryBytes uint64 `cbor:"memory_bytes"`
	}
	// Output is a piece of what an attempt writes.
	Output struct {
		Ref
		Stream Stream `cbor:"stream"`
		Offset uint64 `cbor:"offset"` // of the first byte in the stream
		Data   []byte `cbor:"data"`
	}
	// Heartbeat lists attempts of the receiver's tasks that this node has
	// accepted and not been acknowledged for.
	Heartbeat struct {
		Attempts []Ref    `cbor:"attempts"`
		Free     Capacity `cbor:"free"`
	}
	// Done carries a Result in its envelope. It is sent again until an Ack comes.
	Done struct {
		Ref
		Envelope []byte   `cbor:"envelope"`
		Free     Capacity `cbor:"free"`
	}
)

// Stream is standard output or standard error.
type Stream uint8

// The streams.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

func (Reserve) message()   {}
func (Reserved) message()  {}
func (Refused) message()   {}
func (Assign) message()    {}
func (Accepted) message()  {}
func (Progress) message()  {}
func (Output) message()    {}
func (Heartbeat) message() {}
func (Cancel) message()    {}
func (Done) message()      {}
func (Ack) message()       {}

// Validate implements Body.
func (m Reserve) Validate() error {
	if m.Lease <= 0 || m.Lease > MaxLease {
		return fmt.Errorf("lease of %v, not between 0 and %v: %w", m.Lease, MaxLease, ErrInvalid)
	}
	if m.Fuel > 1<<62 || m.MaxCost > 1<<62 {
		return fmt.Errorf("fuel or cost: %w", ErrInvalid)
	}
	return first(m.Ref.validate(), m.Profile.Validate())
}

// Validate implements Body.
func (m Assign) Validate() error {
	if m.Lease < 0 || m.Lease > MaxRenewal {
		return fmt.Errorf("lease of %v: %w", m.Lease, ErrInvalid)
	}
	return first(m.Ref.validate(), m.Spec.Validate(), checkTime("remaining time", m.Remaining), validGrant(m.Grant, len(m.Grant) > 0))
}

// Validate implements Body.
func (m Cancel) Validate() error { return m.Ref.validate() }

// Validate implements Body.
func (m Ack) Validate() error { return m.Ref.validate() }

// Validate implements Body.
func (m Reserved) Validate() error { return first(m.Ref.validate(), m.Free.Validate()) }

// Validate implements Body.
func (m Refused) Validate() error {
	return first(m.Ref.validate(), m.Why.validate(), checkText("detail", m.Detail, 0, MaxDetail), m.Free.Validate())
}

// Validate implements Body.
func (m Accepted) Validate() error { return m.Ref.validate() }

// Validate implements Body.
func (m Progress) Validate() error { return m.Ref.validate() }

// Validate implements Body.
func (m Output) Validate() error {
	if m.Stream != Stdout && m.Stream != Stderr || len(m.Data) == 0 || len(m.Data) > MaxOutput || m.Offset > 1<<62 {
		return fmt.Errorf("output of %d bytes on stream %d: %w", len(m.Data), m.Stream, ErrInvalid)
	}
	return m.Ref.validate()
}

// Validate implements Body.
func (m Heartbeat) Validate() error {
	return first(validRefs(m.Attempts), m.Free.Validate())
}

// Validate implements Body. The envelope is checked by [Open].
func (m Done) Validate() error {
	if len(m.Envelope) == 0 || len(m.Envelope) > MaxResult {
		return fmt.Errorf("envelope of %d bytes: %w", len(m.Envelope), ErrInvalid)
	}
	return first(m.Ref.validate(), m.Free.Validate())
}

// first is the first error there is.
func first(errs ...error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// ForExecutor tells whether a message goes to the receiver's executor; all others
// go to its submitter.
func ForExecutor(m Message) bool {
	switch m.(type) {
	case Reserve, Assign, Cancel, Ack, Renew, Granted, Yield:
		return true
	}
	return false
}
