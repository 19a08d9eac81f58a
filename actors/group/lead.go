package group

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/godwit-run/godwit/actors/wire"
)

// leadership is what only a leader keeps.
type leadership struct {
	tick      time.Time // of the next one; zero: not busy
	proposals []proposal
	confirmed time.Time // when a majority was last known to follow, at least
	reads     []time.Time
	read      uint64 // number of reads that were confirmed
	wanted    bool   // Confirm was stepped
	suggested uint64 // checkpoint that was proposed
	changing  uint64 // entry of the last change of members
	target    wire.NodeID
	leaving   wire.Members   // that are to be told
	secured   uint64         // change of members that a majority is known to know of
	snapshots map[uint64]int // ticks since a replica was sent the base
}

// proposal is an entry that was proposed, and when.
type proposal struct {
	index uint64
	at    time.Time
	entry wire.Entry
	data  []byte // its encoding
	conf  uint64 // the last change of members that was committed then
}

// proposed is the proposal that became the entry at an index.
func (l *leadership) proposed(index uint64) (proposal, bool) {
	i, ok := slices.BinarySearchFunc(l.proposals, index, func(p proposal, index uint64) int { return cmp.Compare(p.index, index) })
	if !ok {
		return proposal{}, false
	}
	return l.proposals[i], true
}

// propose has an entry committed.
func (g *Group) propose(e wire.Entry) error {
	if !g.role.leads || g.gone {
		return ErrNotLeader
	}
	data, err := wire.Encode(e)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(data) > wire.MaxEntry {
		return fmt.Errorf("entry of %d bytes, more than %d: %w", len(data), wire.MaxEntry, ErrInvalid)
	}
	if err := g.raft.Propose(data); err != nil {
		return ErrBusy
	}
	g.lead.proposals = append(g.lead.proposals, proposal{g.Last() + 1, g.now, e, data, g.config().index})
	return nil
}

// committed takes note that a majority had an entry after it was proposed.
func (l *leadership) committed(index uint64) {
	for len(l.proposals) > 0 && l.proposals[0].index <= index {
		l.confirmed, l.secured = l.proposals[0].at, l.proposals[0].conf
		l.proposals = l.proposals[1:]
	}
}

// Fresh tells whether a majority has said lately that this replica leads.
func (g *Group) Fresh(now time.Time) bool {
	return g.role.leads && !g.lead.confirmed.IsZero() && now.Sub(g.lead.confirmed) <= g.cfg.Lease
}

// confirm asks a majority (raft's ReadIndex), unless it has said so lately.
func (g *Group) confirm() error {
	if !g.role.leads {
		return ErrNotLeader
	}
	if g.Fresh(g.now) {
		g.lead.wanted = false
		g.effect(Confirmed{})
		return nil
	}
	g.lead.wanted = true
	if n := len(g.lead.reads); n == 0 || g.lead.reads[n-1] != g.now {
		g.lead.reads = append(g.lead.reads, g.now)
		g.raft.ReadIndex(binary.BigEndian.AppendUint64(nil, g.lead.read+uint64(len(g.lead.reads))))
	}
	return nil
}

// reads takes in what a majority has confirmed. A leader that stood still meanwhile
// hears of what was so long ago, and has to ask again.
func (g *Group) reads(states []raft.ReadState) {
	for _, s := range states {
		n := binary.BigEndian.Uint64(s.RequestCtx)
		for len(g.lead.reads) > 0 && g.lead.read < n {
			g.lead.confirmed = latest(g.lead.confirmed, g.lead.reads[0])
			g.lead.reads = g.lead.reads[1:]
			g.lead.read++
		}
	}
	if len(states) > 0 && g.lead.wanted {
		_ = g.confirm() // who leads no more is told so by Deposed
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// transfer hands the leadership over.
func (g *Group) transfer(to wire.NodeID) error {
	id := g.members().Replica(to)
	switch {
	case !g.role.leads:
		return ErrNotLeader
	case id == 0 || id == g.replica || !slices.Contains(g.config().conf.GetVoters(), id):
		return fmt.Errorf("node %s has no voter to hand over to: %w", to, ErrInvalid)
	case g.lead.target != "" || g.Roster().Joint:
		return ErrBusy
	}
	g.lead.target = to
	g.raft.TransferLeader(id)
	return nil
}

// tick lets time pass: a leader's heartbeat, or an attempt to be elected.
func (g *Group) tick() {
	if !g.role.leads {
		g.tickElection()
		return
	}
	if g.lead.tick.IsZero() || g.now.Before(g.lead.tick) {
		return
	}
	g.lead.tick = time.Time{}
	g.raft.Tick()
	g.retrySnapshots()
	if g.lead.target != "" && g.raft.BasicStatus().LeadTransferee == 0 {
		g.effect(TransferFailed{g.lead.target})
		g.lead.target = ""
	}
}

// snapshotTicks is after how many ticks a base that was sent is taken for lost.
const snapshotTicks = 4

// retrySnapshots has raft send the base again to who has not answered: raft itself
// waits for ever.
func (g *Group) retrySnapshots() {
	waits := make(map[uint64]int)
	g.raft.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		if p.State == tracker.StateSnapshot {
			waits[id] = g.lead.snapshots[id] + 1
		}
	})
	for _, id := range slices.Sorted(maps.Keys(waits)) {
		if waits[id] >= snapshotTicks {
			g.raft.ReportSnapshot(id, raft.SnapshotFailure)
			delete(waits, id)
		}
	}
	g.lead.snapshots = waits
}

// schedule sets the next tick of a leader that has something to wait for.
func (g *Group) schedule() {
	switch {
	case !g.role.leads:
	case !g.busy():
		g.lead.tick = time.Time{}
	case g.lead.tick.IsZero():
		g.lead.tick = g.now.Add(g.cfg.Tick)
	}
}

// busy tells whether the leader waits for something that may have to be said again.
// It does not wait for replicas whose nodes are suspected.
func (g *Group) busy() bool {
	s := g.raft.BasicStatus()
	if s.LeadTransferee != 0 || g.lead.target != "" || g.lead.wanted || g.Roster().Joint {
		return true
	}
	last := g.Last()
	busy := g.applied < last
	g.raft.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		behind := p.Match < last || p.State != tracker.StateReplicate
		busy = busy || behind && id != g.replica && !g.suspects[g.members().Node(id)]
	})
	return busy
}
