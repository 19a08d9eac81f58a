package group

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/godwit-run/godwit/actors/wire"
)

// maxUnknown bounds the replicas that are heard of before they are known to be members.
const maxUnknown = 16

// receive takes a message of a node.
func (g *Group) receive(from wire.NodeID, m wire.NodeMessage) error {
	switch m := m.(type) {
	case wire.Raft:
		return g.receiveRaft(from, m.Data)
	case wire.Held:
		if g.members().Node(m.Replica) == from && from != g.cfg.Self && g.role.leads {
			return g.hold(from, m.Checkpoint)
		}
		return nil
	case wire.Evicted:
		g.evicted(from, m)
		return nil
	case wire.Vouch:
		g.vouch(from, m)
		return nil
	}
	return fmt.Errorf("%T: %w", m, ErrMessage)
}

func (g *Group) receiveRaft(from wire.NodeID, data []byte) error {
	m := &raftpb.Message{}
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if err := g.check(m); err != nil {
		return err
	}
	if m.GetTo() != g.replica || g.gone {
		return nil // for a replica that this node had before
	}
	ok, err := g.knows(from, m.GetFrom())
	if err != nil || !ok {
		return err
	}
	g.heed(m)
	g.stepRaft(m)
	if t := m.GetType(); t == raftpb.MsgVote || t == raftpb.MsgPreVote {
		g.rival(m)
	}
	return nil
}

// knows tells whether a message of a replica counts. One that is no member any more is
// told so; one that may have become a member by entries that have not come yet counts
// if a member vouches for it.
func (g *Group) knows(from wire.NodeID, replica uint64) (bool, error) {
	cfg := g.config()
	if node := cfg.members.Node(replica); node != "" {
		if node != from {
			return false, fmt.Errorf("replica %d speaks from node %s: %w", replica, from, ErrMessage)
		}
		return true, nil
	}
	if replica < cfg.next {
		g.evicted(from, wire.Evicted{Actor: g.actor, Replica: replica})
		return false, nil
	}
	return g.unknown[replica] == from || g.joins(from, replica) || g.ask(from, replica), nil
}

// joins tells whether this replica knows nobody yet, and may learn from this node.
func (g *Group) joins(from wire.NodeID, replica uint64) bool {
	ok := len(g.members()) == 0 && (len(g.cfg.Join) == 0 || g.cfg.Join.Replica(from) != 0)
	if ok {
		g.learn(replica, from)
	}
	return ok
}

func (g *Group) learn(replica uint64, node wire.NodeID) {
	if len(g.unknown) >= maxUnknown {
		clear(g.unknown)
	}
	g.unknown[replica] = node
}

// ask asks the members that are known whether a replica is one of them now. What it
// said is said again. It is false, for knows.
func (g *Group) ask(from wire.NodeID, replica uint64) bool {
	if g.now.Sub(g.asked) < g.cfg.Tick {
		return false
	}
	g.asked = g.now
	for _, m := range g.members() {
		g.send(m.Node, wire.Vouch{Actor: g.actor, Replica: replica, Node: from})
	}
	return false
}

// vouch answers for a member, or takes a member's word for another.
func (g *Group) vouch(from wire.NodeID, m wire.Vouch) {
	cfg := g.config()
	switch {
	case !m.Yes && cfg.members.Node(m.Replica) == m.Node:
		g.send(from, wire.Vouch{Actor: g.actor, Replica: m.Replica, Node: m.Node, Yes: true})
	case m.Yes && cfg.members.Replica(from) != 0 && m.Replica >= cfg.next:
		g.learn(m.Replica, m.Node)
	}
}

// heed prepares for a message: who hears of the leader stands by it; who is asked for
// a vote lets go of a leader that asks itself, or that has been silent for long. Whoever
// asks does not lead: nobody is to be sent there.
func (g *Group) heed(m *raftpb.Message) {
	switch m.GetType() {
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap:
		g.heard = g.now
	case raftpb.MsgVote, raftpb.MsgPreVote:
		if g.hint == g.address(m.GetFrom()) {
			g.hint = ""
		}
		switch {
		case g.role.leads:
			g.raft.Tick() // who asks learns that there is a leader
		case m.GetFrom() == g.role.leader || g.now.Sub(g.heard) > g.cfg.Silence:
			g.forget()
		}
	}
}

// check refuses what raft would panic at, or what no replica sends.
func (g *Group) check(m *raftpb.Message) error {
	if m.GetFrom() == 0 || m.GetFrom() == g.replica || m.GetTerm() == 0 || m.GetTerm() >= 1<<62 {
		return fmt.Errorf("%s from %d of term %d: %w", m.GetType(), m.GetFrom(), m.GetTerm(), ErrMessage)
	}
	switch m.GetType() {
	case raftpb.MsgApp:
		return checkEntries(m)
	case raftpb.MsgSnap:
		_, err := g.baseOf(m.GetSnapshot())
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMessage, err)
		}
		return nil
	case raftpb.MsgHeartbeat:
		if m.GetCommit() > g.Last() {
			return fmt.Errorf("heartbeat that commits %d of %d: %w", m.GetCommit(), g.Last(), ErrMessage)
		}
	case raftpb.MsgHeartbeatResp:
		g.dropStrangeRead(m)
	case raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp, raftpb.MsgTimeoutNow:
	default:
		return fmt.Errorf("%s from another node: %w", m.GetType(), ErrMessage)
	}
	return nil
}

// checkEntries tells whether the entries of an append follow each other.
func checkEntries(m *raftpb.Message) error {
	index, term := m.GetIndex(), m.GetLogTerm()
	for _, e := range m.GetEntries() {
		index++
		if e.GetIndex() != index || e.GetTerm() < term || e.GetTerm() > m.GetTerm() || e.GetTerm() == 0 {
			return fmt.Errorf("entry %d of term %d where %d is due: %w", e.GetIndex(), e.GetTerm(), index, ErrMessage)
		}
		term = e.GetTerm()
	}
	return nil
}

// dropStrangeRead takes out of a heartbeat's response what confirms a read that this
// leader has not asked for: raft would index by it.
func (g *Group) dropStrangeRead(m *raftpb.Message) {
	c := m.GetContext()
	if len(c) > 0 && (len(c) != 8 || binary.LittleEndian.Uint64(c) > g.lead.read+uint64(len(g.lead.reads))) {
		m.Context = nil
	}
}
