package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// ReplicaState is what a node knows of its replica of an actor: for people who want to
// know why it gives no answer.
type ReplicaState struct {
	Node wire.NodeID
	// Error is why the node has said nothing else.
	Error string
	// Number is the replica's in its group.
	Number uint64
	// Parked: it rests on disk, and all below but Leader and Epoch is unknown.
	Parked bool
	Leader wire.NodeID
	Epoch  uint64
	Group  group.Standing
	// Suspects are the nodes of members that this node takes for dead.
	Suspects []wire.NodeID

	// Held requests wait for a leader; Waiting ones were taken and have no answer yet.
	Held, Waiting int
	// Queued items wait to be proposed, Proposed entries to be committed; Paused: nothing
	// is proposed.
	Queued, Proposed int
	Paused           bool
	// Confirming outputs wait until it is sure that this replica leads.
	Confirming int
	// Active: the guest is here; Halting: a former activation has not ended. Executed is
	// up to which entry it has worked, and Unread the messages that it has not begun.
	Active   bool
	Halting  int
	Executed uint64
	Unread   int
	InCall   bool
	// Agreed is up to which entry a majority has its state. Captured is that of the last
	// checkpoint on this disk, Pushes the nodes that one is on its way to.
	Agreed, Captured uint64
	Pushes           []wire.NodeID
	// Handover is the phase of one under way, Changing a change of members.
	Handover string
	Changing bool
	// Wanted is how long ago a leader was wanted last; Worked the same of anything.
	Wanted, Worked time.Duration
}

// inspectWait bounds how long Inspect waits for a node.
const inspectWait = 2 * time.Second

// Inspect asks each node with a replica of an actor what it knows of it. It needs no
// leader. Errors: ErrNotFound, ErrAmbiguous.
func (h *Host) Inspect(ctx context.Context, actor string) ([]ReplicaState, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectWait)
	defer cancel()
	where, err := h.locate(ctx, actor)
	if err != nil {
		return nil, err
	}
	list := make([]ReplicaState, len(where.Members))
	var asked sync.WaitGroup
	for i, m := range where.Members {
		asked.Go(func() {
			c, err := h.request(ctx, m.Node, wire.Bulk{Actor: where.Actor, Purpose: forInspect}, &list[i])
			if err != nil {
				h.cfg.Log.Debug("replica of an actor", "actor", where.Name, "node", m.Node, "err", err)
				list[i] = ReplicaState{Node: m.Node, Error: silence(err)}
				return
			}
			c.Close() // all has been said
		})
	}
	asked.Wait()
	return list, nil
}

// silence is why a node has said nothing, in a few words: what went wrong with each of
// its addresses is for the log.
func silence(err error) string {
	switch {
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, ErrUnavailable):
		return "cannot be reached"
	}
	return err.Error()
}

// serveInspect tells of the replica that is here.
func (h *Host) serveInspect(ctx context.Context, c *command) error {
	var s ReplicaState
	err := h.loop.do(ctx, func(now time.Time) { s = h.loop.inspect(now, c.actor) })
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return c.ok(s)
}

func (l *loop) inspect(now time.Time, actor wire.ActorID) ReplicaState {
	s := ReplicaState{Node: l.host.cfg.Self, Halting: l.halting[actor]}
	r := l.replicas[actor]
	if r == nil {
		s.Error = "there is no replica here"
		return s
	}
	s.Number, s.Leader, s.Epoch = r.number, r.where.Leader, r.where.Epoch
	for _, m := range r.where.Members {
		if m.Node != l.host.cfg.Self && !l.liveness.alive(m.Node) {
			s.Suspects = append(s.Suspects, m.Node)
		}
	}
	if s.Parked = r.live == nil; !s.Parked {
		r.inspect(now, &s)
	}
	return s
}

// inspect tells of a replica that is not parked.
func (r *replica) inspect(now time.Time, s *ReplicaState) {
	s.Group = r.group.Standing()
	s.Held, s.Waiting = len(r.held), len(r.waiting)
	s.Queued, s.Proposed, s.Paused = len(r.intake.items), r.intake.proposed, r.intake.paused
	s.Confirming, s.Active = len(r.kept), r.active != nil
	s.Executed, s.Unread, s.InCall = r.summary.Index, r.summary.Waiting, r.summary.InCall
	s.Agreed, s.Captured, s.Changing = r.agreedIndex, r.captured.Index, r.changing
	for node := range r.pushes {
		s.Pushes = append(s.Pushes, node)
	}
	if r.handover != nil {
		s.Handover = fmt.Sprintf("to %s: %s", r.handover.to, r.handover.phase)
	}
	if !r.wantedAt.IsZero() {
		s.Wanted = now.Sub(r.wantedAt)
	}
	s.Worked = now.Sub(r.work)
}

// String is the phase in a word.
func (p phase) String() string {
	return [...]string{copying: "copying", stopping: "stopping", last: "last checkpoint", handing: "handing over"}[p]
}
