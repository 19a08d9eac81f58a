package wasi

import "time"

// Clock is the position of the guest's clocks.
type Clock struct {
	// Virtual is the time of a deterministic run: nanoseconds since its start.
	Virtual uint64
	// Monotonic is the guest's monotonic time when a Snapshot was taken, in
	// nanoseconds; 0 in a deterministic run.
	Monotonic uint64
	// Offset is added to the monotonic clock of this process to get the
	// guest's, in nanoseconds: it starts near zero, and Restore sets it so that the
	// clock goes on where it was, on whatever machine.
	Offset int64
}

// virtualEnd is where virtual time stops: centuries after its start, and far
// from overflow.
const virtualEnd = 1 << 62

// advance lets virtual time pass.
func (c *Clock) advance(nanoseconds uint64) {
	c.Virtual = min(virtualEnd, c.Virtual+min(virtualEnd, nanoseconds))
}

const (
	// virtualStart is when a deterministic run starts: 2020-01-01T00:00:00Z.
	virtualStart = uint64(1577836800) * uint64(time.Second)
	// virtualStep is what reading a clock advances both by, in a deterministic
	// run, and the resolution that its clocks claim.
	virtualStep = uint64(time.Microsecond)
	// monotonicStart is the guest's first monotonic time; not zero, since some
	// language runtimes take zero for no time.
	monotonicStart = uint64(time.Second)
)

// Clock ids (witx typename $clockid).
const (
	clockRealtime = iota
	clockMonotonic
	clockProcess
	clockThread
	clockCount
)

var processStart = time.Now()

func systemMonotonic() int64 { return int64(time.Since(processStart)) }

// now is the time of day in nanoseconds since the Unix epoch. It does not
// advance a virtual clock: file times are not the guest reading a clock.
func (s *System) now() uint64 {
	if s.cfg.Deterministic {
		return virtualStart + s.state.Clock.Virtual
	}
	return uint64(max(0, s.cfg.Realtime()))
}

// monotonic is the time since about the guest's start, in nanoseconds.
func (s *System) monotonic() uint64 {
	if s.cfg.Deterministic {
		return monotonicStart + s.state.Clock.Virtual
	}
	return uint64(max(0, s.cfg.Monotonic()+s.state.Clock.Offset))
}

// clock is the time of that clock. The CPU time clocks are the monotonic one.
func (s *System) clock(id uint32) uint64 {
	if id == clockRealtime {
		return s.now()
	}
	return s.monotonic()
}

// clockResGet is clock_res_get(id, result *timestamp). No price.
func (c call) clockResGet(a []uint64) errno {
	id, result := uint32(a[0]), uint32(a[1])
	if id >= clockCount {
		return einval
	}
	resolution := uint64(1)
	if c.cfg.Deterministic {
		resolution = virtualStep
	}
	return c.mem.put64(result, resolution)
}

// clockTimeGet is clock_time_get(id, precision, result *timestamp). The
// precision is a hint and not needed. No price.
func (c call) clockTimeGet(a []uint64) errno {
	id, result := uint32(a[0]), uint32(a[2])
	if id >= clockCount {
		return einval
	}
	if e := c.mem.put64(result, 0); e != success {
		return e
	}
	if c.cfg.Deterministic {
		c.state.Clock.advance(virtualStep)
	}
	return c.mem.put64(result, c.clock(id))
}
