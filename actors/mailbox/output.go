package mailbox

import (
	"github.com/godwit-run/godwit/actors/wire"
)

// Output is something that leaves the actor.
type Output interface{ output() }

type (
	// Answer is what an ask comes to: of a client, if From is zero, else of the actor
	// From. It is put out again when the ask comes again.
	Answer struct {
		ID     wire.MessageID
		From   wire.ActorID
		Result wire.Result
	}
	// Taken says that the messages of a channel up to Seq are in the state: an Ack for
	// the actor From, which sent them to the name To.
	Taken struct {
		From wire.ActorID
		To   string
		Seq  uint64
	}
	// Sent is a message to an actor, to be delivered by name, again and again until it
	// is acknowledged or, if Ask is not 0, until its reply is in the log: an item Reply
	// of that ask. A name that nobody has is Replied NotFound; a send to it is settled.
	Sent struct {
		To      string
		Ask     uint64
		Message wire.Message
	}
	// Spawn is an actor to make. If Actor exists nothing is made; if only its name
	// does, neither. When that is settled it is an item Reply of Ask.
	Spawn struct {
		Ask    uint64
		Actor  wire.ActorID
		Name   string
		Module wire.Link // undefined: the actor's own
	}
	// Controlled is what a control came to.
	Controlled struct {
		ID     wire.MessageID
		Result wire.Result
	}
	// Halted says that the actor takes no messages any more: it stopped, or was given
	// up after a failure.
	Halted struct{ Reason string }
	// Removed says that the actor is gone for good.
	Removed struct{}
)

func (Answer) output()     {}
func (Taken) output()      {}
func (Sent) output()       {}
func (Spawn) output()      {}
func (Controlled) output() {}
func (Halted) output()     {}
func (Removed) output()    {}
