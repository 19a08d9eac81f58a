package group

import (
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// Standing is where a replica stands: for people who want to know why an actor gives no
// answer.
type Standing struct {
	// Role is raft's: leader, follower, candidate or precandidate.
	Role string
	// Epoch is the highest that is known, Lead the replica that leads it (0: nobody is
	// known to), Vote the one that has this replica's vote.
	Epoch, Lead, Vote uint64
	// Hint is the node that led last, as far as known.
	Hint wire.NodeID
	// Last, Committed and Applied are indices of the log, Base is where it begins.
	Last, Committed, Applied, Base uint64
	// Writes is how many writes the disk has not confirmed, Proposals how many entries of
	// this leader are not committed.
	Writes, Proposals int
	// Wanted: a leader is. Turn is when this replica tries next to be it; zero: it does
	// not. Attempts counts how often it has.
	Wanted   bool
	Turn     time.Time
	Attempts uint64
	// Suspects are the members' nodes that are taken for dead.
	Suspects []wire.NodeID
	// Asks: the leader waits for a majority to say that it leads. Target is the node that
	// it is handing over to.
	Asks   bool
	Target wire.NodeID
	Roster Roster
}

// Standing tells where the replica stands.
func (g *Group) Standing() Standing {
	s := g.raft.BasicStatus()
	var suspects []wire.NodeID
	for node := range g.suspects {
		suspects = append(suspects, node)
	}
	slices.Sort(suspects)
	return Standing{
		Role:  strings.ToLower(strings.TrimPrefix(s.RaftState.String(), "State")),
		Epoch: s.GetTerm(), Lead: s.Lead, Vote: s.GetVote(), Hint: g.hint,
		Last: g.Last(), Committed: s.GetCommit(), Applied: g.applied, Base: g.baseIndex(),
		Writes: len(g.writes.pending), Proposals: len(g.lead.proposals),
		Wanted: g.elect.wanted, Turn: g.elect.at, Attempts: g.elect.attempts,
		Suspects: suspects, Asks: g.lead.wanted, Target: g.lead.target, Roster: g.Roster(),
	}
}
