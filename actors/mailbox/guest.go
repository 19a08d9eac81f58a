package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// progress is the delivery in progress.
type progress struct {
	Delivery
	// calls are those since the last release.
	calls []call
	bytes int
	mark  counters
	// released are the calls before, with the entries after which they were released.
	released []segment
}

// counters number what calls make. They go back when calls are dropped.
type counters struct{ ask, timer, spawned uint64 }

// segment is calls that were released together.
type segment struct {
	Index uint64 `cbor:"index"`
	Now   int64  `cbor:"now"` // the actor's clock at the release
	Calls []call `cbor:"calls"`
}

type callKind uint8

const (
	callReply callKind = 1 + iota
	callSend
	callAsk
	callTake
	callSetTimer
	callCancelTimer
	callSpawn
	callStop
	callUpgraded
)

// call is something that the guest did. Number is an ask, timer or spawn.
type call struct {
	Kind   callKind       `cbor:"kind"`
	ID     wire.MessageID `cbor:"id,omitzero"`
	Number uint64         `cbor:"number,omitempty"`
	Spawn  uint64         `cbor:"spawn,omitempty"`
	To     string         `cbor:"to,omitempty"`
	Token  uint64         `cbor:"token,omitempty"`
	Due    int64          `cbor:"due,omitempty"`
	Async  bool           `cbor:"async,omitempty"`
	Module wire.Link      `cbor:"module,omitzero"`
	Result wire.Result    `cbor:"result,omitzero"`
}

// Next begins the next delivery. ok is false if nothing waits, or one is in progress,
// or the actor has stopped.
func (s *State) Next() (d Delivery, ok bool) {
	if s.current != nil || len(s.inbox) == 0 || s.status != Running {
		return Delivery{}, false
	}
	d = s.inbox[0]
	s.inbox[0] = Delivery{}
	s.inbox = s.inbox[1:]
	s.inboxBytes -= d.size()
	return s.begin(d), true
}

func (s *State) begin(d Delivery) Delivery {
	s.wake = 0
	s.deliveries++
	d.Number = s.deliveries
	s.current = &progress{Delivery: d, mark: s.counters()}
	return d
}

func (s *State) counters() counters {
	return counters{s.outbox.nextAsk, s.nextTimer, s.outbox.spawned}
}

func (s *State) setCounters(c counters) {
	s.outbox.nextAsk, s.nextTimer, s.outbox.spawned = c.ask, c.timer, c.spawned
}

// Seed is where the guest's randomness comes from, from the beginning of a delivery or
// from a release on, to the next release.
func (s *State) Seed() [32]byte {
	b := append([]byte("godwit-random"), s.seed[:]...)
	b = binary.BigEndian.AppendUint64(b, s.deliveries)
	if s.current != nil {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s.current.released)))
	}
	return sha256.Sum256(b)
}

// Reply answers an ask, now or in a later delivery; the outcome is OK or Refused.
// Errors: ErrNoMessage if it wants no reply, or has one; ErrFull.
func (s *State) Reply(id wire.MessageID, r wire.Result) error {
	replied := s.called(func(c *call) bool { return c.Kind == callReply && c.ID == id })
	if replied || !s.open.byID[id] {
		return ErrNoMessage
	}
	return s.call(call{Kind: callReply, ID: id, Result: r}, len(r.Payload))
}

// Send sends a message to the actor of a name. ErrFull.
func (s *State) Send(to string, payload []byte) error {
	if s.fullOutbox(len(payload)) {
		return ErrFull
	}
	return s.call(call{Kind: callSend, To: to, Result: wire.Result{Payload: payload}}, len(payload))
}

// Ask sends a message that wants a reply, and returns the number of the ask. It times
// out after wait, by the actor's clock; 0 or less is DefaultWait. The reply is there
// for Result and Take or, if async, becomes a delivery. ErrFull.
func (s *State) Ask(to string, payload []byte, wait time.Duration, async bool) (uint64, error) {
	if s.fullOutbox(len(payload)) || s.fullAsks() {
		return 0, ErrFull
	}
	if wait <= 0 {
		wait = DefaultWait
	}
	n := s.outbox.nextAsk
	c := call{Kind: callAsk, Number: n, To: to, Due: s.now + int64(min(wait, wire.MaxWait)), Async: async, Result: wire.Result{Payload: payload}}
	if err := s.call(c, len(payload)); err != nil {
		return 0, err
	}
	s.outbox.nextAsk++
	return n, nil
}

// Result is what an ask has come to; done is false if it has not yet. ErrNoMessage if
// there is no such ask, or its reply was taken or comes as a delivery.
func (s *State) Result(number uint64) (r wire.Result, done bool, err error) {
	if s.called(func(c *call) bool { return c.Kind == callTake && c.Number == number }) {
		return wire.Result{}, false, ErrNoMessage
	}
	if s.called(func(c *call) bool { return c.Kind == callAsk && c.Number == number && !c.Async }) {
		return wire.Result{}, false, nil
	}
	a := s.outbox.asks[number]
	switch {
	case a == nil || a.Async || a.Orphan:
		return wire.Result{}, false, ErrNoMessage
	case a.Result == nil:
		return wire.Result{}, false, nil
	}
	return *a.Result, true, nil
}

// Take is Result for one that is there, and has it forgotten.
func (s *State) Take(number uint64) (wire.Result, error) {
	r, done, err := s.Result(number)
	if err != nil || !done {
		return wire.Result{}, ErrNoMessage
	}
	return r, s.call(call{Kind: callTake, Number: number}, 0)
}

// SetTimer has a Timer delivered once after delay, and returns its number. ErrFull.
func (s *State) SetTimer(delay time.Duration, token uint64) (uint64, error) {
	if s.current == nil || len(s.timers)+len(s.current.calls) >= MaxTimers {
		return 0, ErrFull
	}
	n := s.nextTimer
	due := s.now + int64(min(max(delay, 0), wire.MaxWait))
	if err := s.call(call{Kind: callSetTimer, Number: n, Token: token, Due: due}, 0); err != nil {
		return 0, err
	}
	s.nextTimer++
	return n, nil
}

// CancelTimer takes a timer back. ErrNoMessage if there is none: it was due already.
func (s *State) CancelTimer(number uint64) error {
	canceled := s.called(func(c *call) bool { return c.Kind == callCancelTimer && c.Number == number })
	set := s.called(func(c *call) bool { return c.Kind == callSetTimer && c.Number == number }) ||
		slices.ContainsFunc(s.timers, func(t timer) bool { return t.ID == number })
	if canceled || !set {
		return ErrNoMessage
	}
	return s.call(call{Kind: callCancelTimer, Number: number}, 0)
}

// Spawn makes an actor of a module; an undefined one is the actor's own. ErrFull.
func (s *State) Spawn(name string, module wire.Link) error {
	if s.fullOutbox(0) || s.fullAsks() || s.spawning() >= MaxSpawning {
		return ErrFull
	}
	n := s.outbox.nextAsk
	c := call{Kind: callSpawn, Number: n, Spawn: s.outbox.spawned + 1, To: name, Module: module, Due: s.now + int64(wire.MaxWait)}
	if err := s.call(c, 0); err != nil {
		return err
	}
	s.outbox.nextAsk++
	s.outbox.spawned++
	return nil
}

// Stop ends the actor when the delivery is finished.
func (s *State) Stop(reason string) error {
	return s.call(call{Kind: callStop, To: reason}, 0)
}

// Upgraded says, in an Upgrade, that the guest is that of the new module from now on.
func (s *State) Upgraded() error {
	if s.current == nil || s.current.Kind != Upgrade {
		return ErrNoMessage
	}
	return s.call(call{Kind: callUpgraded, Module: s.current.Module, ID: s.current.ID}, 0)
}

// Release has the calls so far take effect. The guest is blocked.
func (s *State) Release() []Output {
	p := s.current
	if p == nil || len(p.calls) == 0 {
		return nil
	}
	p.released = append(p.released, segment{s.index, s.now, p.calls})
	out := s.perform(p.calls)
	p.calls, p.bytes, p.mark = nil, 0, s.counters()
	return out
}

// Finish ends the delivery in progress.
func (s *State) Finish() []Output {
	out := s.Release()
	s.current = nil
	return out
}

// call adds a call to the delivery in progress.
func (s *State) call(c call, bytes int) error {
	p := s.current
	if p == nil {
		return ErrNoMessage
	}
	if p.bytes+bytes > MaxCallBytes || len(p.calls) >= MaxOutbox {
		return ErrFull
	}
	p.calls = append(p.calls, c)
	p.bytes += bytes
	return nil
}

// called tells whether there is such a call since the last release.
func (s *State) called(which func(*call) bool) bool {
	if s.current == nil {
		return false
	}
	for i := range s.current.calls {
		if which(&s.current.calls[i]) {
			return true
		}
	}
	return false
}

func (s *State) fullOutbox(bytes int) bool {
	return s.current == nil || len(s.outbox.messages)+len(s.current.calls) >= MaxOutbox ||
		s.outbox.bytes+s.current.bytes+bytes > MaxOutBytes
}

func (s *State) fullAsks() bool { return len(s.outbox.asks)+len(s.current.calls) >= MaxAsks }

// spawning counts spawns that are not settled.
func (s *State) spawning() int {
	n := 0
	for i := range s.outbox.messages {
		if s.outbox.messages[i].Spawn > 0 {
			n++
		}
	}
	for i := range s.current.calls {
		if s.current.calls[i].Kind == callSpawn {
			n++
		}
	}
	return n
}

// perform carries out calls.
func (s *State) perform(calls []call) []Output {
	var out []Output
	for i := range calls {
		out = append(out, s.performOne(&calls[i])...)
	}
	return out
}

func (s *State) performOne(c *call) []Output {
	switch c.Kind {
	case callReply:
		return s.answer(c.ID, c.Result)
	case callSend:
		return []Output{s.put(sent{To: c.To, Payload: c.Result.Payload})}
	case callAsk:
		s.addAsk(&ask{Number: c.Number, Due: c.Due, Async: c.Async})
		return []Output{s.put(sent{To: c.To, Ask: c.Number, Payload: c.Result.Payload})}
	case callTake:
		delete(s.outbox.asks, c.Number)
	case callSetTimer:
		s.addTimer(timer{Due: c.Due, ID: c.Number, Token: c.Token})
	case callCancelTimer:
		s.timers = slices.DeleteFunc(s.timers, func(t timer) bool { return t.ID == c.Number })
	case callSpawn:
		s.addAsk(&ask{Number: c.Number, Due: c.Due, Orphan: true})
		return []Output{s.put(sent{To: c.To, Ask: c.Number, Spawn: c.Spawn, Module: c.Module})}
	case callStop:
		return s.stop(c.To)
	case callUpgraded:
		s.previous, s.module = s.module, c.Module
		return []Output{s.controlled(c.ID, wire.Result{Outcome: wire.OK})}
	}
	return nil
}

func (s *State) addAsk(a *ask) {
	s.outbox.asks[a.Number] = a
	s.outbox.dueBy(a)
	s.outbox.nextAsk = max(s.outbox.nextAsk, a.Number+1)
}
