package mailbox

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/actors/wire"
)

// version is that of the encoding.
const version = 1

// encoded is a state as it is written: a CBOR map in core deterministic encoding.
type encoded struct {
	Version    uint64       `cbor:"v"`
	Actor      wire.ActorID `cbor:"actor"`
	Spec       wire.Spec    `cbor:"spec"`
	Module     wire.Link    `cbor:"module"`
	Previous   wire.Link    `cbor:"previous"`
	Status     Status       `cbor:"status"`
	Reason     string       `cbor:"reason"`
	History    []Activation `cbor:"history"`
	Failures   []int64      `cbor:"failures"`
	GivenUp    bool         `cbor:"given_up,omitempty"`
	Index      uint64       `cbor:"index"`
	Epoch      uint64       `cbor:"epoch"`
	Now        int64        `cbor:"now"`
	Seed       wire.Seed    `cbor:"seed"`
	Deliveries uint64       `cbor:"deliveries"`
	Inbox      []Delivery   `cbor:"inbox"`
	Turn       uint64       `cbor:"turn"`
	Sources    []encSource  `cbor:"sources"`
	Open       []openAsk    `cbor:"open"`
	Channels   []encChannel `cbor:"channels"`
	Messages   []sent       `cbor:"messages"`
	Asks       []ask        `cbor:"asks"`
	NextAsk    uint64       `cbor:"next_ask"`
	Spawned    uint64       `cbor:"spawned"`
	Timers     []timer      `cbor:"timers"`
	NextTimer  uint64       `cbor:"next_timer"`
	Wake       int64        `cbor:"wake"`
	Current    *encProgress `cbor:"current"`
	Controls   []controlled `cbor:"controls,omitempty"`
}

type encSource struct {
	Session [8]byte      `cbor:"session"`
	From    wire.ActorID `cbor:"from,omitzero"`
	To      string       `cbor:"to,omitempty"`
	Floor   uint64       `cbor:"floor"`
	Taken   []uint64     `cbor:"taken"`
	Answers []answer     `cbor:"answers,omitempty"`
	Used    int64        `cbor:"used"`
	Turn    uint64       `cbor:"turn"`
}

type encChannel struct {
	To   string `cbor:"to"`
	Next uint64 `cbor:"next"`
}

type encProgress struct {
	Delivery Delivery  `cbor:"delivery"`
	Calls    []call    `cbor:"calls"`
	Mark     [3]uint64 `cbor:"mark"`
	Released []segment `cbor:"released"`
}

// Encode is the state as bytes: equal states have equal bytes. It must not be called
// in a delivery that is being skipped.
func (s *State) Encode() []byte {
	e := encoded{
		Version: version, Actor: s.actor, Spec: s.spec, Module: s.module, Previous: s.previous, Status: s.status, Reason: s.reason,
		History: s.history, Failures: s.failures, GivenUp: s.givenUp, Index: s.index, Epoch: s.epoch, Now: s.now, Seed: s.seed,
		Deliveries: s.deliveries, Inbox: s.inbox, Turn: s.sources.turn, Open: s.open.list, Messages: s.outbox.messages,
		NextAsk: s.outbox.nextAsk, Spawned: s.outbox.spawned, Timers: s.timers, NextTimer: s.nextTimer, Wake: s.wake,
		Controls: s.controls,
	}
	for _, src := range s.sources.sorted() {
		e.Sources = append(e.Sources, encSource{src.key.session, src.key.from, src.key.to, src.floor, src.taken, src.answers, src.used, src.turn})
	}
	for _, to := range slices.Sorted(maps.Keys(s.outbox.channels)) {
		e.Channels = append(e.Channels, encChannel{to, s.outbox.channels[to]})
	}
	for _, n := range s.outbox.numbers() {
		e.Asks = append(e.Asks, *s.outbox.asks[n])
	}
	if p := s.current; p != nil {
		e.Current = &encProgress{p.Delivery, p.calls, [3]uint64{p.mark.ask, p.mark.timer, p.mark.spawned}, p.released}
	}
	return must(encoding.Marshal(e))
}

// sorted are the sources by key.
func (t *sources) sorted() []*source {
	return slices.SortedFunc(maps.Values(t.all), func(a, b *source) int {
		return cmp.Or(bytes.Compare(a.key.session[:], b.key.session[:]), bytes.Compare(a.key.from[:], b.key.from[:]), cmp.Compare(a.key.to, b.key.to))
	})
}

// Decode is the inverse of Encode. Its errors wrap [ErrState].
func Decode(b []byte) (*State, error) {
	var e encoded
	if err := decoding.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := e.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	s := e.state()
	if !bytes.Equal(s.Encode(), b) {
		return nil, fmt.Errorf("not the canonical encoding: %w", ErrState)
	}
	return s, nil
}

func (e *encoded) state() *State {
	s := New(e.Actor, &e.Spec)
	s.module, s.previous, s.status, s.reason = e.Module, e.Previous, e.Status, e.Reason
	s.history, s.failures, s.givenUp = e.History, e.Failures, e.GivenUp
	s.index, s.epoch, s.now, s.seed, s.deliveries = e.Index, e.Epoch, e.Now, e.Seed, e.Deliveries
	s.timers, s.nextTimer, s.wake = e.Timers, e.NextTimer, e.Wake
	s.inbox, s.controls = e.Inbox, e.Controls
	for i := range e.Inbox {
		s.inboxBytes += e.Inbox[i].size()
	}
	for _, o := range e.Open {
		s.open.add(o)
	}
	e.sources(&s.sources)
	e.outbox(&s.outbox)
	if p := e.Current; p != nil {
		s.current = &progress{Delivery: p.Delivery, calls: p.Calls, mark: counters{p.Mark[0], p.Mark[1], p.Mark[2]}, released: p.Released}
		for _, c := range p.Calls {
			s.current.bytes += len(c.Result.Payload)
		}
	}
	return s
}

func (e *encoded) sources(t *sources) {
	t.turn = e.Turn
	for _, x := range e.Sources {
		src := &source{sourceKey{x.Session, x.From, x.To}, x.Floor, x.Taken, x.Answers, x.Used, x.Turn}
		t.all[src.key] = src
		if src.ordered() {
			t.channels++
		}
		for _, a := range x.Answers {
			t.bytes += len(a.Result.Payload)
		}
	}
}

func (e *encoded) outbox(o *outbox) {
	o.messages, o.nextAsk, o.spawned = e.Messages, e.NextAsk, e.Spawned
	for _, c := range e.Channels {
		o.channels[c.To] = c.Next
	}
	for _, m := range e.Messages {
		o.bytes += len(m.Payload)
	}
	for i := range e.Asks {
		o.asks[e.Asks[i].Number] = &e.Asks[i]
		o.dueBy(&e.Asks[i])
	}
}

// validate checks what code relies on; the rest is the same bytes again or not.
func (e *encoded) validate() error {
	if e.Version != version || e.Status < Running || e.Status > Gone {
		return fmt.Errorf("version %d, status %d", e.Version, e.Status)
	}
	for _, x := range e.Sources {
		if !slices.IsSorted(x.Taken) || !x.From.IsZero() && len(x.Taken) != 1 {
			return fmt.Errorf("source %x of %d numbers", x.Session, len(x.Taken))
		}
		if !slices.IsSortedFunc(x.Answers, func(a, b answer) int { return cmp.Compare(a.Seq, b.Seq) }) {
			return fmt.Errorf("source %x: answers are not in order", x.Session)
		}
	}
	if !slices.IsSortedFunc(e.Timers, compareTimer) {
		return fmt.Errorf("timers are not in order")
	}
	return e.Spec.Validate()
}

var (
	encoding = must(encOptions().EncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   12,
		MaxArrayElements:  2 * MaxChannels,
		MaxMapPairs:       1024,
	}.DecMode())
)

// encOptions make no difference between a list that is nil and one that is empty.
func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	return o
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options and values that always encode
	}
	return v
}
