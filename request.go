package godwit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// priorities by their names in the API.
var priorities = map[string]wire.Priority{
	"": wire.PriorityNormal, "low": wire.PriorityLow, "normal": wire.PriorityNormal,
	"high": wire.PriorityHigh, "critical": wire.PriorityCritical,
}

// spec makes a request into what the scheduler takes. model is the one that the
// request names, nil if it names a module. Errors wrap api.ErrInvalid.
func (n *Node) spec(r *api.TaskRequest, model *wire.Model) (wire.Spec, error) {
	s, err := n.program(r, model)
	if err == nil {
		err = n.inputs(r, &s)
	}
	if err == nil {
		err = n.demands(r, &s)
	}
	if err == nil {
		err = wishes(&r.Hints, &s.Hints)
	}
	if err == nil {
		err = s.Validate()
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	return s, nil
}

// program is what to run.
func (n *Node) program(r *api.TaskRequest, model *wire.Model) (s wire.Spec, err error) {
	if (r.Module == "") == (model == nil) {
		return s, fmt.Errorf("name either a module or a model")
	}
	if model != nil {
		s = model.Spec()
	} else if s.Module, err = wire.ParseLink(r.Module); err != nil {
		return s, err
	}
	s.Submitter = wire.NodeID(n.host.ID())
	s.Name = cmp.Or(r.Name, s.Name)
	s.Env = slices.Concat(s.Env, r.Env)
	s.Deterministic, s.NoCheckpoints = r.Deterministic, r.NoCheckpoints
	if r.Invoke != "" {
		s.Invoke, s.InvokeArgs = r.Invoke, r.Args
		return s, nil
	}
	s.Args = slices.Concat([]string{cmp.Or(s.Name, "task")}, s.Args, r.Args)
	return s, nil
}

func (n *Node) inputs(r *api.TaskRequest, s *wire.Spec) (err error) {
	if r.Input != "" {
		s.Input = []byte(r.Input)
	}
	if r.Stdin != "" {
		if s.Stdin, err = wire.ParseLink(r.Stdin); err != nil {
			return fmt.Errorf("stdin: %w", err)
		}
	}
	list, err := wireInputs(r.Inputs)
	s.Inputs = slices.Concat(s.Inputs, list)
	return err
}

func wireInputs(inputs []api.Input) (list []wire.Input, err error) {
	for _, in := range inputs {
		link, err := wire.ParseLink(in.CID)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", in.Name, err)
		}
		list = append(list, wire.Input{Name: in.Name, Link: link})
	}
	return list, nil
}

// demands are limits, profile and how hard to try.
func (n *Node) demands(r *api.TaskRequest, s *wire.Spec) error {
	s.Limits = mergeLimits(s.Limits, wireLimits(r.Limits))
	s.Limits.WallTime = cmp.Or(s.Limits.WallTime, n.cfg.TaskTimeout)
	profile, err := wireProfile(&r.Requirements)
	if err != nil {
		return err
	}
	s.Profile = mergeProfiles(s.Profile, profile)
	if s.Profile.Memory == 0 && s.Limits.Memory == 0 {
		s.Profile.Memory = n.cfg.TaskMemory
	}
	s.Hints.Require.Labels = r.Requirements.RequireLabels
	s.Retries = uint32(n.cfg.MaxAttempts - 1)
	if r.Retries != nil {
		s.Retries = uint32(max(*r.Retries, 0))
	}
	if r.Deadline != nil {
		if s.Deadline = time.Until(*r.Deadline); s.Deadline <= 0 {
			return fmt.Errorf("the deadline is over")
		}
	}
	priority, ok := priorities[r.Priority]
	if !ok {
		return fmt.Errorf("priority %.40q", r.Priority)
	}
	s.Priority, s.Placement = priority, wire.Placement(cmp.Or(r.Placement, string(wire.PlaceAuto)))
	if r.Class != defaultClass {
		s.Class = wire.Class(r.Class)
	}
	if !(r.MaxCost >= 0 && r.MaxCost < 1e12) {
		return fmt.Errorf("cost of at most %v", r.MaxCost)
	}
	s.MaxCost = uint64(r.MaxCost * 1e6)
	return nil
}

func wireLimits(l api.Limits) wire.Limits {
	return wire.Limits{Fuel: l.Fuel, Memory: l.MemoryBytes, WallTime: time.Duration(l.TimeoutMS) * time.Millisecond}
}

// mergeLimits fills in what the second leaves open.
func mergeLimits(model, task wire.Limits) wire.Limits {
	return wire.Limits{
		Fuel: cmp.Or(task.Fuel, model.Fuel), Memory: cmp.Or(task.Memory, model.Memory),
		WallTime: cmp.Or(task.WallTime, model.WallTime),
	}
}

func wireProfile(r *api.Requirements) (wire.Profile, error) {
	p := wire.Profile{
		Memory: r.MinMemory, Storage: r.MinStorage, Duration: time.Duration(r.DurationMS) * time.Millisecond,
	}
	if !(r.CPUCores >= 0 && r.CPUCores*1000 <= wire.MaxCPU) || !(r.NetworkMbps >= 0 && r.NetworkMbps*1e6 <= wire.MaxNetwork) {
		return p, fmt.Errorf("%v cores, %v Mbit/s", r.CPUCores, r.NetworkMbps)
	}
	if r.CPUCores > 0 {
		p.CPU = max(uint32(r.CPUCores*1000+0.5), 1)
	}
	p.Network = uint64(r.NetworkMbps * 1e6)
	if r.GPURequired || r.GPU != "" && r.GPU != "none" || r.GPUMemory > 0 || r.GPUCount > 0 || r.ComputeCap != "" || r.GPUTimeMS > 0 {
		if r.GPU == "none" {
			return p, fmt.Errorf("no gpu, and yet something of it")
		}
		p.GPU = &wire.GPUSpec{
			Required: r.GPURequired || r.GPU != "preferred", Count: uint32(max(r.GPUCount, 1)),
			Memory: r.GPUMemory, Capability: r.ComputeCap, Time: time.Duration(r.GPUTimeMS) * time.Millisecond,
		}
	}
	return p, p.Validate()
}

// mergeProfiles asks for what either asks for.
func mergeProfiles(model, task wire.Profile) wire.Profile {
	p := wire.Profile{
		CPU: max(model.CPU, task.CPU), Memory: max(model.Memory, task.Memory), Storage: max(model.Storage, task.Storage),
		Network: max(model.Network, task.Network), Duration: cmp.Or(task.Duration, model.Duration), GPU: task.GPU,
	}
	if p.GPU == nil {
		p.GPU = model.GPU
	}
	return p
}
