package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godwit-run/godwit/actors/activation"
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// showWait bounds how long Show and List wait for a leader, or for a node.
const showWait = 3 * time.Second

// Show returns an actor. It wakes no idle one: that is told of as it was when its leader
// let go of it. Errors: ErrNotFound, ErrAmbiguous.
func (h *Host) Show(ctx context.Context, actor string) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, showWait)
	defer cancel()
	var s Status
	c, where, err := h.atLeader(ctx, actor, forShow, showDetail{Idle: true}, &s)
	switch {
	case err == nil:
		return s, c.Close()
	case where.Actor.IsZero(), errors.Is(err, ErrNotFound):
		return Status{}, err
	}
	return h.unavailable(where), nil
}

// unavailable is what can be said of an actor that has no leader.
func (h *Host) unavailable(w wire.Where) Status {
	s := Status{Name: w.Name, ID: w.Actor, Epoch: w.Epoch, Node: w.Leader, State: StateUnavailable,
		Why: "too few of its replicas can be reached", Created: time.UnixMilli(w.Created)}
	for _, m := range w.Members {
		s.Replicas = append(s.Replicas, Replica{Node: m.Node, Alive: h.Alive(m.Node)})
	}
	return s
}

// showDetail is what whoever asks wants to know.
type showDetail struct {
	// Idle: an actor that is parked is told of as such. Else it is woken.
	Idle bool `json:"idle,omitempty"`
}

// serveShow tells of an actor that is led here, or rests here.
func (h *Host) serveShow(ctx context.Context, c *command) error {
	var detail showDetail
	if len(c.detail) > 0 {
		if err := json.Unmarshal(c.detail, &detail); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	if detail.Idle {
		if s, ok, err := h.resting(ctx, c.actor); err != nil || ok {
			if err != nil {
				return err
			}
			return c.ok(s)
		}
	}
	var s Status
	err := h.leading(ctx, c.actor, func(now time.Time, r *replica) error {
		s = h.loop.status(now, r)
		return nil
	})
	if err != nil {
		return err
	}
	return c.ok(s)
}

// status is what is known of an actor that is led here and active.
func (l *loop) status(now time.Time, r *replica) Status {
	s := &r.summary
	status := Status{
		Name: r.where.Name, ID: r.id, Module: s.Module.Cid, Previous: s.Previous.Cid, Epoch: r.epoch, Node: r.where.Leader,
		Sequence: r.lastIndex(), Checkpointed: r.agreedIndex, State: StateRunning, Why: s.Reason,
		Waiting: s.Waiting, Created: time.UnixMilli(r.where.Created), Spec: r.spec,
	}
	if s.Status != mailbox.Running {
		status.State = StateStopped
	}
	for _, p := range r.group.Progress() {
		status.Replicas = append(status.Replicas, Replica{
			Node: p.Node, Alive: p.Node == l.host.cfg.Self || l.liveness.alive(p.Node), Learner: p.Learner,
			Behind: r.group.Last() - min(p.Match, r.group.Last()),
		})
	}
	status.History = history(s.History)
	return status
}

func history(of []mailbox.Activation) (list []Activation) {
	for _, a := range of {
		list = append(list, Activation{Epoch: a.Epoch, Node: a.Node, Reason: a.Reason, Time: time.Unix(0, a.Time)})
	}
	return list
}

// outline is what is known of an actor without asking it.
func (l *loop) outline(now time.Time, r *replica) Status {
	if r.live != nil && r.leading && r.executed {
		return l.status(now, r)
	}
	w := r.where
	s := Status{Name: w.Name, ID: w.Actor, Epoch: w.Epoch, Node: w.Leader, Sequence: r.sequence, Checkpointed: r.sequence,
		State: StateIdle, Created: time.UnixMilli(w.Created)}
	if r.live != nil {
		s.Sequence = max(s.Sequence, r.lastIndex())
	}
	switch {
	case !l.quorum(r):
		s.State = StateUnavailable
	case r.live == nil && r.stopped != "":
		s.State, s.Why = StateStopped, r.stopped
	case r.live != nil && r.leading:
		s.State, s.Sequence, s.Checkpointed = StateRunning, r.lastIndex(), r.agreedIndex
	}
	for _, m := range w.Members {
		s.Replicas = append(s.Replicas, Replica{Node: m.Node, Alive: m.Node == l.host.cfg.Self || l.liveness.alive(m.Node)})
	}
	return s
}

// List returns the actors of all nodes that can be reached, by name.
func (h *Host) List(ctx context.Context) ([]Status, error) {
	ctx, cancel := context.WithTimeout(ctx, showWait)
	defer cancel()
	var nodes []wire.NodeID
	err := h.do(ctx, func(time.Time) { nodes = append(h.loop.others(), h.cfg.Self) })
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	best := make(map[wire.ActorID]Status)
	var asked sync.WaitGroup
	for _, node := range nodes {
		asked.Go(func() {
			list, err := h.listOf(ctx, node)
			if err != nil {
				h.cfg.Log.Debug("list of actors", "node", node, "err", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, s := range list {
				if old, ok := best[s.ID]; !ok || tells(s, old) || s.Epoch == old.Epoch && s.Node == node {
					best[s.ID] = s
				}
			}
		})
	}
	asked.Wait()
	list := make([]Status, 0, len(best))
	for _, s := range best {
		list = append(list, s)
	}
	slices.SortFunc(list, byName)
	return list, nil
}

func byName(a, b Status) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.ID.String(), b.ID.String())
}

// tells tells whether a status says more than another one.
func tells(s, old Status) bool {
	if s.Epoch != old.Epoch {
		return s.Epoch > old.Epoch
	}
	return len(s.History) > len(old.History) || len(s.History) == len(old.History) && s.Sequence > old.Sequence
}

// listOf asks a node for what it has.
func (h *Host) listOf(ctx context.Context, node wire.NodeID) ([]Status, error) {
	c, err := h.request(ctx, node, wire.Bulk{Purpose: forList}, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Reset() })
	defer stop()
	var list []Status
	for {
		frame, err := c.get(MaxFrame)
		if err != nil || len(frame) == 0 {
			return list, err
		}
		var some []Status
		if err := json.Unmarshal(frame, &some); err != nil {
			return list, err
		}
		list = append(list, some...)
	}
}

// listPiece is how many actors are told of in one frame.
const listPiece = 512

// serveList tells of all actors that this node has replicas of.
func (h *Host) serveList(ctx context.Context, c *command) error {
	var list []Status
	err := h.do(ctx, func(now time.Time) {
		for _, r := range h.loop.replicas {
			s := h.loop.outline(now, r)
			s.Spec = wire.Spec{}
			list = append(list, s)
		}
	})
	if err != nil {
		return err
	}
	if err := c.ok(nil); err != nil {
		return err
	}
	for piece := range slices.Chunk(list, listPiece) {
		if err := c.putValue(piece); err != nil {
			return err
		}
	}
	return series{c.conn}.Close()
}

// Leads returns the actors that this node leads, by name.
func (h *Host) Leads() []Status {
	var list []Status
	err := h.doNow(func(now time.Time) {
		for _, r := range h.loop.replicas {
			if r.where.Leader == h.cfg.Self {
				list = append(list, h.loop.outline(now, r))
			}
		}
	})
	if err != nil {
		return nil
	}
	slices.SortFunc(list, byName)
	return list
}

// Stats counts the actors of this node.
func (h *Host) Stats() (s Stats) {
	err := h.doNow(func(time.Time) {
		for _, r := range h.loop.replicas {
			s.Replicas++
			switch {
			case r.where.Leader != h.cfg.Self:
			case r.live == nil:
				s.Idle++
			default:
				s.Running++
			}
		}
	})
	if err != nil {
		return Stats{}
	}
	return s
}

// Logs returns what an actor has said, on whatever node it said it. A failure ends it:
// it is the last pair. Errors: ErrNotFound, ErrAmbiguous, ErrUnavailable.
func (h *Host) Logs(ctx context.Context, actor string, o LogOptions) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		c, err := h.ofLeader(ctx, actor, forLogs, o, nil)
		if err != nil {
			yield(LogLine{}, err)
			return
		}
		defer c.Close()
		stop := context.AfterFunc(ctx, func() { c.Reset() })
		defer stop()
		for {
			frame, err := c.get(MaxFrame)
			if err != nil || len(frame) == 0 {
				if err != nil && ctx.Err() == nil {
					yield(LogLine{}, fmt.Errorf("%w: %w", ErrUnavailable, err))
				}
				return
			}
			var line LogLine
			if err := json.Unmarshal(frame, &line); err != nil {
				yield(LogLine{}, err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// serveLogs tells what an actor has said here.
func (h *Host) serveLogs(ctx context.Context, c *command) error {
	var o LogOptions
	if err := json.Unmarshal(c.detail, &o); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := h.leading(ctx, c.actor, func(time.Time, *replica) error { return nil }); err != nil {
		return err
	}
	if err := c.ok(nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // whoever follows says nothing more: the end of the stream ends it
		io.Copy(io.Discard, c.conn)
		cancel()
	}()
	var told lineMark
	for first := true; ; first = false {
		lines, more, err := h.engine.Logs(c.actor)
		if err != nil {
			return err
		}
		lines = told.after(lines)
		if first && o.Tail > 0 {
			lines = lines[max(0, len(lines)-o.Tail):]
		}
		for _, line := range lines {
			if err := c.putValue(logLine(line)); err != nil {
				return err
			}
		}
		if !o.Follow {
			return series{c.conn}.Close()
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

// lineMark is up to where lines were told: so many of that entry of the actor's log.
type lineMark struct {
	index uint64
	n     int
}

// after returns the lines behind the mark, and moves it behind them.
func (m *lineMark) after(lines []activation.Line) []activation.Line {
	from, same := 0, 0
	for ; from < len(lines) && lines[from].Index <= m.index; from++ {
		if lines[from].Index == m.index {
			if same == m.n {
				break
			}
			same++
		}
	}
	for _, l := range lines[from:] {
		if l.Index != m.index {
			m.index, m.n = l.Index, 0
		}
		m.n++
	}
	return lines[from:]
}

func logLine(l activation.Line) LogLine {
	return LogLine{Time: l.Time, Stream: l.Stream, Level: l.Level, Text: l.Text, Epoch: l.Epoch}
}
