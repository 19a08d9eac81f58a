package mailbox

import (
	"slices"

	"github.com/godwit-run/godwit/actors/wire"
)

// MaxControls is how many controls are known again.
const MaxControls = 64

// controlled is a control that was taken, and what came of it: nothing yet, if nil.
type controlled struct {
	ID     wire.MessageID `cbor:"id"`
	Result *wire.Result   `cbor:"result,omitempty"`
}

// control takes a control, unless it was taken before: one that is sent again, since its
// answer was lost with a leader, must not undo what came after it, nor roll back twice.
func (s *State) control(c *wire.Control) []Output {
	if old := s.controlOf(c.ID); old != nil {
		if old.Result == nil {
			return nil // its answer is still to come
		}
		return []Output{Controlled{ID: c.ID, Result: *old.Result}}
	}
	s.controls = append(s.controls, controlled{ID: c.ID})
	s.controls = s.controls[max(0, len(s.controls)-MaxControls):]
	switch c.Verb {
	case wire.VerbStop:
		return append(s.stop(c.Reason), s.controlled(c.ID, wire.Result{Outcome: wire.OK}))
	case wire.VerbStart:
		s.start()
		return []Output{s.controlled(c.ID, wire.Result{Outcome: wire.OK})}
	case wire.VerbRemove:
		out := append(s.stop(c.Reason), s.controlled(c.ID, wire.Result{Outcome: wire.OK}), Removed{})
		s.status = Gone
		return out
	}
	return s.upgrade(c)
}

// upgrade puts a change of module behind what waits; it is the first thing that an actor
// does that was given up.
func (s *State) upgrade(c *wire.Control) []Output {
	module := c.Module
	if c.Verb == wire.VerbRollback {
		module = s.previous
	}
	switch {
	case !module.Defined():
		return []Output{s.controlled(c.ID, wire.Result{Outcome: wire.Refused, Payload: []byte("there is no module to go back to")})}
	case s.status == Stopped && s.givenUp:
		s.status, s.reason, s.failures, s.givenUp = Running, "", nil, false
		s.inbox = slices.Insert(s.inbox, 0, Delivery{Kind: Upgrade, ID: c.ID, Module: module})
		return nil
	case s.status != Running:
		return []Output{s.controlled(c.ID, wire.Result{Outcome: wire.Refused, Payload: []byte("the actor has stopped")})}
	}
	s.enqueue(Delivery{Kind: Upgrade, ID: c.ID, Module: module})
	return nil
}

func (s *State) controlOf(id wire.MessageID) *controlled {
	if i := slices.IndexFunc(s.controls, func(c controlled) bool { return c.ID == id }); i >= 0 {
		return &s.controls[i]
	}
	return nil
}

// controlled notes what a control came to, and says it.
func (s *State) controlled(id wire.MessageID, r wire.Result) Output {
	if c := s.controlOf(id); c != nil {
		c.Result = &r
	}
	return Controlled{ID: id, Result: r}
}
