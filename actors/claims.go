package actors

import (
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

const (
	// claimWait is how long a claim waits for nodes that do not answer.
	claimWait = 700 * time.Millisecond
	// claimAgain is the wait until a node is asked again that takes a removed actor for the
	// holder of a name.
	claimAgain = 20 * time.Millisecond
	// claimHeld is how long a name is kept for an actor that is being made.
	claimHeld = 5 * time.Second
)

// claims keep names free for actors that are being made: one name, one actor, as far
// as nodes reach each other. It is pure: see calls.
type claims struct {
	send func(to wire.NodeID, m wire.NodeMessage)
	// holder is who has a name already on this node.
	holder func(name string) (wire.Where, bool)
	// gone tells whether an actor was removed: a node that has not heard of that yet is
	// asked again.
	gone func(actor wire.ActorID) bool

	promised map[string]promise
	expiry   *alarms[string]
	open     map[wire.ActorID]*claim
	due      *alarms[wire.ActorID]
	again    *alarms[wire.ActorID]
}

// promise is a name that somebody has claimed here.
type promise struct {
	actor   wire.ActorID
	created int64
	from    wire.NodeID // whose claim it is; this node's own: empty
	// firm: all have agreed, and the actor is being made here. No claim is older than
	// that, and it is kept until it is freed.
	firm bool
}

// claim is one of this node that others are asked about.
type claim struct {
	wire.Claim
	nodes []wire.NodeID        // were asked
	asked map[wire.NodeID]bool // have not answered
	again []wire.NodeID        // of asked, those that are to be asked again
	done  func(err error)
}

func newClaims(send func(wire.NodeID, wire.NodeMessage), holder func(string) (wire.Where, bool)) *claims {
	return &claims{
		send: send, holder: holder,
		promised: make(map[string]promise), expiry: newAlarms[string](),
		open: make(map[wire.ActorID]*claim), due: newAlarms[wire.ActorID](), again: newAlarms[wire.ActorID](),
		gone: func(wire.ActorID) bool { return false },
	}
}

// begin claims a name with nodes, this one first. done gets nil or ErrExists.
func (c *claims) begin(now time.Time, m wire.Claim, nodes []wire.NodeID, done func(error)) {
	if holder, _ := c.judge(now, "", m); holder != m.Actor {
		done(ErrExists)
		return
	}
	k := &claim{Claim: m, nodes: nodes, asked: make(map[wire.NodeID]bool), done: done}
	c.open[m.Actor] = k
	c.due.set(m.Actor, now.Add(claimWait))
	if len(nodes) == 0 {
		c.end(m.Actor, nil)
		return
	}
	for _, node := range nodes {
		k.asked[node] = true
		c.send(node, m)
	}
}

// judge decides who has a name here: an actor that exists, else the older claim.
func (c *claims) judge(now time.Time, from wire.NodeID, m wire.Claim) (holder wire.ActorID, created int64) {
	if w, ok := c.holder(m.Name); ok && w.Actor != m.Actor {
		return w.Actor, w.Created
	}
	p, ok := c.promised[m.Name]
	if ok && p.actor != m.Actor && (p.firm || older(p.created, p.actor, m.Created, m.Actor)) {
		return p.actor, p.created
	}
	c.promised[m.Name] = promise{actor: m.Actor, created: m.Created, from: from, firm: p.firm}
	c.expiry.set(m.Name, now.Add(claimHeld))
	return m.Actor, m.Created
}

// asked answers another node's claim.
func (c *claims) asked(now time.Time, from wire.NodeID, m wire.Claim) {
	holder, created := c.judge(now, from, m)
	if holder == m.Actor {
		c.yield(m)
	}
	c.send(from, wire.Claimed{Name: m.Name, Actor: m.Actor, Holder: holder, Created: created})
}

// yield ends claims of this node to a name that an older one has taken away.
func (c *claims) yield(m wire.Claim) {
	for id, k := range c.open {
		if k.Name == m.Name && id != m.Actor {
			c.end(id, ErrExists)
		}
	}
}

// claimed takes an answer.
func (c *claims) claimed(now time.Time, from wire.NodeID, m wire.Claimed) {
	k := c.open[m.Actor]
	if p := c.promised[m.Name]; k == nil && p.actor == m.Actor && p.from == from {
		c.free(m.Name, m.Actor) // its claim has ended
	}
	if k == nil || !k.asked[from] || k.Name != m.Name {
		return
	}
	if m.Holder != m.Actor && c.gone(m.Holder) {
		k.again = append(k.again, from)
		c.again.set(m.Actor, now.Add(claimAgain))
		return
	}
	delete(k.asked, from)
	switch {
	case m.Holder != m.Actor:
		c.end(m.Actor, ErrExists)
	case len(k.asked) == 0:
		c.end(m.Actor, nil)
	}
}

// lost expects no answer of a node any more.
func (c *claims) lost(node wire.NodeID) {
	for id, k := range c.open {
		if !k.asked[node] {
			continue
		}
		if delete(k.asked, node); len(k.asked) == 0 {
			c.end(id, nil)
		}
	}
}

// tick ends what has waited long enough: who does not answer has no say.
func (c *claims) tick(now time.Time) {
	for id, ok := c.again.due(now); ok; id, ok = c.again.due(now) {
		k := c.open[id]
		for _, node := range k.again {
			c.send(node, k.Claim)
		}
		k.again = nil
	}
	for id, ok := c.due.due(now); ok; id, ok = c.due.due(now) {
		c.end(id, nil)
	}
	for name, ok := c.expiry.due(now); ok; name, ok = c.expiry.due(now) {
		if !c.promised[name].firm {
			delete(c.promised, name)
		}
	}
}

// giveBack ends a claim of this node: it was in vain, or the actor is made and has the
// name. The nodes that were asked need not keep it free any longer.
func (c *claims) giveBack(name string, actor wire.ActorID, nodes []wire.NodeID) {
	c.free(name, actor)
	for _, node := range nodes {
		c.send(node, wire.Claimed{Name: name, Actor: actor, Holder: actor})
	}
}

func (c *claims) free(name string, actor wire.ActorID) {
	if c.promised[name].actor == actor {
		delete(c.promised, name)
		c.expiry.set(name, time.Time{})
	}
}

func (c *claims) end(id wire.ActorID, err error) {
	k := c.open[id]
	delete(c.open, id)
	c.due.set(id, time.Time{})
	c.again.set(id, time.Time{})
	if err != nil {
		c.giveBack(k.Name, id, k.nodes)
	} else if p := c.promised[k.Name]; p.actor == id {
		p.firm = true
		c.promised[k.Name] = p
	}
	k.done(err)
}
