package group

import (
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/godwit-run/godwit/actors/wire"
)

// config is who belongs to the group from an entry on.
type config struct {
	index   uint64
	conf    *raftpb.ConfState
	members wire.Members
	next    uint64 // number of the next replica
}

func (g *Group) config() *config {
	if len(g.configs) == 0 {
		return &config{}
	}
	return &g.configs[len(g.configs)-1]
}

func (g *Group) members() wire.Members { return g.config().members }

// address is the node of a replica, member or not yet known to be one.
func (g *Group) address(replica uint64) wire.NodeID {
	if node := g.members().Node(replica); node != "" {
		return node
	}
	return g.unknown[replica]
}

// Roster is who belongs to the group, as far as committed here.
func (g *Group) Roster() Roster {
	c := g.config()
	if c.conf == nil {
		return Roster{}
	}
	voters := slices.Concat(c.conf.GetVoters(), c.conf.GetVotersOutgoing())
	slices.Sort(voters)
	learners := slices.Concat(c.conf.GetLearners(), c.conf.GetLearnersNext())
	slices.Sort(learners)
	return Roster{
		Members: slices.Clone(c.members), Voters: slices.Compact(voters), Learners: slices.Compact(learners),
		Joint: len(c.conf.GetVotersOutgoing()) > 0,
	}
}

// change proposes other members.
func (g *Group) change(ev Change) error {
	if !g.role.leads {
		return ErrNotLeader
	}
	c := &raftpb.ConfChangeV2{}
	var err error
	if ev.Add != "" {
		err = g.addLearner(c, ev.Add)
	}
	if err == nil && ev.Promote != "" {
		err = g.promote(c, ev.Promote)
	}
	if err == nil && ev.Remove != "" {
		err = g.remove(c, ev.Remove)
	}
	switch {
	case err != nil:
		return err
	case len(c.Changes) == 0:
		return fmt.Errorf("no change: %w", ErrInvalid)
	case g.Roster().Joint || g.lead.changing > g.applied:
		return ErrBusy
	}
	if err := g.raft.ProposeConfChange(c); err != nil {
		return ErrBusy
	}
	g.lead.changing = g.Last() + 1
	return nil
}

func (g *Group) addLearner(c *raftpb.ConfChangeV2, node wire.NodeID) error {
	cfg := g.config()
	if node.Validate() != nil || cfg.members.Replica(node) != 0 {
		return fmt.Errorf("node %s cannot be added: %w", node, ErrInvalid)
	}
	if len(cfg.members) >= wire.MaxMembers {
		return ErrBusy
	}
	c.Changes = append(c.Changes, single(raftpb.ConfChangeAddLearnerNode, cfg.next))
	c.Context = append(binary.BigEndian.AppendUint64(nil, cfg.next), node...)
	return nil
}

func (g *Group) promote(c *raftpb.ConfChangeV2, node wire.NodeID) error {
	id := g.members().Replica(node)
	p, ok := g.raft.Status().Progress[id]
	if !ok || !p.IsLearner {
		return fmt.Errorf("node %s has no learner: %w", node, ErrInvalid)
	}
	if p.Match < g.applied || g.newest(id).Index < g.baseIndex() {
		return ErrNotReady
	}
	c.Changes = append(c.Changes, single(raftpb.ConfChangeAddNode, id))
	return nil
}

func (g *Group) remove(c *raftpb.ConfChangeV2, node wire.NodeID) error {
	id := g.members().Replica(node)
	if id == 0 || id == g.replica {
		return fmt.Errorf("node %s cannot be removed: %w", node, ErrInvalid)
	}
	c.Changes = append(c.Changes, single(raftpb.ConfChangeRemoveNode, id))
	return nil
}

func single(t raftpb.ConfChangeType, id uint64) *raftpb.ConfChangeSingle {
	return &raftpb.ConfChangeSingle{Type: t.Enum(), NodeId: new(id)}
}

// changed applies a committed change. One that does not decode changes nothing, on
// every replica.
func (g *Group) changed(index uint64, data []byte) {
	c := &raftpb.ConfChangeV2{}
	if err := proto.Unmarshal(data, c); err != nil {
		return
	}
	was := g.config()
	conf := g.raft.ApplyConfChange(c)
	is := config{index: index, conf: conf, members: slices.Clone(was.members), next: was.next}
	if id, node, ok := addition(c.GetContext()); ok && is.members.Replica(node) == 0 && id >= is.next {
		is.members = append(is.members, wire.Member{Replica: id, Node: node})
		is.next = id + 1
	}
	is.members = slices.DeleteFunc(is.members, func(m wire.Member) bool { return !inConf(conf, m.Replica) })
	g.configs = append(g.configs, is)
	g.left(was.members, is.members)
	g.effect(Changed{Roster: g.Roster(), Capture: g.role.leads && len(conf.GetLearners()) > 0})
}

func addition(context []byte) (id uint64, node wire.NodeID, ok bool) {
	if len(context) < 8 {
		return 0, "", false
	}
	id, node = binary.BigEndian.Uint64(context), wire.NodeID(context[8:])
	return id, node, node.Validate() == nil
}

func inConf(cs *raftpb.ConfState, id uint64) bool {
	return slices.Contains(cs.GetVoters(), id) || slices.Contains(cs.GetLearners(), id) ||
		slices.Contains(cs.GetVotersOutgoing(), id) || slices.Contains(cs.GetLearnersNext(), id)
}

// left takes note of those who are no members any more. They are told when that is
// safe, and go on voting until then.
func (g *Group) left(was, is wire.Members) {
	for _, m := range was {
		if is.Node(m.Replica) == "" && m.Replica != g.replica && g.role.leads {
			delete(g.held, m.Replica)
			g.lead.leaving = append(g.lead.leaving, m)
		}
	}
	for _, m := range is {
		delete(g.unknown, m.Replica)
	}
}

// secured tells whether who is no member may be told so, and delete what it has: a
// majority of the members has it on disk that the change is committed. Before that,
// whoever has only seen the change proposed needs the vote of those who leave. It is
// so when an entry is committed that was proposed after the change was: with it came
// the news.
func (g *Group) secured() bool { return g.role.leads && g.lead.secured >= g.config().index }

// evict tells those who have left, when that is safe, and else sees to it.
func (g *Group) evict() {
	switch {
	case len(g.lead.leaving) == 0 || !g.role.leads:
	case g.secured():
		for _, m := range g.lead.leaving {
			g.send(m.Node, wire.Evicted{Actor: g.actor, Replica: m.Replica})
		}
		g.lead.leaving = nil
	case len(g.lead.proposals) == 0 || g.lead.proposals[len(g.lead.proposals)-1].conf < g.config().index:
		_ = g.propose(wire.Entry{}) // tried again at the next step
	}
}

// evicted takes the news that a replica has left, or the question whether it has.
func (g *Group) evicted(from wire.NodeID, m wire.Evicted) {
	cfg := g.config()
	switch {
	case m.Replica == g.replica && g.teachers().Replica(from) != 0:
		g.end(m.Removed)
	case m.Replica < cfg.next && cfg.members.Node(m.Replica) == "" && g.secured():
		g.send(from, wire.Evicted{Actor: g.actor, Replica: m.Replica})
	}
}

// teachers are the members; to a replica that has joined and has no base yet, those that it
// was told of: it may have left, or the actor may be gone, before it has heard of others.
func (g *Group) teachers() wire.Members {
	if members := g.members(); len(members) > 0 {
		return members
	}
	return g.cfg.Join
}

// askToLeave asks all members whether this replica, which is none, may go.
func (g *Group) askToLeave() {
	for _, m := range g.teachers() {
		g.send(m.Node, wire.Evicted{Actor: g.actor, Replica: g.replica})
	}
}

// end says, once, that the replica has no place any more.
func (g *Group) end(removed bool) {
	if !g.gone {
		g.gone = true
		g.effect(Gone{Removed: removed})
	}
}
