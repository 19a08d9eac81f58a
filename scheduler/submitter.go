package scheduler

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// SubmitterConfig configures a Submitter. The zero value of a field means its
// default, except Self, which must be set.
type SubmitterConfig struct {
	// Self is this node.
	Self wire.NodeID
	// Policy ranks nodes. Default placement.Default().
	Policy placement.Policy

	// MaxConcurrent bounds tasks being placed or running. Default 100.
	MaxConcurrent int
	// MaxQueued bounds tasks that wait. Default 10,000.
	MaxQueued int
	// MaxEnded bounds how many ended tasks are remembered, and KeepEnded how long.
	// Defaults 10,000 and 24 h. Idempotency keys are remembered with their tasks.
	MaxEnded  int
	KeepEnded time.Duration
	// Rate bounds submissions of one client a second, and Burst how many may come
	// at once. Defaults 0, no bound, and twice the rate.
	Rate  float64
	Burst int

	// BackoffBase and BackoffMax bound the wait before a new attempt, which
	// doubles with every failure. Defaults 2 s and 60 s.
	BackoffBase, BackoffMax time.Duration
	// NoRetryOnTimeout and NoRetryOnNodeLoss make these failures final.
	NoRetryOnTimeout, NoRetryOnNodeLoss bool

	// AnswerTimeout is how long an executor may take to answer a Reserve or
	// Assign. Default 2 s.
	AnswerTimeout time.Duration
	// LostAfter is how long an executor may be silent about an attempt. Default
	// 3.5 s, for heartbeats every second.
	LostAfter time.Duration
	// ReconnectGrace is how long a closed connection may take to come back before
	// the attempts on that node count as lost. Default 250 ms.
	ReconnectGrace time.Duration
	// Rejoin is how long after a restart executors have to be heard of. Default
	// 15 s.
	Rejoin time.Duration
	// NotPlacedAfter is how long a task waits for a node that could ever run it.
	// Default 10 s. (Nodes that are merely full are waited for.)
	NotPlacedAfter time.Duration
	// ForgetAfter is how long a node may be silent before it leaves the view.
	// Default 45 s: three vectors.
	ForgetAfter time.Duration
}

// Validate reports the first value that makes no sense.
func (c SubmitterConfig) Validate() error { return c.Self.Validate() }

// Submitter is the core that owns this node's tasks. See the package
// documentation for how to drive it.
type Submitter struct {
	cfg SubmitterConfig
}

// NewSubmitter makes a submitter without tasks. Its error is the
// configuration's.
func NewSubmitter(cfg SubmitterConfig) (*Submitter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Submitter{cfg: cfg}, nil
}
