package serve

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// session is what one instance has here. All but calling belongs to the goroutine of
// run.
type session struct {
	id       uint64
	conn     *link.Conn
	units    []*unit
	buffers  map[uint64]*buffer
	programs map[uint64]*program

	// calling is true while the driver's own code works for the session: it builds,
	// perhaps when something is launched.
	calling atomic.Bool
}

// run does what the node says until it has said all, then waits for what is under way.
func (s *session) run() {
	for {
		kind, body, err := s.conn.Receive()
		if err != nil || s.do(kind, body) != nil {
			break // the node sees its connection end
		}
		s.settle()
	}
	for id := range s.buffers {
		s.dropBuffer(id)
	}
	for id := range s.programs {
		s.dropProgram(id)
	}
	s.settle()
	for _, u := range s.units {
		u.close()
	}
	// Nobody is left who could be told of an error.
	_ = errors.Join(s.conn.Close(), s.conn.Discard())
}

// settle sees that somebody waits for what has been queued. With one device only it may be the
// goroutine of the messages: those that come meanwhile would have to wait for the
// device in any case.
func (s *session) settle() {
	for _, u := range s.units {
		if len(u.fresh) > 0 {
			u.settle(len(s.units) == 1 && !s.conn.Ready())
		}
	}
}

// busy tells whether device or compiler are at the session's work.
func (s *session) busy() bool {
	if s.calling.Load() {
		return true
	}
	for _, u := range s.units {
		if u.running() {
			return true
		}
	}
	return false
}

// do does one thing. An error is one of the connection or the protocol; all
// others are answered.
func (s *session) do(kind wire.Kind, body []byte) error {
	switch kind {
	case wire.KindLaunch:
		return handle(body, s.launch)
	case wire.KindShare:
		return s.conn.Accept()
	case wire.KindNewBuffer:
		return handle(body, s.newBuffer)
	case wire.KindFreeBuffer:
		return handle(body, func(m wire.Free) error { s.dropBuffer(m.ID); return nil })
	case wire.KindPush:
		return handle(body, func(m wire.Sync) error { return s.sync(m, true) })
	case wire.KindPull:
		return handle(body, func(m wire.Sync) error { return s.sync(m, false) })
	case wire.KindCopy:
		return handle(body, s.copy)
	case wire.KindBuild:
		return handle(body, s.build)
	case wire.KindFreeProgram:
		return handle(body, func(m wire.Free) error { s.dropProgram(m.ID); return nil })
	}
	return fmt.Errorf("message %d: %w", kind, wire.ErrFrame)
}

func handle[T any](body []byte, do func(T) error) error {
	var m T
	if err := wire.Decode(body, &m); err != nil {
		return err
	}
	return do(m)
}

// answer tells that seq has ended with err.
func (s *session) answer(seq uint64, err error, times device.Times) error {
	fault, text := wire.FaultOf(err)
	return s.conn.Send(wire.KindDone, wire.Done{
		Seq: seq, Fault: fault, Text: text,
		Queued: times.Queued, Submitted: times.Submitted, Started: times.Started, Ended: times.Ended,
	}, nil)
}

// unit is one of the session's devices, counted as the session counts.
func (s *session) unit(i int) (*unit, error) {
	if i < 0 || i >= len(s.units) {
		return nil, fmt.Errorf("device %d of %d: %w", i, len(s.units), device.ErrDevice)
	}
	return s.units[i], s.units[i].open()
}
