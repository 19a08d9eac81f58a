package group

import (
	"github.com/godwit-run/godwit/actors/wire"
)

// Event is something that happened to a replica.
type Event interface{ event() }

type (
	// Tick says that time has passed: Deadline is due.
	Tick struct{}

	// Received is a message (wire.Raft, wire.Held, wire.Evicted or wire.Vouch) for this
	// actor, from the node that its stream authenticates.
	Received struct {
		From    wire.NodeID
		Message wire.NodeMessage
	}

	// Written says that a write, and all before it, is on disk.
	Written struct{ Number uint64 }

	// Propose has an entry committed. Errors: ErrNotLeader; ErrBusy: not now; ErrInvalid:
	// its encoding is above wire.MaxEntry, or it has none. After an error it will not
	// be; without one it will, or Deposed comes and nobody knows.
	Propose struct{ Entry wire.Entry }

	// Suspect says that a node is taken for dead, Trust that it is not any more.
	Suspect struct{ Node wire.NodeID }
	Trust   struct{ Node wire.NodeID }

	// Campaign says that a leader is wanted. It does nothing if there is one whose node
	// is not suspected, unless it is Disclaimed: a node that says it does not lead. A
	// replica that has left its group asks whether it may go: Gone.
	Campaign struct{ Disclaimed wire.NodeID }

	// Confirm asks whether this replica still leads: Confirmed or Deposed follows.
	// ErrNotLeader.
	Confirm struct{}

	// Transfer hands the leadership to a voter: Deposed follows if it works, else
	// TransferFailed. Until then proposals are ErrBusy. Errors: ErrNotLeader,
	// ErrInvalid, ErrBusy.
	Transfer struct{ To wire.NodeID }

	// Change changes the members, one change at a time: Changed follows when it is
	// committed. Fields may be combined; at least one is set. Errors: ErrNotLeader,
	// ErrBusy, ErrInvalid; ErrNotReady: see Promote.
	Change struct {
		// Add gives a node a learner. Number it as Changed says; until it is made there
		// (wire.Create, Joining) it does not answer.
		Add wire.NodeID
		// Promote makes a node's learner a voter, once it has caught up and holds the base.
		Promote wire.NodeID
		// Remove takes a node's replica out; not the leader's.
		Remove wire.NodeID
	}

	// Hold says that a node has all of a checkpoint on its disk: this node itself, or
	// another one, if the shell has heard so.
	Hold struct {
		Node       wire.NodeID
		Checkpoint wire.Checkpoint
	}
)

func (Tick) event()     {}
func (Received) event() {}
func (Written) event()  {}
func (Propose) event()  {}
func (Suspect) event()  {}
func (Trust) event()    {}
func (Campaign) event() {}
func (Confirm) event()  {}
func (Transfer) event() {}
func (Change) event()   {}
func (Hold) event()     {}

// Ready is what a shell must do after a step; see the package documentation.
type Ready struct {
	// Messages are to be sent, in this order for each receiver.
	Messages []Outgoing
	// Write is to be written; nil if there is nothing to.
	Write *Write
	// Committed are entries that are committed now, in order.
	Committed []wire.Committed
	// Effects are to be carried out, in this order, after the Committed were taken.
	Effects []Effect
}

// Outgoing is a message and its receiver.
type Outgoing struct {
	To      wire.NodeID
	Message wire.NodeMessage
}

// Write is a change of what is on disk (see [Saved]), all of it or nothing.
type Write struct {
	// Number is for Written; it counts from 1, by one, since New.
	Number uint64
	// Sync tells whether it must be on disk before Written. Otherwise it may be lost.
	Sync bool
	// State replaces Saved.State, and Base Saved.Base, unless they are nil.
	State, Base []byte
	// Reset deletes all entries. Cut deletes those up to that index.
	Reset bool
	Cut   uint64
	// Entries are those from index First on; all that were there from First on go.
	First   uint64
	Entries [][]byte
}

// Saved is what is on disk of a replica, in raft's encodings.
type Saved struct {
	// State is a HardState: term, vote, commit.
	State []byte
	// Base is a Snapshot whose data is a wire.Base.
	Base []byte
	// Entries are the log behind the base, without gaps.
	Entries [][]byte
}

// Effect is something that a shell does for a group, or wants to know.
type Effect interface{ effect() }

type (
	// Elected says that this replica leads from now on.
	Elected struct{ Epoch uint64 }
	// Deposed says that this replica, which led, does not any more.
	Deposed struct{ Epoch uint64 }
	// Following says that another leader is known.
	Following struct {
		Leader wire.NodeID
		Epoch  uint64
	}
	// Confirmed says that this replica has led within the last Config.Lease.
	Confirmed struct{}
	// TransferFailed says that this replica goes on leading.
	TransferFailed struct{ To wire.NodeID }
	// Changed says that the members have changed. Capture asks the leader's shell for a
	// checkpoint: a new replica is brought up from one that knows of it.
	Changed struct {
		Roster  Roster
		Capture bool
	}
	// Installed says that the log was replaced by a base from the leader. What was
	// committed before it has no more meaning; the checkpoint must be fetched.
	Installed struct{ Base wire.Base }
	// Based says that the log was cut: it begins behind Base now.
	Based struct{ Base wire.Base }
	// Agreed says that a checkpoint is known to be held by a majority.
	Agreed struct{ Checkpoint wire.Checkpoint }
	// Gone says that the replica has no place any more.
	Gone struct{ Removed bool }
)

func (Elected) effect()        {}
func (Deposed) effect()        {}
func (Following) effect()      {}
func (Confirmed) effect()      {}
func (TransferFailed) effect() {}
func (Changed) effect()        {}
func (Installed) effect()      {}
func (Based) effect()          {}
func (Agreed) effect()         {}
func (Gone) effect()           {}

// Roster is who belongs to a group.
type Roster struct {
	Members wire.Members
	// Voters and Learners are the numbers of replicas. While one configuration goes
	// over into the next (raft's joint consensus), Voters are those of both.
	Voters, Learners []uint64
	Joint            bool
}

// Progress is how far a replica is, as its leader knows.
type Progress struct {
	Replica uint64
	Node    wire.NodeID
	Learner bool
	// Match is the last entry that it is known to have on disk.
	Match uint64
	// Held is the index of the last checkpoint it is known to hold.
	Held uint64
	// Suspected: its node is taken for dead.
	Suspected bool
}
