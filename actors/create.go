package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/journal"
)

// makeWait is how long the making of an actor waits for those nodes that are not needed
// for a majority.
const makeWait = 500 * time.Millisecond

// making is an actor that is created from here.
type making struct {
	base    wire.Base
	idle    bool
	there   map[wire.NodeID]bool
	refused map[wire.NodeID]string
	done    chan error // has room for one
	ended   bool
}

// Create makes an actor, and returns when enough replicas have it on disk and its
// first activation has succeeded, unless it is to be idle. Errors: ErrInvalid, ErrExists,
// ErrUnavailable; what the guest did wrong at its start is a *RefusedError, and there is
// no actor then.
func (h *Host) Create(ctx context.Context, o CreateOptions) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Deadline)
	defer cancel()
	spec, err := h.spec(o)
	if err != nil {
		return Status{}, err
	}
	id := o.ID
	if id.IsZero() {
		id = newActorID(time.Now())
	} else if s, err := h.Show(ctx, id.String()); err == nil && s.Name == o.Name {
		return s, nil // it was made before
	}
	m := &making{idle: o.Idle}
	if err := h.make(ctx, m, id, spec, nil); err != nil {
		return Status{}, err
	}
	if o.Idle {
		return m.status(), nil
	}
	return h.begun(ctx, id)
}

// status is that of an idle actor that was just made.
func (m *making) status() Status {
	b := &m.base
	s := Status{Name: b.Spec.Name, ID: b.Actor, Module: b.Spec.Module.Cid, Node: b.Members[0].Node, State: StateIdle,
		Created: time.UnixMilli(b.Spec.Created), Spec: b.Spec}
	for _, one := range b.Members {
		s.Replicas = append(s.Replicas, Replica{Node: one.Node, Alive: true})
	}
	return s
}

func newActorID(now time.Time) wire.ActorID {
	var random [10]byte
	rand.Read(random[:])
	return wire.NewActorID(now, random)
}

// The limits of actors that ask for none.
const (
	defaultFuel     = 1_000_000_000
	defaultMemory   = 256 << 20
	defaultRestarts = 5
	defaultWithin   = time.Minute
)

// spec makes a spec of what was asked for.
func (h *Host) spec(o CreateOptions) (wire.Spec, error) {
	s := wire.Spec{
		Name: o.Name, Module: wire.Link{Cid: o.Module}, Args: o.Args, Env: o.Env, Replicas: o.Replicas,
		Fuel: o.Fuel, Memory: o.Memory, OnFailure: wire.OnFailure(o.OnFailure), Restarts: o.Restarts, Within: o.Within,
		Stateless: o.Stateless, GPU: o.GPU, Hints: o.Hints, Beside: o.Beside, Creator: h.cfg.Self, Created: time.Now().UnixMilli(),
	}
	orDefault(&s.Replicas, h.cfg.Replicas)
	orDefault(&s.Fuel, defaultFuel)
	orDefault(&s.Memory, defaultMemory)
	orDefault(&s.OnFailure, wire.Restart)
	orDefault(&s.Restarts, defaultRestarts)
	orDefault(&s.Within, defaultWithin)
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return s, nil
}

// make claims an actor's name and makes its replicas.
func (h *Host) make(ctx context.Context, m *making, id wire.ActorID, spec wire.Spec, from *wire.Checkpoint) error {
	if err := h.awaitReady(ctx); err != nil {
		return err
	}
	if err := h.cfg.Modules.Hold(ctx, spec.Module.Cid); err != nil {
		return fmt.Errorf("%w: module: %w", ErrInvalid, err)
	}
	defer h.cfg.Modules.Release(spec.Module.Cid)
	if err := h.claim(ctx, id, spec); err != nil {
		return err
	}
	unclaim := func(time.Time) { h.loop.claims.giveBack(spec.Name, id, h.loop.others()) }
	nodes := h.place(ctx, id, &spec)
	defer func() { h.loop.inbox.put(unclaim) }()
	switch {
	case len(nodes) == 0 && spec.GPU != nil && spec.GPU.Required:
		return fmt.Errorf("%w: no node that may have the actor has such a GPU", ErrUnavailable)
	case len(nodes) == 0:
		return fmt.Errorf("%w: no node can have the actor", ErrUnavailable)
	}
	m.base = wire.Base{Actor: id, Spec: spec, Checkpoint: from, NextReplica: uint64(len(nodes)) + 1}
	for i, node := range nodes {
		m.base.Members = append(m.base.Members, wire.Member{Replica: uint64(i) + 1, Node: node})
	}
	err := h.makeReplicas(ctx, m)
	if err != nil {
		h.unmake(m.base)
	}
	return err
}

// place chooses the nodes of a new actor, all of them alive.
func (h *Host) place(ctx context.Context, id wire.ActorID, spec *wire.Spec) []wire.NodeID {
	p := Placement{Actor: id, Spec: spec}
	var nodes []wire.NodeID
	for range 2 { // the second time without those that have just died
		nodes = h.cfg.Placer.Place(ctx, p, spec.Replicas)
		known := len(p.Without)
		nodes = slices.DeleteFunc(nodes, func(node wire.NodeID) bool {
			if h.Alive(node) {
				return false
			}
			p.Without = append(p.Without, node)
			return true
		})
		if len(p.Without) == known {
			break
		}
	}
	return nodes
}

// claim gets the actor's name.
func (h *Host) claim(ctx context.Context, id wire.ActorID, spec wire.Spec) error {
	done := make(chan error, 1)
	claim := wire.Claim{Name: spec.Name, Actor: id, Created: spec.Created}
	err := h.loop.do(ctx, func(now time.Time) {
		h.loop.claims.begin(now, claim, h.loop.others(), func(err error) { done <- err })
	})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-h.stopped:
		return ErrUnavailable
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// makeReplicas asks the nodes of a base to be replicas, and waits until a majority is.
func (h *Host) makeReplicas(ctx context.Context, m *making) error {
	m.there, m.refused, m.done = make(map[wire.NodeID]bool), make(map[wire.NodeID]string), make(chan error, 1)
	err := h.loop.do(ctx, func(now time.Time) { h.loop.beginMaking(now, m) })
	if err != nil {
		return err
	}
	select {
	case err = <-m.done:
	case <-h.stopped:
		return ErrUnavailable
	case <-ctx.Done():
	}
	if ctx.Err() != nil { // even if it is made: see doubt
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	return err
}

func (l *loop) beginMaking(now time.Time, m *making) {
	l.making[m.base.Actor] = m
	for _, one := range m.base.Members {
		l.send(one.Node, wire.Create{Base: m.base, Replica: one.Replica, Idle: m.idle})
	}
	l.directory.hear(wire.Where{
		Actor: m.base.Actor, Name: m.base.Spec.Name, Created: m.base.Spec.Created, Members: m.base.Members,
		Leader: m.base.Members[0].Node,
	})
	l.askAgain(m)
	l.later(makeWait, func(time.Time) { l.judgeMaking(m, true) })
}

// askAgain asks nodes again that have not answered after a while, and so on: what they
// were told may be lost.
func (l *loop) askAgain(m *making) {
	l.later(makeWait/2, func(time.Time) {
		if l.making[m.base.Actor] != m {
			return // it is over
		}
		for _, one := range m.base.Members {
			if _, refused := m.refused[one.Node]; !refused && !m.there[one.Node] {
				l.send(one.Node, wire.Create{Base: m.base, Replica: one.Replica, Idle: m.idle})
			}
		}
		l.askAgain(m)
	})
}

// created takes a node's word that it has a replica, or refuses.
func (l *loop) created(now time.Time, from wire.NodeID, c wire.Created) {
	if r := l.replicas[c.Actor]; r != nil && r.live != nil && r.leading {
		l.joined(now, r, from, c)
	}
	m := l.making[c.Actor]
	if m == nil && l.buried.has(c.Actor) {
		l.unmade(from, c)
		return
	}
	if m == nil || m.base.Members.Replica(from) != c.Replica {
		return
	}
	if c.Refusal == "" {
		m.there[from] = true
	} else {
		m.refused[from] = c.Refusal
	}
	l.judgeMaking(m, false)
}

// judgeMaking ends the making of an actor when all have answered or, late, when a
// majority is there; the others are replaced like any that is lost.
func (l *loop) judgeMaking(m *making, late bool) {
	all := len(m.base.Members)
	switch majority := 2*len(m.there) > all; {
	case m.ended:
	case len(m.there) == all, late && majority, majority && len(m.there)+len(m.refused) == all:
		l.endMaking(m, nil)
	case 2*len(m.refused) >= all:
		l.endMaking(m, fmt.Errorf("%w: %s", ErrUnavailable, anyOf(m.refused)))
	}
}

func anyOf(reasons map[wire.NodeID]string) string {
	for _, reason := range reasons {
		return reason
	}
	return ""
}

func (l *loop) endMaking(m *making, err error) {
	m.ended = true
	delete(l.making, m.base.Actor)
	m.done <- err
}

// createHere makes a replica on this node.
func (l *loop) createHere(now time.Time, from wire.NodeID, c wire.Create) {
	id := c.Base.Actor
	reply := wire.Created{Actor: id, Replica: c.Replica}
	old := l.replicas[id]
	switch {
	case c.Base.Members.Node(c.Replica) != l.host.cfg.Self:
		reply.Refusal = "this is another node"
	case l.buried.has(id):
		reply.Refusal = "the actor was removed"
	case old != nil && old.number == c.Replica && (old.where.Epoch > 0 || c.Joining || slices.Equal(old.where.Members, c.Base.Members)):
		if old.where.Epoch == 0 && !c.Joining {
			l.doubt(now, old)
		}
		l.send(from, reply) // said before
		return
	case old != nil:
		reply.Refusal = "the node has another replica of the actor"
	case l.draining:
		reply.Refusal = "the node drains"
	case !c.Joining && !c.Base.Spec.Parent.IsZero() && len(l.replicas) >= l.host.cfg.Crowd:
		reply.Refusal = "the node has as many actors as it takes from other actors"
	}
	if at := c.Base.Checkpoint; reply.Refusal == "" && at != nil && !c.Joining && !l.host.engine.Has(at.Manifest.Cid) {
		l.fetchFirst(from, c, reply)
		return
	}
	if reply.Refusal == "" {
		if err := l.makeHere(now, c); err != nil {
			reply.Refusal = err.Error()
		}
	}
	if reply.Refusal != "" {
		l.send(from, reply)
		return
	}
	l.out.sync = true
	l.out.after = append(l.out.after, func() { l.inbox.put(func(time.Time) { l.send(from, reply) }) })
}

// fetchFirst gets the checkpoint that an actor begins with before its replica is made.
func (l *loop) fetchFirst(from wire.NodeID, c wire.Create, reply wire.Created) {
	l.host.background(func() {
		err := l.host.fetch(c.Base.Actor, from, *c.Base.Checkpoint)
		l.inbox.put(func(now time.Time) {
			if err == nil && l.host.engine.Has(c.Base.Checkpoint.Manifest.Cid) {
				l.createHere(now, from, c)
				return
			}
			reply.Refusal = "the checkpoint does not come"
			l.send(from, reply)
		})
	})
}

// makeHere writes a new replica down and begins it. The first of a new actor leads.
func (l *loop) makeHere(now time.Time, c wire.Create) error {
	var saved group.Saved
	var err error
	if !c.Joining {
		if saved, err = group.First(c.Base); err != nil {
			return err
		}
		l.out.records = append(l.out.records,
			journal.Record{Key: actorKey(c.Base.Actor, keyState), Value: saved.State},
			journal.Record{Key: actorKey(c.Base.Actor, keyBase), Value: saved.Base})
	}
	r := l.remember(now, c.Base.Actor, info{
		Number: c.Replica, Name: c.Base.Spec.Name, Created: c.Base.Spec.Created, Members: c.Base.Members,
		Leader: c.Base.Members[0].Node,
	})
	if !c.Joining {
		l.doubt(now, r)
	}
	l.host.prepare(c.Base.Spec.Module.Cid)
	if c.Idle && !c.Joining {
		l.saveInfo(r)
		return nil
	}
	if err := l.begin(now, r, saved, extent{}); err != nil {
		return err
	}
	r.spec = c.Base.Spec
	if !c.Joining && c.Base.Members[0].Replica == c.Replica {
		l.want(now, r, wire.ReasonCreated)
	}
	return nil
}

// cannotBegin is how package mailbox begins the reason of an actor's stop whose guest
// failed at its very start.
const cannotBegin = "it could not begin: "

// begun waits until a new actor is active; one that could not begin is removed.
func (h *Host) begun(ctx context.Context, id wire.ActorID) (Status, error) {
	for {
		s, err := h.Show(ctx, id.String())
		switch {
		case err != nil && !errors.Is(err, ErrUnavailable):
			return s, err
		case err == nil && s.State == StateStopped && strings.HasPrefix(s.Why, cannotBegin):
			refused := &RefusedError{Reason: strings.TrimPrefix(s.Why, cannotBegin)}
			return Status{}, errors.Join(refused, h.Remove(ctx, id.String()))
		case err == nil && s.State != StateUnavailable:
			return s, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return s, fmt.Errorf("%w: it does not begin", ErrUnavailable)
		}
	}
}

// placeAnywhere is the Placer of a host that was given none: this node, then connected
// ones.
type placeAnywhere struct{ host *Host }

// Place implements Placer.
func (p placeAnywhere) Place(ctx context.Context, r Placement, n int) []wire.NodeID {
	var nodes []wire.NodeID
	err := p.host.loop.do(ctx, func(time.Time) { nodes = p.host.loop.others() })
	if err != nil {
		return nil
	}
	slices.Sort(nodes)
	nodes = append([]wire.NodeID{p.host.cfg.Self}, nodes...)
	nodes = slices.DeleteFunc(nodes, func(id wire.NodeID) bool { return slices.Contains(r.Without, id) })
	return nodes[:min(n, len(nodes))]
}

// Better implements Placer: an actor stays where it is.
func (placeAnywhere) Better(Placement) (wire.NodeID, Reason) { return "", "" }
