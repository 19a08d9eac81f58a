package group

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/godwit-run/godwit/actors/wire"
)

// Group is one replica of an actor's group. It is used by one goroutine at a time.
type Group struct {
	cfg     Config
	actor   wire.ActorID
	replica uint64
	raft    *raft.RawNode
	store   *raft.MemoryStorage
	now     time.Time
	broken  error

	ready  Ready
	writes writes

	base    wire.Base
	configs []config                     // as of the base and each change since, ascending
	held    map[uint64][]wire.Checkpoint // by replica: the last ones, ascending
	agreed  wire.Checkpoint              // the last one committed; no index: none since New
	applied uint64

	role     role
	hint     wire.NodeID // who led last, as far as known
	heard    time.Time   // of the leader
	suspects map[wire.NodeID]bool
	unknown  map[uint64]wire.NodeID // replicas that are heard of before they are members here
	asked    time.Time              // when the members were last asked to vouch for a replica
	tried    time.Time              // when this replica last campaigned
	elect    election
	lead     leadership
	gone     bool
}

// role is what was last told of who leads.
type role struct {
	leads  bool
	epoch  uint64
	leader uint64
}

// New makes a replica from what is on disk: [First], what Writes have made of it, or,
// for a replica that joins, nothing. Its error wraps ErrInvalid or ErrBroken.
func New(cfg Config, actor wire.ActorID, replica uint64, saved Saved) (g *Group, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if actor.IsZero() || replica == 0 {
		return nil, fmt.Errorf("replica %d of actor %s: %w", replica, actor, ErrInvalid)
	}
	g = &Group{
		cfg: cfg.withDefaults(), actor: actor, replica: replica, store: raft.NewMemoryStorage(),
		held: make(map[uint64][]wire.Checkpoint), suspects: make(map[wire.NodeID]bool),
		unknown: make(map[uint64]wire.NodeID),
	}
	defer catch(&err)
	if err := g.load(saved); err != nil {
		return nil, err
	}
	g.raft, err = raft.NewRawNode(g.raftConfig())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	g.role.epoch = g.raft.BasicStatus().GetTerm()
	return g, nil
}

func (g *Group) raftConfig() *raft.Config {
	return &raft.Config{
		ID: g.replica, Storage: g.store, Applied: g.applied, Logger: quiet{},
		ElectionTick: g.cfg.QuorumTicks, HeartbeatTick: 1, CheckQuorum: true, PreVote: true,
		AsyncStorageWrites: true, DisableProposalForwarding: true, StepDownOnRemoval: true,
		MaxSizePerMsg: wire.MaxBatch, MaxInflightMsgs: 256, MaxUncommittedEntriesSize: g.cfg.MaxUncommitted,
	}
}

// Step takes in an event. Errors are the event's, or wrap ErrBroken or ErrMessage; with
// every error but ErrBroken, Ready is still to be carried out.
func (g *Group) Step(now time.Time, ev Event) (r Ready, err error) {
	if g.broken != nil {
		return Ready{}, g.broken
	}
	defer func() { g.broken = brokenBy(err) }()
	defer catch(&err)
	g.now = now
	err = g.step(ev)
	if err := g.drain(); err != nil {
		return Ready{}, err
	}
	g.evict()
	if err := g.drain(); err != nil {
		return Ready{}, err
	}
	g.settle()
	r, g.ready = g.ready, Ready{}
	return r, err
}

func (g *Group) step(ev Event) error {
	switch ev := ev.(type) {
	case Tick:
		g.tick()
	case Received:
		return g.receive(ev.From, ev.Message)
	case Written:
		g.written(ev.Number)
	case Propose:
		return g.propose(ev.Entry)
	case Suspect:
		g.suspect(ev.Node)
	case Trust:
		g.trust(ev.Node)
	case Campaign:
		g.campaign(ev.Disclaimed)
	case Confirm:
		return g.confirm()
	case Transfer:
		return g.transfer(ev.To)
	case Change:
		return g.change(ev)
	case Hold:
		return g.hold(ev.Node, ev.Checkpoint)
	default:
		return fmt.Errorf("event %T: %w", ev, ErrInvalid)
	}
	return nil
}

// settle compares what is now with what was told before, and tells what has changed.
func (g *Group) settle() {
	s := g.raft.BasicStatus()
	is := role{s.RaftState == raft.StateLeader, s.GetTerm(), s.Lead}
	was := g.role
	g.role = is
	if was.leads && (!is.leads || is.epoch != was.epoch) {
		g.effect(Deposed{was.epoch})
		g.lead = leadership{}
	}
	switch {
	case is.leads && (!was.leads || is.epoch != was.epoch):
		g.hint, g.elect = g.cfg.Self, election{}
		g.effect(Elected{is.epoch})
	case !is.leads && is.leader != 0:
		g.follow(was, is)
	}
	g.schedule()
	g.finishWrite()
}

// follow takes note of who leads, if that is new.
func (g *Group) follow(was, is role) {
	g.elect = election{}
	node := g.address(is.leader)
	if node == g.hint && was.leader == is.leader && was.epoch == is.epoch {
		return
	}
	g.hint = node
	g.effect(Following{node, is.epoch})
	g.report()
}

func (g *Group) effect(e Effect) { g.ready.Effects = append(g.ready.Effects, e) }

func (g *Group) send(to wire.NodeID, m wire.NodeMessage) {
	if to != "" && to != g.cfg.Self {
		g.ready.Messages = append(g.ready.Messages, Outgoing{to, m})
	}
}

// Deadline is when to step Tick; zero: not at all.
func (g *Group) Deadline() time.Time {
	if g.role.leads {
		return g.lead.tick
	}
	return g.elect.at
}

// Idle tells whether the group waits for nothing: no write, no election, no answer.
func (g *Group) Idle() bool { return g.Deadline().IsZero() && g.writes.none() }

// Leads tells whether this replica is the leader, and its epoch or the highest known.
func (g *Group) Leads() (epoch uint64, ok bool) { return g.role.epoch, g.role.leads }

// Leader is the node that leads as far as this replica knows, empty if it knows none,
// and the epoch. It may be out of date.
func (g *Group) Leader() (node wire.NodeID, epoch uint64) { return g.hint, g.role.epoch }

// Base is where the log begins. It is the zero Base in a replica that has just joined.
func (g *Group) Base() wire.Base { return g.base }

// Last is the last entry of the log, Applied the last that was handed out in Committed
// or lies before the base.
func (g *Group) Last() uint64 {
	last, _ := g.store.LastIndex() // a MemoryStorage has no errors here
	return last
}

// Applied: see Last.
func (g *Group) Applied() uint64 { return g.applied }

// Progress tells how far each replica is; nil if this one does not lead.
func (g *Group) Progress() []Progress {
	if !g.role.leads {
		return nil
	}
	var list []Progress
	for id, p := range g.raft.Status().Progress {
		node := g.members().Node(id)
		list = append(list, Progress{
			Replica: id, Node: node, Learner: p.IsLearner, Match: p.Match, Held: g.newest(id).Index, Suspected: g.suspects[node],
		})
	}
	slices.SortFunc(list, func(a, b Progress) int { return int(int64(a.Replica) - int64(b.Replica)) })
	return list
}
