package actortest

import (
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// call is what a client wants.
type call struct {
	id      wire.MessageID
	actor   *actor
	text    string
	ask     bool
	op      *operation
	until   time.Time
	message wire.Message
	control *wire.Control // in place of the message
}

// request is what is sent for the call.
func (c *call) request(remaining time.Duration) wire.Request {
	r := wire.Request{Actor: c.actor.id, Control: c.control, Remaining: remaining}
	if c.control == nil {
		r.Message = &c.message
	}
	return r
}

func idOf(m *wire.Request) wire.MessageID {
	if m.Control != nil {
		return m.Control.ID
	}
	return m.Message.ID
}

// session numbers a node's messages to an actor.
type session struct {
	id   [8]byte
	next uint64
	open map[uint64]bool
}

func (s *session) floor() uint64 {
	floor := s.next
	for n := range s.open {
		floor = min(floor, n)
	}
	return floor
}

// call makes a client call some actor, by way of some node.
func (w *world) call(i int) {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	a, other := w.actors[w.rng.IntN(len(w.actors))], w.actors[w.rng.IntN(len(w.actors))]
	amount := 1 + w.rng.IntN(1000)
	texts := []string{
		fmt.Sprint("add ", amount), fmt.Sprint("add ", amount), "get", "get", fmt.Sprint("trap ", amount),
		fmt.Sprintf("give %s %d", other.name, amount), fmt.Sprintf("give %s %d", other.name, amount), "sum " + other.name,
		fmt.Sprintf("try %s %d", other.name, amount), "ask " + other.name, fmt.Sprint("late ", amount),
	}
	if w.cfg.Controls {
		texts = append(texts, "upgrade", "upgrade", fmt.Sprint("spawn child-", i), fmt.Sprint("spawn child-", i))
	}
	text := texts[w.rng.IntN(len(texts))]
	if waits := text[:3] == "sum" || text[:3] == "try"; waits && (other.name <= a.name || w.cfg.Brief) {
		text = "get" // two actors that wait for each other would wait for ever
	}
	ask := text[:3] == "add" || text[:3] == "get" || text == "upgrade" || w.chance(0.5)
	if text[:3] == "ask" || text[:3] == "lat" || text[:3] == "add" && w.chance(0.2) {
		ask = false
	}
	n.awake(func() { n.begin(i, a, text, ask) })
}

func (n *node) begin(i int, a *actor, text string, ask bool) {
	s := n.sessions[a.id]
	if s == nil {
		s = &session{next: 1, open: make(map[uint64]bool)}
		seed := n.w.seed()
		copy(s.id[:], seed[:8])
		n.sessions[a.id] = s
	}
	c := &call{id: wire.NewMessageID(s.id, s.next), actor: a, text: text, ask: ask, until: n.w.now.Add(15 * time.Second)}
	s.open[s.next] = true
	c.message = wire.Message{ID: c.id, Ask: ask, Payload: []byte(text), Floor: s.floor()}
	s.next++
	if text == "upgrade" {
		c.control = &wire.Control{Verb: wire.VerbUpgrade, Module: linkOf([]byte(c.id.String())), ID: c.id}
	}
	n.w.note("%s: call %d to %s: %s, ask %v, %s", n.name(), i, a.name, text, ask, c.id)
	c.op = n.w.check.begin(n, c)
	n.calls[c.id] = c
	n.attempt(c)
}

// attempt sends a call, again and again until it is answered or time is up.
func (n *node) attempt(c *call) {
	if n.calls[c.id] != c {
		return
	}
	if n.w.now.After(c.until) {
		n.finish(c)
		return
	}
	n.w.send(n.id, n.find(c.actor), c.request(c.until.Sub(n.w.now)))
	n.w.after(100*time.Millisecond+n.w.upTo(100*time.Millisecond), n.inThisLife(func() { n.attempt(c) }))
}

func (n *node) finish(c *call) {
	delete(n.calls, c.id)
	delete(n.sessions[c.actor.id].open, c.id.Seq())
}

// find is the node to ask for an actor: the one that is believed to lead, or any.
func (n *node) find(a *actor) wire.NodeID {
	if hint := n.hints[a.id]; hint != "" && !n.suspects[hint] {
		return hint
	}
	return n.w.nodes[n.w.rng.IntN(len(n.w.nodes))].id
}

// request takes a message for an actor.
func (n *node) request(from wire.NodeID, m wire.Request) {
	r := n.replicas[m.Actor]
	if r == nil {
		n.w.send(n.id, from, wire.Response{Actor: m.Actor, ID: idOf(&m), Phase: wire.Redirected})
		return
	}
	if r.act == nil {
		r.try(group.Campaign{})
		leader, epoch := r.g.Leader()
		n.w.send(n.id, from, wire.Response{Actor: m.Actor, ID: idOf(&m), Phase: wire.Redirected, Leader: leader, Epoch: epoch})
		return
	}
	id := idOf(&m)
	if r.waiters[id] == nil {
		r.waiters[id] = make(map[wire.NodeID]bool)
	}
	r.waiters[id][from] = true
	if err := r.propose(wire.Item{Message: m.Message, Control: m.Control}); err != nil {
		n.w.note("%s does not take %s: %v", r, id, err)
	}
}

// response takes what a call, or an ask of an actor here, has come to.
func (n *node) response(from wire.NodeID, m wire.Response) {
	if m.Phase == wire.Redirected {
		if n.hints[m.Actor] == from || n.hints[m.Actor] == "" || n.suspects[n.hints[m.Actor]] {
			n.hints[m.Actor] = m.Leader
		}
		return
	}
	n.hints[m.Actor] = from
	if c := n.calls[m.ID]; c != nil {
		n.answered(c, m)
		return
	}
	for _, a := range n.w.actors {
		if r := n.replicas[a.id]; r != nil && r.act != nil && m.Phase == wire.Answered {
			r.replied(m)
		}
	}
}

func (n *node) answered(c *call, m wire.Response) {
	switch {
	case m.Phase == wire.Acknowledged:
		n.w.check.acknowledged(n, c)
		if !c.ask {
			n.finish(c)
		}
	case m.Phase == wire.Answered && c.ask:
		n.w.note("%s: %s of %s is %s %q", n.name(), c.id, c.actor.name, m.Result.Outcome, m.Result.Payload)
		n.w.check.answered(n, c, *m.Result)
		n.finish(c)
	}
}

// replied takes the reply to an ask that the actor made.
func (r *replica) replied(m wire.Response) {
	for _, o := range r.act.s.Outbox() {
		if ask, ok := askOf(o, m.ID); ok {
			_ = r.propose(wire.Item{Reply: &wire.Reply{Ask: ask, Result: *m.Result}}) // asked again if not
		}
	}
}
