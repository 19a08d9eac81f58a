package group

import (
	"bytes"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/godwit-run/godwit/actors/wire"
)

// apply takes in committed entries, and tells raft at once: what the activation does
// with them is not raft's business.
func (g *Group) apply(m *raftpb.Message) error {
	for _, e := range m.GetEntries() {
		g.applied = e.GetIndex()
		c := wire.Committed{Index: e.GetIndex(), Epoch: e.GetTerm()}
		if e.GetType() != raftpb.EntryNormal {
			g.changed(e.GetIndex(), e.GetData())
		} else if len(e.GetData()) > 0 {
			c.Entry = g.entry(e)
		}
		g.ready.Committed = append(g.ready.Committed, c)
		g.committed(&c)
	}
	g.respond(m.GetResponses())
	return nil
}

// entry is what an entry of the log says; the leader remembers what it proposed. What
// does not decode is nothing, on every replica.
func (g *Group) entry(e *raftpb.Entry) wire.Entry {
	if p, ok := g.lead.proposed(e.GetIndex()); ok && bytes.Equal(p.data, e.GetData()) {
		return p.entry
	}
	decoded, err := wire.DecodeCommitted(e.GetData())
	if err != nil {
		return wire.Entry{}
	}
	return decoded
}

// committed does what an entry means to the group itself.
func (g *Group) committed(c *wire.Committed) {
	if g.role.leads && c.Epoch == g.role.epoch {
		g.lead.committed(c.Index)
	}
	for i := range c.Entry.Items {
		item := &c.Entry.Items[i]
		switch {
		case item.Checkpoint != nil && item.Checkpoint.Index < c.Index:
			g.agree(*item.Checkpoint)
		case item.Control != nil && item.Control.Verb == wire.VerbRemove:
			g.end(true)
		}
	}
}

// agree takes note of a checkpoint that a majority holds.
func (g *Group) agree(c wire.Checkpoint) {
	if c.Index <= g.agreed.Index {
		return
	}
	g.agreed = c
	g.effect(Agreed{c})
	g.cut()
}

// hold takes note of who holds a checkpoint.
func (g *Group) hold(node wire.NodeID, c wire.Checkpoint) error {
	id := g.members().Replica(node)
	if node == g.cfg.Self {
		id = g.replica
	}
	if id == 0 || c.Index == 0 || !c.Manifest.Defined() {
		return ErrInvalid
	}
	if !g.keep(id, c) {
		return nil
	}
	if id == g.replica {
		g.cut()
		g.report()
	}
	g.suggest()
	return nil
}

// maxHeld is how many checkpoints are known of each replica.
const maxHeld = 8

// keep adds a checkpoint to what a replica holds, unless it is known or old.
func (g *Group) keep(id uint64, c wire.Checkpoint) bool {
	if c.Index <= g.newest(id).Index {
		return false
	}
	list := append(g.held[id], c)
	g.held[id] = list[max(0, len(list)-maxHeld):]
	return true
}

// newest is the last checkpoint that a replica is known to hold.
func (g *Group) newest(id uint64) wire.Checkpoint {
	if list := g.held[id]; len(list) > 0 {
		return list[len(list)-1]
	}
	return wire.Checkpoint{}
}

// report tells the leader what this replica holds.
func (g *Group) report() {
	if c := g.newest(g.replica); c.Index > 0 && !g.role.leads {
		g.send(g.hint, wire.Held{Actor: g.actor, Replica: g.replica, Checkpoint: c})
	}
}

// suggest proposes the newest checkpoint that a majority of the voters holds; of a
// joint configuration, a majority of both. If that fails, a later one does as well.
func (g *Group) suggest() {
	if !g.role.leads {
		return
	}
	for _, c := range slices.Backward(g.held[g.replica]) {
		if c.Index <= max(g.agreed.Index, g.lead.suggested) {
			return
		}
		if c.Index <= g.applied && g.majorityHolds(c) {
			if g.propose(wire.Entry{Time: max(g.now.UnixNano(), 0), Items: []wire.Item{{Checkpoint: &c}}}) == nil {
				g.lead.suggested = c.Index
			}
			return
		}
	}
}

func (g *Group) majorityHolds(c wire.Checkpoint) bool {
	holds := func(id uint64) bool { return slices.Contains(g.held[id], c) }
	conf := g.config().conf
	return majority(conf.GetVoters(), holds) && majority(conf.GetVotersOutgoing(), holds)
}

// majority tells whether more than half of them do; of nobody, all do.
func majority(ids []uint64, does func(uint64) bool) bool {
	n := 0
	for _, id := range ids {
		if does(id) {
			n++
		}
	}
	return len(ids) == 0 || n > len(ids)/2
}

func (g *Group) baseIndex() uint64 {
	if g.base.Checkpoint == nil {
		return 0
	}
	return g.base.Checkpoint.Index
}

// cut makes the agreed checkpoint the base, if it is held here.
func (g *Group) cut() {
	c := g.agreed
	if c.Index <= g.baseIndex() || !slices.Contains(g.held[g.replica], c) || c.Index > g.applied {
		return
	}
	i := len(g.configs) - 1
	for g.configs[i].index > c.Index {
		i--
	}
	base := wire.Base{Actor: g.actor, Spec: g.base.Spec, Checkpoint: &c, Members: g.configs[i].members, NextReplica: g.configs[i].next}
	snap, err := g.snapshot(&base, g.configs[i].conf)
	if err != nil {
		return // the log stays as it is: nothing is lost
	}
	g.base, g.configs = base, slices.Delete(g.configs, 0, i)
	w := g.write()
	w.Base, w.Cut = marshal(snap), c.Index
	g.effect(Based{base})
}

// snapshot compacts the storage behind a base.
func (g *Group) snapshot(base *wire.Base, conf *raftpb.ConfState) (*raftpb.Snapshot, error) {
	data, err := wire.Encode(*base)
	if err != nil {
		return nil, err
	}
	snap, err := g.store.CreateSnapshot(base.Checkpoint.Index, conf, data)
	if err != nil {
		return nil, err
	}
	return snap, g.store.Compact(base.Checkpoint.Index)
}

// install replaces the log by the leader's base.
func (g *Group) install(snap *raftpb.Snapshot) error {
	base, err := g.baseOf(snap)
	if err != nil {
		return err // was checked when it came
	}
	if err := g.store.ApplySnapshot(snap); err != nil {
		return err
	}
	g.rebase(snap, base)
	w := g.write()
	w.Sync, w.Base, w.Reset, w.Entries = true, marshal(snap), true, nil
	g.effect(Installed{base})
	return nil
}

// rebase begins behind a base.
func (g *Group) rebase(snap *raftpb.Snapshot, base wire.Base) {
	meta := snap.GetMetadata()
	g.base, g.applied = base, meta.GetIndex()
	g.configs = []config{{index: meta.GetIndex(), conf: meta.GetConfState(), members: base.Members, next: base.NextReplica}}
	if base.Checkpoint != nil {
		g.agreed = *base.Checkpoint
	}
}
