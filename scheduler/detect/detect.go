package detect

import (
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Detector judges the nodes that this one watches. One goroutine owns it.
type Detector struct {
	cfg    Config
	peers  map[wire.NodeID]*peer
	judged map[wire.NodeID]*peer // those of peers that are watched and were met
	asks   map[uint64]*ask       // by the number of the ping that was sent for it
	asking map[wire.NodeID]int
	gone   map[wire.NodeID]*gone // nodes that may be knocked at for others
	seq    uint64
	health int
	stats  Stats

	now time.Time
	out Ready
}

// Stats are counts since the start.
type Stats struct {
	// Suspicions, of which Refuted ended well.
	Suspicions, Refuted uint64
	// Deaths, of which Revived ended in the same incarnation: they were none.
	Deaths, Revived uint64
	// Pauses of this node itself.
	Pauses uint64
	// Health is that of now.
	Health int
}

// New makes a detector that knows nobody. Its error is the configuration's.
func New(cfg Config) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Detector{
		cfg: cfg.withDefaults(), peers: make(map[wire.NodeID]*peer), judged: make(map[wire.NodeID]*peer),
		asks: make(map[uint64]*ask), asking: make(map[wire.NodeID]int), gone: make(map[wire.NodeID]*gone),
	}, nil
}

// Step takes an event; the shell carries out the Ready. Time must not go backwards.
func (d *Detector) Step(now time.Time, ev Event) Ready {
	d.begin(now)
	switch ev := ev.(type) {
	case Watch:
		d.watch(ev.Node)
	case Unwatch:
		d.unwatch(ev.Node)
	case Connected:
		d.connected(ev.Node)
	case Disconnected:
		d.disconnected(ev.Node)
	case Heard:
		if p := d.peers[ev.Node]; p != nil {
			d.heard(p, 0)
		}
	case Measured:
		if p := d.peers[ev.Node]; p != nil && ev.RTT > 0 {
			p.rtt.sample(ev.RTT)
		}
	case Received:
		d.receive(ev.From, ev.Message)
	case Knocked:
		d.knocked(ev.Node, ev.Outcome)
	}
	d.wake()
	return d.out
}

// Deadline is when to step with Tick; zero is never.
func (d *Detector) Deadline() time.Time {
	var at time.Time
	for _, p := range d.judged {
		at = earliest(at, p.due())
	}
	for _, a := range d.asks {
		at = earliest(at, a.until)
	}
	return at
}

// State is what a node is believed to be; ok is false if it is not watched, or was
// never connected.
func (d *Detector) State(node wire.NodeID) (c Change, ok bool) {
	p := d.judged[node]
	if p == nil {
		return Change{}, false
	}
	return p.change(), true
}

// Stats counts what was believed so far.
func (d *Detector) Stats() Stats {
	s := d.stats
	s.Health = d.health
	return s
}

// begin notices time in which this node did not live: it makes no one late.
func (d *Detector) begin(now time.Time) {
	due := d.Deadline()
	if !due.IsZero() && min(now.Sub(due), now.Sub(d.now)) > d.cfg.Interval/2 {
		d.stats.Pauses++
		d.worse()
		gap := now.Sub(d.now)
		for _, p := range d.judged {
			p.shift(gap)
		}
		for _, a := range d.asks {
			a.until = a.until.Add(gap)
		}
	}
	d.now, d.out = now, Ready{}
}

func (d *Detector) worse() { d.health = min(d.health+1, MaxHealth) }

func (d *Detector) better() { d.health = max(d.health-1, 0) }

// stretch is a time as long as this node's health makes it.
func (d *Detector) stretch(t time.Duration) time.Duration { return t * time.Duration(1+d.health) }

func (d *Detector) timeout(p *peer) time.Duration {
	return d.stretch(p.rtt.timeout(d.cfg.MinTimeout, d.cfg.MaxTimeout))
}

func (d *Detector) send(to wire.NodeID, m wire.Message) {
	d.out.Messages = append(d.out.Messages, Outgoing{to, m})
}

// next is a number for a ping.
func (d *Detector) next() uint64 {
	d.seq++
	return d.seq
}

// wake does what is due, in an order that is the same every time.
func (d *Detector) wake() {
	if due := d.Deadline(); due.IsZero() || due.After(d.now) {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(d.judged)) {
		if p := d.judged[id]; isDue(p.due(), d.now) {
			d.wakePeer(p)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(d.asks)) {
		if a := d.asks[seq]; isDue(a.until, d.now) {
			d.answer(seq, false, 0)
		}
	}
}

func isDue(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// earliest is the first of two times that is not zero.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
