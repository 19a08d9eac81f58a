package actors

import (
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// The waits of a call. They are bounds, not what it usually takes: a closed connection
// or a redirection has it sent again at once.
const (
	// callSilence is how long a node may be silent about a request that it was sent.
	callSilence = 400 * time.Millisecond
	// callAcked is how long it may be silent once it has acknowledged it.
	callAcked = 2 * time.Second
	// callBusy and callNowhere are the waits after a node was busy, or when there is
	// no node to ask.
	callBusy    = 25 * time.Millisecond
	callNowhere = 50 * time.Millisecond
	// callWithout is for how long all that are asked may say that too few of the actor's
	// replicas live, or there may be nobody to ask, before a call ends: an election takes
	// less, and so does the restart of a process as a rule.
	callWithout = 1500 * time.Millisecond
	// callTries is how often at least it must be said: after a time for which this node
	// stood still, or had no processor, nobody has been asked.
	callTries = 8
	// maxHops is how many redirections are followed at once.
	maxHops = 4
)

// calls are the requests of this node's clients that are under way. Each is repeated,
// with the same id, until it is answered or its time is up: to the leader as far as
// known, and else to the next replica that lives. It is pure: time comes in, and what is
// to be sent goes out through send.
type calls struct {
	self wire.NodeID
	// route is where to send a request for an actor: the leader, or who may become
	// it, but not the node avoid if there is another. Empty if there is nobody.
	route func(actor wire.ActorID, avoid wire.NodeID) wire.NodeID
	send  func(to wire.NodeID, r wire.Request)
	// seek looks for an actor anew: nobody of those that are thought to have it does.
	seek func(now time.Time, actor wire.ActorID)

	open map[wire.MessageID]*call
	due  *alarms[wire.MessageID]
}

// call is one request under way.
type call struct {
	request  wire.Request
	id       wire.MessageID
	ask      bool // wants more than to be acknowledged
	deadline time.Time
	// done is called once, on the loop's goroutine.
	done func(result *wire.Result, err error)

	to    wire.NodeID // where it was sent last
	acked bool
	hops  int   // redirections since it last waited
	last  error // what to say if its time runs out now
	sent  bool  // to anybody
	// without is since when nobody could be found that an answer is to be expected of;
	// zero: there may be somebody. refused: who was asked last has said so.
	without time.Time
	tries   int // since then
	refused bool
}

// The two ways of being unavailable.
var (
	errFew    = fmt.Errorf("%w: too few of its nodes can be reached; the message may still take effect when they are back", ErrUnavailable)
	errNobody = fmt.Errorf("%w: none of its nodes can be reached; the message was not sent", ErrUnavailable)
)

func newCalls(self wire.NodeID, route func(wire.ActorID, wire.NodeID) wire.NodeID, send func(wire.NodeID, wire.Request)) *calls {
	return &calls{self: self, route: route, send: send, open: make(map[wire.MessageID]*call), due: newAlarms[wire.MessageID]()}
}

// begin sends a request for the first time. One with an id that is under way already
// is refused: it may have been meant as the same, but then nobody needs it.
func (c *calls) begin(now time.Time, k *call) {
	if c.open[k.id] != nil {
		k.done(nil, ErrInvalid)
		return
	}
	k.last = ErrTimeout
	c.open[k.id] = k
	c.deliver(now, k, "")
}

// deliver sends a request to whom it should go now, rather not to avoid.
func (c *calls) deliver(now time.Time, k *call, avoid wire.NodeID) {
	wait := callSilence
	if k.acked {
		wait = callAcked
	}
	k.to = c.route(k.request.Actor, avoid)
	if k.to == "" {
		c.nobody(now, k)
		return
	}
	k.refused, k.sent = false, true
	c.again(now, k, wait)
	k.request.Remaining = max(k.deadline.Sub(now), 0)
	c.send(k.to, k.request)
}

// nobody notes that there is nobody that an answer is to be expected of; when that is so
// for too long the call ends.
func (c *calls) nobody(now time.Time, k *call) {
	k.refused, k.last = true, errNobody
	if k.sent {
		k.last = errFew
	}
	if k.without.IsZero() {
		k.without, k.tries = now, 0
	}
	if k.tries++; k.tries >= callTries && now.Sub(k.without) >= callWithout {
		c.end(k, nil, k.last)
		return
	}
	c.again(now, k, callNowhere)
}

// again has a call looked at after a wait, or when its time is up.
func (c *calls) again(now time.Time, k *call, wait time.Duration) {
	at := now.Add(wait)
	if at.After(k.deadline) {
		at = k.deadline
	}
	c.due.set(k.id, at)
}

// response takes what a node says of a request.
func (c *calls) response(now time.Time, from wire.NodeID, r wire.Response) {
	k := c.open[r.ID]
	if k == nil || k.request.Actor != r.Actor {
		return
	}
	switch r.Phase {
	case wire.Answered:
		c.end(k, r.Result, nil)
	case wire.Gone:
		c.end(k, nil, ErrNotFound)
	case wire.Acknowledged:
		k.acked, k.last, k.without = true, ErrTimeout, time.Time{}
		if !k.ask {
			c.end(k, nil, nil)
			return
		}
		c.again(now, k, callAcked)
	case wire.Redirected:
		c.redirected(now, k, from)
	case wire.Busy:
		k.last, k.without = ErrBusy, time.Time{}
		c.again(now, k, callBusy)
	case wire.Unavailable:
		if from == k.to {
			c.nobody(now, k)
		}
	}
}

// redirected follows a redirection, but not in circles: what says who leads may be
// older on one node than on the other.
func (c *calls) redirected(now time.Time, k *call, from wire.NodeID) {
	if from != k.to {
		return // it was sent elsewhere meanwhile
	}
	if k.hops++; k.hops > maxHops {
		c.seek(now, k.request.Actor)
		k.hops, k.to = 0, ""
		c.nobody(now, k)
		return
	}
	c.deliver(now, k, from)
}

// lost has all that was sent to a node sent to others.
func (c *calls) lost(now time.Time, node wire.NodeID) {
	for _, k := range c.open {
		if k.to == node {
			k.acked = false
			c.deliver(now, k, node)
		}
	}
}

// cancel ends a call whose client does not wait any more.
func (c *calls) cancel(id wire.MessageID) {
	if k := c.open[id]; k != nil {
		c.end(k, nil, k.last)
	}
}

// tick sends again what was not answered in time, and ends what waits no more.
func (c *calls) tick(now time.Time) {
	for id, ok := c.due.due(now); ok; id, ok = c.due.due(now) {
		k := c.open[id]
		switch {
		case !k.deadline.After(now):
			c.end(k, nil, k.last)
		case k.refused: // perhaps another one knows better
			c.seek(now, k.request.Actor)
			k.hops = 0
			c.deliver(now, k, k.to)
		case k.last == ErrBusy || k.hops > 0: // it was answered, but not well
			k.hops, k.without = 0, time.Time{}
			c.deliver(now, k, "")
		default: // silence says nothing
			k.last, k.without = ErrTimeout, time.Time{}
			c.deliver(now, k, k.to)
		}
	}
}

func (c *calls) end(k *call, result *wire.Result, err error) {
	delete(c.open, k.id)
	c.due.set(k.id, time.Time{})
	k.done(result, err)
}
