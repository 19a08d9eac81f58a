package activation

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/hostabi/actor"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// guest is what an actor's code gets of its node: calls of its become calls of the
// mailbox. It is used on the guest's goroutine.
type guest struct {
	run     *run
	current *actor.Message
	answer  []byte  // of await, in this delivery
	seen    uint64  // of devices, when the delivery began
	stop    *string // why the actor is to stop when the delivery is over, if it is to
	save    *saving // in godwit_save, else nil
}

// saving takes what godwit_save hands over.
type saving struct {
	state []byte
	done  bool
}

var _ actor.Activation = (*guest)(nil)

// Message implements actor.Activation.
func (g *guest) Message() *actor.Message { return g.current }

// deliver makes a delivery the current message. Init and such are none.
func (g *guest) deliver(d mailbox.Delivery) {
	g.current, g.answer, g.stop = nil, nil, nil
	if g.run.devices != nil {
		g.seen = g.run.devices.Observed()
	}
	m := actor.Message{ID: actor.MessageID(d.ID), Sender: d.Sender, Token: d.Token, Payload: d.Result.Payload}
	switch d.Kind {
	case mailbox.Send:
		m.Kind = actor.KindSend
	case mailbox.Ask:
		m.Kind = actor.KindAsk
	case mailbox.Reply:
		m.Kind, m.Failed = actor.KindReply, d.Result.Outcome != wire.OK
		if m.Failed && len(m.Payload) == 0 { // nobody was there to give a reason
			m.Payload = []byte(d.Result.Outcome.String())
		}
	case mailbox.Timer:
		m.Kind = actor.KindTimer
	default:
		return
	}
	g.current = &m
}

// Receive implements actor.Activation.
func (g *guest) Receive(ctx context.Context, wait time.Duration) (*actor.Message, error) {
	if !g.run.process || g.save != nil {
		return nil, actor.ErrNotAllowed
	}
	g.current, g.answer = nil, nil
	d, err := g.run.receive(ctx, wait)
	if err != nil {
		return nil, err
	}
	g.deliver(d)
	return g.current, nil
}

// Reply implements actor.Activation.
func (g *guest) Reply(id actor.MessageID, payload []byte, failed bool) error {
	outcome := wire.OK
	if failed {
		outcome = wire.Refused
	}
	return callError(g.run.state.Reply(wire.MessageID(id), wire.Result{Outcome: outcome, Payload: slices.Clone(payload)}))
}

// Send implements actor.Activation.
func (g *guest) Send(to string, payload []byte) error {
	if wire.CheckName(to) != nil {
		return actor.ErrInvalid
	}
	return callError(g.run.state.Send(to, slices.Clone(payload)))
}

// Ask implements actor.Activation.
func (g *guest) Ask(to string, payload []byte, wait time.Duration, async bool) (uint64, error) {
	if wire.CheckName(to) != nil {
		return 0, actor.ErrInvalid
	}
	n, err := g.run.state.Ask(to, slices.Clone(payload), wait, async)
	return n, callError(err)
}

// Await implements actor.Activation.
func (g *guest) Await(ctx context.Context, ask uint64) error {
	// The question would have to wait for a checkpoint, which cannot be made meanwhile.
	if d := g.run.devices; d != nil && d.Observed() != g.seen {
		return actor.ErrNotAllowed
	}
	g.run.again, g.run.ask = false, ask
	for {
		_, done, err := g.run.state.Result(ask)
		if err != nil {
			return callError(err)
		}
		if done {
			break
		}
		if err := g.run.block(ctx); err != nil {
			return err
		}
	}
	r, err := g.run.state.Take(ask)
	if err != nil {
		return callError(err)
	}
	g.answer = r.Payload
	return outcomeError(r.Outcome)
}

// Answer implements actor.Activation.
func (g *guest) Answer() []byte { return g.answer }

// SetTimer implements actor.Activation.
func (g *guest) SetTimer(delay time.Duration, token uint64) (uint64, error) {
	n, err := g.run.state.SetTimer(delay, token)
	return n, callError(err)
}

// CancelTimer implements actor.Activation.
func (g *guest) CancelTimer(timer uint64) error { return callError(g.run.state.CancelTimer(timer)) }

// Spawn implements actor.Activation.
func (g *guest) Spawn(name, module string) error {
	if wire.CheckName(name) != nil {
		return actor.ErrInvalid
	}
	var link wire.Link
	if module != "" {
		id, err := cid.Decode(module)
		if err != nil {
			return actor.ErrInvalid
		}
		if link, err = swire.NewLink(id); err != nil {
			return actor.ErrInvalid
		}
	}
	return callError(g.run.state.Spawn(name, link))
}

// Stop implements actor.Activation.
func (g *guest) Stop(reason string) {
	if len(reason) > wire.MaxReason {
		reason = text([]byte(reason[:wire.MaxReason]))
	}
	g.stop = &reason
}

// Save implements actor.Activation.
func (g *guest) Save(state []byte) error {
	if g.save == nil {
		return actor.ErrNotAllowed
	}
	g.save.state, g.save.done = slices.Clone(state), true
	return nil
}

// Name implements actor.Activation.
func (g *guest) Name() string { return g.run.start.Spec.Name }

// Epoch implements actor.Activation.
func (g *guest) Epoch() uint64 { return g.run.state.Epoch() }

// Now implements actor.Activation.
func (g *guest) Now() int64 { return g.run.clock.read() }

// Random implements actor.Activation.
func (g *guest) Random(p []byte) { g.run.clock.random(p) }

var levels = [...]string{actor.Debug: "debug", actor.Info: "info", actor.Warn: "warn", actor.Error: "error"}

// Log implements actor.Activation.
func (g *guest) Log(level actor.Level, line string) {
	g.run.say("log", levels[min(int(level), len(levels)-1)], line)
}

// callError is an error of the mailbox as the guest sees it.
func callError(err error) error {
	switch {
	case errors.Is(err, mailbox.ErrFull):
		return actor.ErrFull
	case errors.Is(err, mailbox.ErrNoMessage):
		return actor.ErrNoMessage
	}
	return err
}

func outcomeError(o wire.Outcome) error {
	switch o {
	case wire.OK:
		return nil
	case wire.NotFound:
		return actor.ErrNoActor
	case wire.TimedOut:
		return actor.ErrTimeout
	}
	return actor.ErrFailed
}

// stateVersion is that of what a guest's state has in a checkpoint: this byte, until
// when a receive waits in which it is suspended (8 bytes, big-endian), and the mailbox.
const stateVersion = 1

// Capture implements runtime.HostState.
func (g *guest) Capture() ([]byte, error) { return encodeState(g.run.until, g.run.state), nil }

// Restore implements runtime.HostState. The mailbox is there already: the clocks of
// WASI are restored first, and they are its.
func (g *guest) Restore([]byte) error { return nil }

func encodeState(until int64, s *mailbox.State) []byte {
	b := binary.BigEndian.AppendUint64([]byte{stateVersion}, uint64(until))
	return append(b, s.Encode()...)
}

// decodeState reads what encodeState wrote.
func decodeState(b []byte) (until int64, s *mailbox.State, err error) {
	if len(b) < 9 || b[0] != stateVersion {
		return 0, nil, fmt.Errorf("mailbox of another version: %w", mailbox.ErrState)
	}
	s, err = mailbox.Decode(b[9:])
	return int64(binary.BigEndian.Uint64(b[1:])), s, err
}
