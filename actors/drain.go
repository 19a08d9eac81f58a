package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

const (
	// drainTogether is how many actors move away at a time.
	drainTogether = 8
	// drainLook is the time between looks whether all have gone.
	drainLook = 20 * time.Millisecond
	// drainSpare is how long a drain waits for replicas to go that the actors could do
	// without.
	drainSpare = 3 * time.Second
)

// Stay is an actor that would be lost, or unavailable, without a node that was drained.
type Stay struct {
	Name string
	ID   wire.ActorID
	// Why it has not gone.
	Why string
}

// StaysError says what a drain has left behind that cannot do without the node.
type StaysError struct{ Actors []Stay }

// Error names some of them.
func (e *StaysError) Error() string {
	var some []string
	for _, s := range e.Actors[:min(3, len(e.Actors))] {
		some = append(some, s.Name+": "+s.Why)
	}
	if more := len(e.Actors) - len(some); more > 0 {
		some = append(some, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%d actors need this node: %s", len(e.Actors), strings.Join(some, "; "))
}

// Drain has all actors do without this node, and no more come here while on is set: those
// that it leads move, idle ones too, and their leaders replace the replicas that it holds
// where there is another node, or go on without where there is none. It returns when the
// node may be switched off and every actor keeps a majority, or with what ended it
// before: a *StaysError names the actors that stay.
func (h *Host) Drain(ctx context.Context, on bool) error {
	err := h.do(ctx, func(now time.Time) {
		h.loop.draining = on
		for node := range h.loop.liveness.living() {
			h.loop.send(node, h.loop.pulses.beat(now, node, on))
		}
	})
	if err != nil || !on {
		return err
	}
	d := &drain{host: h, why: make(map[wire.ActorID]error)}
	if err := d.moveAll(ctx); err != nil {
		return err
	}
	return d.settle(ctx)
}

// drain is one under way.
type drain struct {
	host *Host
	mu   sync.Mutex
	why  map[wire.ActorID]error // an actor has not moved
}

// moveAll moves what is led here, those at work first.
func (d *drain) moveAll(ctx context.Context) error {
	var ids []wire.ActorID
	err := d.host.do(ctx, func(time.Time) {
		for id, r := range d.host.loop.replicas {
			switch {
			case r.where.Leader != d.host.cfg.Self:
			case r.live != nil:
				ids = slices.Insert(ids, 0, id)
			default:
				ids = append(ids, id)
			}
		}
	})
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	turns := make(chan struct{}, drainTogether)
	for _, id := range ids {
		turns <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		work.Go(func() {
			defer func() { <-turns }()
			d.move(ctx, id)
		})
	}
	work.Wait()
	return nil
}

func (d *drain) move(ctx context.Context, id wire.ActorID) {
	_, err := d.host.migrate(ctx, id, MigrateOptions{Reason: wire.ReasonDrain})
	if _, moved := errors.AsType[*redirectError](err); err == nil || moved || errors.Is(err, ErrNotFound) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.why[id] = err
}

// settle waits until all that can do without this node does.
func (d *drain) settle(ctx context.Context) error {
	began := time.Now()
	for {
		var needed []Stay
		waits := false
		err := d.host.do(ctx, func(now time.Time) { needed, waits = d.look(now, now.Sub(began) < drainSpare) })
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case !waits && err == nil && len(needed) == 0:
			return nil
		case !waits || err != nil:
			return d.stays(needed)
		}
		select {
		case <-time.After(drainLook):
		case <-ctx.Done():
			ctx = context.WithoutCancel(ctx)
			began = time.Time{}
			if err := d.host.do(ctx, func(now time.Time) { needed, _ = d.look(now, false) }); err != nil {
				return err
			}
			if len(needed) > 0 {
				return d.stays(needed)
			}
			return nil
		}
	}
}

// look tells which actors need this node, and whether it is worth waiting for them, or
// while spare is set for others, to go.
func (d *drain) look(now time.Time, spare bool) (needed []Stay, waits bool) {
	l := d.host.loop
	for id, r := range l.replicas {
		can := l.canGo(now, r)
		if !l.needsSelf(r) {
			waits = waits || can && spare
			continue
		}
		waits = waits || can
		needed = append(needed, Stay{Name: r.where.Name, ID: id, Why: "no other node can have it"})
		if can {
			needed[len(needed)-1].Why = "no other node has taken it in time"
		}
	}
	return needed, waits
}

func (d *drain) stays(needed []Stay) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range needed {
		if err := d.why[needed[i].ID]; err != nil {
			needed[i].Why = err.Error()
		}
	}
	slices.SortFunc(needed, func(a, b Stay) int { return strings.Compare(a.Name, b.Name) })
	return &StaysError{needed}
}

// needsSelf tells whether the other replicas of an actor that live are no majority.
func (l *loop) needsSelf(r *replica) bool {
	others, voters := 0, 0
	for _, m := range r.where.Members {
		if r.live != nil && !slices.Contains(r.group.Roster().Voters, m.Replica) {
			continue // it only learns
		}
		voters++
		if m.Node != l.host.cfg.Self && l.liveness.alive(m.Node) {
			others++
		}
	}
	return 2*others <= voters
}

// canGo tells whether the replica here is likely to go: its leader is another node, which
// does that, or there is a node to move to.
func (l *loop) canGo(now time.Time, r *replica) bool {
	if l.room(now, r) {
		return true
	}
	return r.where.Leader != l.host.cfg.Self && l.needsSelf(r) && l.liveness.alive(r.where.Leader)
}

// room tells whether there is a node that may have another replica of an actor.
func (l *loop) room(now time.Time, r *replica) bool {
	if r.live != nil && now.Sub(r.crowded) < crowdedFor {
		return false
	}
	for node := range l.liveness.living() {
		refused := r.live != nil && slices.Contains(r.refused, node)
		if !refused && r.where.Members.Replica(node) == 0 && node != l.host.cfg.Self && !l.pulses.draining(node) {
			return true
		}
	}
	return false
}

// crowdedFor is how long nobody looks again for a node after none was found.
const crowdedFor = 5 * time.Second

// leaving is the nodes of replicas, other than this one, that are drained and live.
func (l *loop) leaving(members wire.Members) (nodes []wire.NodeID) {
	for _, m := range members {
		if m.Node != l.host.cfg.Self && l.liveness.alive(m.Node) && l.pulses.draining(m.Node) {
			nodes = append(nodes, m.Node)
		}
	}
	return nodes
}

// outvoted tells whether the members that stay would be no majority if those that leave
// were switched off.
func (l *loop) outvoted(members wire.Members, leaving []wire.NodeID) bool {
	stay := 0
	for _, m := range members {
		if l.lives(m.Node) && !slices.Contains(leaving, m.Node) {
			stay++
		}
	}
	return 2*stay <= len(members)
}

// dispensable is whom of the members an actor goes on without: one that is dead, since
// who stays must be a majority of what is left at each step, else one that leaves.
func (l *loop) dispensable(members wire.Members, leaving []wire.NodeID) wire.NodeID {
	for _, m := range members {
		if !l.lives(m.Node) {
			return m.Node
		}
	}
	return leaving[0]
}

// drained tells whether something can be done about replicas on nodes that are drained.
func (l *loop) drained(now time.Time, r *replica) bool {
	members := r.where.Members
	leaving := l.leaving(members)
	return len(leaving) > 0 && (l.room(now, r) || l.outvoted(members, leaving))
}
