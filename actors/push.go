package actors

import (
	"context"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/godwit-run/godwit/actors/activation"
	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// pushTime bounds the push of one checkpoint.
const pushTime = 5 * time.Minute

// push is a checkpoint on its way to a node. At most one is; what is captured meanwhile
// goes next, and only the last of it.
type push struct {
	stored
	next     *stored
	failures int
	// hurry is closed when an actor waits for it that is on its way to the node: then it
	// waits for no turn.
	hurry chan struct{}
}

// stored is a checkpoint on this node's disk, and how many bytes it has added there.
type stored struct {
	wire.Checkpoint
	bytes int64
}

// enter waits for the push's turn. leave is to be called when it has ended.
func (p *push) enter(ctx context.Context, turn chan struct{}) (leave func(), err error) {
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-p.hurry:
		return func() {}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func newPush(c stored, failures int) *push {
	return &push{stored: c, failures: failures, hurry: make(chan struct{})}
}

// hurried has the push to a node wait for no turn.
func (p *push) hurried() {
	select {
	case <-p.hurry:
	default:
		close(p.hurry)
	}
}

// wasCaptured notes that a checkpoint is on this node's disk, and brings it to the
// others.
func (l *loop) wasCaptured(now time.Time, r *replica, c *activation.Captured) {
	r.captured, r.capturedAt = c.Checkpoint, now.Add(-c.Lag)
	r.lags[c.Checkpoint.Index] = lag{c.Bytes, c.Pause, now.Add(-c.Lag)}
	l.step(now, r, group.Hold{Node: l.host.cfg.Self, Checkpoint: c.Checkpoint})
	if r.live == nil || !r.leading {
		return
	}
	for _, m := range r.where.Members {
		if m.Node != l.host.cfg.Self && l.liveness.alive(m.Node) {
			l.push(r, m.Node, stored{c.Checkpoint, c.Bytes})
		}
	}
	l.handoverStep(now, r)
}

// captureLast has the last of its work captured of an actor that is idle, which may be
// parked after that. It need not wait for its turn.
func (l *loop) captureLast(now time.Time, r *replica) {
	idle := r.live != nil && r.active != nil && now.Sub(r.work) >= l.host.cfg.ParkAfter
	if idle && r.captured.Index < r.lastWork() {
		r.active.Checkpoint()
	}
}

// push brings a checkpoint to a node.
func (l *loop) push(r *replica, node wire.NodeID, c stored) {
	if p := r.pushes[node]; p != nil {
		p.next = &c
		return
	}
	l.startPush(r, node, newPush(c, 0))
}

func (l *loop) startPush(r *replica, node wire.NodeID, p *push) {
	r.pushes[node] = p
	if r.handover != nil && r.handover.to == node {
		p.hurried()
	}
	id, live, turn, c := r.id, r.live, l.pushTurn(node, p.bytes), p.Checkpoint
	l.host.background(func() {
		leave, err := p.enter(l.host.ctx, turn)
		if err != nil {
			return
		}
		defer leave()
		sent, err := l.host.push(id, node, c)
		l.inbox.put(func(now time.Time) { l.pushed(now, id, live, node, p.stored, sent, err) })
	})
}

// maxSmall and maxLarge are how many checkpoints are on their way to a node at once, of
// those of up to smallPush bytes and of the others. With more actors at work than that can
// carry, checkpoints come less often, and messages are not held up by them. Small ones
// cost little but a wait for the node's disk, which takes many at once.
const (
	smallPush          = 256 << 10
	maxSmall, maxLarge = 32, 3
)

// lane is who takes turns with whom.
type lane struct {
	node  wire.NodeID
	small bool
}

// pushTurn is what a push to a node has to take a place in.
func (l *loop) pushTurn(node wire.NodeID, bytes int64) chan struct{} {
	k, most := lane{node, bytes <= smallPush}, maxLarge
	if k.small {
		most = maxSmall
	}
	turn := l.turns[k]
	if turn == nil {
		turn = make(chan struct{}, most)
		l.turns[k] = turn
	}
	return turn
}

// pushed notes how a push ended.
func (l *loop) pushed(now time.Time, id wire.ActorID, of *live, node wire.NodeID, c stored, sent int64, err error) {
	r := l.replicas[id]
	if r == nil || r.live == nil || r.live != of || r.pushes[node] == nil {
		return
	}
	p := r.pushes[node]
	delete(r.pushes, node)
	if h := r.handover; h != nil && h.to == node {
		h.bytes += sent
	}
	if err == nil {
		l.step(now, r, group.Hold{Node: node, Checkpoint: c.Checkpoint})
	} else {
		l.host.cfg.Log.Debug("push of a checkpoint", "actor", id, "node", node, "err", err)
	}
	if r.live == nil || !r.leading {
		return
	}
	if p.next != nil {
		l.push(r, node, *p.next)
	} else if err != nil && l.liveness.alive(node) {
		l.pushAgain(r, node, c, p.failures+1)
	}
	l.handoverStep(now, r)
	l.touch(r)
}

// pushPatience is after how many failures an actor rests without a push, and pushAgainMost
// the longest wait until it is tried again.
const (
	pushPatience  = 3
	pushAgainMost = 5 * time.Second
)

// unpushed tells whether a push is under way that may succeed soon.
func (r *replica) unpushed() bool {
	for _, p := range r.pushes {
		if p.failures <= pushPatience {
			return true
		}
	}
	return false
}

// supply brings the last checkpoint to a node that lacks it: it was away, perhaps.
func (l *loop) supply(r *replica, node wire.NodeID) {
	c := r.captured
	if base := r.group.Base().Checkpoint; base != nil && base.Index > c.Index {
		c = *base
	}
	if r.pushes[node] == nil && c.Index > l.heldBy(r, node) {
		l.push(r, node, stored{c, math.MaxInt64})
	}
}

// pushAgain tries a push that failed once more, later each time.
func (l *loop) pushAgain(r *replica, node wire.NodeID, c stored, failures int) {
	live, p := r.live, newPush(c, failures)
	r.pushes[node] = p
	l.later(min(50*time.Millisecond<<min(failures, 7), pushAgainMost), func(now time.Time) {
		if r.live == live && r.leading && r.pushes[node] == p {
			l.startPush(r, node, p)
		}
	})
}

// push brings a checkpoint to a node over a stream of its own.
func (h *Host) push(actor wire.ActorID, to wire.NodeID, c wire.Checkpoint) (int64, error) {
	ctx, cancel := context.WithTimeout(h.ctx, pushTime)
	defer cancel()
	conn, err := h.request(ctx, to, wire.Bulk{Actor: actor, Purpose: forPush, Checkpoint: &c}, nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Reset() })
	defer stop()
	return h.engine.Push(ctx, actor, c.Manifest.Cid, conn)
}

// servePush takes a checkpoint that an actor's leader has made.
func (h *Host) servePush(ctx context.Context, c *command) error {
	if c.checkpoint == nil {
		return fmt.Errorf("%w: a push of no checkpoint", ErrInvalid)
	}
	var mine bool
	err := h.loop.do(ctx, func(time.Time) {
		r := h.loop.replicas[c.actor]
		mine = r != nil && r.where.Members.Replica(c.from) != 0
	})
	if err != nil {
		return err
	}
	if !mine {
		return ErrNotFound
	}
	if err := c.ok(nil); err != nil {
		return err
	}
	id, err := h.engine.Serve(ctx, c.actor, c.conn)
	if err != nil || id != c.checkpoint.Manifest.Cid {
		return err
	}
	return h.loop.do(ctx, func(now time.Time) { h.loop.holds(now, c.actor, *c.checkpoint) })
}

// holds notes that a checkpoint is on this node's disk.
func (l *loop) holds(now time.Time, actor wire.ActorID, c wire.Checkpoint) {
	r := l.replicas[actor]
	if r == nil || l.unpark(now, r) != nil {
		return
	}
	l.step(now, r, group.Hold{Node: l.host.cfg.Self, Checkpoint: c})
}

// agreed notes that a majority has a checkpoint.
func (l *loop) agreed(now time.Time, r *replica, c wire.Checkpoint) {
	r.agreedIndex = max(r.agreedIndex, c.Index)
	if lag, ok := r.lags[c.Index]; ok {
		l.host.cfg.Observer.Checkpointed(lag.bytes, lag.pause, now.Sub(lag.begun))
	}
	maps.DeleteFunc(r.lags, func(index uint64, _ lag) bool { return index <= c.Index })
	l.handoverStep(now, r)
}

// lag is a checkpoint that is not agreed yet.
type lag struct {
	bytes int64
	pause time.Duration
	begun time.Time
}

// installed notes that this replica is too far behind to catch up by the log, and fetches
// what it is to begin from.
func (l *loop) installed(now time.Time, r *replica, b wire.Base) {
	r.log, r.spec = nil, b.Spec
	l.membersChanged(now, r, b.Members)
	if b.Checkpoint == nil {
		return
	}
	l.keep(now, r, *b.Checkpoint)
}

// keep says that this node has the checkpoint that a replica begins from, or gets it: it
// may have ended before it had all of it.
func (l *loop) keep(now time.Time, r *replica, c wire.Checkpoint) {
	if l.host.engine.Has(c.Manifest.Cid) {
		l.step(now, r, group.Hold{Node: l.host.cfg.Self, Checkpoint: c})
		return
	}
	l.fetch(r, c, 0)
}

// fetch gets a checkpoint of whoever has it, until it is here.
func (l *loop) fetch(r *replica, c wire.Checkpoint, tries int) {
	id, live := r.id, r.live
	from := l.route(id, "")
	if p := r.where.Members; tries > 0 && len(p) > 0 {
		from = p[tries%len(p)].Node
	}
	l.host.background(func() {
		err := ErrUnavailable
		if from != "" && from != l.host.cfg.Self {
			err = l.host.fetch(id, from, c)
		}
		l.inbox.put(func(now time.Time) {
			switch {
			case err == nil:
				l.holds(now, id, c)
			case r.live == live && r.live != nil && l.replicas[id] == r:
				l.later(min(50*time.Millisecond<<min(tries, 6), 2*time.Second), func(time.Time) {
					if r.live == live {
						l.fetch(r, c, tries+1)
					}
				})
			}
		})
	})
}

// fetch has a node push a checkpoint here.
func (h *Host) fetch(actor wire.ActorID, from wire.NodeID, c wire.Checkpoint) error {
	ctx, cancel := context.WithTimeout(h.ctx, pushTime)
	defer cancel()
	conn, err := h.request(ctx, from, wire.Bulk{Actor: actor, Purpose: forFetch, Checkpoint: &c}, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Reset() })
	defer stop()
	_, err = h.engine.Serve(ctx, actor, conn)
	return err
}

// serveFetch pushes a checkpoint to a node that asks for it.
func (h *Host) serveFetch(ctx context.Context, c *command) error {
	if c.checkpoint == nil || !h.engine.Has(c.checkpoint.Manifest.Cid) {
		return ErrNotFound
	}
	if err := c.ok(nil); err != nil {
		return err
	}
	_, err := h.engine.Push(ctx, c.actor, c.checkpoint.Manifest.Cid, c.conn)
	return err
}
