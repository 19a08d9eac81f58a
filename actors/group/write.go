package group

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/godwit-run/godwit/actors/wire"
)

// writes is what has not reached the disk.
type writes struct {
	last    uint64 // number of the last write
	pending []pending
	state   *raftpb.HardState // as the group knows it
}

// pending is what raft is to be told, or others, when a write is on disk.
type pending struct {
	number    uint64
	responses []*raftpb.Message
}

func (w *writes) none() bool { return len(w.pending) == 0 }

// write is the one that this step makes.
func (g *Group) write() *Write {
	if g.ready.Write == nil {
		g.writes.last++
		g.ready.Write = &Write{Number: g.writes.last}
	}
	return g.ready.Write
}

// drain carries out what raft has to say until it has no more.
func (g *Group) drain() error {
	for g.raft.HasReady() {
		rd := g.raft.Ready()
		g.reads(rd.ReadStates)
		for _, m := range rd.Messages {
			if err := g.route(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Group) route(m *raftpb.Message) error {
	switch m.GetTo() {
	case raft.LocalAppendThread:
		return g.append(m)
	case raft.LocalApplyThread:
		return g.apply(m)
	}
	g.post(m)
	return nil
}

// post sends a message to another replica.
func (g *Group) post(m *raftpb.Message) {
	data := marshal(m)
	if len(data) <= wire.MaxRaft {
		g.send(g.address(m.GetTo()), wire.Raft{Actor: g.actor, Data: data})
	}
}

// append takes in what raft wants on disk; what is to follow waits until it is there.
func (g *Group) append(m *raftpb.Message) error {
	if snap := m.GetSnapshot(); !raft.IsEmptySnap(snap) {
		if err := g.install(snap); err != nil {
			return err
		}
	}
	if len(m.GetEntries()) > 0 {
		if err := g.appendEntries(m.GetEntries()); err != nil {
			return err
		}
	}
	if m.Term != nil { // a hard state: all three are set, or none
		g.setState(&raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit})
	}
	g.await(m.GetResponses())
	return nil
}

func (g *Group) appendEntries(entries []*raftpb.Entry) error {
	if err := g.store.Append(entries); err != nil {
		return err
	}
	w := g.write()
	w.Sync = true
	first := entries[0].GetIndex()
	if len(w.Entries) == 0 {
		w.First = first
	}
	if first < w.First {
		w.First, w.Entries = first, nil
	}
	w.Entries = w.Entries[:first-w.First]
	for _, e := range entries {
		w.Entries = append(w.Entries, marshal(e))
	}
	return nil
}

// setState has term and vote written at once; a new commit index waits for something
// else to be written, since nothing depends on it.
func (g *Group) setState(s *raftpb.HardState) {
	old := g.writes.state
	g.writes.state = s
	if s.GetTerm() != old.GetTerm() || s.GetVote() != old.GetVote() {
		g.write().Sync = true
	}
}

// await lets responses wait for all writes so far.
func (g *Group) await(responses []*raftpb.Message) {
	switch {
	case len(responses) == 0:
		return
	case g.ready.Write == nil && g.writes.none():
		g.respond(responses)
		return
	case g.ready.Write == nil:
		p := &g.writes.pending[len(g.writes.pending)-1]
		p.responses = append(p.responses, responses...)
		return
	}
	g.writes.pending = append(g.writes.pending, pending{g.writes.last, responses})
}

// written tells raft, and others, what was waiting for a write.
func (g *Group) written(number uint64) {
	for len(g.writes.pending) > 0 && g.writes.pending[0].number <= number {
		p := g.writes.pending[0]
		g.writes.pending = g.writes.pending[1:]
		g.respond(p.responses)
	}
}

func (g *Group) respond(responses []*raftpb.Message) {
	for _, m := range responses {
		if m.GetTo() == g.replica {
			g.stepRaft(m)
		} else {
			g.post(m)
		}
	}
}

// stepRaft gives raft a message. Its errors say that the message came too late to
// matter: from a replica that is no member any more, or to a leader that is none.
func (g *Group) stepRaft(m *raftpb.Message) { _ = g.raft.Step(m) }

// finishWrite completes the step's write.
func (g *Group) finishWrite() {
	w := g.ready.Write
	if w == nil {
		return
	}
	w.State = marshal(g.writes.state)
	if n := len(g.writes.pending); n == 0 || g.writes.pending[n-1].number < w.Number {
		g.writes.pending = append(g.writes.pending, pending{number: w.Number})
	}
}
