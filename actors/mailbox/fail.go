package mailbox

import (
	"fmt"

	"github.com/godwit-run/godwit/actors/wire"
)

// Failed is a delivery that failed: what a replay needs to know of it.
type Failed struct {
	// Number is the delivery's.
	Number uint64
	cause  string
	index  uint64 // the last entry before it failed
	now    int64
	// released are the calls that had taken effect before.
	released []segment
}

// Fail ends the delivery in progress: it trapped or went over a limit. Its calls since
// the last release are dropped, an ask among them, and supervision decides what
// becomes of the actor (see Status). The activation goes back to a checkpoint then;
// see the package documentation. The cause must be the same on every replay.
func (s *State) Fail(cause string) (*Failed, []Output) {
	p := s.current
	if p == nil {
		return nil, nil
	}
	f := &Failed{Number: p.Number, cause: cause, index: s.index, now: s.now, released: p.released}
	return f, s.fail(cause)
}

func (s *State) fail(cause string) []Output {
	p := s.current
	s.setCounters(p.mark)
	s.current = nil
	s.orphan(p.released)
	r := wire.Result{Outcome: wire.Failed, Payload: []byte(cause)}
	if p.Kind == Upgrade {
		return []Output{s.controlled(p.ID, r)}
	}
	out := s.answer(p.ID, r)
	return append(out, s.supervise(p.Kind, cause)...)
}

// orphan gives up the asks of a delivery whose memory of them is gone.
func (s *State) orphan(released []segment) {
	for _, seg := range released {
		for _, c := range seg.Calls {
			a := s.outbox.asks[c.Number]
			if c.Kind != callAsk || a == nil || a.Async {
				continue
			}
			a.Orphan = true
			if a.Result != nil {
				delete(s.outbox.asks, c.Number)
			}
		}
	}
}

// supervise decides what becomes of the actor after a failure.
func (s *State) supervise(k Kind, cause string) []Output {
	if s.status != Running {
		return nil
	}
	oldest := s.now - int64(s.spec.Within)
	for len(s.failures) > 0 && s.failures[0] <= oldest {
		s.failures = s.failures[1:]
	}
	s.failures = append(s.failures, s.now)
	switch {
	case k == Init:
		return s.stop("it could not begin: " + cause)
	case s.spec.OnFailure == wire.StopActor:
		s.givenUp = true
		return s.stop(cause)
	case len(s.failures) >= s.spec.Restarts:
		s.givenUp = true
		return s.stop(fmt.Sprintf("given up after %d failures, the last: %s", len(s.failures), cause))
	}
	return nil
}

// Skip repeats a delivery that is known to fail, in a replay: it is called instead of
// running the guest, and has everything happen as it did, while entries are applied.
// Until it is over Next yields nothing. What it puts out was released before.
func (s *State) Skip(f *Failed) []Output {
	if s.current == nil || s.current.Number != f.Number {
		return nil
	}
	s.ghost = &Failed{f.Number, f.cause, f.index, f.now, f.released}
	return s.haunt()
}

// haunt does what the ghost did after the entry that was applied last.
func (s *State) haunt() []Output {
	g := s.ghost
	if g == nil {
		return nil
	}
	var out []Output
	for len(g.released) > 0 && g.released[0].Index == s.index {
		seg := g.released[0]
		g.released = g.released[1:]
		s.now = seg.Now
		s.current.calls = seg.Calls
		out = append(out, s.Release()...)
	}
	if g.index == s.index {
		s.now, s.ghost = g.now, nil
		out = append(out, s.fail(g.cause)...)
	}
	return out
}
