package detect

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// State is what a node is believed to be.
type State uint8

// The states.
const (
	Alive State = iota
	Suspect
	Dead
)

// String is the state in a word.
func (s State) String() string { return [...]string{"alive", "suspect", "dead"}[s] }

// Event is something that happened to a detector.
type Event interface{ event() }

type (
	// Tick says that time has passed: Deadline is due.
	Tick struct{}
	// Watch has a node watched, once it was connected for the first time; Unwatch
	// ends that.
	Watch struct{ Node wire.NodeID }
	// Unwatch ends Watch.
	Unwatch struct{ Node wire.NodeID }
	// Connected says that there is a connection to a node which knows pings.
	Connected struct{ Node wire.NodeID }
	// Disconnected says that the last connection to a node has closed.
	Disconnected struct{ Node wire.NodeID }
	// Measured is a round trip to a node.
	Measured struct {
		Node wire.NodeID
		RTT  time.Duration
	}
	// Heard is a sign of life of a node, whatever it said.
	Heard struct{ Node wire.NodeID }
	// Received is a Ping or Pong from the node that its stream authenticates.
	Received struct {
		From    wire.NodeID
		Message wire.Message
	}
	// Knocked says what came of a knock.
	Knocked struct {
		Node    wire.NodeID
		Outcome Outcome
	}
)

func (Tick) event()         {}
func (Watch) event()        {}
func (Unwatch) event()      {}
func (Connected) event()    {}
func (Disconnected) event() {}
func (Measured) event()     {}
func (Heard) event()        {}
func (Received) event()     {}
func (Knocked) event()      {}

// Outcome is what came of a knock.
type Outcome uint8

// The outcomes.
const (
	Failed  Outcome = iota // no answer, or none in time
	Refused                // its machine says that nobody listens there any more
	Reached                // there is a connection
	Unknown                // there is no address to knock at
)

// Ready is what a shell must do after a step: whatever cannot be sent is dropped.
type Ready struct {
	// Messages are Pings and Pongs to send.
	Messages []Outgoing
	// Knocks are nodes to connect with. A Knocked follows each.
	Knocks []wire.NodeID
	// Changes of what is believed of nodes that are watched, in order.
	Changes []Change
}

// Outgoing is a message and its receiver.
type Outgoing struct {
	To      wire.NodeID
	Message wire.Message
}

// Change says what a node is believed to be from now on.
type Change struct {
	Node  wire.NodeID
	State State
	// Incarnation is when the node was started, in milliseconds since 1970; zero if
	// it has not said so yet. A dead node's is that of the life that is over.
	Incarnation int64
	// Heard is when it last gave a sign of life.
	Heard time.Time
}
