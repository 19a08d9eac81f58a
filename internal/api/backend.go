package api

import (
	"context"
	"io"
	"iter"
)

// Backend is a node as the API sees it. The root package implements it; all
// methods are safe for concurrent use and return when ctx is done.
//
// An id or CID of a request may be cut to a prefix that only one thing has.
// Errors wrap the sentinels of this package where a client should be able to
// tell; any other error is the node's own fault and answers 500.
type Backend interface {
	NodeBackend
	TaskBackend
	BlobBackend
	ModelBackend
	ActorBackend

	// Events are the state changes after the one with the number after, and then
	// those to come, until ctx is done. A reader too slow to get every one gets an
	// event of type [EventMissed] in place of those that were dropped. See [Feed].
	Events(ctx context.Context, after uint64) iter.Seq[Event]
}

// NodeBackend tells of this node and the others it knows.
type NodeBackend interface {
	// Ready is nil once the node can take tasks, and says otherwise why not. It
	// does not block.
	Ready() error
	// Self is this node.
	Self(ctx context.Context) (Worker, error)
	// Workers are all nodes known, this one included, in no special order.
	Workers(ctx context.Context) ([]Worker, error)
	// Worker is one of them. Errors: ErrNotFound, ErrAmbiguous.
	Worker(ctx context.Context, id string) (Worker, error)
	// SetDraining makes this node refuse new work, or take it again. Running tasks go on
	// elsewhere; those that cannot be suspended finish within the grace time, or then go
	// back to their submitters' queues.
	SetDraining(ctx context.Context, on bool) (Worker, error)
	// SetLabels sets labels of this node and removes others. The node announces
	// them, and keeps them over a restart.
	SetLabels(ctx context.Context, set map[string]string, remove []string) (Worker, error)
}

// TaskBackend takes tasks and tells of them.
type TaskBackend interface {
	// Submit accepts a task: when it returns, the task is on disk. created is
	// false if the idempotency key was seen before and the task is that of then.
	// Errors: ErrInvalid, ErrNotFound (a model nobody has registered), ErrConflict
	// (an idempotency key used for something else), *BusyError, ErrUnavailable.
	Submit(ctx context.Context, s Submission) (task Task, created bool, err error)
	// Plan tells where a task would be placed now, and accepts nothing.
	Plan(ctx context.Context, r TaskRequest) (Plan, error)
	// Task is a task. Errors: ErrNotFound, ErrAmbiguous.
	Task(ctx context.Context, id string) (Task, error)
	// Tasks lists tasks, newest first. next is the cursor of the page after this,
	// "" at the end.
	Tasks(ctx context.Context, f TaskFilter) (tasks []Task, next string, err error)
	// Wait returns the task when it has ended.
	Wait(ctx context.Context, id string) (Task, error)
	// Cancel asks for a task to end and returns it as it then is; one that has
	// ended already stays as it is.
	Cancel(ctx context.Context, id string) (Task, error)
	// Migrate has a running task go on elsewhere, from where it is: on the node to, or if
	// that is empty where it is best. It returns when it does, or has ended. Errors:
	// ErrNotFound, ErrConflict (it does not run, cannot be suspended, or nobody else can
	// have it), ErrUnavailable (it has not moved in 30 s).
	Migrate(ctx context.Context, id, to string) (Task, error)
	// Explain tells why a task is where it is, or why it is nowhere yet.
	Explain(ctx context.Context, id string) (Plan, error)
	// Logs is the task's output from the piece with the number o.From on. If
	// o.Follow it goes on until the task has ended, else to what there is now. A
	// failure ends it: it is the last pair.
	Logs(ctx context.Context, id string, o LogOptions) iter.Seq2[LogChunk, error]
}

// BlobBackend is the node's content-addressed store, and through it the mesh's.
type BlobBackend interface {
	// PutFile stores what r has, as a UnixFS file. It does not wait for r to end
	// before it writes, nor hold more of it in memory than a few blocks.
	// Errors: ErrNoSpace.
	PutFile(ctx context.Context, r io.Reader, o PutOptions) (Blob, error)
	// PutTree stores a folder. Entries come parents first or without their
	// parents at all; each one's Body must be read before the next is asked for.
	// Errors: ErrInvalid (a path that is absolute, climbs or comes twice), ErrNoSpace.
	PutTree(ctx context.Context, entries iter.Seq2[TreeEntry, error], o PutOptions) (Blob, error)
	// OpenFile opens a file, which is fetched from the mesh as it is read. The
	// caller closes it. Errors: ErrNotFound (nobody has it), ErrIsDir, ErrDamaged.
	OpenFile(ctx context.Context, cid string) (io.ReadSeekCloser, Blob, error)
	// Tree is a folder's content, parents first, without the root itself.
	Tree(ctx context.Context, cid string) iter.Seq2[TreeEntry, error]
	// Stat describes a blob. With local it looks no further than this node.
	Stat(ctx context.Context, cid string, local bool) (Blob, error)
	// Blobs lists this node's pinned blobs.
	Blobs(ctx context.Context) ([]Blob, error)
	// Pin fetches a blob whole and keeps it; Unpin leaves it to the collector.
	Pin(ctx context.Context, cid string) (Blob, error)
	Unpin(ctx context.Context, cid string) (Blob, error)
}

// ModelBackend is the registry of models, which the mesh shares.
type ModelBackend interface {
	// AddModel signs and publishes a model; an older one of that name and
	// publisher is replaced. Errors: ErrInvalid, ErrNotFound (the module).
	AddModel(ctx context.Context, m ModelSpec) (Model, error)
	Models(ctx context.Context) ([]Model, error)
	// RemoveModel withdraws a model that this node published.
	RemoveModel(ctx context.Context, name string) error
}

// ActorBackend keeps actors, on this node and others. A name of an actor may also
// be its id or the beginning of that. Errors of all: ErrNotFound, ErrAmbiguous,
// ErrUnavailable (most replicas cannot be reached).
type ActorBackend interface {
	// CreateActor makes an actor: when it returns, its replicas have it on disk.
	// Errors: ErrInvalid, ErrConflict (the name is taken), ErrNotFound (the module),
	// *MessageError (the guest failed at its start).
	CreateActor(ctx context.Context, n ActorCreation) (Actor, error)
	// Actors lists the actors of all nodes that can be reached, by name, without
	// their history.
	Actors(ctx context.Context) ([]Actor, error)
	Actor(ctx context.Context, name string) (Actor, error)
	// ActorReplicas asks each node with a replica what it knows: it needs no leader.
	ActorReplicas(ctx context.Context, name string) ([]ActorReplica, error)
	// RemoveActor ends an actor on all its replicas.
	RemoveActor(ctx context.Context, name string) error
	// SendMessage returns the message's id when the actor has it for good. It
	// waits, through failover and migration, until ctx is done.
	// Errors: ErrTooLarge, *BusyError (its mailbox is full).
	SendMessage(ctx context.Context, m ActorMessage) (id string, err error)
	// AskActor is SendMessage that returns the reply. Errors: *MessageError.
	AskActor(ctx context.Context, m ActorMessage) (id string, reply []byte, err error)
	// MigrateActor returns when the actor lives on the other node, or still on
	// its own.
	MigrateActor(ctx context.Context, name string, m Migration) (Migrated, error)
	// UpgradeActor has the actor run another module from the next message on, once
	// a copy of it has. Errors: ErrInvalid, *MessageError (the trial failed).
	UpgradeActor(ctx context.Context, name string, u Upgrade) (Actor, error)
	// SnapshotActor takes a checkpoint and writes it as a CAR file.
	SnapshotActor(ctx context.Context, name string, w io.Writer) error
	// RestoreActor makes an actor of a CAR file. Errors: those of CreateActor,
	// ErrDamaged.
	RestoreActor(ctx context.Context, name string, car io.Reader) (Actor, error)
	// ActorLogs is what the actor has said, wherever it said it. A failure ends it:
	// it is the last pair.
	ActorLogs(ctx context.Context, name string, o ActorLogOptions) iter.Seq2[ActorLog, error]
}
