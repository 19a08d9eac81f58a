package group

import (
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

var (
	// ErrNotLeader: only the leader can do that.
	ErrNotLeader = errors.New("not the leader")
	// ErrBusy: too much is under way, or a transfer or another change is. Try later.
	ErrBusy = errors.New("the group is busy")
	// ErrNotReady: the learner lacks entries, or the base's checkpoint.
	ErrNotReady = errors.New("the learner is not ready")
	// ErrInvalid is wrapped when what was asked for makes no sense.
	ErrInvalid = errors.New("invalid")
	// ErrMessage is wrapped when a node sends what no honest one would. The group is as
	// it was.
	ErrMessage = errors.New("bad message")
	// ErrBroken is wrapped when the group cannot go on: what is on disk is damaged, or
	// another member breaks the protocol. Make it again from disk.
	ErrBroken = errors.New("the group is broken")
)

// Config is how a group behaves. Self is needed; the zero value of every other field
// means its default.
type Config struct {
	// Self is this node.
	Self wire.NodeID
	// Join is, for a replica that begins with nothing, the members of which one may teach
	// it, or tell it that it has no place any more. Default: whoever comes first may teach it.
	Join wire.Members
	// Tick is the time between heartbeats of a busy leader. Default 50 ms.
	Tick time.Duration
	// QuorumTicks is how many ticks a busy leader goes on without hearing of a majority,
	// and how long a transfer may take. Default 10.
	QuorumTicks int
	// Stagger is the time between one candidate's turn and the next's. Default 40 ms.
	Stagger time.Duration
	// Retry is after what time an election is tried again; it grows. Default 120 ms.
	Retry time.Duration
	// Silence is for how long a voter stands by a leader that it hears nothing of, when
	// another candidate asks. Default 500 ms.
	Silence time.Duration
	// Lease is for how long a majority's word that this replica leads counts, from when it
	// was asked: more than a round trip. Default 500 ms.
	Lease time.Duration
	// MaxUncommitted bounds the bytes of proposals not yet committed. Default 16 MiB.
	MaxUncommitted uint64
}

// Validate reports the first value that makes no sense.
func (c *Config) Validate() error {
	if err := c.Self.Validate(); err != nil {
		return fmt.Errorf("self: %w", err)
	}
	if min(c.Tick, c.Stagger, c.Retry, c.Silence, c.Lease) < 0 || c.QuorumTicks < 0 || c.QuorumTicks == 1 {
		return fmt.Errorf("times %v %v %v %v %v, %d ticks: %w", c.Tick, c.Stagger, c.Retry, c.Silence, c.Lease, c.QuorumTicks, ErrInvalid)
	}
	return nil
}

func (c Config) withDefaults() Config {
	orDefault(&c.Tick, 50*time.Millisecond)
	orDefault(&c.QuorumTicks, 10)
	orDefault(&c.Stagger, 40*time.Millisecond)
	orDefault(&c.Retry, 120*time.Millisecond)
	orDefault(&c.Silence, 500*time.Millisecond)
	orDefault(&c.Lease, 500*time.Millisecond)
	orDefault(&c.MaxUncommitted, 16<<20)
	return c
}

func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}
