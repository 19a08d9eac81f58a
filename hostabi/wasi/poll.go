package wasi

import (
	"math"
	"time"

	"github.com/godwit-run/godwit/hostabi"
)

// Types of subscription and event (witx typename $eventtype).
const (
	eventClock = iota
	eventRead
	eventWrite
	eventCount
)

const (
	eventSize = 32
	// pollMax bounds the subscriptions of one call.
	pollMax = 1 << 16

	clockAbsolute   = 1 // subscription flag: the timeout is a time, not a duration
	eventFlagHangup = 1 // event flag: the other end has closed
)

// pollOneoff is poll_oneoff(in *subscription, out *event, n, result *size). It
// waits until at least one subscription is due and reports all that are. Files
// are always ready; so is standard output. In a deterministic run waiting for a
// clock advances the clocks instead. Price: both arrays.
func (c call) pollOneoff(a []uint64) errno {
	n, result := uint32(a[2]), uint32(a[3])
	if n == 0 || n > pollMax {
		return einval
	}
	subs, e := c.mem.array(uint32(a[0]), n, uint32(c.abi.subscription))
	if e != success {
		return e
	}
	events, e := c.mem.array(uint32(a[1]), n, eventSize)
	if e != success {
		return e
	}
	if _, e := c.mem.bytes(result, 4); e != success {
		return e
	}
	p := poll{call: c, subs: subs, events: events}
	p.realtime, p.start = c.polledSince()
	if e := p.check(); e != success {
		return e
	}
	c.charge(uint64(len(subs)) + uint64(len(events)))
	if e := p.run(); e != success {
		return e
	}
	return c.mem.put32(result, p.count)
}

// polledSince is what both clocks were when the guest made the call.
func (c call) polledSince() (realtime, start uint64) {
	if p := c.state.Poll; p != nil {
		c.state.Poll = nil
		return p.Realtime, p.Start
	}
	return c.now(), c.monotonic()
}

// poll is a poll_oneoff under way.
type poll struct {
	call
	subs, events    []byte
	realtime, start uint64 // both clocks when the call began
	waited          uint64 // at least so long ago, in nanoseconds
	count           uint32 // events so far
}

// subscription is one of p.subs, decoded.
type subscription struct {
	userdata, timeout uint64
	tag               byte
	fd, clock         uint32
	flags             uint16
}

func (p *poll) each(yield func(subscription) bool) {
	size := p.abi.subscription
	for i := 0; i < len(p.subs); i += size {
		b := p.subs[i : i+size]
		clock := b[size-32:] // ends the structure in either ABI
		if !yield(subscription{
			userdata: le.Uint64(b), tag: b[8], fd: le.Uint32(b[16:]),
			clock: le.Uint32(clock), timeout: le.Uint64(clock[8:]), flags: le.Uint16(clock[24:]),
		}) {
			return
		}
	}
}

// check refuses what is no subscription, before anything is reported.
func (p *poll) check() errno {
	for s := range p.each {
		if s.tag >= eventCount {
			return einval
		}
		if s.tag == eventClock && (s.clock >= clockCount || s.flags&^clockAbsolute != 0) {
			return einval
		}
	}
	return success
}

// run reports what is due, and waits until something is.
func (p *poll) run() errno {
	for {
		next, input := p.scan()
		if p.count > 0 {
			return success
		}
		if e := p.wait(next, input); e != success {
			return e
		}
	}
}

// scan reports what is due. next is in how many nanoseconds the next clock is,
// if any; input is whether standard input is awaited.
func (p *poll) scan() (next uint64, input bool) {
	next = math.MaxUint64
	elapsed := max(p.waited, p.monotonic()-p.start)
	for s := range p.each {
		if s.tag != eventClock {
			input = !p.scanDescriptor(s) || input
			continue
		}
		if d := p.duration(s); d > elapsed {
			next = min(next, d-elapsed)
		} else {
			p.event(s, success, 0, 0)
		}
	}
	return next, input
}

// duration is the time from the start of the call until a clock is due.
func (p *poll) duration(s subscription) uint64 {
	if s.flags&clockAbsolute == 0 {
		return s.timeout
	}
	start := p.start
	if s.clock == clockRealtime {
		start = p.realtime
	}
	return s.timeout - min(start, s.timeout)
}

// scanDescriptor reports a descriptor, unless it is standard input without an
// answer yet.
func (p *poll) scanDescriptor(s subscription) (reported bool) {
	needs := rightPollFdReadwrite | rightFdRead
	if s.tag == eventWrite {
		needs = rightPollFdReadwrite | rightFdWrite
	}
	d, e := p.descriptor(s.fd, needs)
	switch {
	case e != success:
		p.event(s, e, 0, 0)
	case d.Kind == Stdin:
		return p.scanStdin(s)
	case d.Kind == File && s.tag == eventRead:
		size := p.nodeOf(d).size()
		p.event(s, success, size-min(size, d.Offset), 0)
	default:
		p.event(s, success, 0, 0)
	}
	return true
}

// scanStdin has input read if there is none, and takes it if it came at once.
func (p *poll) scanStdin(s subscription) (reported bool) {
	for !p.stdinReady() {
		p.stdin.start()
		select {
		case t := <-p.stdin.done:
			if e := p.take(t); e != success {
				p.event(s, e, 0, 0)
				return true
			}
		default:
			return false
		}
	}
	in := &p.state.Stdin
	flags := uint16(0)
	if len(in.Pending) == 0 {
		flags = eventFlagHangup
	}
	p.event(s, success, uint64(len(in.Pending)), flags)
	return true
}

func (p *poll) event(s subscription, e errno, bytes uint64, flags uint16) {
	b := p.events[p.count*eventSize:][:eventSize]
	clear(b)
	le.PutUint64(b, s.userdata)
	le.PutUint16(b[8:], uint16(e))
	b[10] = s.tag
	le.PutUint64(b[16:], bytes)
	le.PutUint16(b[24:], flags)
	p.count++
}

// wait waits for the next clock or for standard input.
func (p *poll) wait(next uint64, input bool) errno {
	if p.cfg.Deterministic && !input {
		p.waited += next
		p.state.Clock.advance(next)
		return success
	}
	if p.cfg.Sleep != nil && !p.cfg.Deterministic && next != math.MaxUint64 && !input {
		p.waited += next
		p.cfg.Sleep(next)
		return success
	}
	var due <-chan time.Time
	if next != math.MaxUint64 && !p.cfg.Deterministic {
		timer := time.NewTimer(time.Duration(min(next, math.MaxInt64)))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		p.waited += next
	case t := <-p.stdin.done:
		return p.take(t)
	case <-p.suspendWanted():
		p.state.Poll = &Poll{p.realtime, p.start}
		panic(hostabi.Suspend{})
	case <-p.ctx.Done():
		return eintr
	}
	return success
}
