package wire

import (
	"fmt"
	"time"
)

const (
	// MaxItems is the most items of an entry.
	MaxItems = 8192
	// MaxPayload is the largest payload of a message or reply, in bytes.
	MaxPayload = 1 << 20
	// MaxBatch is how many bytes of payloads to put into one entry at most; a single
	// item may be alone in one whatever its size.
	MaxBatch = 2 << 20
	// MaxEntry is the largest encoding of an entry in bytes: it must fit a raft message.
	MaxEntry = 3 << 20
	// MaxSeq is the highest number in a channel.
	MaxSeq = 1 << 62
	// MaxWait is the longest time that an ask waits.
	MaxWait = 366 * 24 * time.Hour
)

// Entry is what a group commits at once. All that an actor learns, it learns from
// entries: the items in their order, the time, and randomness. One without items lets
// time pass, so that timers become due.
type Entry struct {
	// Time is the leader's clock, in nanoseconds since 1970.
	Time int64 `cbor:"time"`
	// Seed is random. Zero: the one before goes on.
	Seed  Seed   `cbor:"seed"`
	Items []Item `cbor:"items,omitempty"`
}

// Committed is an entry that a group has committed: the same at its index for ever.
type Committed struct {
	Index uint64
	// Epoch is the term of the leader that proposed it.
	Epoch uint64
	Entry Entry
}

// Item is one thing that happens to an actor: exactly one field is set.
type Item struct {
	Message    *Message    `cbor:"message,omitempty"`
	Reply      *Reply      `cbor:"reply,omitempty"`
	Ack        *Settled    `cbor:"ack,omitempty"`
	Activate   *Activate   `cbor:"activate,omitempty"`
	Checkpoint *Checkpoint `cbor:"checkpoint,omitempty"`
	Control    *Control    `cbor:"control,omitempty"`
}

// Message is a payload for an actor, from a client or from another actor.
type Message struct {
	// ID is the client's; of an actor's message it is ChannelID(From, To, Seq).
	ID MessageID `cbor:"id"`
	// From is the actor that sent it and Sender its name; both are empty if it was a
	// client. To is the name that it was sent to: From and To are the channel, and Seq
	// is the number in it. A client's number is in the id.
	From   ActorID `cbor:"from,omitzero"`
	Sender string  `cbor:"sender,omitempty"`
	To     string  `cbor:"to,omitempty"`
	Seq    uint64  `cbor:"seq,omitempty"`
	// Floor is that of the session or channel: what is below is forgotten. At most the
	// message's own number. 0 in a session: unknown.
	Floor uint64 `cbor:"floor,omitempty"`
	// Ask wants one reply.
	Ask     bool   `cbor:"ask,omitempty"`
	Payload []byte `cbor:"payload,omitempty"`
}

// Number is the message's number in its session or channel.
func (m *Message) Number() uint64 {
	if m.From.IsZero() {
		return m.ID.Seq()
	}
	return m.Seq
}

// Outcome is how a message or ask went.
type Outcome uint8

// The outcomes.
const (
	// OK: the payload is the reply.
	OK Outcome = 1 + iota
	// Refused by the actor: the payload is its reason.
	Refused
	// Failed at: it trapped, or went over a limit, as the payload says. It had no effect.
	Failed
	// Stopped: the actor takes no messages, or stopped before it replied.
	Stopped
	// NotFound: there is no actor of that name.
	NotFound
	// TimedOut: the asker did not want to wait longer.
	TimedOut
	// Forgotten: it was taken, but too long ago to know the reply.
	Forgotten
	lastOutcome = Forgotten
)

var outcomeText = [...]string{
	OK: "ok", Refused: "refused", Failed: "failed", Stopped: "stopped", NotFound: "not found", TimedOut: "timed out", Forgotten: "forgotten",
}

// String is the outcome in words.
func (o Outcome) String() string {
	if o == 0 || o > lastOutcome {
		return fmt.Sprintf("outcome %d", uint8(o))
	}
	return outcomeText[o]
}

// Result is what becomes of an ask.
type Result struct {
	Outcome Outcome `cbor:"outcome"`
	Payload []byte  `cbor:"payload,omitempty"`
}

// Reply is the answer to an ask, or the end of a spawn, that this actor made.
type Reply struct {
	Ask    uint64 `cbor:"ask"`
	Result Result `cbor:"result"`
}

// Settled says that what this actor sent to another one has been taken there, up to
// Seq of the channel: it need not be sent again, except asks that have no reply yet.
type Settled struct {
	To  string `cbor:"to"`
	Seq uint64 `cbor:"seq"`
}

// Reason is why an activation took place.
type Reason string

// The reasons.
const (
	ReasonCreated  Reason = "created"
	ReasonManual   Reason = "manual"
	ReasonDrain    Reason = "drain"
	ReasonLoad     Reason = "load"
	ReasonLocality Reason = "locality"
	ReasonFailure  Reason = "failure"
	ReasonWoken    Reason = "woken"
)

// Activate is the first item of a leader's first entry: nothing is executed in its
// epoch before that is committed.
type Activate struct {
	Node   NodeID `cbor:"node"`
	Reason Reason `cbor:"reason"`
}

// Checkpoint says that the majority of the group has, on disk, all of a checkpoint of
// the state after Index: earlier entries may be forgotten by who has it.
type Checkpoint struct {
	Index uint64 `cbor:"index"`
	// Epoch and Sequence are the checkpoint's own order.
	Epoch    uint64 `cbor:"epoch"`
	Sequence uint64 `cbor:"sequence"`
	Manifest Link   `cbor:"manifest"`
}

// Verb is what is done to an actor from outside.
type Verb string

// The verbs.
const (
	// VerbStop ends it: asks that wait are answered Stopped.
	VerbStop Verb = "stop"
	// VerbStart has it go on, with its memory as it was, and forgets its failures.
	VerbStart Verb = "start"
	// VerbUpgrade gives it Module between two messages; VerbRollback the one before.
	VerbUpgrade  Verb = "upgrade"
	VerbRollback Verb = "rollback"
	// VerbRemove ends it for good: replicas delete what they have.
	VerbRemove Verb = "remove"
)

// Control is something done to an actor from outside.
type Control struct {
	Verb   Verb   `cbor:"verb"`
	Module Link   `cbor:"module,omitzero"`
	Reason string `cbor:"reason,omitempty"`
	// ID is of the request: its answer is a mailbox.Controlled.
	ID MessageID `cbor:"id"`
}

// Validate implements Body.
func (e Entry) Validate() error {
	if len(e.Items) > MaxItems || e.Time < 0 {
		return fmt.Errorf("entry of %d items at %d: %w", len(e.Items), e.Time, ErrInvalid)
	}
	for i := range e.Items {
		if err := e.Items[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

func (i *Item) validate() error {
	set, err := 0, error(nil)
	check := func(there bool, validate func() error) {
		if there {
			set++
			err = validate()
		}
	}
	check(i.Message != nil, func() error { return i.Message.Validate() })
	check(i.Reply != nil, func() error { return i.Reply.validate() })
	check(i.Ack != nil, func() error { return i.Ack.validate() })
	check(i.Activate != nil, func() error { return i.Activate.validate() })
	check(i.Checkpoint != nil, func() error { return i.Checkpoint.validate() })
	check(i.Control != nil, func() error { return i.Control.validate() })
	if set != 1 {
		return fmt.Errorf("item of %d kinds: %w", set, ErrInvalid)
	}
	return err
}

// Validate checks the bounds of a message. Its errors wrap [ErrInvalid].
func (m *Message) Validate() error {
	fromActor := !m.From.IsZero()
	switch {
	case len(m.Payload) > MaxPayload:
		return fmt.Errorf("payload of %d bytes, more than %d: %w", len(m.Payload), MaxPayload, ErrInvalid)
	case m.ID.IsZero() || m.Floor > m.Number():
		return fmt.Errorf("message %s, floor %d: %w", m.ID, m.Floor, ErrInvalid)
	case fromActor && (m.ID != ChannelID(m.From, m.To, m.Seq) || m.Floor == 0 || m.Seq > MaxSeq):
		return fmt.Errorf("message %s of actor %s, number %d from %d: %w", m.ID, m.From, m.Seq, m.Floor, ErrInvalid)
	case fromActor:
		return first(CheckName(m.Sender), CheckName(m.To))
	case m.Sender != "" || m.To != "" || m.Seq != 0:
		return fmt.Errorf("a client's message of %.40q: %w", m.Sender, ErrInvalid)
	}
	return nil
}

func (r Result) validate() error {
	if r.Outcome == 0 || r.Outcome > lastOutcome || len(r.Payload) > MaxPayload {
		return fmt.Errorf("result %s of %d bytes: %w", r.Outcome, len(r.Payload), ErrInvalid)
	}
	return nil
}

func (r *Reply) validate() error {
	if r.Ask == 0 {
		return fmt.Errorf("reply to no ask: %w", ErrInvalid)
	}
	return r.Result.validate()
}

func (a *Settled) validate() error {
	if a.Seq == 0 {
		return fmt.Errorf("acknowledgement of nothing: %w", ErrInvalid)
	}
	return CheckName(a.To)
}

func (a *Activate) validate() error {
	return first(checkNode(a.Node), checkText("reason", string(a.Reason), 1, 32))
}

func (c *Checkpoint) validate() error {
	if c.Index == 0 || c.Epoch >= 1<<63 || c.Sequence >= 1<<63 || !c.Manifest.Defined() {
		return fmt.Errorf("checkpoint %d.%d of entry %d: %w", c.Epoch, c.Sequence, c.Index, ErrInvalid)
	}
	return nil
}

func (c *Control) validate() error {
	switch c.Verb {
	case VerbStop, VerbStart, VerbRollback, VerbRemove:
		if c.Module.Defined() {
			return fmt.Errorf("%s with a module: %w", c.Verb, ErrInvalid)
		}
	case VerbUpgrade:
		if !c.Module.Defined() {
			return fmt.Errorf("upgrade without a module: %w", ErrInvalid)
		}
	default:
		return fmt.Errorf("verb %.20q: %w", c.Verb, ErrInvalid)
	}
	if c.ID.IsZero() {
		return fmt.Errorf("%s without an id: %w", c.Verb, ErrInvalid)
	}
	return checkText("reason", c.Reason, 0, MaxReason)
}
