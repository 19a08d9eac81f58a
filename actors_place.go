package godwit

import (
	"context"
	"slices"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// placer chooses nodes for actors as the scheduler does for tasks: by the same
// policy, over the same view of the mesh.
type placer Node

// actorCPU and actorMemory are what an actor needs of a node, in thousandths of a
// core and bytes: next to nothing while it is idle, and it is idle most of the time.
const (
	actorCPU    = 1
	actorMemory = 1 << 20
)

// Place implements actors.Placer.
func (p *placer) Place(ctx context.Context, r actors.Placement, count int) []wire.NodeID {
	return place(p.rank(ctx, r), r.Without, count)
}

// place is the first nodes of a ranking that can keep an actor, without some.
func place(ranked []placement.Candidate, without []wire.NodeID, count int) (list []wire.NodeID) {
	for i := range ranked {
		c := &ranked[i]
		if len(list) < count && canKeep(c) && !slices.Contains(without, c.Node.ID) {
			list = append(list, c.Node.ID)
		}
	}
	return list
}

// canKeep tells whether a node may have an actor. One that is full of tasks may: it
// has no more room for a task, but an actor takes none to speak of, and shares GPUs.
func canKeep(c *placement.Candidate) bool {
	switch {
	case c.Never:
		return false
	case c.Out == wire.RefusedDraining || c.Out == wire.RefusedSilent:
		return false
	}
	return true
}

// Better implements actors.Placer.
func (p *placer) Better(r actors.Placement) (wire.NodeID, actors.Reason) {
	ctx, cancel := context.WithTimeout(context.Background(), measureTimeout)
	defer cancel()
	return better(p.rank(ctx, r), &r)
}

// better is where an actor would better live: on a node that meets its hints better or,
// where they do not tell its replicas' nodes apart, on the one of these that most of its
// messages come from. A node without a replica has to be much better, as all of the actor
// goes there first. Empty if it lives well.
func better(ranked []placement.Candidate, r *actors.Placement) (wire.NodeID, actors.Reason) {
	met := worths(ranked, r)
	here, known := met[r.Leader]
	if !known || !slices.Contains(r.Members, r.Leader) {
		return "", "" // it is drained, or forgotten: not for us to judge
	}
	best, most := r.Leader, here+leastGain
	for _, id := range r.Members {
		if worth, ok := met[id]; ok && worth > most {
			best, most = id, worth
		}
	}
	most += leastGain
	for i := range ranked { // the best of all first
		if id := ranked[i].Node.ID; met[id] > most && !slices.Contains(r.Members, id) {
			best, most = id, met[id]
		}
	}
	if best != r.Leader {
		return best, actors.ReasonLocality
	}
	for _, id := range r.Members {
		if worth, ok := met[id]; ok && worth >= here && id != r.Leader && mostly(r.Messages, id) {
			return id, actors.ReasonLocality
		}
	}
	return "", ""
}

// worths is how well the nodes meet an actor's hints: those of its replicas, and those
// that may get one.
func worths(ranked []placement.Candidate, r *actors.Placement) map[wire.NodeID]float64 {
	met := make(map[wire.NodeID]float64)
	for i := range ranked {
		c := &ranked[i]
		if canKeep(c) && (slices.Contains(r.Members, c.Node.ID) || !slices.Contains(r.Without, c.Node.ID)) {
			met[c.Node.ID] = worth(c)
		}
	}
	return met
}

// leastGain is by how much the score for hints must be better for an actor to move, and
// again that much where there is no replica.
const leastGain = 0.05

// worth is the part of a score that is for hints.
func worth(c *placement.Candidate) (sum float64) {
	for _, t := range c.Terms {
		switch t.Name {
		case "prefer", "avoid", "region", "label", "near", "colocate":
			sum += t.Value * t.Weight
		}
	}
	return sum
}

// mostly tells whether more than two thirds of many messages come from a node.
func mostly(messages map[wire.NodeID]uint64, id wire.NodeID) bool {
	const many = 1000
	total := uint64(0)
	for _, n := range messages {
		total += n
	}
	return total >= many && 3*messages[id] > 2*total
}

// rank judges all nodes for an actor, best first.
func (p *placer) rank(ctx context.Context, r actors.Placement) []placement.Candidate {
	n := (*Node)(p)
	policy, err := n.cfg.newPolicy()
	if err != nil {
		return nil // New has checked it
	}
	var hints *wire.Hints
	var beside wire.NodeID
	if r.Spec != nil {
		hints, beside = &r.Spec.Hints, p.beside(ctx, r.Spec.Beside)
	}
	var nodes []placement.Node
	if err := n.ask(ctx, func() { nodes = n.loop.submitter.Nodes() }); err != nil {
		return nil // the node stops
	}
	request := actorRequirements(r, hints, beside)
	return placement.NewRanker(policy).Rank(&request, nodes)
}

// actorRequirements is what placement goes by.
func actorRequirements(r actors.Placement, hints *wire.Hints, beside wire.NodeID) placement.Request {
	needs := wire.Profile{CPU: actorCPU, Memory: actorMemory}
	if r.Spec != nil {
		needs.GPU = r.Spec.GPU
	}
	return placement.Request{
		Task: wire.TaskID(r.Actor), Needs: needs, Placement: wire.PlaceAuto, Hints: hints, Beside: beside,
	}
}

// beside is the node of another actor, empty if that is not known.
func (p *placer) beside(ctx context.Context, name string) wire.NodeID {
	if name == "" {
		return ""
	}
	s, err := p.actors.Show(ctx, name)
	if err != nil {
		return ""
	}
	return s.Node
}
