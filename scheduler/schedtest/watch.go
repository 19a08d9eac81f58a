package schedtest

import (
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/detect"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// stepD steps the failure detector.
func (n *node) stepD(ev detect.Event) {
	r := n.d.Step(n.now(), ev)
	for _, m := range r.Messages {
		n.w.report.Pings++
		n.w.send(n.id, m.To, m.Message)
	}
	for _, id := range r.Knocks {
		n.knock(id)
	}
	for _, c := range r.Changes {
		n.believe(c)
	}
	n.setTimer()
}

// believe hands the cores what the detector says.
func (n *node) believe(c detect.Change) {
	n.w.note("%s believes %s %s", n.name(), n.w.byID[c.Node].name(), c.State)
	switch c.State {
	case detect.Suspect:
		n.stepS(scheduler.Suspected{Node: c.Node}, nil)
	case detect.Dead:
		if other, ok := n.w.byID[c.Node].(*node); ok && other.up && other.started == c.Incarnation && !n.w.cut[pairOf(n.id, c.Node)] &&
			!other.pausedUntil.After(n.w.now) {
			n.w.report.FalseDeaths++
		}
		n.stepS(scheduler.Lost{Node: c.Node}, nil)
		n.stepE(scheduler.Lost{Node: c.Node})
	case detect.Alive:
		n.stepS(scheduler.Recovered{Node: c.Node}, nil)
	}
}

// knock answers as the other's machine would, or not for a while.
func (n *node) knock(id wire.NodeID) {
	other, honest := n.w.byID[id].(*node)
	outcome, took := detect.Reached, 2*n.w.delay()
	switch {
	case n.w.byID[id] == nil:
		outcome = detect.Unknown
	case n.w.cut[pairOf(n.id, id)], honest && other.up && other.pausedUntil.After(n.w.now):
		outcome, took = detect.Failed, time.Second
	case honest && !other.up:
		outcome = detect.Refused
	}
	n.w.after(took, n.inThisLife(func() {
		if outcome == detect.Reached {
			n.w.tell(n.id, id, true)
			n.w.tell(id, n.id, true)
		}
		n.stepD(detect.Knocked{Node: id, Outcome: outcome})
	}))
}

// watchPartners has those watched that work is shared with.
func (n *node) watchPartners() {
	var list []wire.NodeID
	for id := range n.s.Partners() {
		list = append(list, id)
	}
	for id := range n.e.Partners() {
		list = append(list, id)
	}
	slices.Sort(list)
	for _, id := range list {
		if !n.watched[id] && id != n.id {
			n.watched[id] = true
			n.stepD(detect.Watch{Node: id})
		}
	}
}

// forgetPartners has those watched no more that no work is shared with.
func (n *node) forgetPartners() {
	shared := make(map[wire.NodeID]bool)
	for id := range n.s.Partners() {
		shared[id] = true
	}
	for id := range n.e.Partners() {
		shared[id] = true
	}
	var gone []wire.NodeID
	for id := range n.watched {
		if !shared[id] {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for _, id := range gone {
		delete(n.watched, id)
		n.stepD(detect.Unwatch{Node: id})
	}
}

// count adds what the detector of this life has seen to the report.
func (n *node) count() {
	if n.up {
		stats := n.d.Stats()
		n.w.report.Suspicions += int(stats.Suspicions)
		n.w.report.Deaths += int(stats.Deaths)
	}
}
