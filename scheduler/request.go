package scheduler

import (
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// request is what a task wants of the node that runs it.
func (s *Submitter) request(id wire.TaskID, spec *wire.Spec, needs wire.Profile) placement.Request {
	r := placement.Request{
		Task: id, Needs: needs, Hints: &spec.Hints, Placement: spec.Placement, Class: spec.Class,
		MaxCost: spec.MaxCost, Fuel: spec.Limits.Fuel,
	}
	r.Beside, _ = s.nodeOf(spec.Hints.Colocate)
	r.MustBeside, r.MayCome = s.nodeOf(spec.Hints.Require.Colocate)
	return r
}

// nodeOf is the node where a task runs or ran, if known; mayCome tells that it has
// none yet.
func (s *Submitter) nodeOf(id wire.TaskID) (node wire.NodeID, mayCome bool) {
	t := s.tasks[id]
	if t == nil || id.IsZero() {
		return "", false
	}
	node = t.snapshot().Node
	return node, node == "" && t.phase != phaseEnded
}
