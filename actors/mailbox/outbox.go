package mailbox

import (
	"maps"
	"slices"

	"github.com/godwit-run/godwit/actors/wire"
)

// outbox is what the actor has sent and what has not come of it yet.
type outbox struct {
	// channels are by name; each has the number of its next message.
	channels map[string]uint64
	// messages and spawns are what is not settled, in the order in which they were sent.
	messages []sent
	bytes    int
	asks     map[uint64]*ask
	nextAsk  uint64
	spawned  uint64
	// due is not later than when the next ask times out; 0 if none does.
	due int64
}

// sent is a message, or a spawn, that is not settled.
type sent struct {
	To      string    `cbor:"to"`
	Seq     uint64    `cbor:"seq,omitempty"`
	Ask     uint64    `cbor:"ask,omitempty"`
	Payload []byte    `cbor:"payload,omitempty"`
	Spawn   uint64    `cbor:"spawn,omitempty"` // its number, 0 for a message
	Module  wire.Link `cbor:"module,omitzero"`
}

// ask is one that is not settled, or whose reply nobody has taken yet.
type ask struct {
	Number uint64 `cbor:"number"`
	Due    int64  `cbor:"due"`
	Async  bool   `cbor:"async,omitempty"`
	// Orphan: the delivery that made it has failed, so that nobody waits for it.
	Orphan bool         `cbor:"orphan,omitempty"`
	Result *wire.Result `cbor:"result,omitempty"`
}

func newOutbox() outbox {
	return outbox{channels: make(map[string]uint64), asks: make(map[uint64]*ask), nextAsk: 1}
}

func (o *outbox) settled() bool { return len(o.messages) == 0 && len(o.asks) == 0 }

// put adds a message and returns what is to be sent.
func (s *State) put(m sent) Output {
	if m.Spawn == 0 {
		m.Seq = s.outbox.channels[m.To] + 1
		s.outbox.channels[m.To] = m.Seq
	}
	s.outbox.messages = append(s.outbox.messages, m)
	s.outbox.bytes += len(m.Payload)
	return s.output(m)
}

// output is what there is to send for an unsettled message.
func (s *State) output(m sent) Output {
	if m.Spawn > 0 {
		return Spawn{Ask: m.Ask, Actor: wire.SpawnedID(s.actor, m.Spawn), Name: m.To, Module: m.Module}
	}
	return Sent{To: m.To, Ask: m.Ask, Message: wire.Message{
		ID: wire.ChannelID(s.actor, m.To, m.Seq), From: s.actor, Sender: s.spec.Name, To: m.To, Seq: m.Seq,
		Floor: s.outbox.floor(m.To), Ask: m.Ask > 0, Payload: m.Payload,
	}}
}

// floor is the lowest number of a channel that is not settled.
func (o *outbox) floor(to string) uint64 {
	for i := range o.messages {
		if m := &o.messages[i]; m.To == to && m.Spawn == 0 {
			return m.Seq
		}
	}
	return o.channels[to] + 1
}

// Outbox is all that is not settled: what a new activation sends again.
func (s *State) Outbox() []Output {
	out := make([]Output, 0, len(s.outbox.messages))
	for _, m := range s.outbox.messages {
		out = append(out, s.output(m))
	}
	return out
}

// ack settles the sends of a channel up to a number; asks wait for their replies.
func (o *outbox) ack(a *wire.Settled) {
	o.drop(func(m *sent) bool { return m.To == a.To && m.Spawn == 0 && m.Ask == 0 && m.Seq <= a.Seq })
}

func (o *outbox) drop(which func(*sent) bool) {
	o.messages = slices.DeleteFunc(o.messages, func(m sent) bool {
		gone := which(&m)
		if gone {
			o.bytes -= len(m.Payload)
		}
		return gone
	})
}

// replied takes in what an ask has come to. A reply that comes twice, or after the ask
// was given up, changes nothing.
func (s *State) replied(number uint64, r wire.Result) {
	a := s.outbox.asks[number]
	if a == nil || a.Result != nil {
		return
	}
	s.outbox.drop(func(m *sent) bool { return m.Ask == number })
	switch {
	case a.Orphan:
		delete(s.outbox.asks, number)
	case a.Async:
		delete(s.outbox.asks, number)
		s.enqueue(Delivery{Kind: Reply, Token: number, Result: r})
	default:
		a.Result = &r
	}
}

// expire times out the asks that are due.
func (s *State) expire() {
	if s.outbox.due == 0 || s.outbox.due > s.now || s.status != Running {
		return
	}
	for _, number := range s.outbox.numbers() {
		if a := s.outbox.asks[number]; a.Result == nil && a.Due <= s.now {
			s.replied(number, wire.Result{Outcome: wire.TimedOut})
		}
	}
	s.outbox.due = 0
	for _, a := range s.outbox.asks {
		s.outbox.dueBy(a)
	}
}

// dueBy takes in when an ask times out.
func (o *outbox) dueBy(a *ask) {
	if a.Result == nil && (o.due == 0 || a.Due < o.due) {
		o.due = a.Due
	}
}

// numbers are those of the asks, ascending.
func (o *outbox) numbers() []uint64 { return slices.Sorted(maps.Keys(o.asks)) }
