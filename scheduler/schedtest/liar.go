package schedtest

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// liar is a node that offers a lot and then does whatever may do harm: it answers
// out of turn, about attempts that are not its own, with signatures that do not
// hold and results of runs that never were.
type liar struct {
	w     *world
	index int
	id    wire.NodeID
	key   ed25519.PrivateKey
	seq   uint64
	seen  []wire.Ref // attempts that it has heard of
}

func newLiar(w *world, index int) *liar {
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], w.cfg.Seed)
	binary.BigEndian.PutUint32(seed[8:], uint32(index))
	key := ed25519.NewKeyFromSeed(seed[:])
	return &liar{w: w, index: index, key: key, id: wire.NodeIDOf(key.Public().(ed25519.PublicKey))}
}

func (l *liar) name() string { return fmt.Sprintf("liar%d", l.index) }

var liarCapacity = wire.Capacity{CPU: wire.MaxCPU, Memory: wire.MaxMemory}

func (l *liar) announce() {
	l.seq++
	l.w.broadcast(l.key, wire.Vector{Node: l.id, Started: 1, Seq: l.seq, Total: liarCapacity, Free: liarCapacity}, l.w.nodes)
	l.w.after(5*time.Second, l.announce)
}

func (l *liar) receive(from wire.NodeID, m wire.Message) {
	if p, ok := m.(wire.Ping); ok {
		l.pinged(from, p)
		return
	}
	l.w.note("%s gets %T %s", l.name(), m, refOf(m))
	ref := refOf(m)
	if ref.Attempt > 0 {
		l.seen = append(l.seen, ref)
	}
	if _, ok := m.(wire.Reserve); ok && l.w.chance(0.7) {
		l.w.send(l.id, from, wire.Reserved{Ref: ref, Free: liarCapacity})
	}
	for range l.w.rng.IntN(3) {
		l.w.after(l.w.upTo(time.Second), func() { l.harm() })
	}
}

// pinged answers for itself most of the time, and of others anything.
func (l *liar) pinged(from wire.NodeID, m wire.Ping) {
	answer := wire.Pong{Seq: m.Seq, Of: m.Of, Up: true, Incarnation: 1 + int64(l.w.rng.IntN(50)/49)}
	if m.Of != "" {
		answer.Up = l.w.chance(0.5)
	}
	if l.w.chance(0.9) {
		l.w.send(l.id, from, answer)
	}
	if l.w.chance(0.1) { // of somebody that nobody asked for
		l.w.send(l.id, from, wire.Pong{Seq: m.Seq + 1, Of: l.w.nodes[l.w.rng.IntN(len(l.w.nodes))].id})
	}
}

// asked offers more than anyone has, at once, for nothing.
func (l *liar) asked(q wire.Request) {
	l.seen = append(l.seen, q.Ref)
	o := wire.Offer{Ref: q.Ref, Submitter: q.Submitter, Executor: l.id, Made: q.Made, Lease: wire.MaxLease,
		Total: liarCapacity, Free: liarCapacity}
	if l.w.chance(0.2) {
		o.Submitter = l.id
	}
	envelope, err := wire.Seal(o, l.key)
	if err != nil {
		l.w.violated("%v", err)
	}
	for range 1 + l.w.rng.IntN(2) {
		l.w.send(l.id, q.Submitter, wire.Bid{Ref: q.Ref, Envelope: envelope})
	}
}

// harm sends somebody something bad.
func (l *liar) harm() {
	if len(l.seen) == 0 {
		return
	}
	ref := l.seen[l.w.rng.IntN(len(l.seen))]
	victim := l.w.nodes[l.w.rng.IntN(len(l.w.nodes))].id
	if l.w.chance(0.3) {
		ref.Attempt += uint32(l.w.rng.IntN(3))
	}
	var m wire.Message
	switch l.w.rng.IntN(9) {
	case 0:
		m = wire.Accepted{Ref: ref}
	case 1:
		m = wire.Refused{Ref: ref, Why: wire.RefusedMemory, Free: liarCapacity}
	case 2:
		m = wire.Reserved{Ref: ref, Free: liarCapacity}
	case 3:
		m = wire.Heartbeat{Attempts: []wire.Ref{ref}, Free: liarCapacity}
	case 4:
		m = wire.Cancel{Ref: ref}
	case 5:
		m = wire.Ack{Ref: ref}
	case 6:
		m = wire.Reserve{Ref: ref, Profile: wire.Profile{CPU: 1, Memory: wire.MB}, Lease: wire.MaxLease}
	case 7:
		m = wire.Done{Ref: ref, Envelope: []byte("not an envelope")}
	case 8:
		m = wire.Done{Ref: ref, Envelope: l.forge(ref, victim)}
	}
	l.w.send(l.id, victim, m)
}

// forge makes a result that is well signed, and wrong: of another attempt,
// submitter, executor or fuel limit.
func (l *liar) forge(ref wire.Ref, victim wire.NodeID) []byte {
	o := wire.Outcome{Status: wire.Succeeded, Started: true, FuelUsed: 1, FuelLimit: 123456789}
	switch l.w.rng.IntN(3) {
	case 0:
		ref.Attempt++
	case 1:
		victim = l.id
	}
	envelope, err := wire.Seal(wire.Result{Ref: ref, Submitter: victim, Executor: l.id, Outcome: o}, l.key)
	if err != nil {
		l.w.violated("%v", err)
	}
	return envelope
}
