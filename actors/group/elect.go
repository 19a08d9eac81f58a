package group

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/godwit-run/godwit/actors/wire"
)

// election is a leader being wanted.
type election struct {
	wanted   bool
	at       time.Time // of the next attempt; zero: there is none
	attempts uint64
}

func (g *Group) suspect(node wire.NodeID) {
	if node == g.cfg.Self || g.suspects[node] {
		return
	}
	g.suspects[node] = true
	if !g.role.leads && g.members().Node(g.role.leader) == node {
		g.forget()
	}
}

func (g *Group) trust(node wire.NodeID) {
	if !g.suspects[node] {
		return
	}
	delete(g.suspects, node)
	if g.role.leads {
		g.raft.Tick() // a heartbeat finds out what it lacks
	}
	g.stand()
}

// forget has this replica vote for others than its leader.
func (g *Group) forget() {
	_ = g.raft.ForgetLeader() // fails only where there is none to forget
}

// campaign wants a leader, if there is none to count on.
func (g *Group) campaign(disclaimed wire.NodeID) {
	leader := g.members().Node(g.role.leader)
	if g.members().Node(g.replica) == "" {
		g.askToLeave()
		return
	}
	switch {
	case g.role.leads || g.gone || !g.votes():
		return
	case leader != "" && leader != g.cfg.Self && leader != disclaimed && !g.suspects[leader]:
		return
	}
	g.forget()
	g.elect.wanted = true
	g.stand()
}

// stand sets this replica's turn, if a leader is wanted and can be elected.
func (g *Group) stand() { g.standIn(0) }

// standIn is stand, after a wait.
func (g *Group) standIn(wait time.Duration) {
	if g.elect.wanted && g.elect.at.IsZero() && g.quorumLives() {
		turn := g.now.Add(wait + time.Duration(g.rank())*g.cfg.Stagger)
		g.elect.at = latest(turn, g.tried.Add(g.cfg.Retry)) // however often a leader is found and lost
		g.tickElection()
	}
}

// quorumLives tells whether a majority of the voters, of both configurations of a
// joint one, is not suspected.
func (g *Group) quorumLives() bool {
	conf := g.config().conf
	lives := func(id uint64) bool { return !g.suspects[g.members().Node(id)] }
	return majority(conf.GetVoters(), lives) && majority(conf.GetVotersOutgoing(), lives)
}

// votes tells whether this replica is a voter.
func (g *Group) votes() bool { return slices.Contains(g.config().conf.GetVoters(), g.replica) }

// rank is this replica's place among the living voters, in an order that is another
// for each actor so that the actors of a dead node come up on many. Who holds an older
// checkpoint than it should comes later: it would have to fetch pages first.
func (g *Group) rank() int {
	own, rank := g.weight(g.replica), 0
	for _, id := range g.config().conf.GetVoters() {
		if !g.suspects[g.members().Node(id)] && bytes.Compare(g.weight(id), own) < 0 {
			rank++
		}
	}
	if g.newest(g.replica).Index < g.agreed.Index {
		rank++
	}
	return rank
}

func (g *Group) weight(replica uint64) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(g.actor[:], replica))
	return sum[:]
}

// tickElection campaigns when it is time, and again as long as nobody is elected.
func (g *Group) tickElection() {
	if g.elect.at.IsZero() || g.now.Before(g.elect.at) {
		return
	}
	if !g.quorumLives() {
		g.elect.at = time.Time{} // until a node is trusted again
		return
	}
	g.elect.attempts++
	g.tried = g.now
	_ = g.raft.Campaign() // refuses where there is nothing to campaign for
	wait := min(g.elect.attempts, 8)*uint64(g.cfg.Retry) + g.jitter(uint64(g.cfg.Retry))
	g.elect.at = g.now.Add(time.Duration(wait))
}

// rival takes note that another replica stands. One that may be elected is left in peace:
// on a slow disk an election takes longer than the next one's turn, and then two would end
// each other's over and over. One that lacks entries cannot be, but now nobody who asks
// stands by the old leader any more: so this replica, which may have been ignored for
// that, tries again at once. If it has not stood at all it does now, unless it hears of a
// leader before its turn: nobody else might, and the other one would ask for ever.
func (g *Group) rival(m *raftpb.Message) {
	switch {
	case g.role.leads:
	case !g.lacks(m) && g.elect.at.IsZero():
	case !g.lacks(m):
		wait := uint64(g.cfg.Retry) + g.jitter(uint64(g.cfg.Retry))
		g.elect.at = latest(g.elect.at, g.now.Add(time.Duration(wait)))
	case g.elect.at.IsZero():
		if g.raft.BasicStatus().Lead == 0 && g.votes() && !g.gone {
			g.elect.wanted = true
			g.standIn(g.cfg.Stagger)
		}
	case g.now.Sub(g.tried) >= g.cfg.Stagger/2:
		g.elect.at = g.now
		g.tickElection()
	}
}

// lacks tells whether a candidate's log is behind this one's.
func (g *Group) lacks(m *raftpb.Message) bool {
	term, _ := g.store.Term(g.Last()) // a MemoryStorage knows its last entry
	return cmp.Or(cmp.Compare(m.GetLogTerm(), term), cmp.Compare(m.GetIndex(), g.Last())) < 0
}

// jitter is below n, and another for each replica and attempt, so that candidates who
// got into each other's way do not do so again.
func (g *Group) jitter(n uint64) uint64 {
	b := binary.BigEndian.AppendUint64(g.actor[:], g.replica)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, g.elect.attempts))
	return binary.BigEndian.Uint64(sum[:]) % max(n, 1)
}
