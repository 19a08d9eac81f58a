package scheduler

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// State is where a task is on its way (DESIGN §4.2).
type State string

// The states; the last three are ends.
const (
	Queued    State = "queued"
	Placing   State = "placing"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended tells whether a state is an end.
func (s State) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Task is a submitted task as its submitter tells of it.
type Task struct {
	ID     wire.TaskID
	Spec   *wire.Spec // not to be changed
	Client string

	State State
	// Reason and Message say why it failed.
	Reason  wire.Reason
	Message string
	// Node has the last attempt; empty if there was none.
	Node wire.NodeID
	// Attempts are the tries, oldest first; of very many the last ones.
	Attempts []Attempt

	Created, Started, Ended time.Time

	// Result is that of the attempt that counts, and Envelope the same as its
	// executor signed it. nil if no executor has said how the task ended.
	Result   *wire.Result
	Envelope []byte
}

// Attempt is one try to run a task on a node.
type Attempt struct {
	Number uint32      `cbor:"number"`
	Node   wire.NodeID `cbor:"node"`
	// Vain tells that the node did not answer when it was asked to reserve: it may
	// have heard of the attempt, but has never begun it.
	Vain bool `cbor:"vain,omitempty"`
	// Score is what made the node first when it was chosen.
	Score   float64   `cbor:"score,omitempty"`
	Started time.Time `cbor:"started"`
	Ended   time.Time `cbor:"ended,omitzero"`
	// Status is empty while it goes on.
	Status  wire.Status `cbor:"status,omitempty"`
	Reason  wire.Reason `cbor:"reason,omitempty"`
	Fault   wire.Fault  `cbor:"fault,omitempty"`
	Message string      `cbor:"message,omitempty"`

	// From is the checkpoint that it went on from; zero if it began anew.
	From wire.Point `cbor:"from,omitzero"`
	// Last is its newest checkpoint that counts, Checkpoints how many do, and Bytes what
	// was sent to Keepers, who have the last.
	Last        wire.Point    `cbor:"last,omitzero"`
	Checkpoints uint64        `cbor:"checkpoints,omitempty"`
	Bytes       uint64        `cbor:"bytes,omitempty"`
	Keepers     []wire.NodeID `cbor:"keepers,omitempty"`
	// Unkept is why there are no checkpoints, if that is known.
	Unkept string `cbor:"unkept,omitempty"`
}

// Began is the attempt whose output an attempt goes on with: its own number if it began
// anew.
func (t *Task) Began(number uint32) uint32 { return began(t.Attempts, number) }

func began(attempts []Attempt, number uint32) uint32 {
	for i := len(attempts) - 1; i >= 0; i-- {
		if a := &attempts[i]; a.Number == number && !a.From.IsZero() {
			number = a.From.Attempt
		}
	}
	return number
}
