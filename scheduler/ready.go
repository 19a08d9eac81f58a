package scheduler

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Ready is what a shell must do after a step; see the package documentation for
// the order.
type Ready struct {
	// Persist are records to write, in one batch.
	Persist []Record
	// Sync tells whether they must be on disk before the rest is carried out.
	Sync bool
	// Messages are to be sent, in this order for each receiver.
	Messages []Outgoing
	// Effects are to be carried out, in this order.
	Effects []Effect
}

// Record is a value under a key; each core's keys are a space of their own. A
// nil value deletes.
type Record struct {
	Key   string
	Value []byte
}

// Outgoing is a message and its receiver.
type Outgoing struct {
	To      wire.NodeID
	Message wire.Message
}

// Event is something that happened to a core.
type Event interface{ event() }

type (
	// Tick says that time has passed: Deadline is due.
	Tick struct{}

	// Received is a message from the node that its stream authenticates.
	Received struct {
		From    wire.NodeID
		Message wire.Message
	}

	// Connected says that messages to a node can be sent (again).
	Connected struct{ Node wire.NodeID }

	// Disconnected says that the last connection to a node has closed.
	Disconnected struct{ Node wire.NodeID }

	// Measured is a round trip to a node.
	Measured struct {
		Node wire.NodeID
		RTT  time.Duration
	}

	// Trusted says that SubmitterConfig.Trust may say otherwise than before.
	Trusted struct{}

	// Learned is a vector whose signature was checked, this node's own included.
	Learned struct{ Vector wire.Vector }

	// Submit asks the submitter to take a task. Step's error refuses it: one that
	// wraps wire.ErrInvalid, a *BusyError, an *ExistsError or ErrKeyReused.
	Submit struct {
		// ID is fresh.
		ID   wire.TaskID
		Spec wire.Spec
		// Client is who submits, for rates and keys; at most 255 bytes.
		Client string
		// Key is the idempotency key; at most 255 bytes, empty is none.
		Key string
	}

	// CancelTask ends a task. Step's error is ErrUnknownTask, or nil if the task
	// has ended already.
	CancelTask struct{ Task wire.TaskID }

	// MigrateTask has a running task go on elsewhere: on To, or where it is best if that
	// is empty. Step's error is ErrUnknownTask, or a *MigrateError.
	MigrateTask struct {
		Task wire.TaskID
		To   wire.NodeID
	}

	// Collected says that what Collect asked for is here, whole and kept, or why it
	// cannot be had. Each Collect is followed by exactly one.
	Collected struct {
		wire.Ref
		// Err is empty if all is here.
		Err string
	}

	// Ended says that a run has stopped for good, so that its capacity is free.
	// Each Start is followed by exactly one.
	Ended struct {
		Run     Run
		Outcome wire.Outcome
	}

	// SetDraining makes the executor refuse new work, or take it again. What runs is
	// suspended, to go on elsewhere, unless it may Stay; after Grace what still runs is
	// stopped and goes back to its submitters.
	SetDraining struct {
		On    bool
		Stay  bool
		Grace time.Duration
	}
)

func (Tick) event()         {}
func (Received) event()     {}
func (Connected) event()    {}
func (Disconnected) event() {}
func (Measured) event()     {}
func (Trusted) event()      {}
func (Learned) event()      {}
func (Submit) event()       {}
func (CancelTask) event()   {}
func (MigrateTask) event()  {}
func (Collected) event()    {}
func (Ended) event()        {}
func (SetDraining) event()  {}

// Effect is something that a shell does for a core.
type Effect interface{ effect() }

type (
	// Changed says that a task has changed its state: queued, placing, running, or
	// one of the ends. Task is the task as it is now, shared with nobody.
	Changed struct{ Task Task }

	// Write is a piece of output of the attempt that counts. Pieces of one stream
	// come in order; what was written before Offset may be missing. Began is the attempt
	// whose output it goes on with, after checkpoints: some of it may have come before.
	Write struct {
		wire.Ref
		Began  uint32
		Stream wire.Stream
		Offset uint64
		Data   []byte
	}

	// Collect fetches what a checked result names, so that it is here before its
	// executor may forget it. Its Collected follows.
	Collect struct {
		wire.Ref
		Node  wire.NodeID // that has it
		Links []wire.Link
	}

	// Used is what the attempt that counts has used so far.
	Used struct {
		wire.Ref
		FuelUsed    uint64
		MemoryBytes uint64
	}

	// Resumed says that the attempt that counts has gone on from a checkpoint. Task is
	// the task as it is now, shared with nobody.
	Resumed struct {
		Task Task
		From wire.Point
	}

	// Drop tells keepers that the checkpoints of a task are of no more use.
	Drop struct {
		Task    wire.TaskID
		Keepers []wire.NodeID
	}

	// Ask signs a request and tells all nodes of it, this one included: see Asked.
	Ask struct{ Request wire.Request }

	// Auctioned says that an auction led to a choice: how long it took, and the score
	// of the best offer. It is for metrics.
	Auctioned struct {
		wire.Ref
		Took  time.Duration
		Score float64
	}

	// Start begins a run: fetch module and inputs, run it within Limits and
	// Allotment, and step Ended. Deadline is zero if there is none; a run that
	// reaches it has timed out. With a Grant it goes on from the newest checkpoint that
	// can be had of those that the grant names, if there is one.
	Start struct {
		Run
		Spec      wire.Spec
		Allotment Allotment
		Deadline  time.Time
		Grant     []byte
	}

	// Granted hands a run the grant that its shell has asked for (wire.Keep), or a newer
	// one.
	Granted struct {
		Run
		Grant []byte
	}

	// Yield suspends a run soon and makes a last checkpoint; its Ended follows, with
	// wire.FaultDrain. A run that cannot be suspended goes on.
	Yield struct{ Run }

	// Stop ends a run soon; its Ended follows, with whatever outcome.
	Stop struct{ Run }
)

func (Changed) effect()   {}
func (Write) effect()     {}
func (Collect) effect()   {}
func (Ask) effect()       {}
func (Auctioned) effect() {}
func (Used) effect()      {}
func (Resumed) effect()   {}
func (Drop) effect()      {}
func (Granted) effect()   {}
func (Yield) effect()     {}
func (Start) effect()     {}
func (Stop) effect()      {}

// Run names an attempt on its executor: ids are the submitters' to choose, so
// only with the submitter's are they unique.
type Run struct {
	Submitter wire.NodeID
	wire.Ref
}
