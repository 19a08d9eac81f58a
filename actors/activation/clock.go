package activation

import (
	"math/rand/v2"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/hostabi/wasi"
)

// reading is by how much the clock goes on when it is read: so a guest that waits for
// the time to change does not wait for ever.
const reading = time.Microsecond

// clock is the time and the randomness that a guest sees: functions of the log. Time
// is the mailbox's; randomness is a stream of its seed, a new one whenever the guest
// goes on after an entry.
type clock struct {
	state *mailbox.State
	still bool // the one who reads it is not the guest
	rng   *rand.ChaCha8
}

func (c *clock) read() int64 {
	if !c.still {
		c.state.Advance(reading)
	}
	return c.state.Now()
}

// maxSleep keeps the clock far from overflow: 292 years are 2^63 ns.
const maxSleep = 100 * 365 * 24 * time.Hour

func (c *clock) sleep(ns uint64) {
	left := max(0, maxTime-c.state.Now())
	c.state.Advance(time.Duration(min(ns, uint64(maxSleep), uint64(left))))
}

// maxTime is the last time that sleeping comes to, in nanoseconds since 1970: in 2242.
const maxTime = 1<<63 - 1 - int64(20*365*24*time.Hour)

// begin begins the randomness of a delivery, or of what follows a block.
func (c *clock) begin() { c.rng = nil }

func (c *clock) random(p []byte) {
	if c.rng == nil {
		c.rng = rand.NewChaCha8(c.state.Seed())
	}
	_, _ = c.rng.Read(p) // never fails
}

// sources are the clock for WASI.
func (c *clock) sources() wasi.Sources {
	return wasi.Sources{Realtime: c.read, Monotonic: c.read, Random: c.random, Sleep: c.sleep}
}
