package actors

import (
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// pulses are the heartbeats that come and go.
type pulses struct {
	since int64 // names this process
	of    map[wire.NodeID]*rhythm
}

// rhythm is the heartbeats with one node.
type rhythm struct {
	sent, heard uint64
	at          time.Time // of the last sent
	rtt         time.Duration
	draining    bool
}

func newPulses() pulses {
	return pulses{since: time.Now().UnixNano(), of: make(map[wire.NodeID]*rhythm)}
}

func (p *pulses) rhythm(node wire.NodeID) *rhythm {
	r := p.of[node]
	if r == nil {
		r = new(rhythm)
		p.of[node] = r
	}
	return r
}

// beat is the next heartbeat for a node.
func (p *pulses) beat(now time.Time, node wire.NodeID, draining bool) wire.Heartbeat {
	r := p.rhythm(node)
	r.sent++
	r.at = now
	return wire.Heartbeat{Seq: r.sent, Echo: r.heard, Since: p.since, Draining: draining}
}

// heard takes a node's heartbeat.
func (p *pulses) heard(now time.Time, from wire.NodeID, m wire.Heartbeat) {
	r := p.rhythm(from)
	r.heard, r.draining = m.Seq, m.Draining
	if m.Echo == r.sent && !r.at.IsZero() {
		r.rtt = now.Sub(r.at)
	}
}

// draining tells whether a node wants no more actors.
func (p *pulses) draining(node wire.NodeID) bool {
	r := p.of[node]
	return r != nil && r.draining
}
