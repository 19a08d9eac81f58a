package scheduler

import (
	"strings"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Asked is a request for offers, the signature of which was checked, with what a
// node's shell knows for its answer and its core does not.
type Asked struct {
	Request wire.Request
	// Vector is what this node says of itself: region, labels, blobs.
	Vector wire.Vector
	// Held is how many bytes it has of what the request wants near.
	Held uint64
	// Lacks tells that it has not all of what the request requires near.
	Lacks bool
	// Fetch is how long it takes until all that the task reads is here.
	Fetch time.Duration
	// RTT is the round trip to the submitter; zero if not measured.
	RTT time.Duration
}

func (Asked) event() {}

// asked answers a request: with an offer, for which capacity is reserved; with a
// refusal, if it is only for now; or with nothing, if this node could never run it.
func (e *Executor) asked(a Asked) {
	q := &a.Request
	key := Run{q.Submitter, q.Ref}
	if e.runs[key] != nil || !q.Asks(e.self) || a.Lacks {
		return
	}
	switch out, never := placement.Check(e.candidate(&a)); {
	case never:
		return
	case out != "":
		e.refuse(key, out, "")
		return
	}
	r := e.admit(key, q.Profile)
	if r == nil {
		return
	}
	r.offered = true
	e.offered[key] = r
	e.wakes.set(key, e.now.Add(e.cfg.OfferLease))
	e.send(q.Submitter, wire.Bid{Ref: q.Ref, Envelope: must(wire.Seal(e.offer(&a), e.cfg.Key))})
}

// candidate is this node as a place for what is asked for, as its submitter will
// see it. Where a task is that this one is to be beside, only the submitter knows.
func (e *Executor) candidate(a *Asked) (*placement.Request, *placement.Node) {
	q := &a.Request
	hints := q.Hints
	hints.Require.Colocate = wire.TaskID{}
	v := a.Vector
	v.Node, v.Total, v.Cost = e.self, e.ledger.Total(), e.Price()
	return &placement.Request{Task: q.Task, Needs: q.Profile, Hints: &hints, Fuel: q.Fuel, MaxCost: q.MaxCost},
		&placement.Node{
			ID: e.self, Self: q.Submitter == e.self, Vector: &v, Free: e.ledger.Free(), Tasks: e.active,
			Trust: 1, RTT: a.RTT, Offered: true, Held: a.Held, Start: a.Fetch,
		}
}

// offer are the facts for a request for which capacity is reserved.
func (e *Executor) offer(a *Asked) wire.Offer {
	q := &a.Request
	return wire.Offer{
		Ref: q.Ref, Submitter: q.Submitter, Executor: e.self, Made: e.now.UnixMilli(), Lease: e.cfg.OfferLease,
		Total: e.ledger.Total(), Free: e.ledger.Free(), Queue: uint32(e.active - 1), Cost: e.priceAt(e.active - 1),
		Start: a.Fetch, Held: a.Held, RTT: a.RTT, Region: a.Vector.Region, Labels: namedLabels(&q.Hints, a.Vector.Labels),
	}
}

// namedLabels are those labels that a request names.
func namedLabels(h *wire.Hints, labels map[string]string) map[string]string {
	var named map[string]string
	for _, list := range [][]string{h.Labels, h.Require.Labels} {
		for _, l := range list {
			key, _, _ := strings.Cut(l, "=")
			if value, ok := labels[key]; ok && len(named) < wire.MaxLabels {
				if named == nil {
					named = make(map[string]string)
				}
				named[key] = value
			}
		}
	}
	return named
}

// deepQueue is the number of tasks at which a node costs half as much again.
const deepQueue = 10

// Price is what 1000 units of fuel cost now, in millionths of a credit.
func (e *Executor) Price() uint64 { return e.priceAt(e.active) }

// priceAt rises evenly with the tasks that are here, to half as much again.
func (e *Executor) priceAt(tasks int) uint64 {
	return e.cfg.Cost + e.cfg.Cost*uint64(min(tasks, deepQueue))/(2*deepQueue)
}

// renew keeps the leases of attempts. The first renewal of an offer takes it up.
func (e *Executor) renew(from wire.NodeID, m wire.Renew) {
	for _, ref := range m.Attempts {
		key := Run{from, ref}
		switch r := e.runs[key]; {
		case r == nil:
		case r.offered:
			e.keepOffer(r)
			e.wakes.set(key, e.now.Add(min(m.Lease, e.cfg.MaxLease)))
		case r.phase == runRunning:
			e.lease(r, m.Lease)
		}
	}
}

// keepOffer makes of what is reserved for an offer a reservation like any other.
func (e *Executor) keepOffer(r *run) {
	r.offered = false
	delete(e.offered, r.Run)
}

// Lasting is Free without what is reserved for offers that nobody has taken up: most
// of them are over in no time, so they are not worth telling all nodes of.
func (e *Executor) Lasting() wire.Capacity {
	free := e.ledger.Free()
	for _, r := range e.offered {
		a := &r.allotment
		free.CPU += a.CPU
		free.Memory += a.Memory
		free.Storage += a.Storage
		free.Network += a.Network
		for i := range free.GPUs {
			free.GPUs[i].Available = free.GPUs[i].Available || a.has(free.GPUs[i].ID)
		}
	}
	return free
}

// lease lets a run go on for so long. No lease is for ever: a submitter that has
// gone takes nothing along.
func (e *Executor) lease(r *run, d time.Duration) {
	if d == 0 || d > e.cfg.MaxRunLease {
		d = e.cfg.MaxRunLease
	}
	at := e.now.Add(d)
	if t := e.wakes.at[r.Run]; t != nil {
		at = later(at, t.at) // a renewal that comes late takes nothing back
	}
	e.wakes.set(r.Run, at)
}
