package godwit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/internal/api"
)

// actorOptions makes a request into what the host takes. Errors wrap api.ErrInvalid.
func actorOptions(r *api.ActorRequest) (o actors.CreateOptions, err error) {
	o = actors.CreateOptions{
		Name: r.Name, Args: r.Args, Env: r.Env, Replicas: r.Replicas, Fuel: r.Limits.Fuel, Memory: r.Limits.MemoryBytes,
		Restarts: r.Supervision.MaxFailures, Within: time.Duration(r.Supervision.WindowMS) * time.Millisecond,
		OnFailure: r.Supervision.OnFailure, Stateless: r.Stateless, Idle: r.Idle, Beside: r.Hints.Colocate,
	}
	needs, err := wireProfile(&api.Requirements{GPU: r.GPU, GPUMemory: r.GPUMemory, ComputeCap: r.ComputeCap})
	if err != nil {
		return o, fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	o.GPU = needs.GPU
	if o.Module, err = parseCID(r.Module); err != nil {
		return o, err
	}
	hints := r.Hints
	hints.Colocate = "" // another actor, not a task
	if err := wishes(&hints, &o.Hints); err != nil {
		return o, fmt.Errorf("%w: hints: %w", api.ErrInvalid, err)
	}
	o.Hints.Require.Labels = append(o.Hints.Require.Labels, r.Labels...)
	return o, nil
}

// actorView is an actor as the API tells of it.
func (n *Node) actorView(s *actors.Status) api.Actor {
	a := api.Actor{
		Name: s.Name, ID: s.ID.String(), Epoch: s.Epoch, Sequence: s.Sequence, Checkpointed: s.Checkpointed,
		State: string(s.State), Why: s.Why, Waiting: s.Waiting,
		CreatedAt: s.Created.UTC(), Request: actorRequest(s),
	}
	if s.Node != "" {
		a.Node = n.ids.text(s.Node)
	}
	if s.Module.Defined() { // nobody knows it while the actor is unavailable
		a.Module = s.Module.String()
	}
	if s.Previous.Defined() {
		a.Previous = s.Previous.String()
	}
	for _, r := range s.Replicas {
		id := n.ids.text(r.Node)
		a.Replicas = append(a.Replicas, id)
		if !r.Alive {
			a.Down = append(a.Down, id)
		}
		if r.Learner {
			a.Learning = append(a.Learning, id)
		}
	}
	for _, h := range s.History {
		a.History = append(a.History, api.Activation{
			Epoch: h.Epoch, Node: n.ids.text(h.Node), Reason: string(h.Reason), At: h.Time.UTC(),
		})
	}
	return a
}

// replicaView is a replica as the API tells of it.
func (n *Node) replicaView(s *actors.ReplicaState) api.ActorReplica {
	r := api.ActorReplica{
		Node: n.ids.text(s.Node), Error: s.Error, Role: s.Group.Role, Epoch: max(s.Epoch, s.Group.Epoch),
		Last: s.Group.Last, Committed: s.Group.Committed, Base: s.Group.Base, Executed: s.Executed,
		Held: s.Held, Waiting: s.Waiting, Queued: s.Queued, Proposed: s.Proposed, Voters: s.Group.Roster.Voters,
	}
	if s.Leader != "" {
		r.Leader = n.ids.text(s.Leader)
	}
	if s.Parked {
		r.Role = "parked"
	}
	for _, node := range s.Suspects {
		r.Down = append(r.Down, n.ids.text(node))
	}
	if !s.Parked && s.Error == "" {
		detail, err := json.Marshal(s)
		if err != nil {
			detail = []byte(err.Error())
		}
		r.Detail = string(detail)
	}
	return r
}

// actorRequest is actorOptions the other way round, with what the host has filled in.
// Lists have none.
func actorRequest(s *actors.Status) (r api.ActorRequest) {
	spec := &s.Spec
	if spec.Name == "" {
		return r
	}
	r = api.ActorRequest{
		Name: spec.Name, Module: spec.Module.String(), Args: spec.Args, Env: spec.Env, Replicas: spec.Replicas,
		Limits: api.ActorLimits{Fuel: spec.Fuel, MemoryBytes: spec.Memory},
		Supervision: api.Supervision{
			OnFailure: string(spec.OnFailure), MaxFailures: spec.Restarts, WindowMS: spec.Within.Milliseconds(),
		},
		Stateless: spec.Stateless, Hints: apiHints(&spec.Hints), Labels: spec.Hints.Require.Labels,
	}
	r.Hints.Colocate = spec.Beside
	if g := spec.GPU; g != nil {
		r.GPU, r.GPUMemory, r.ComputeCap = gpuMode(g), g.Memory, g.Capability
	}
	return r
}
