package actors

import (
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

const (
	// channelSilence is how long the receiver of a channel may be silent.
	channelSilence = 400 * time.Millisecond
	// channelNowhere is the wait before a receiver that cannot be found is looked for
	// again.
	channelNowhere = 500 * time.Millisecond
	// channelAsks is how long a receiver may be silent about asks that it has taken.
	channelAsks = 2 * time.Second
	// requestHeld is for how long the receiver's node is asked to hold a message.
	requestHeld = 30 * time.Second
	// maxWindow is how many messages of a channel are on the way at once.
	maxWindow = 1024
)

// channelKey names a channel: the actor that sends, and the name that it sends to.
type channelKey struct {
	from wire.ActorID
	to   string
}

// channels are what the actors active here have sent to others and is not settled. The
// receiver takes the messages of a channel in their order, so they go out in order, and
// after a silence all over again from the first that was not taken. It is pure: see
// calls.
type channels struct {
	route func(actor wire.ActorID, avoid wire.NodeID) wire.NodeID
	send  func(to wire.NodeID, r wire.Request)
	// find looks for a name, and has resolved called later.
	find func(name string)
	// settle has an item proposed to the log of the actor that sent.
	settle func(actor wire.ActorID, item wire.Item)

	open map[channelKey]*channel
	// parcels are those of all channels, by the receiver's id of the message.
	parcels map[wire.MessageID]*parcel
	due     *alarms[channelKey]
	sought  map[string]bool
}

// channel is one of them.
type channel struct {
	channelKey
	target  wire.ActorID // zero until the name is found
	at      wire.NodeID  // where the messages went last
	pending []*parcel    // by number
	sent    int          // of those, how many are on the way
}

// parcel is one message.
type parcel struct {
	*channel
	ask     uint64 // 0: no reply is wanted
	message wire.Message
	taken   bool
}

func newChannels() *channels {
	return &channels{
		open: make(map[channelKey]*channel), parcels: make(map[wire.MessageID]*parcel),
		due: newAlarms[channelKey](), sought: make(map[string]bool),
	}
}

// put takes a message that an actor has sent.
func (c *channels) put(now time.Time, from wire.ActorID, s mailbox.Sent, target wire.ActorID) {
	if c.parcels[s.Message.ID] != nil {
		return
	}
	key := channelKey{from, s.To}
	ch := c.open[key]
	if ch == nil {
		ch = &channel{channelKey: key}
		c.open[key] = ch
	}
	if ch.target.IsZero() {
		ch.target = target
	}
	p := &parcel{channel: ch, ask: s.Ask, message: s.Message}
	ch.pending = append(ch.pending, p)
	c.parcels[s.Message.ID] = p
	c.push(now, ch)
}

// push sends what of a channel is not on the way yet.
func (c *channels) push(now time.Time, ch *channel) {
	if ch.target.IsZero() {
		c.seek(now, ch)
		return
	}
	if ch.at == "" {
		ch.at = c.route(ch.target, "")
	}
	if ch.at == "" {
		c.due.set(ch.channelKey, now.Add(callNowhere))
		return
	}
	for ch.sent < min(len(ch.pending), maxWindow) {
		p := ch.pending[ch.sent]
		ch.sent++
		m := p.message
		m.Floor = ch.pending[0].message.Seq
		c.send(ch.at, wire.Request{Actor: ch.target, Message: &m, Remaining: requestHeld})
	}
	c.due.set(ch.channelKey, now.Add(ch.patience()))
}

// patience is how long the receiver may be silent.
func (ch *channel) patience() time.Duration {
	for _, p := range ch.pending {
		if !p.taken {
			return channelSilence
		}
	}
	return channelAsks
}

// again sends a channel from its first message on, rather not to avoid.
func (c *channels) again(now time.Time, ch *channel, avoid wire.NodeID) {
	ch.sent, ch.at = 0, ""
	if !ch.target.IsZero() {
		ch.at = c.route(ch.target, avoid)
	}
	c.push(now, ch)
}

// seek has the name of a channel looked for.
func (c *channels) seek(now time.Time, ch *channel) {
	c.due.set(ch.channelKey, now.Add(channelNowhere))
	if !c.sought[ch.to] {
		c.sought[ch.to] = true
		c.find(ch.to)
	}
}

// resolved says which actor a name is of. Without one, nobody is sure if there is none
// that nobody has it.
func (c *channels) resolved(now time.Time, name string, actor wire.ActorID, nobody bool) {
	delete(c.sought, name)
	for _, ch := range c.open {
		if ch.to != name || !ch.target.IsZero() {
			continue
		}
		switch {
		case !actor.IsZero():
			ch.target = actor
			c.push(now, ch)
		case nobody:
			c.refuse(ch, wire.NotFound)
		}
	}
}

// refuse settles all of a channel: there is nobody at its end.
func (c *channels) refuse(ch *channel, why wire.Outcome) {
	last := ch.pending[len(ch.pending)-1].message.Seq
	for _, p := range ch.pending {
		if p.ask != 0 {
			c.settle(ch.from, replyItem(p.ask, wire.Result{Outcome: why}))
		}
	}
	c.settle(ch.from, wire.Item{Ack: &wire.Settled{To: ch.to, Seq: last}})
	c.drop(ch)
}

func replyItem(ask uint64, r wire.Result) wire.Item {
	return wire.Item{Reply: &wire.Reply{Ask: ask, Result: r}}
}

// acked says that the receiver has all messages of a channel up to a number.
func (c *channels) acked(now time.Time, m wire.Ack) {
	ch := c.open[channelKey{m.Actor, m.To}]
	if ch == nil {
		return
	}
	news, sent, kept := false, 0, ch.pending[:0]
	for i, p := range ch.pending {
		if p.message.Seq <= m.Seq && !p.taken {
			p.taken, news = true, true
		}
		if p.taken && p.ask == 0 {
			delete(c.parcels, p.message.ID)
			continue
		}
		if i < ch.sent {
			sent++
		}
		kept = append(kept, p)
	}
	clear(ch.pending[len(kept):])
	ch.pending, ch.sent = kept, sent
	if news {
		c.settle(ch.from, wire.Item{Ack: &wire.Settled{To: ch.to, Seq: m.Seq}})
	}
	c.rest(now, ch)
}

// rest goes on with a channel, or drops it if nothing is left.
func (c *channels) rest(now time.Time, ch *channel) {
	if len(ch.pending) == 0 {
		c.drop(ch)
		return
	}
	c.push(now, ch)
}

func (c *channels) drop(ch *channel) {
	for _, p := range ch.pending {
		delete(c.parcels, p.message.ID)
	}
	delete(c.open, ch.channelKey)
	c.due.set(ch.channelKey, time.Time{})
}

// response takes what a node says of a message; false if it is none of a channel.
func (c *channels) response(now time.Time, from wire.NodeID, r wire.Response) bool {
	p := c.parcels[r.ID]
	if p == nil || p.target != r.Actor {
		return false
	}
	ch := p.channel
	switch r.Phase {
	case wire.Answered:
		c.answered(now, p, *r.Result)
	case wire.Redirected:
		if from == ch.at {
			ch.at = ""
			c.due.set(ch.channelKey, now.Add(callBusy/8)) // with all that comes back
		}
	case wire.Busy, wire.Unavailable:
		if from == ch.at {
			ch.sent = 0
			wait := callBusy
			if r.Phase == wire.Unavailable {
				wait = channelNowhere // all of it goes out again then
			}
			c.due.set(ch.channelKey, now.Add(wait))
		}
	case wire.Gone:
		ch.target = wire.ActorID{}
		c.again(now, ch, "")
	}
	return true
}

// answered has the reply to an ask proposed.
func (c *channels) answered(now time.Time, p *parcel, r wire.Result) {
	if p.ask == 0 {
		return // a send is settled by its Ack
	}
	ch := p.channel
	i := slices.Index(ch.pending, p)
	ch.pending = slices.Delete(ch.pending, i, i+1)
	if i < ch.sent {
		ch.sent--
	}
	delete(c.parcels, p.message.ID)
	c.settle(ch.from, replyItem(p.ask, r))
	if !p.taken { // the reply came before its Ack
		c.settle(ch.from, wire.Item{Ack: &wire.Settled{To: ch.to, Seq: p.message.Seq}})
	}
	c.rest(now, ch)
}

// lost has what went to a node go to others.
func (c *channels) lost(now time.Time, node wire.NodeID) {
	for _, ch := range c.open {
		if ch.at == node {
			c.again(now, ch, node)
		}
	}
}

// forget drops what an actor has sent that is not active here any more: whoever
// activates it sends it again.
func (c *channels) forget(from wire.ActorID) {
	for key, ch := range c.open {
		if key.from == from {
			c.drop(ch)
		}
	}
}

// tick sends again what was not answered in time.
func (c *channels) tick(now time.Time) {
	for key, ok := c.due.due(now); ok; key, ok = c.due.due(now) {
		ch := c.open[key]
		avoid := ch.at
		if ch.sent == 0 {
			avoid = ""
		}
		c.again(now, ch, avoid)
	}
}
