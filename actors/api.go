package actors

import (
	"errors"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// What the methods of [Host] wrap, for a caller to branch on.
var (
	// ErrNotFound: no node that could be reached knows of the actor.
	ErrNotFound = errors.New("no such actor")
	// ErrAmbiguous: a prefix of an id that several actors have.
	ErrAmbiguous = errors.New("several actors have ids like that")
	// ErrExists: the name is another actor's.
	ErrExists = errors.New("an actor of that name exists")
	// ErrInvalid: what was asked for cannot be.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: too few of the actor's replicas can be reached, or the host is
	// stopping. The actor goes on when they are back. A message that had been sent before
	// that was known may take effect then: the error's text says whether that can be.
	ErrUnavailable = errors.New("the actor is unavailable")
	// ErrBusy: too much waits for the actor already.
	ErrBusy = errors.New("too much waits for the actor")
	// ErrStopped: the actor has stopped, or was given up.
	ErrStopped = errors.New("the actor has stopped")
	// ErrRefused is wrapped by a [RefusedError].
	ErrRefused = errors.New("the message failed")
	// ErrTimeout: the deadline passed. Whether the message has taken effect is not
	// known.
	ErrTimeout = errors.New("no answer in time")
)

// RefusedError is what an ask gets for a reply when the actor refuses it, or fails
// at it: the message has had no effect then.
type RefusedError struct {
	// Reason is the actor's own, or how it failed: trap, out_of_fuel, out_of_memory.
	Reason string
}

func (e *RefusedError) Error() string { return "the actor refused: " + e.Reason }

// Unwrap returns ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// CreateOptions is a new actor.
type CreateOptions struct {
	// Name is 1 to 255 bytes of UTF-8 without control characters, and names one actor
	// of the mesh.
	Name string
	// Module is its code: a reactor or a process, see package hostabi/actor.
	Module cid.Cid
	// Args and Env are given to the guest, Env as K=V.
	Args, Env []string
	// Replicas is how many nodes hold it, 1 to 7; 0 is the node's default.
	Replicas int
	// Fuel bounds the work on one message, in units; 0 is the default of the
	// runtime's limits.
	Fuel uint64
	// Memory bounds the guest's memory in bytes; 0 is the default.
	Memory uint64
	// Restarts is how often it may fail within Within before it is given up: it keeps
	// its state and takes no messages. 0 and 0 are the defaults, 5 in a minute.
	Restarts int
	Within   time.Duration
	// OnFailure is what becomes of it when a message fails: "restart" (default: as
	// if there had been no such message) or "stop".
	OnFailure string
	// Stateless says that nothing is lost when its memory is dropped at an upgrade.
	Stateless bool
	// GPU is what it needs of GPUs, nil for none. What it has on them moves with it.
	GPU *swire.GPUSpec
	// Hints say where it should run.
	Hints swire.Hints
	// Beside is the name of another actor to run with.
	Beside string
	// Idle has the actor only written down, on as many nodes: it begins with its first
	// message. That costs a small part of what beginning does, for those who make very
	// many; but what the guest does wrong at its start, that message finds out.
	Idle bool
	// ID is the new actor's id: whoever creates it again with that id gets it, in place
	// of ErrExists. Zero: the host makes one.
	ID wire.ActorID
}

// MessageOptions goes with a message from a client.
type MessageOptions struct {
	// ID names the message: one that is sent twice, by whatever node, takes effect
	// once, and an ask has the same reply again. Zero: the host makes one.
	ID wire.MessageID
}

// State is what an actor is doing.
type State string

// The states of an actor.
const (
	StateRunning     State = "running"     // in memory on its node
	StateIdle        State = "idle"        // on disk, until a message comes
	StateStopped     State = "stopped"     // by its own will, or by supervision
	StateUnavailable State = "unavailable" // too few replicas can be reached
)

// Reason is why an activation took place.
type Reason = wire.Reason

// The reasons of activations and migrations.
const (
	ReasonCreated  = wire.ReasonCreated
	ReasonManual   = wire.ReasonManual
	ReasonDrain    = wire.ReasonDrain
	ReasonLoad     = wire.ReasonLoad
	ReasonLocality = wire.ReasonLocality
	ReasonFailure  = wire.ReasonFailure
	ReasonWoken    = wire.ReasonWoken // it was idle
)

// Status is what is known of an actor.
type Status struct {
	Name string
	ID   wire.ActorID
	// Module is its code now; Previous is what it was before the last upgrade,
	// undefined if there was none.
	Module, Previous cid.Cid
	// Epoch is that of its last activation: a higher one is later.
	Epoch uint64
	// Node is where it is active, or was last.
	Node wire.NodeID
	// Replicas are its nodes, Node included.
	Replicas []Replica
	// Sequence counts what its log has committed.
	Sequence uint64
	// Checkpointed is up to which Sequence its state is in a checkpoint.
	Checkpointed uint64
	State        State
	// Why says more about a State that is not running or idle.
	Why string
	// Waiting is how many messages are not worked on yet.
	Waiting int
	Created time.Time
	// History has its activations, oldest first, up to 64 of them.
	History []Activation
	Spec    wire.Spec
}

// Replica is a node that holds an actor.
type Replica struct {
	Node  wire.NodeID
	Alive bool
	// Learner: it is being made and does not count yet.
	Learner bool
	// Behind is how many entries of the log it lacks, as far as the leader knows.
	Behind uint64
}

// Activation is an entry of an actor's history.
type Activation struct {
	Epoch  uint64
	Node   wire.NodeID
	Reason Reason
	Time   time.Time
}

// Migration is how a migration went.
type Migration struct {
	From, To wire.NodeID
	Epoch    uint64 // of the new activation
	// Pause is how long no message was worked on.
	Pause time.Duration
	// Took is the whole, from the request.
	Took time.Duration
	// Bytes is what was sent to the target.
	Bytes int64
}

// MigrateOptions says where to and why.
type MigrateOptions struct {
	// To is the target; empty: the Placer chooses.
	To wire.NodeID
	// Reason is kept in the history. Default manual.
	Reason Reason
}

// UpgradeOptions says what an actor is to become.
type UpgradeOptions struct {
	// Module is the new code. Rollback is instead: the module before.
	Module   cid.Cid
	Rollback bool
	// DryRun tries it on a copy and changes nothing.
	DryRun bool
}

// Event is a change of an actor, told by the node that leads it; its end is told by
// each that keeps it.
type Event struct {
	// Type is activated, idle, migrated, failed, stopped, upgraded, removed or replaced.
	// The first of an actor is activated, for the reason created.
	Type   string
	Time   time.Time
	Name   string
	ID     wire.ActorID
	Epoch  uint64
	Node   wire.NodeID
	Reason Reason
	Detail string
	// Actor is what this node knows of it then.
	Actor Status
}

// LogLine is a line of what an actor has said.
type LogLine struct {
	Time time.Time
	// Stream is stdout, stderr or log; Level is for log: debug, info, warn, error.
	Stream, Level string
	Text          string
	Epoch         uint64
}

// LogOptions says which lines.
type LogOptions struct {
	// Tail is how many of the last lines to begin with; 0 is all that are kept.
	Tail int
	// Follow goes on until the context is done.
	Follow bool
}

// Stats counts actors of this node.
type Stats struct {
	// Running are active here, Idle are led here and idle, Replicas are held here in
	// all.
	Running, Idle, Replicas int
}
