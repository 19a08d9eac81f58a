package api

import (
	"strings"
	"time"
)

// The states of an actor.
const (
	ActorRunning     = "running"     // in memory on its node
	ActorIdle        = "idle"        // on disk until the next message comes, and costs nothing meanwhile
	ActorStopped     = "stopped"     // by its own will, or by its supervision
	ActorUnavailable = "unavailable" // most of its replicas cannot be reached
)

// The ways in which an actor's supervision answers a failed message.
const (
	SuperviseRestart = "restart" // go on without the message
	SuperviseStop    = "stop"    // take no more messages
)

// ActorRequest is what a client wants kept alive under a name.
type ActorRequest struct {
	Name   string   `json:"name" minLength:"1" maxLength:"255" pattern:"^[^\\x00-\\x1f\\x7f]+$" doc:"What it is found by, on every node"`
	Module string   `json:"module" minLength:"1" maxLength:"128" doc:"CID of the WebAssembly module"`
	Args   []string `json:"args,omitempty" maxItems:"1024" doc:"The guest's arguments after its own name"`
	Env    []string `json:"env,omitempty" maxItems:"1024" doc:"Environment variables, K=V"`

	Replicas    int         `json:"replicas,omitempty" minimum:"0" maximum:"7" doc:"How many nodes keep it (default as configured, 3; fewer where there are fewer)"`
	Limits      ActorLimits `json:"limits,omitzero"`
	Supervision Supervision `json:"supervision,omitzero"`
	GPU         string      `json:"gpu,omitempty" enum:"required,preferred,none" doc:"Whether it computes on GPUs: what it has there is kept like its memory, and its nodes are such as have one (required)"`
	GPUMemory   uint64      `json:"gpu_memory,omitempty" doc:"Bytes of memory of its GPU"`
	ComputeCap  string      `json:"compute_capability,omitempty" maxLength:"32" doc:"Least compute capability of its GPU, such as sm_70"`
	Stateless   bool        `json:"stateless,omitempty" doc:"Its memory may be dropped at an upgrade"`

	Idle bool `json:"idle,omitempty" doc:"Only write it down: it begins with its first message. For those who make very many"`

	Hints  Hints    `json:"hints,omitzero" doc:"Where to live if there is a choice; colocate names another actor. They hold for as long as it lives"`
	Labels []string `json:"labels,omitempty" maxItems:"64" doc:"Labels that its nodes must have, K=V"`
}

// ActorLimits fail one message of an actor; 0 is the node's default (memory) or
// none (fuel).
type ActorLimits struct {
	Fuel        uint64 `json:"fuel,omitempty" doc:"Units of fuel for each message"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty" doc:"Memories and tables together"`
}

// Supervision says what becomes of an actor whose messages fail.
type Supervision struct {
	OnFailure   string `json:"on_failure,omitempty" enum:"restart,stop" doc:"What follows a failed message (default restart: go on without it)"`
	MaxFailures int    `json:"max_failures,omitempty" minimum:"0" maximum:"1000000" doc:"Give it up once so many messages have failed within window_ms: it keeps its state and takes no more (default 5)"`
	WindowMS    int64  `json:"window_ms,omitempty" minimum:"0" maximum:"9000000000000" doc:"In milliseconds (default 60000)"`
}

// Actor is an actor as a node tells of it.
type Actor struct {
	Name     string   `json:"name"`
	ID       string   `json:"id" doc:"What it is for good: 128 bits as hexadecimal digits"`
	Epoch    uint64   `json:"epoch" doc:"Number of the activation: it only grows"`
	Node     string   `json:"node,omitempty" doc:"Peer id of the node that it lives on"`
	Replicas []string `json:"replicas" doc:"Peer ids of the nodes that keep it, that one included"`
	Sequence uint64   `json:"sequence" doc:"How much its log has committed"`
	State    string   `json:"state" enum:"running,idle,stopped,unavailable"`
	Why      string   `json:"why,omitempty" doc:"More about the state, in words"`

	Module       string       `json:"module" doc:"CID of its code"`
	Previous     string       `json:"previous,omitempty" doc:"CID of the code before the last upgrade, for a rollback"`
	Checkpointed uint64       `json:"checkpointed" doc:"Up to which sequence its state is in a checkpoint"`
	Waiting      int          `json:"waiting,omitempty" doc:"Messages that are not worked on yet"`
	Down         []string     `json:"down,omitempty" doc:"Replicas that are not heard of"`
	Learning     []string     `json:"learning,omitempty" doc:"Replicas in the making"`
	CreatedAt    time.Time    `json:"created_at,omitzero"`
	Request      ActorRequest `json:"request,omitzero" doc:"What was asked for"`

	History []Activation `json:"history" doc:"Where it lived, the newest last; empty in lists"`
}

// ActorReplica is what a node knows of its replica of an actor: it explains why an actor
// gives no answer.
type ActorReplica struct {
	Node   string `json:"node" doc:"Peer id"`
	Error  string `json:"error,omitempty" doc:"Why the node has said nothing else"`
	Role   string `json:"role,omitempty" enum:"leader,follower,candidate,precandidate,parked"`
	Leader string `json:"leader,omitempty" doc:"Peer id of the node that leads as far as this one knows"`
	Epoch  uint64 `json:"epoch,omitempty"`

	Last      uint64 `json:"last,omitempty" doc:"Last entry of its log"`
	Committed uint64 `json:"committed,omitempty" doc:"Last entry that it knows to be committed"`
	Executed  uint64 `json:"executed,omitempty" doc:"Last entry that the guest has worked on, where it is active"`
	Base      uint64 `json:"base,omitempty" doc:"Entry of the checkpoint that its log begins behind"`

	Held     int      `json:"held,omitempty" doc:"Requests that wait for a leader"`
	Waiting  int      `json:"waiting,omitempty" doc:"Requests that were taken and have no answer yet"`
	Queued   int      `json:"queued,omitempty" doc:"Items that wait to be proposed"`
	Proposed int      `json:"proposed,omitempty" doc:"Entries that are proposed and not committed"`
	Voters   []uint64 `json:"voters,omitempty" doc:"Numbers of the replicas that vote"`
	Down     []string `json:"down,omitempty" doc:"Peer ids of members that this node takes for dead"`
	Detail   string   `json:"detail,omitempty" doc:"All the rest, for developers"`
}

// Activation is one stay of an actor on a node.
type Activation struct {
	Epoch  uint64    `json:"epoch"`
	Node   string    `json:"node"`
	Reason string    `json:"reason" doc:"created, woken, manual, drain, load, locality or failure"`
	At     time.Time `json:"at"`
}

// ActorCreation is a request for an actor as a node gets it.
type ActorCreation struct {
	Request ActorRequest
	// Key makes creating repeatable: with the key of the actor that is there, that
	// one is the answer. "" is none.
	Key string
	// Client is who asks, as in [Submission].
	Client string
}

// ActorMessage is a message to an actor.
type ActorMessage struct {
	// Name is the actor's name, its id or the beginning of that.
	Name    string
	Payload []byte
	// Key makes two messages of a client one: the same key within the actor's
	// dedupe window takes effect once. "" is none.
	Key string
	// Client is who asks, as in [Submission].
	Client string
}

// Migration is a wish to have an actor elsewhere.
type Migration struct {
	To string `json:"to,omitempty" maxLength:"128" doc:"Peer id of the node, or the beginning of one; empty lets the mesh choose"`
}

// orDefault is what was asked for; without a body the mesh chooses.
func (m *Migration) orDefault() Migration {
	if m == nil {
		return Migration{}
	}
	return *m
}

// Migrated is how a migration went.
type Migrated struct {
	Actor   Actor   `json:"actor"`
	From    string  `json:"from" doc:"Peer id of the node it left"`
	PauseMS float64 `json:"pause_ms" doc:"How long it answered nobody, in milliseconds"`
	TookMS  float64 `json:"took_ms" doc:"How long all of it took, in milliseconds"`
	Bytes   int64   `json:"bytes" doc:"How much was sent to the node, in bytes"`
}

// Upgrade is a wish to have an actor run another module.
type Upgrade struct {
	Module   string `json:"module,omitempty" maxLength:"128" doc:"CID of the new module"`
	Rollback bool   `json:"rollback,omitempty" doc:"Go back to the module before instead"`
	DryRun   bool   `json:"dry_run,omitempty" doc:"Try it on a copy, and change nothing"`
}

// MessageError is a message that an actor refused, or failed at: then it has had no
// effect.
type MessageError struct {
	// Reason is the actor's own, or how it failed, which begins with trap, exit,
	// out_of_fuel or out_of_memory.
	Reason string
}

func (e *MessageError) Error() string {
	if e.Kind() == "" {
		return "the actor refused: " + e.Reason
	}
	return "the message failed: " + e.Reason
}

// Kind is trap, exit, out_of_fuel or out_of_memory; empty if the actor itself refused.
func (e *MessageError) Kind() string {
	switch kind, _, _ := strings.Cut(e.Reason, ":"); kind {
	case "trap", "exit", "out_of_fuel", "out_of_memory":
		return kind
	}
	return ""
}
