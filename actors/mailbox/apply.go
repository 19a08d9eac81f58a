package mailbox

import (
	"slices"

	"github.com/godwit-run/godwit/actors/wire"
)

// Apply takes in an entry: its time, then its items. Entries come in the order of the
// log; one that was applied before changes nothing. A delivery may be there then.
func (s *State) Apply(e wire.Committed) []Output {
	if e.Index <= s.index || s.status == Gone {
		return nil
	}
	s.index = e.Index
	if e.Entry.Seed != (wire.Seed{}) {
		s.seed = e.Entry.Seed
	}
	s.now = max(s.now, e.Entry.Time)
	s.expire()
	s.fire()
	var out []Output
	for i := range e.Entry.Items {
		out = append(out, s.item(&e.Entry.Items[i], e.Epoch)...)
	}
	return append(out, s.haunt()...)
}

func (s *State) item(i *wire.Item, epoch uint64) []Output {
	switch {
	case i.Message != nil:
		return s.message(i.Message)
	case i.Reply != nil:
		s.replied(i.Reply.Ask, i.Reply.Result)
	case i.Ack != nil:
		s.outbox.ack(i.Ack)
	case i.Activate != nil:
		s.activate(epoch, i.Activate)
	case i.Control != nil:
		return s.control(i.Control)
	}
	return nil
}

// message takes a message, unless it was taken before or one before it is missing.
func (s *State) message(m *wire.Message) []Output {
	src := s.sources.of(m, s.now)
	s.raise(src, m.Floor)
	seq := m.Number()
	v := src.take(seq)
	s.sources.bound(src)
	var out []Output
	if src.ordered() && src.last() > 0 {
		out = append(out, Taken{From: m.From, To: m.To, Seq: src.last()})
	}
	switch {
	case v == repeat && m.Ask:
		out = append(out, s.again(src, m)...)
	case v == fresh && s.status != Running:
		out = append(out, s.refuse(src, m)...)
	case v == fresh:
		s.accept(m)
	}
	return out
}

// raise moves a floor; asks below it want no reply any more.
func (s *State) raise(src *source, floor uint64) {
	if floor > src.floor {
		s.open.forget(src.key, floor)
	}
	s.sources.raise(src, floor)
}

// accept puts a message before the guest.
func (s *State) accept(m *wire.Message) {
	d := Delivery{Kind: Send, ID: m.ID, From: m.From, Sender: m.Sender, Result: wire.Result{Payload: m.Payload}}
	if m.Ask {
		d.Kind = Ask
		if len(s.open.list) >= MaxOpen {
			s.open.remove(s.open.list[0].ID) // nobody bounds them: the oldest goes
		}
		s.open.add(openAsk{ID: m.ID, From: m.From, To: m.To, Seq: m.Number()})
	}
	s.enqueue(d)
}

// again answers an ask that came before: with its reply, if it has one already.
func (s *State) again(src *source, m *wire.Message) []Output {
	if s.open.byID[m.ID] {
		return nil
	}
	r, known := src.find(m.Number())
	if !known {
		r = wire.Result{Outcome: wire.Forgotten}
	}
	return []Output{Answer{ID: m.ID, From: m.From, Result: r}}
}

// refuse answers an ask that comes while the actor is stopped. That is its answer,
// even if the actor is started again; a send has none and is lost.
func (s *State) refuse(src *source, m *wire.Message) []Output {
	if !m.Ask {
		return nil
	}
	r := wire.Result{Outcome: wire.Stopped, Payload: []byte(s.reason)}
	s.sources.answered(src, m.Number(), r)
	return []Output{Answer{ID: m.ID, From: m.From, Result: r}}
}

// activate begins an epoch; the first one of all initialises the guest, unless the
// actor is a copy.
func (s *State) activate(epoch uint64, a *wire.Activate) {
	if s.deliveries == 0 && len(s.history) == 0 {
		s.enqueue(Delivery{Kind: Init})
	}
	s.epoch = epoch
	s.history = append(s.history, Activation{Epoch: epoch, Node: a.Node, Reason: a.Reason, Time: s.now})
	s.history = s.history[max(0, len(s.history)-MaxHistory):]
}

// start has a stopped actor go on, before anything else that waits.
func (s *State) start() {
	if s.status != Stopped {
		return
	}
	s.status, s.reason, s.failures, s.givenUp = Running, "", nil, false
	s.inbox = slices.Insert(s.inbox, 0, Delivery{Kind: Start})
}

// stop ends the actor for now: messages that wait are dropped, asks are answered; its
// timers and replies wait for it to be started again. If a delivery is in progress then
// the activation has it fail.
func (s *State) stop(reason string) []Output {
	if s.status != Running {
		return nil
	}
	s.status, s.reason = Stopped, reason
	var out []Output
	waiting := s.inbox
	s.inbox, s.inboxBytes, s.wake = nil, 0, 0
	for _, d := range waiting {
		switch d.Kind {
		case Upgrade:
			out = append(out, s.controlled(d.ID, wire.Result{Outcome: wire.Stopped}))
		case Init, Reply, Timer:
			s.enqueue(d)
		}
	}
	out = append(out, s.answerAll(wire.Result{Outcome: wire.Stopped, Payload: []byte(reason)})...)
	return append(out, Halted{Reason: reason})
}

// enqueue puts a delivery behind all others.
func (s *State) enqueue(d Delivery) {
	s.inbox = append(s.inbox, d)
	s.inboxBytes += d.size()
}

func (d *Delivery) size() int { return len(d.Result.Payload) + len(d.Sender) }
