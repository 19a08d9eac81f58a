package mailbox

import (
	"errors"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// The bounds of what a state keeps.
const (
	MaxHistory   = 64
	MaxSessions  = 1024     // sources that are sessions
	MaxChannels  = 1 << 16  // sources that are channels
	MaxTaken     = 1 << 14  // numbers above the floor, of one session
	MaxOpen      = 1 << 14  // asks that have no reply yet
	MaxAnswers   = 16 << 20 // bytes of replies that are kept
	MaxOutbox    = 1 << 14  // messages that are not settled
	MaxOutBytes  = 32 << 20 // bytes of them
	MaxAsks      = 1 << 12  // asks and spawns that are not settled, or not awaited
	MaxSpawning  = 16       // spawns that are not settled: each makes replicas on several nodes
	MaxTimers    = 1 << 14
	MaxCallBytes = 32 << 20 // bytes that one delivery sends between two releases
	// SessionAge is after what log time an unused session is forgotten.
	SessionAge = 10 * time.Minute
	// DefaultWait is how long an ask waits that says nothing.
	DefaultWait = 10 * time.Second
)

var (
	// ErrFull: too much is under way.
	ErrFull = errors.New("too much is under way")
	// ErrNoMessage: no such message, ask or timer, or no longer.
	ErrNoMessage = errors.New("no such message")
	// ErrState is wrapped when bytes are not an encoded state.
	ErrState = errors.New("not the state of a mailbox")
)

// Kind is what a delivery is.
type Kind uint8

// The kinds of deliveries.
const (
	// Init is the first: the guest initialises itself, or begins.
	Init Kind = 1 + iota
	// Send is a message, Ask one that wants a reply.
	Send
	Ask
	// Reply is that to an asynchronous ask: Token is the ask.
	Reply
	// Timer is due: Token is what it was set with.
	Timer
	// Start goes on after a stop.
	Start
	// Upgrade is to change to Module: the activation does it and calls Upgraded.
	Upgrade
	// Timeout is that nothing came: see SetWake.
	Timeout
)

// Delivery is what the guest is given to work on.
type Delivery struct {
	// Number counts deliveries from 1.
	Number uint64 `cbor:"number"`
	Kind   Kind   `cbor:"kind"`
	// ID is a message's; of a control it is the request's.
	ID wire.MessageID `cbor:"id,omitzero"`
	// From and Sender are empty if it is from a client.
	From   wire.ActorID `cbor:"from,omitzero"`
	Sender string       `cbor:"sender,omitempty"`
	Token  uint64       `cbor:"token,omitempty"`
	// Result is that of a Reply; of the other kinds only the payload counts.
	Result wire.Result `cbor:"result,omitzero"`
	Module wire.Link   `cbor:"module,omitzero"`
}

// Status is what an actor is doing.
type Status uint8

// The statuses.
const (
	Running Status = 1 + iota
	Stopped
	Gone // removed
)

// Activation is an entry of the history.
type Activation struct {
	Epoch  uint64      `cbor:"epoch"`
	Node   wire.NodeID `cbor:"node"`
	Reason wire.Reason `cbor:"reason"`
	// Time is in nanoseconds since 1970.
	Time int64 `cbor:"time"`
}

// State is the state of an actor beside its instance. It is used by one goroutine.
type State struct {
	actor wire.ActorID
	spec  wire.Spec

	module, previous wire.Link
	status           Status
	reason           string // of being stopped
	history          []Activation
	failures         []int64 // times of those that count still
	givenUp          bool    // it has stopped since it failed too often: an upgrade brings it back

	index, epoch uint64
	now          int64
	seed         wire.Seed
	deliveries   uint64 // begun so far

	inbox      []Delivery
	inboxBytes int
	sources    sources
	open       opens
	outbox     outbox
	timers     []timer // by due time, then id
	nextTimer  uint64
	wake       int64 // when to deliver a Timeout; 0: not

	controls []controlled // the last ones, oldest first

	current *progress
	ghost   *Failed // the current delivery is one that is known to fail
}

// New is an actor before its first entry. The spec must be valid.
func New(actor wire.ActorID, spec *wire.Spec) *State {
	return &State{
		actor: actor, spec: *spec, module: spec.Module, status: Running,
		sources: newSources(), open: newOpens(), outbox: newOutbox(), nextTimer: 1,
	}
}

// Actor is the actor's id.
func (s *State) Actor() wire.ActorID { return s.actor }

// Spec is what the actor was made of.
func (s *State) Spec() wire.Spec { return s.spec }

// Module is the actor's code now, and Previous what it was before the last upgrade.
func (s *State) Module() wire.Link   { return s.module }
func (s *State) Previous() wire.Link { return s.previous }

// Status tells what the actor is doing and, if it has stopped, why.
func (s *State) Status() (Status, string) { return s.status, s.reason }

// Index is the last entry that was applied, Epoch that of the last activation.
func (s *State) Index() uint64 { return s.index }
func (s *State) Epoch() uint64 { return s.epoch }

// Deliveries counts the deliveries so far, the one in progress included.
func (s *State) Deliveries() uint64 { return s.deliveries }

// History is the last activations, oldest first, shared with nobody.
func (s *State) History() []Activation { return append([]Activation(nil), s.history...) }

// Waiting tells how many deliveries are not begun yet, and the bytes of them.
func (s *State) Waiting() (n, bytes int) { return len(s.inbox), s.inboxBytes }

// Now is the actor's clock: nanoseconds since 1970.
func (s *State) Now() int64 { return s.now }

// Advance moves the actor's clock on, when its guest sleeps or reads it.
func (s *State) Advance(d time.Duration) { s.now += int64(max(d, 0)) }

// Quiet tells whether no delivery is in progress: a checkpoint taken now can be gone
// back to, whatever fails later.
func (s *State) Quiet() bool { return s.current == nil }

// Current is the delivery in progress, if any.
func (s *State) Current() (Delivery, bool) {
	if s.current == nil {
		return Delivery{}, false
	}
	return s.current.Delivery, true
}

// Settled tells whether nothing is under way: nothing waits, nothing is in progress
// and nothing that was sent is without an answer.
func (s *State) Settled() bool {
	return s.current == nil && len(s.inbox) == 0 && s.outbox.settled()
}
