package detect

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// peer is what is known of another node.
type peer struct {
	id          wire.NodeID
	watched     bool
	connected   bool
	met         bool // it was connected once
	state       State
	incarnation int64
	heard       time.Time
	rtt         rtt

	// seq and sentAt are of the last ping, lateAt is when its answer is late; zero
	// if none is awaited.
	seq            uint64
	sentAt, lateAt time.Time
	// pingAt is when to ping it next, zero for never.
	pingAt time.Time

	// Of a suspect: since when, when it is dead, whom the last round of questions
	// went to under which numbers, and who has answered that it does not reach it.
	since, deadAt time.Time
	askedAt       time.Time
	asked         map[wire.NodeID]uint64
	nacks         map[wire.NodeID]bool
	// knocking is set until a knock is answered, refused once one was refused.
	knocking, refused bool
	// unsure is set while a lost connection may have been the end of a life: only
	// the incarnation tells.
	unsure bool
	// rest is the time to the next ping of a dead one.
	rest time.Duration
}

// maxRest is the longest time between pings of a node that is dead but connected.
const maxRest = 10 * time.Second

func (p *peer) change() Change { return Change{p.id, p.state, p.incarnation, p.heard} }

// due is when something is to be done for it.
func (p *peer) due() time.Time {
	at := earliest(p.pingAt, p.lateAt)
	if p.state == Suspect {
		at = earliest(at, p.deadAt)
	}
	return at
}

// shift makes good a time in which nobody could be heard.
func (p *peer) shift(gap time.Duration) {
	for _, at := range []*time.Time{&p.lateAt, &p.deadAt, &p.since, &p.sentAt} {
		if !at.IsZero() {
			*at = at.Add(gap)
		}
	}
}

// peer is the entry of a node, made if there is none.
func (d *Detector) peer(id wire.NodeID) *peer {
	p := d.peers[id]
	if p == nil {
		p = &peer{id: id}
		d.peers[id] = p
	}
	return p
}

func (d *Detector) watch(id wire.NodeID) {
	p := d.peer(id)
	if p.watched || id == d.cfg.Self {
		return
	}
	p.watched = true
	if !p.met {
		return
	}
	d.judged[id] = p
	if !p.connected {
		d.suspect(p)
		return
	}
	p.calm()
	d.tell(p)
	d.ping(p)
}

func (d *Detector) tell(p *peer) {
	if p.watched {
		d.out.Changes = append(d.out.Changes, p.change())
	}
}

func (d *Detector) unwatch(id wire.NodeID) {
	if p := d.peers[id]; p != nil {
		p.watched, p.lateAt, p.pingAt = false, time.Time{}, time.Time{}
		delete(d.judged, id)
		d.release(p)
	}
}

// release forgets a node that nobody asks about.
func (d *Detector) release(p *peer) {
	if !p.watched && !p.connected && !p.knocking {
		delete(d.peers, p.id)
	}
}

func (d *Detector) connected(id wire.NodeID) {
	p := d.peer(id)
	first := !p.met
	p.connected, p.met, p.refused = true, true, false
	delete(d.gone, id)
	if !p.watched {
		return
	}
	if first {
		d.judged[id] = p
		d.tell(p)
	}
	d.ping(p)
}

func (d *Detector) disconnected(id wire.NodeID) {
	p := d.peers[id]
	if p == nil || !p.connected {
		return
	}
	p.connected, p.unsure, p.lateAt = false, true, time.Time{}
	d.noteGone(id)
	for _, a := range d.asks {
		if a.of == id {
			a.until = d.now // no answer will come
		}
	}
	switch {
	case p.watched && p.state == Alive:
		d.suspect(p)
	case p.watched && p.state == Suspect: // which was silent before
		d.knock(p)
	}
	d.release(p)
}

// ping sends a ping, or knocks if there is no connection.
func (d *Detector) ping(p *peer) {
	p.pingAt = d.now.Add(d.cfg.Interval)
	if !p.connected {
		d.knock(p)
		return
	}
	p.seq, p.sentAt = d.next(), d.now
	p.lateAt = d.now.Add(d.timeout(p))
	d.send(p.id, wire.Ping{Seq: p.seq})
}

func (d *Detector) knock(p *peer) {
	if !p.knocking {
		p.knocking = true
		d.out.Knocks = append(d.out.Knocks, p.id)
	}
}

func (d *Detector) knocked(id wire.NodeID, o Outcome) {
	d.knockedFor(id, o)
	p := d.peers[id]
	if p == nil {
		return
	}
	p.knocking = false
	if o == Reached && !p.connected && p.met { // news of that may have come before that of its end
		d.connected(id)
		return
	}
	if p.state == Suspect && !p.connected && o != Reached {
		p.refused = o == Refused
		d.ask(p)
		d.judge(p)
	}
	d.release(p)
}

// heard takes a sign of life; incarnation is zero if it said none.
func (d *Detector) heard(p *peer, incarnation int64) {
	p.heard, p.lateAt = d.now, time.Time{}
	p.unsure = p.unsure && incarnation == 0
	switch {
	case p.unsure:
		return
	case incarnation > p.incarnation:
		d.begins(p, incarnation)
	case p.state == Suspect:
		d.stats.Refuted++
	case p.state == Dead:
		d.stats.Revived++
	}
	if p.state != Alive {
		p.calm()
		d.tell(p)
	}
	p.pingAt = d.now.Add(d.cfg.Interval)
}

// begins notes the incarnation of a node: another one than before ends that.
func (d *Detector) begins(p *peer, incarnation int64) {
	if p.watched && p.incarnation != 0 && p.state != Dead {
		d.die(p)
	}
	p.incarnation = incarnation
}

// calm ends what was thought of a node.
func (p *peer) calm() {
	p.state, p.deadAt, p.asked, p.nacks, p.refused, p.rest = Alive, time.Time{}, nil, nil, false, 0
}

// suspect begins a suspicion, with a ping or a knock; others are asked too unless a
// knock may soon say more.
func (d *Detector) suspect(p *peer) {
	d.stats.Suspicions++
	p.state, p.since = Suspect, d.now
	p.deadAt = d.now.Add(d.stretch(d.cfg.MaxSuspicion))
	d.tell(p)
	d.ping(p)
	if p.connected {
		d.ask(p)
	}
}

// wakePeer does what is due for a node.
func (d *Detector) wakePeer(p *peer) {
	switch {
	case p.state == Alive && isDue(p.lateAt, d.now):
		p.lateAt = time.Time{}
		d.suspect(p)
	case p.state == Alive:
		d.keepUp(p)
	case p.state == Suspect && isDue(p.deadAt, d.now):
		d.die(p)
	case p.state == Suspect && isDue(p.pingAt, d.now):
		d.ping(p)
		d.ask(p)
	case p.state == Suspect:
		p.lateAt = time.Time{}
	default:
		d.rest(p)
	}
}

// keepUp pings a node that is thought well of, unless an answer is on its way.
func (d *Detector) keepUp(p *peer) {
	if p.lateAt.IsZero() {
		d.ping(p)
		return
	}
	p.pingAt = p.lateAt
}

// rest pings a dead node less and less often: it may have been stopped only.
func (d *Detector) rest(p *peer) {
	p.lateAt = time.Time{}
	if !p.connected {
		p.pingAt = time.Time{} // whoever connects again will be heard
		return
	}
	d.ping(p)
	p.lateAt = time.Time{}
	p.rest = min(max(2*p.rest, d.cfg.Interval), maxRest)
	p.pingAt = d.now.Add(p.rest)
}

func (d *Detector) die(p *peer) {
	for id := range p.asked { // helpers that owe an answer make this node doubt itself
		if !p.nacks[id] {
			d.worse()
		}
	}
	d.stats.Deaths++
	p.state, p.deadAt, p.asked, p.nacks, p.refused = Dead, time.Time{}, nil, nil, false
	d.tell(p)
	d.rest(p)
}

// ask has others ping a suspect, unless some still look for it.
func (d *Detector) ask(p *peer) {
	if len(p.asked) > len(p.nacks) && d.now.Sub(p.askedAt) < d.cfg.MaxTimeout {
		return
	}
	p.askedAt, p.asked = d.now, make(map[wire.NodeID]uint64)
	for _, id := range d.helpers(p) {
		p.asked[id] = d.next()
		d.send(id, wire.Ping{Seq: p.asked[id], Of: p.id})
	}
}

// helpers are nodes to ask about a suspect: others each time, so that none can lie
// about it for long.
func (d *Detector) helpers(p *peer) []wire.NodeID {
	type helper struct {
		order uint64
		id    wire.NodeID
	}
	var list []helper // the first in an order that is another each time
	for id, h := range d.peers {
		if h == p || !h.connected || h.state != Alive {
			continue
		}
		it := helper{mix(id, d.seq), id}
		i, _ := slices.BinarySearchFunc(list, it, func(a, b helper) int {
			return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
		})
		if i < d.cfg.Helpers {
			list = slices.Insert(list, i, it)
			list = list[:min(len(list), d.cfg.Helpers)]
		}
	}
	ids := make([]wire.NodeID, len(list))
	for i, h := range list {
		ids[i] = h.id
	}
	return ids
}

// mix is the FNV-1a hash of a node and a number.
func mix(id wire.NodeID, n uint64) uint64 {
	h := uint64(14695981039346656037) ^ n
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return h ^ h>>29
}

// helped takes what a helper says of a suspect.
func (d *Detector) helped(from wire.NodeID, m wire.Pong) {
	p := d.peers[m.Of]
	if p == nil || p.state != Suspect || p.asked[from] != m.Seq || m.Seq == 0 {
		return
	}
	if m.Up { // there, but not for this node
		p.nacks, p.refused, p.since = nil, false, d.now
		p.deadAt = d.now.Add(d.stretch(d.cfg.MaxSuspicion))
		return
	}
	if p.nacks == nil {
		p.nacks = make(map[wire.NodeID]bool)
	}
	p.nacks[from] = true
	d.judge(p)
}

// judge works out when a suspect is dead: at once if its machine says that it is
// gone and nobody asked contradicts, else the sooner the more confirm the suspicion
// (Lifeguard, section IV-B).
func (d *Detector) judge(p *peer) {
	confirmed := len(p.nacks)
	if p.refused {
		if confirmed >= len(p.asked) {
			d.die(p)
			return
		}
		p.deadAt = earliest(p.deadAt, d.now.Add(2*d.timeout(p)))
		return
	}
	least, most := d.stretch(d.cfg.MinSuspicion), d.stretch(d.cfg.MaxSuspicion)
	share := min(1, math.Log(float64(confirmed+1))/math.Log(float64(d.cfg.Helpers+1)))
	p.deadAt = p.since.Add(most - time.Duration(share*float64(most-least)))
}
