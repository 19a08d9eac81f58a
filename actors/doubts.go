package actors

import (
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// A node that is told to make one of an actor's first replicas cannot know whether enough
// others do: whoever makes the actor may die before it has told them. What is left then
// would keep the name for ever. So a replica that has never heard of a leader asks the
// other members later, when its maker has succeeded or given up: nobody makes an actor for
// longer than Config.Deadline. If so many have none that there is no majority, the actor
// was never made, nobody has been told that it was, and the replica goes. Whoever cannot
// be reached may have one: then it stays, and asks again.
const (
	// doubtSpare is how much longer than a making takes it waits, and doubtAgain the wait
	// until it asks again.
	doubtSpare, doubtAgain = 5 * time.Second, 30 * time.Second
	// doubtsMost is how many ask in one round.
	doubtsMost = 16
)

// doubt has a replica that was just made ask later whether there are others.
func (l *loop) doubt(now time.Time, r *replica) {
	if len(r.where.Members) > 1 {
		l.doubts.set(r.id, now.Add(l.host.cfg.Deadline+doubtSpare))
	}
}

// resolveDoubts has some of those ask whose time has come.
func (l *loop) resolveDoubts(now time.Time) {
	for range doubtsMost {
		id, ok := l.doubts.due(now)
		if !ok {
			return
		}
		if r := l.replicas[id]; r != nil && r.where.Epoch == 0 {
			l.askOthers(now, r)
		}
	}
}

// askOthers asks the members of an actor that live which of them have a replica.
func (l *loop) askOthers(now time.Time, r *replica) {
	var nodes []wire.NodeID
	for _, m := range r.where.Members {
		if l.liveness.alive(m.Node) {
			nodes = append(nodes, m.Node)
		}
	}
	l.finder.begin(now, r.id.String(), nodes, func(found []wire.Where, all bool) {
		if l.replicas[r.id] != r || r.where.Epoch != 0 || l.doubts.has(r.id) {
			return // it was settled meanwhile, or it is being made once more
		}
		switch members, none := len(r.where.Members), len(nodes)-len(found); {
		case 2*(1+len(found)) > members:
		case !all || slices.ContainsFunc(found, hasBegun) || 2*(members-none) > members:
			l.doubts.set(r.id, time.Now().Add(doubtAgain))
		default:
			l.vain(time.Now(), r)
		}
	})
}

func hasBegun(w wire.Where) bool { return w.Epoch > 0 }

// vain deletes a replica of an actor that was never made.
func (l *loop) vain(now time.Time, r *replica) {
	if err := l.unpark(now, r); err != nil || r.live == nil || r.where.Epoch != 0 {
		l.doubt(now, r)
		return
	}
	if r.group.Base().Members.Replica(l.host.cfg.Self) == 0 {
		return // it was invited by a leader, and is no first replica
	}
	l.host.cfg.Log.Info("an actor was never made", "actor", r.where.Name, "id", r.id)
	l.gone(now, r, false)
	l.directory.forget(r.id)
}
