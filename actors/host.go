package actors

import (
	"context"
	"io"
	"iter"

	"github.com/godwit-run/godwit/actors/wire"
)

// Host is the actors of a node: those it leads, and the replicas it holds of others.
// Its methods are safe for concurrent use while Run runs, and go to whatever node
// an actor is on. An actor is named by its name, its id, or a prefix of the id that
// only one has.
type Host struct {
	cfg Config
}

// New checks a configuration and allocates a host.
func New(cfg Config) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Host{cfg: cfg.withDefaults()}, nil
}

// Run is the host's life: it opens the folder, takes up its replicas, and serves
// until ctx is done. It does not hand over what it leads: see [Host.Drain]. It
// returns an error if it cannot start, or cannot go on since its disk has failed.
func (h *Host) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Ready is closed once the host takes calls.
func (h *Host) Ready() <-chan struct{} { return nil }

// Create makes an actor, and returns when enough replicas have it on disk and its
// first activation has succeeded. Errors: ErrInvalid, ErrExists, ErrUnavailable; what
// the guest did wrong at its start is a *RefusedError, and there is no actor then.
func (h *Host) Create(ctx context.Context, o CreateOptions) (Status, error) {
	return Status{}, ErrUnavailable
}

// Send gives an actor a message, and returns its id when it is acknowledged: it
// cannot be lost any more. Errors: ErrNotFound, ErrAmbiguous, ErrInvalid, ErrStopped,
// ErrBusy, ErrUnavailable, ErrTimeout.
func (h *Host) Send(ctx context.Context, actor string, payload []byte, o MessageOptions) (wire.MessageID, error) {
	return wire.MessageID{}, ErrUnavailable
}

// Ask gives an actor a message and returns its reply. It is held through failover and
// migration until ctx is done, at most Config.Deadline if that has no deadline.
// Errors: those of Send, *RefusedError.
func (h *Host) Ask(ctx context.Context, actor string, payload []byte, o MessageOptions) ([]byte, error) {
	return nil, ErrUnavailable
}

// List returns the actors of all nodes that can be reached, by name.
func (h *Host) List(ctx context.Context) ([]Status, error) { return nil, ErrUnavailable }

// Show returns an actor. Errors: ErrNotFound, ErrAmbiguous.
func (h *Host) Show(ctx context.Context, actor string) (Status, error) {
	return Status{}, ErrUnavailable
}

// Logs returns what an actor has said, on whatever node it said it. A failure ends it:
// it is the last pair. Errors: ErrNotFound, ErrAmbiguous, ErrUnavailable.
func (h *Host) Logs(ctx context.Context, actor string, o LogOptions) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) { yield(LogLine{}, ErrUnavailable) }
}

// Migrate moves an actor while it runs, and returns when it is active on the target.
// Errors: ErrNotFound, ErrAmbiguous, ErrInvalid (no such node, or it refuses),
// ErrUnavailable: the actor is where it was, or, if contact was lost in the last
// step, where Show says.
func (h *Host) Migrate(ctx context.Context, actor string, o MigrateOptions) (Migration, error) {
	return Migration{}, ErrUnavailable
}

// Snapshot writes an actor as a CAR file: a checkpoint of now, with its name,
// settings and mailbox.
func (h *Host) Snapshot(ctx context.Context, actor string, w io.Writer) error {
	return ErrUnavailable
}

// Restore makes an actor, under a name that may be another one, of what Snapshot
// has written. Errors: those of Create.
func (h *Host) Restore(ctx context.Context, name string, r io.Reader) (Status, error) {
	return Status{}, ErrUnavailable
}

// Upgrade gives an actor another module, between two messages, after it has been
// tried on a copy. Errors: ErrNotFound, ErrInvalid, ErrUnavailable; a *RefusedError if
// the trial failed.
func (h *Host) Upgrade(ctx context.Context, actor string, o UpgradeOptions) (Status, error) {
	return Status{}, ErrUnavailable
}

// Remove ends an actor for good and deletes its replicas; those that cannot be
// reached delete theirs when they can.
func (h *Host) Remove(ctx context.Context, actor string) error { return ErrUnavailable }

// Drain moves what is active here to other nodes, and has no more actors come here
// while on is set. It returns when nothing is led here any more, or with what ended
// it before.
func (h *Host) Drain(ctx context.Context, on bool) error { return ErrUnavailable }

// Stats counts the actors of this node.
func (h *Host) Stats() Stats { return Stats{} }

// Leads returns the actors that this node leads, by name.
func (h *Host) Leads() []Status { return nil }

// Alive tells whether a node is connected and has been heard of lately.
func (h *Host) Alive(node wire.NodeID) bool { return false }
