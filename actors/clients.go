package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// clientCall is a request of a client of this node, on its way into the loop.
type clientCall struct {
	actor    string
	message  *wire.Message // nil: control
	control  *wire.Control
	ask      bool
	deadline time.Time
	// done is called once, on the loop's goroutine.
	done func(outcome)

	// Of the loop:
	id    wire.MessageID
	found wire.ActorID
	again bool // the name was looked for anew
	// unsure is since when nobody is sure that there is no such actor.
	unsure time.Time
}

// outcome is how a call ended.
type outcome struct {
	id     wire.MessageID
	result *wire.Result
	err    error
}

// call has the loop carry out a request, and waits for its end.
func (h *Host) call(ctx context.Context, k *clientCall) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Deadline)
	defer cancel()
	k.deadline, _ = ctx.Deadline()
	done := make(chan outcome, 1)
	k.done = func(o outcome) { done <- o }
	if err := h.offer(ctx, k); err != nil {
		return outcome{}, err
	}
	select {
	case o := <-done:
		return o, o.err
	case <-h.stopped:
		return outcome{}, ErrUnavailable
	case <-ctx.Done():
	}
	h.loop.inbox.put(func(time.Time) { h.loop.calls.cancel(k.id) })
	select {
	case o := <-done: // which knows better why
		return o, o.err
	case <-h.stopped:
		return outcome{}, ErrUnavailable
	case <-time.After(time.Second): // it is still being looked for
		return outcome{}, ErrTimeout
	}
}

// offer puts an event before the loop.
func (h *Host) offer(ctx context.Context, ev any) error {
	if err := h.awaitReady(ctx); err != nil {
		return err
	}
	err := h.loop.inbox.offer(ctx, ev)
	if err != nil && !errors.Is(err, ErrUnavailable) {
		err = fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// beginCall finds the actor that a client means, and calls it.
func (l *loop) beginCall(now time.Time, k *clientCall) {
	l.resolve(now, k.actor, func(now time.Time, w wire.Where, err error) {
		switch {
		case errors.Is(err, errUnsure) && now.Before(k.deadline) && (k.unsure.IsZero() || now.Sub(k.unsure) < unsureWait):
			if k.unsure.IsZero() {
				k.unsure = now
			}
			l.later(callNowhere, func(now time.Time) { l.beginCall(now, k) })
		case err != nil:
			k.done(outcome{err: err})
		default:
			k.found = w.Actor
			l.deliverCall(now, k)
		}
	})
}

// errUnsure is an ErrNotFound of which nobody can be sure: nodes that might have the
// actor were not there to be asked.
var errUnsure = fmt.Errorf("%w on the nodes that can be reached", ErrNotFound)

// unsureWait is how long a call waits for those nodes.
const unsureWait = 5 * time.Second

func (l *loop) deliverCall(now time.Time, k *clientCall) {
	r := wire.Request{Actor: k.found}
	if k.control != nil {
		c := *k.control
		r.Control, k.id = &c, c.ID
	} else {
		m := *k.message
		if m.ID.IsZero() && !l.number(now, k, &m) {
			return
		}
		r.Message, k.id = &m, m.ID
	}
	if l.calls.open[k.id] != nil { // the same message, whose first client may have gone away
		l.behind(now, k)
		return
	}
	l.calls.begin(now, &call{
		request: r, id: k.id, ask: k.ask, deadline: k.deadline,
		done: func(result *wire.Result, err error) { l.callEnded(k, result, err) },
	})
}

// behind has a call wait for the end of another one with the same id.
func (l *loop) behind(now time.Time, k *clientCall) {
	if !now.Before(k.deadline) {
		k.done(outcome{err: ErrTimeout})
		return
	}
	l.later(callBusy, func(now time.Time) { l.deliverCall(now, k) })
}

// number gives a message its id, or has its call begin again later.
func (l *loop) number(now time.Time, k *clientCall, m *wire.Message) (ok bool) {
	if m.ID, m.Floor, ok = l.sessions.begin(k.found, 1); ok {
		return true
	}
	if !now.Before(k.deadline) {
		k.done(outcome{err: ErrBusy})
		return false
	}
	l.later(callBusy, func(now time.Time) { l.beginCall(now, k) })
	return false
}

// callEnded tells the client. An actor that is gone may have a successor of its name.
func (l *loop) callEnded(k *clientCall, result *wire.Result, err error) {
	l.sessions.end(k.found, k.id)
	if errors.Is(err, ErrNotFound) && !k.again {
		l.outlived(k.found) // a node that was away may not know it yet
		k.again = true
		l.inbox.put(k)
		return
	}
	if result != nil {
		err = resultError(*result)
	}
	k.done(outcome{id: k.id, result: result, err: err})
}

// resultError is the error that a result stands for.
func resultError(r wire.Result) error {
	switch r.Outcome {
	case wire.OK:
		return nil
	case wire.Stopped:
		return ErrStopped
	case wire.NotFound:
		return ErrNotFound
	case wire.TimedOut:
		return ErrTimeout
	case wire.Forgotten:
		return fmt.Errorf("%w: the message was taken before, and its reply is not known any more", ErrInvalid)
	}
	return &RefusedError{Reason: string(r.Payload)}
}

// resolve finds out which actor a text means, first in what is known here. then is
// called on the loop's goroutine.
func (l *loop) resolve(now time.Time, text string, then func(time.Time, wire.Where, error)) {
	if p := l.directory.byName(text); p != nil {
		then(now, p.where(), nil)
		return
	}
	if id, err := wire.ParseActorID(text); err == nil && l.directory.known[id] != nil {
		then(now, l.directory.known[id].where(), nil)
		return
	}
	complete := !l.missesAny()
	l.finder.begin(now, text, l.others(), func(found []wire.Where, all bool) {
		for _, w := range found {
			l.directory.hear(w)
		}
		w, err := choose(text, append(found, l.heldLike(text)...))
		if errors.Is(err, ErrNotFound) && !(all && complete && !l.missesAny()) {
			err = errUnsure
		}
		then(time.Now(), w, err)
	})
}

// heldLike is what this node has of what a text may mean.
func (l *loop) heldLike(text string) (found []wire.Where) {
	for p := range l.directory.all() {
		if text == "" || matches(text, p.Where) {
			found = append(found, p.where())
		}
	}
	return found
}

// seek asks all nodes for an actor that is not where it was thought to be.
func (l *loop) seek(now time.Time, actor wire.ActorID) {
	if l.seeking[actor] || l.replicas[actor] != nil { // whoever has a replica knows the others
		return
	}
	l.seeking[actor] = true
	complete := !l.missesAny()
	l.finder.begin(now, actor.String(), l.others(), func(found []wire.Where, all bool) {
		delete(l.seeking, actor)
		if len(found) == 0 && all && complete && l.replicas[actor] == nil {
			l.directory.forget(actor) // there is none: it was made in vain
		}
		for _, w := range found {
			l.directory.hear(w)
		}
	})
}

// others are the other nodes that live.
func (l *loop) others() (nodes []wire.NodeID) {
	for node := range l.liveness.living() {
		nodes = append(nodes, node)
	}
	return nodes
}

// find answers who looks for an actor.
func (l *loop) find(from wire.NodeID, m wire.Find) {
	text := m.Name
	if text == "" && !m.Actor.IsZero() {
		text = m.Actor.String()
	}
	var found []wire.Where
	if p := l.directory.byName(text); p != nil && p.held {
		found = []wire.Where{p.where()}
	} else {
		found = l.heldLike(text)
	}
	for len(found) > wire.MaxFind {
		l.send(from, wire.Found{Query: m.Query, Actors: found[:wire.MaxFind], More: true})
		found = found[wire.MaxFind:]
	}
	l.send(from, wire.Found{Query: m.Query, Actors: found})
}

// heardOf takes what a node tells of actors, but for those that it does not know yet to be
// gone.
func (l *loop) heardOf(from wire.NodeID, m wire.Found) {
	m.Actors = slices.DeleteFunc(m.Actors, func(w wire.Where) bool { return l.buried.has(w.Actor) })
	for _, w := range m.Actors {
		l.directory.hear(w)
	}
	l.finder.found(from, m)
}

// holderOf is the actor that has a name, as far as this node knows for sure.
func (l *loop) holderOf(name string) (wire.Where, bool) {
	p := l.directory.byName(name)
	if p == nil || !p.held {
		return wire.Where{}, false
	}
	return p.where(), true
}

// findForChannel looks for the receiver of a channel.
func (l *loop) findForChannel(name string) {
	now := time.Now()
	if p := l.directory.byName(name); p != nil {
		l.inbox.put(func(now time.Time) { l.channels.resolved(now, name, p.Actor, false) })
		return
	}
	complete := !l.missesAny()
	l.finder.begin(now, name, l.others(), func(found []wire.Where, all bool) {
		w, err := choose(name, append(found, l.heldLike(name)...))
		if err != nil || w.Name != name {
			nobody := all && complete && !l.missesAny()
			l.inbox.put(func(now time.Time) { l.channels.resolved(now, name, wire.ActorID{}, nobody) })
			return
		}
		l.inbox.put(func(now time.Time) { l.channels.resolved(now, name, w.Actor, false) })
	})
}

// missesAny tells whether a node that actors are shared with is away: whoever is looked
// for may be there.
func (l *loop) missesAny() bool {
	for _, p := range l.liveness.nodes {
		if p.dead && p.shared > 0 {
			return true
		}
	}
	return false
}

// route is where to ask for an actor: who leads it, if that lives, else the first of
// its replicas that does.
func (l *loop) route(actor wire.ActorID, avoid wire.NodeID) wire.NodeID {
	p := l.directory.known[actor]
	if p == nil {
		return ""
	}
	usable := func(node wire.NodeID) bool {
		return node != "" && (node == l.host.cfg.Self || l.liveness.alive(node))
	}
	if usable(p.Leader) && p.Leader != avoid {
		return p.Leader
	}
	second := wire.NodeID("")
	for _, m := range p.Members {
		switch {
		case !usable(m.Node):
		case m.Node != avoid:
			return m.Node
		default:
			second = m.Node
		}
	}
	return second
}
