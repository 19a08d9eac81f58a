package detect

import (
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// maxAsks is how many pings for others are under way at once, maxAsksOf how
	// many of them for one node; those beyond are not answered.
	maxAsks   = 256
	maxAsksOf = 8
	// maxGone is of how many nodes it is remembered that their connections have closed,
	// and keepGone how long. Others are not knocked at for anybody.
	maxGone  = 1024
	keepGone = 10 * time.Second
	// knockAgain is how long what came of a knock is the answer to everyone who asks.
	knockAgain = time.Second
)

// ask is a ping that another node wants of a third one.
type ask struct {
	from  wire.NodeID
	seq   uint64 // the asker's
	of    wire.NodeID
	until time.Time // then the answer is that nobody was reached
	knock bool      // waits for a knock
}

func (d *Detector) receive(from wire.NodeID, m wire.Message) {
	p := d.peers[from]
	switch m := m.(type) {
	case wire.Ping:
		if p != nil {
			d.heard(p, 0)
		}
		d.pinged(from, m)
	case wire.Pong:
		if m.Of != "" {
			d.helped(from, m)
			return
		}
		d.ponged(from, p, m)
	}
}

// pinged answers a ping of this node, or pings another one.
func (d *Detector) pinged(from wire.NodeID, m wire.Ping) {
	switch {
	case m.Of == "" || m.Of == d.cfg.Self:
		d.send(from, wire.Pong{Seq: m.Seq, Of: m.Of, Up: true, Incarnation: d.cfg.Incarnation})
	case m.Of != from && len(d.asks) < maxAsks && d.asking[from] < maxAsksOf:
		d.help(from, m)
	}
}

// help pings a node for another one, or knocks at one that was connected a moment ago.
// Whoever was never met is not looked for: where it is said to be anybody may have said,
// and whoever asks could have this node dial whatever he likes, as often as he likes.
func (d *Detector) help(from wire.NodeID, m wire.Ping) {
	if p := d.peers[m.Of]; p != nil && p.connected {
		d.send(m.Of, wire.Ping{Seq: d.newAsk(from, m, d.timeout(p), false)})
		return
	}
	switch g := d.gone[m.Of]; {
	case g == nil || d.now.Sub(g.at) > keepGone:
	case d.now.Sub(g.down) < knockAgain:
		d.send(from, wire.Pong{Seq: m.Seq, Of: m.Of})
	default: // the knock takes longer, but is bounded by the shell
		d.newAsk(from, m, d.cfg.MaxTimeout, true)
		d.knock(d.peer(m.Of))
	}
}

// newAsk notes what another node wants, and returns the number for the ping.
func (d *Detector) newAsk(from wire.NodeID, m wire.Ping, timeout time.Duration, knock bool) uint64 {
	seq := d.next()
	d.asks[seq] = &ask{from: from, seq: m.Seq, of: m.Of, until: d.now.Add(timeout), knock: knock}
	d.asking[from]++
	return seq
}

// gone is a node that was connected until a moment ago.
type gone struct {
	at   time.Time
	down time.Time // when a knock at it failed; zero if none has
}

// noteGone remembers that a connection has closed.
func (d *Detector) noteGone(id wire.NodeID) {
	if len(d.gone) >= maxGone {
		maps.DeleteFunc(d.gone, func(_ wire.NodeID, g *gone) bool { return d.now.Sub(g.at) > keepGone })
	}
	if len(d.gone) < maxGone {
		d.gone[id] = &gone{at: d.now}
	}
}

// ponged takes the answer to a ping, this node's own or one for another.
func (d *Detector) ponged(from wire.NodeID, p *peer, m wire.Pong) {
	if a := d.asks[m.Seq]; a != nil && a.of == from {
		d.answer(m.Seq, true, m.Incarnation)
	}
	if p == nil {
		return
	}
	if m.Seq == p.seq && !p.lateAt.IsZero() {
		p.rtt.sample(d.now.Sub(p.sentAt))
		p.lateAt = time.Time{}
		d.better()
	}
	d.heard(p, m.Incarnation)
}

// knockedFor goes on with what waits for a knock.
func (d *Detector) knockedFor(of wire.NodeID, o Outcome) {
	if g := d.gone[of]; g != nil && (o == Failed || o == Refused) {
		g.down = d.now
	}
	for _, seq := range slices.Sorted(maps.Keys(d.asks)) {
		a := d.asks[seq]
		if a.of != of || !a.knock {
			continue
		}
		switch o {
		case Reached:
			a.knock = false
			d.send(of, wire.Ping{Seq: seq})
		case Unknown: // nothing can be said
			d.forget(seq)
		default:
			d.answer(seq, false, 0)
		}
	}
}

// answer tells whoever asked about a node.
func (d *Detector) answer(seq uint64, up bool, incarnation int64) {
	a := d.asks[seq]
	d.forget(seq)
	d.send(a.from, wire.Pong{Seq: a.seq, Of: a.of, Up: up, Incarnation: incarnation})
}

func (d *Detector) forget(seq uint64) {
	from := d.asks[seq].from
	delete(d.asks, seq)
	if d.asking[from]--; d.asking[from] <= 0 {
		delete(d.asking, from)
	}
}
