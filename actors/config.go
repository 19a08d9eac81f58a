package actors

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/runtime"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// Config is what a host is and may do. Self, Dir, Key, Network, Engine and Modules
// are needed: the zero value of every other field means its default.
type Config struct {
	// Self is this node. Key is its key, which signs checkpoints.
	Self wire.NodeID
	Key  ed25519.PrivateKey
	// Dir is the folder of the actors' logs and checkpoints; one host at a time has
	// it. It is made if missing.
	Dir string
	// Network reaches the other nodes.
	Network Network
	// Engine runs the guests. It must have been made with the host module of package
	// hostabi/actor.
	Engine *runtime.Engine
	// Modules has the code of modules.
	Modules Modules
	// GPU says what an actor that asks for GPUs gets of this node's. Default: there are
	// none here.
	GPU func(spec *swire.GPUSpec) gpu.Config
	// Placer says which nodes are to have replicas. Default: connected nodes by id.
	Placer Placer

	// Replicas is how many replicas an actor has that asks for no number, 1 to 7.
	// Default 3.
	Replicas int
	// Heartbeat is the time between heartbeats to nodes that actors are shared with.
	// Default 100 ms.
	Heartbeat time.Duration
	// SuspectAfter is after what silence a node is taken for dead that has not closed
	// its connections. Default three heartbeats and a half.
	SuspectAfter time.Duration
	// ReplaceAfter is after what time a dead node's replicas are replaced on others.
	// Default 30 s.
	ReplaceAfter time.Duration
	// ParkAfter is after what time without work an actor becomes idle: it costs
	// nothing then but a little memory. Default 2 s.
	ParkAfter time.Duration
	// CheckpointEvery is how much work of an actor a failure may have done again: the time
	// between its checkpoints while it works, and until one of them counts; with many
	// actors at work, the time for which its guest has run between two. Default 100 ms.
	CheckpointEvery time.Duration
	// Unapplied bounds the bytes and UnappliedEntries the number of messages that an
	// actor has taken and not yet worked on; senders wait above that. Defaults 16 MiB
	// and 16,384.
	Unapplied, UnappliedEntries int
	// Deadline bounds a Send or Ask whose context has no deadline. Default 30 s.
	Deadline time.Duration
	// Crowd is how many replicas a node has at most before it takes no more of actors
	// that other actors make; what clients make it takes. Default 100,000.
	Crowd int
	// LogBytes bounds what is kept of an actor's output and log lines. Default 1 MiB.
	LogBytes int64

	// Watch, unless nil, has another failure detector tell of a node that actors are
	// shared with, as long as they are: tell is called with each change of what it
	// believes, and Watch and stop return at once.
	Watch func(node wire.NodeID, tell func(alive bool)) (stop func())

	// Observer is told what is worth counting. Default: nobody.
	Observer Observer
	// Events is told of changes of actors led here. It must not block. Default: nobody.
	Events func(Event)
	// Log takes what people may want to know. Default: nothing is logged.
	Log *slog.Logger
}

// Modules is where the code of modules is found.
type Modules interface {
	// Code opens a module's bytes, wherever they have to come from, and returns their
	// number.
	Code(ctx context.Context, module cid.Cid) (io.ReadCloser, int64, error)
	// Hold keeps a module on this node for as long as an actor here needs it: it is
	// called again after a restart.
	Hold(ctx context.Context, module cid.Cid) error
	// Release takes one Hold back.
	Release(module cid.Cid)
}

// Placer chooses nodes.
type Placer interface {
	// Place returns up to n nodes for a new replica of an actor, best first, none of
	// them in Without. Fewer, or none, if there are no more that can. It may take as
	// long as ctx allows.
	Place(ctx context.Context, r Placement, n int) []wire.NodeID
	// Better returns the node that an actor would better run on than where it does,
	// and why (one of the Reason constants): empty if it may stay. One without a replica
	// gets one first. It is asked now and then of those that work.
	Better(r Placement) (node wire.NodeID, reason Reason)
}

// Placement is what a Placer goes by.
type Placement struct {
	Actor   wire.ActorID
	Spec    *wire.Spec
	Leader  wire.NodeID   // empty for a new actor
	Members []wire.NodeID // that have a replica
	Without []wire.NodeID // not to be chosen: the members, and those that have refused
	// Messages counts the messages of late from actors and clients by the node that
	// they came from.
	Messages map[wire.NodeID]uint64
}

// Observer counts. Its methods are called from many goroutines and must not block.
type Observer interface {
	// Checkpointed: a checkpoint of so many bytes counts; the guest stood still for
	// pause, and lag has passed from then until the checkpoint counted.
	Checkpointed(bytes int64, pause, lag time.Duration)
	// Migrated: an actor moved to another node and was away for pause.
	Migrated(reason Reason, pause time.Duration)
	// FailedOver: an actor came up here, took, counted from the suspicion, and
	// replayed so many entries.
	FailedOver(took time.Duration, replayed int)
	// Activated: an actor came up here, for whatever reason.
	Activated(took time.Duration)
	// Message: one was committed, after so long.
	Message(took time.Duration)
}

// Validate checks what New is given.
func (c *Config) Validate() error {
	switch {
	case c.Self.Validate() != nil:
		return fmt.Errorf("self: %w", c.Self.Validate())
	case len(c.Key) != ed25519.PrivateKeySize:
		return errors.New("a host of actors needs the node's key")
	case c.Dir == "" || c.Network == nil || c.Engine == nil || c.Modules == nil:
		return errors.New("a host of actors needs a folder, a network, an engine and modules")
	case c.Replicas < 0 || c.Replicas > wire.MaxReplicas:
		return fmt.Errorf("%d replicas, not 1 to %d", c.Replicas, wire.MaxReplicas)
	case min(c.Heartbeat, c.SuspectAfter, c.ReplaceAfter, c.ParkAfter, c.CheckpointEvery, c.Deadline) < 0:
		return errors.New("a negative time")
	case min(c.Unapplied, c.UnappliedEntries, c.Crowd) < 0 || c.LogBytes < 0:
		return errors.New("a negative bound")
	}
	return nil
}

func (c Config) withDefaults() Config {
	orDefault(&c.Replicas, 3)
	orDefault(&c.Heartbeat, 100*time.Millisecond)
	orDefault(&c.SuspectAfter, c.Heartbeat*7/2)
	orDefault(&c.ReplaceAfter, 30*time.Second)
	orDefault(&c.ParkAfter, 2*time.Second)
	orDefault(&c.CheckpointEvery, 100*time.Millisecond)
	orDefault(&c.Unapplied, 16<<20)
	orDefault(&c.UnappliedEntries, 16384)
	orDefault(&c.Deadline, 30*time.Second)
	orDefault(&c.LogBytes, 1<<20)
	orDefault(&c.Crowd, 100_000)
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// nobody is the Observer of a host that was given none.
type nobody struct{}

func (nobody) Checkpointed(int64, time.Duration, time.Duration) {}
func (nobody) Migrated(Reason, time.Duration)                   {}
func (nobody) FailedOver(time.Duration, int)                    {}
func (nobody) Activated(time.Duration)                          {}
func (nobody) Message(time.Duration)                            {}
