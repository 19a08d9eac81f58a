package scheduler

import (
	"crypto/ed25519"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// ExecutorConfig configures an Executor. The zero value of a field means its
// default, except Key and Capacity, which must be set.
type ExecutorConfig struct {
	// Key signs results; it is the node's.
	Key ed25519.PrivateKey
	// Capacity is what tasks may have of this node, in all.
	Capacity wire.Capacity

	// MaxRuns bounds attempts reserved, running or stopping. Default 1024.
	MaxRuns int
	// MaxUnacked bounds results kept for one submitter, beyond which it is refused
	// new work. Default 4096.
	MaxUnacked int
	// KeepUnacked is how long a result waits for a submitter that has gone.
	// Default 24 h.
	KeepUnacked time.Duration
	// MaxLease is the longest reservation. Default 10 s.
	MaxLease time.Duration
	// Heartbeat is how often submitters hear of their attempts. Default 1 s.
	Heartbeat time.Duration
	// ResendAfter is when a result is first sent again; the time doubles up to a
	// minute. Default 1 s.
	ResendAfter time.Duration
}

// Validate reports the first value that makes no sense.
func (c ExecutorConfig) Validate() error { return c.Capacity.Validate() }

// Executor is the core that runs attempts. See the package documentation for how
// to drive it.
type Executor struct {
	cfg ExecutorConfig
}

// NewExecutor makes an executor without runs. Its error is the configuration's.
func NewExecutor(cfg ExecutorConfig) (*Executor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Executor{cfg: cfg}, nil
}
