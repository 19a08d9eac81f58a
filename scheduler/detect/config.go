package detect

import (
	"cmp"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Config configures a Detector. The zero value of a field means its default,
// except Self, which must be set.
type Config struct {
	// Self is this node, and Incarnation when it was started, in milliseconds since
	// 1970.
	Self        wire.NodeID
	Incarnation int64
	// Interval is the time between pings of a node that is watched. Default 250 ms.
	Interval time.Duration
	// MinTimeout and MaxTimeout bound how long an answer may take. Defaults 100 ms
	// and 1 s.
	MinTimeout, MaxTimeout time.Duration
	// MinSuspicion and MaxSuspicion bound how long a silent node is suspect before
	// it is dead. Defaults 600 ms and 1.5 s.
	MinSuspicion, MaxSuspicion time.Duration
	// Helpers is how many others are asked to ping a suspect. Default 2.
	Helpers int
}

// The default bounds of a suspicion.
const (
	DefaultMinSuspicion = 600 * time.Millisecond
	DefaultMaxSuspicion = 1500 * time.Millisecond
)

// MaxHealth is the worst health: times are nine times as long then.
const MaxHealth = 8

func (c Config) withDefaults() Config {
	c.Interval = cmp.Or(c.Interval, 250*time.Millisecond)
	c.MinTimeout = cmp.Or(c.MinTimeout, 100*time.Millisecond)
	c.MaxTimeout = cmp.Or(c.MaxTimeout, time.Second)
	c.MinSuspicion = cmp.Or(c.MinSuspicion, DefaultMinSuspicion)
	c.MaxSuspicion = cmp.Or(c.MaxSuspicion, DefaultMaxSuspicion)
	c.Helpers = cmp.Or(c.Helpers, 2)
	return c
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	if err := c.Self.Validate(); err != nil {
		return fmt.Errorf("failure detector: %w", err)
	}
	if min(c.Interval, c.MinTimeout, c.MaxTimeout, c.MinSuspicion, c.MaxSuspicion) < 0 || c.Helpers < 0 || c.Incarnation < 0 {
		return fmt.Errorf("failure detector: negative time or number")
	}
	if c = c.withDefaults(); c.MinTimeout > c.MaxTimeout || c.MinSuspicion > c.MaxSuspicion {
		return fmt.Errorf("failure detector: a least time above the longest")
	}
	return nil
}
