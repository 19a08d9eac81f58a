package activation

import (
	"errors"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

var (
	// ErrHalted is returned by what is asked of an activation that was halted.
	ErrHalted = errors.New("the activation was halted")
	// ErrUnfit is wrapped when a module is no actor, or cannot become another one.
	ErrUnfit = errors.New("unfit")
	// ErrDiverged: the same log has come to another state. The log does not say all that
	// the guest has seen, or the processor has computed wrongly.
	ErrDiverged = errors.New("a replay has come to another state")
	// ErrMissing: a checkpoint, or part of it, is not on this node.
	ErrMissing = errors.New("checkpoint is not here")
)

// Start is where an activation begins.
type Start struct {
	Actor wire.ActorID
	Spec  wire.Spec
	// Checkpoint is what to restore, nil if the guest is to begin. It is in the store.
	Checkpoint *wire.Checkpoint
	// Entries are those committed behind it so far: the Activate of this epoch is
	// among them. Outputs of these are not given to the sink, but what the mailbox
	// says is under way once they are executed.
	Entries []wire.Committed
	// Epoch is that of this activation.
	Epoch uint64
}

// Sink is told what becomes of an activation, by one goroutine at a time. It does not
// block, and does not call Halt.
type Sink interface {
	// Outputs are to leave the actor: all of what caused them is executed up to index.
	Outputs(index uint64, out []mailbox.Output)
	// Executed says that nothing more happens until the next entry: the guest is back,
	// or blocked. The summary is of then.
	Executed(Summary)
	// Captured says that a checkpoint is on this node's disk.
	Captured(Captured)
	// Failed says that this node cannot go on with the actor: a page is missing, or
	// the disk is full. Nothing more happens but Halt.
	Failed(error)
}

// Summary is what an actor's state says of itself.
type Summary struct {
	// Index is the last entry that was applied, Checkpointed the one of the last
	// checkpoint.
	Index, Checkpointed uint64
	Epoch               uint64
	Status              mailbox.Status
	Reason              string // of being stopped
	Module, Previous    wire.Link
	Waiting             int
	// Due is when an entry is wanted so that a timer fires; zero if there is none.
	Due time.Time
	// Kept is about how many bytes of entries there are behind the last checkpoint. It
	// only grows for a process that cannot be captured: so that whoever takes in
	// messages can put an end to it.
	Kept int64
	// Behind is how long the guest has run for what is behind the last checkpoint: about
	// the time that it takes to repeat that.
	Behind time.Duration
	// Settled: nothing is under way, so the actor may be parked once it is
	// checkpointed.
	Settled bool
	// InCall: the guest is blocked in the middle of a message, or is a process that
	// cannot be suspended: it is not captured now.
	InCall bool
	// History is the last activations, oldest first. It must not be changed.
	History []mailbox.Activation
}

// Captured is a checkpoint that is on disk.
type Captured struct {
	Checkpoint wire.Checkpoint
	// Bytes is what it took on disk, Pause for how long the guest was stopped for it,
	// Lag the time from then until it was stored.
	Bytes int64
	Pause time.Duration
	Lag   time.Duration
}

// Stats counts what an engine has done.
type Stats struct {
	// Active activations have an instance or are about to.
	Active int
	// Deliveries to guests, those of replays included; Failures of them.
	Deliveries, Failures uint64
	// Restores of instances, and the entries that were replayed after those.
	Restores, Replayed uint64
	// Checkpoints stored here, and their bytes.
	Checkpoints uint64
	Bytes       int64
}
