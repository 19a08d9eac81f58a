package group

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/godwit-run/godwit/actors/wire"
)

// firstIndex is the index of the base of a new group, and its term.
const firstIndex, firstTerm = 1, 1

// First is what each of the first replicas of a new actor begins with: its members are
// the voters. The base must be valid, and have no checkpoint, or one of index 1 that
// each of them holds.
func First(base wire.Base) (Saved, error) {
	data, err := wire.Encode(base)
	if err != nil {
		return Saved{}, err
	}
	cs := &raftpb.ConfState{AutoLeave: new(false)}
	for _, m := range base.Members {
		cs.Voters = append(cs.Voters, m.Replica)
	}
	snap := &raftpb.Snapshot{Data: data, Metadata: &raftpb.SnapshotMetadata{
		ConfState: cs, Index: new(uint64(firstIndex)), Term: new(uint64(firstTerm))}}
	state := &raftpb.HardState{Term: new(uint64(firstTerm)), Vote: new(uint64(0)), Commit: new(uint64(firstIndex))}
	return Saved{State: marshal(state), Base: marshal(snap)}, nil
}

// load fills the storage with what is on disk.
func (g *Group) load(saved Saved) error {
	if len(saved.Base) > 0 {
		if err := g.loadBase(saved.Base); err != nil {
			return err
		}
	}
	entries := make([]*raftpb.Entry, 0, len(saved.Entries))
	for i, b := range saved.Entries {
		e := &raftpb.Entry{}
		if err := proto.Unmarshal(b, e); err != nil || e.GetIndex() != g.applied+1+uint64(i) {
			return fmt.Errorf("entry %d of the log behind %d: %w", i+1, g.applied, ErrBroken)
		}
		entries = append(entries, e)
	}
	if err := g.store.Append(entries); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return g.loadState(saved.State)
}

func (g *Group) loadBase(b []byte) error {
	snap := &raftpb.Snapshot{}
	if err := proto.Unmarshal(b, snap); err != nil {
		return fmt.Errorf("base: %w: %w", ErrBroken, err)
	}
	base, err := g.baseOf(snap)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err := g.store.ApplySnapshot(snap); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	g.rebase(snap, base)
	return nil
}

// loadState sets the hard state. The commit index is written late, or not at all.
func (g *Group) loadState(b []byte) error {
	s := &raftpb.HardState{}
	if err := proto.Unmarshal(b, s); err != nil {
		return fmt.Errorf("state: %w: %w", ErrBroken, err)
	}
	commit := min(max(s.GetCommit(), g.applied), g.Last())
	state := &raftpb.HardState{Term: new(s.GetTerm()), Vote: new(s.GetVote()), Commit: new(commit)}
	g.writes.state = state
	if err := g.store.SetHardState(state); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

// baseOf checks a snapshot and returns what it stands for.
func (g *Group) baseOf(snap *raftpb.Snapshot) (wire.Base, error) {
	meta := snap.GetMetadata()
	base, err := wire.DecodeAs[wire.Base](snap.GetData())
	if err != nil {
		return wire.Base{}, fmt.Errorf("base: %w", err)
	}
	c := base.Checkpoint
	if base.Actor != g.actor || meta.GetIndex() == 0 || meta.GetTerm() == 0 || c != nil && c.Index != meta.GetIndex() {
		return wire.Base{}, fmt.Errorf("base of actor %s at %d: %w", base.Actor, meta.GetIndex(), ErrMessage)
	}
	return base, checkConf(meta.GetConfState(), base.Members)
}

// checkConf tells whether a configuration is one of these members.
func checkConf(cs *raftpb.ConfState, members wire.Members) error {
	if len(cs.GetVoters()) == 0 {
		return fmt.Errorf("no voters: %w", ErrMessage)
	}
	for _, set := range [][]uint64{cs.GetVoters(), cs.GetLearners(), cs.GetVotersOutgoing(), cs.GetLearnersNext()} {
		for _, id := range set {
			if members.Node(id) == "" {
				return fmt.Errorf("replica %d is no member: %w", id, ErrMessage)
			}
		}
	}
	return nil
}

// marshal encodes deterministically enough to be written: only raft reads it.
func marshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err) // caught by Step: messages that raft has made always encode
	}
	return b
}
