package wire

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

const (
	// MaxRequest and MaxOffer are the largest envelopes of a request and an offer, in
	// bytes. Common ones have about 500.
	MaxRequest = 64 << 10
	MaxOffer   = 32 << 10
	// MaxWindow is the longest time that an auction may wait for offers.
	MaxWindow = 500 * time.Millisecond
	// MaxReads is how many links of what a task reads a request names.
	MaxReads = 64
	// MaxRenewal is the longest time for which a lease can be renewed.
	MaxRenewal = time.Hour
	// Everyone is the Share of a request that all nodes may answer.
	Everyone = 1 << 16
)

// Request asks all nodes for offers for an attempt. It is gossiped, and signed by
// its submitter.
type Request struct {
	Ref
	Submitter NodeID `cbor:"submitter"`
	// Made is when, in milliseconds since 1970 by the submitter's clock.
	Made int64 `cbor:"made"`
	// Window is how long offers are waited for, and Share how many nodes of 65536
	// are to answer: a large mesh would drown the submitter. See Asks.
	Window time.Duration `cbor:"window"`
	Share  uint32        `cbor:"share"`

	Profile Profile `cbor:"profile"` // Spec.Needs
	Hints   Hints   `cbor:"hints"`
	// Module and Data are what the task reads, as far as there is room for it.
	Module Link   `cbor:"module"`
	Data   []Link `cbor:"data,omitempty"`
	// Fuel and MaxCost are those of the spec.
	Fuel    uint64 `cbor:"fuel,omitempty"`
	MaxCost uint64 `cbor:"max_cost,omitempty"`
}

// Signer implements Record.
func (r Request) Signer() NodeID { return r.Submitter }

func (Request) topic() string { return "request" }

// Validate implements Body.
func (r Request) Validate() error {
	if r.Made < 0 || r.Window <= 0 || r.Window > MaxWindow || r.Share == 0 || r.Share > Everyone || len(r.Data) > MaxReads {
		return fmt.Errorf("request: time, window, share or data: %w", ErrInvalid)
	}
	if !r.Module.Defined() || slices.ContainsFunc(r.Data, func(l Link) bool { return !l.Defined() }) {
		return fmt.Errorf("request: no cid: %w", ErrInvalid)
	}
	if r.Profile.CPU == 0 || r.Profile.Memory == 0 || r.Fuel > 1<<62 || r.MaxCost > 1<<62 {
		return fmt.Errorf("request: profile or cost: %w", ErrInvalid)
	}
	return first(r.Ref.validate(), validNode(r.Submitter), r.Profile.Validate(), r.Hints.validate())
}

// Asks tells whether a node is to answer. Which ones are is chance, but the same for
// everybody who looks: the submitter knows for whom to wait. The nodes that the
// request prefers always are.
func (r *Request) Asks(node NodeID) bool {
	if r.Share == Everyone || slices.Contains(r.Hints.Prefer, node) {
		return true
	}
	h := fnv.New32a()
	_, _ = h.Write(binary.BigEndian.AppendUint32(r.Task[:], r.Attempt)) // never fails
	_, _ = h.Write([]byte(node))
	return h.Sum32()>>16 < r.Share
}

// Offer is what a node says of itself for one request, and signs. It has reserved
// what the task needs until Lease has passed, unless it is renewed. Numbers are
// facts: what they are worth the submitter says.
type Offer struct {
	Ref
	Submitter NodeID `cbor:"submitter"`
	Executor  NodeID `cbor:"executor"`
	// Made is when, in milliseconds since 1970 by the executor's clock.
	Made  int64         `cbor:"made"`
	Lease time.Duration `cbor:"lease"`

	// Total is the node's capacity, Free what is left of it besides this task.
	Total Capacity `cbor:"total"`
	Free  Capacity `cbor:"free"`
	// Queue is how many other tasks it has reserved for or runs.
	Queue uint32 `cbor:"queue"`
	// Cost in millionths of a credit for 1000 units of fuel, as it is at this queue.
	Cost uint64 `cbor:"cost,omitempty"`
	// Start is when the task would begin, from now.
	Start time.Duration `cbor:"start,omitempty"`
	// Held is how many bytes it has of what the request wants near, wished or required.
	Held uint64 `cbor:"held,omitempty"`
	// RTT is the round trip to the submitter; 0 if not measured.
	RTT time.Duration `cbor:"rtt,omitempty"`
	// Region and Labels are the node's; of the labels only those that the request
	// names.
	Region string            `cbor:"region,omitempty"`
	Labels map[string]string `cbor:"labels,omitempty"`
}

// Signer implements Record.
func (o Offer) Signer() NodeID { return o.Executor }

func (Offer) topic() string { return "offer" }

// Validate implements Body.
func (o Offer) Validate() error {
	if o.Made < 0 || o.Lease <= 0 || o.Lease > MaxLease || o.Cost > 1<<62 || o.Held > 1<<62 || len(o.Labels) > MaxLabels {
		return fmt.Errorf("offer: time, lease, cost, data or labels: %w", ErrInvalid)
	}
	for k, l := range o.Labels {
		if err := first(checkText("label", k, 1, 128), checkText("label", l, 0, 128)); err != nil {
			return err
		}
	}
	return first(o.Ref.validate(), validNode(o.Submitter), validNode(o.Executor), o.Total.Validate(), o.Free.Validate(),
		checkTime("start", o.Start), checkTime("round trip", o.RTT), checkText("region", o.Region, 0, 128))
}

func validNode(id NodeID) error {
	if id.Validate() != nil {
		return fmt.Errorf("node id: %w", ErrInvalid)
	}
	return nil
}

// Bid carries an Offer in its envelope, from an executor to the submitter whose
// request it answers. A node that could do it at another time answers Refused, one
// that never could nothing.
type Bid struct {
	Ref
	Envelope []byte `cbor:"envelope"`
}

// Renew keeps the leases of attempts for so much longer, from now: the first one
// takes an offer up. A lease that is not renewed is lost, and with it what was
// reserved or runs.
type Renew struct {
	Attempts []Ref         `cbor:"attempts"`
	Lease    time.Duration `cbor:"lease"`
}

func (Bid) message()   {}
func (Renew) message() {}

// Validate implements Body. The envelope is checked by [Open].
func (m Bid) Validate() error {
	if len(m.Envelope) == 0 || len(m.Envelope) > MaxOffer {
		return fmt.Errorf("envelope of %d bytes: %w", len(m.Envelope), ErrInvalid)
	}
	return m.Ref.validate()
}

// Validate implements Body.
func (m Renew) Validate() error {
	if m.Lease <= 0 || m.Lease > MaxRenewal {
		return fmt.Errorf("lease of %v, not between 0 and %v: %w", m.Lease, MaxRenewal, ErrInvalid)
	}
	return validRefs(m.Attempts)
}

func validRefs(refs []Ref) error {
	if len(refs) > MaxRefs {
		return fmt.Errorf("%d attempts, more than %d: %w", len(refs), MaxRefs, ErrInvalid)
	}
	for _, r := range refs {
		if err := r.validate(); err != nil {
			return err
		}
	}
	return nil
}
