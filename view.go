package godwit

import (
	"fmt"
	"sync"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// apiTask is a task as the API tells of it.
func (n *Node) apiTask(t *scheduler.Task) api.Task {
	out := api.Task{
		ID: t.ID.String(), Status: string(t.State), Reason: string(t.Reason), Message: t.Message,
		Submitter: n.ids.text(t.Spec.Submitter), Request: apiRequest(t.Spec),
		CreatedAt: t.Created.UTC(), StartedAt: timeOf(t.Started), EndedAt: timeOf(t.Ended),
	}
	if t.Node != "" {
		out.Node = n.ids.text(t.Node)
	}
	for _, a := range t.Attempts {
		out.Attempts = int(a.Number)
		out.History = append(out.History, n.apiAttempt(a))
	}
	if t.Result != nil {
		out.Result = apiResult(&t.Result.Outcome)
	}
	return out
}

// idTexts remembers ids of nodes as text, whose base58 costs more than all the rest
// of a task's view.
type idTexts struct {
	mu    sync.Mutex
	texts map[wire.NodeID]string
}

// maxIDTexts bounds what is remembered; beyond it everything is forgotten.
const maxIDTexts = 1024

func (i *idTexts) text(id wire.NodeID) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	text, ok := i.texts[id]
	if !ok {
		if i.texts == nil || len(i.texts) >= maxIDTexts {
			i.texts = make(map[wire.NodeID]string)
		}
		text = id.String()
		i.texts[id] = text
	}
	return text
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (n *Node) apiAttempt(a scheduler.Attempt) api.Attempt {
	out := api.Attempt{
		Number: int(a.Number), Node: n.ids.text(a.Node), StartedAt: a.Started.UTC(), EndedAt: timeOf(a.Ended),
		Outcome: string(a.Status), Message: a.Message,
	}
	if a.Reason != wire.ReasonNone {
		out.Outcome = string(a.Reason)
	}
	if a.Fault == wire.FaultDrain && !a.Last.IsZero() {
		out.Outcome = api.OutcomeMigrated
	}
	out.From, out.Checkpoint = apiPoint(a.From), apiPoint(a.Last)
	out.Checkpoints, out.CheckpointBytes, out.NoCheckpoints = a.Checkpoints, a.Bytes, a.Unkept
	for _, id := range a.Keepers {
		out.Keepers = append(out.Keepers, n.ids.text(id))
	}
	return out
}

func apiPoint(p wire.Point) *api.Point {
	if p.IsZero() {
		return nil
	}
	return &api.Point{Attempt: int(p.Attempt), Sequence: p.Sequence, Fuel: p.Fuel}
}

func apiResult(o *wire.Outcome) *api.Result {
	r := &api.Result{
		ExitCode: int(o.ExitCode), FuelUsed: o.FuelUsed, FuelLimit: o.FuelLimit,
		MemoryPeakBytes: o.MemoryPeakBytes, WallNS: o.Wall.Nanoseconds(), Started: o.Started,
		Values: o.Values, Outputs: []api.Output{}, StdoutBytes: o.Stdout.Size, StderrBytes: o.Stderr.Size,
		Truncated: o.Stdout.Truncated || o.Stderr.Truncated,
		Backend:   o.Backend, GPUs: apiUsedGPUs(o.GPUs),
	}
	for _, f := range o.Files {
		r.Outputs = append(r.Outputs, api.Output{Path: f.Path, Size: int64(f.Size), CID: f.Link.String()})
	}
	if o.Output.Defined() {
		r.OutputCID = o.Output.String()
	}
	return r
}

func apiUsedGPUs(used []wire.UsedGPU) (list []api.UsedGPU) {
	for _, g := range used {
		list = append(list, api.UsedGPU{ID: g.ID, Name: g.Name, MemoryBytes: g.Memory})
	}
	return list
}

// apiRequest is what was asked for, with what the node has filled in.
func apiRequest(s *wire.Spec) api.TaskRequest {
	retries := int(s.Retries)
	r := api.TaskRequest{
		Module: s.Module.String(), Name: s.Name, Args: s.Args, Env: s.Env, Input: string(s.Input), Invoke: s.Invoke,
		Deterministic: s.Deterministic, NoCheckpoints: s.NoCheckpoints, Placement: string(s.Placement), Class: string(s.Class), Priority: priorityName(s.Priority),
		Retries: &retries, MaxCost: float64(s.MaxCost) / 1e6, Inputs: apiInputs(s.Inputs),
		Limits: apiLimits(s.Limits), Requirements: apiRequirements(s), Hints: apiHints(&s.Hints),
	}
	if s.Model != "" {
		r.Module, r.Model = "", s.Model
	}
	if s.Invoke != "" {
		r.Args = s.InvokeArgs
	} else if len(r.Args) > 0 {
		r.Args = r.Args[1:] // the guest's own name
	}
	if s.Stdin.Defined() {
		r.Stdin = s.Stdin.String()
	}
	return r
}

func priorityName(p wire.Priority) string {
	for name, q := range priorities {
		if name != "" && p == q {
			return name
		}
	}
	return fmt.Sprint(p)
}

func apiInputs(inputs []wire.Input) (list []api.Input) {
	for _, in := range inputs {
		list = append(list, api.Input{Name: in.Name, CID: in.Link.String()})
	}
	return list
}

func apiLimits(l wire.Limits) api.Limits {
	return api.Limits{Fuel: l.Fuel, MemoryBytes: l.Memory, TimeoutMS: l.WallTime.Milliseconds()}
}

func apiRequirements(s *wire.Spec) api.Requirements {
	p := &s.Profile
	r := api.Requirements{
		CPUCores: float64(p.CPU) / 1000, MinMemory: p.Memory, MinStorage: p.Storage,
		NetworkMbps: float64(p.Network) / 1e6, DurationMS: p.Duration.Milliseconds(), RequireLabels: s.Hints.Require.Labels,
	}
	if g := p.GPU; g != nil {
		r.GPU, r.GPURequired = gpuMode(g), g.Required
		r.GPUMemory, r.GPUCount, r.ComputeCap = g.Memory, int(g.Count), g.Capability
		r.GPUTimeMS = g.Time.Milliseconds()
	}
	return r
}

// gpuMode is how much a GPU is wanted, as the API says it.
func gpuMode(g *wire.GPUSpec) string {
	if g.Required {
		return "required"
	}
	return "preferred"
}

// apiCapacity is a capacity in the API's units.
func apiCapacity(c wire.Capacity) api.Capacity {
	out := api.Capacity{
		CPUCores: float64(c.CPU) / 1000, MemoryBytes: c.Memory, StorageBytes: c.Storage, NetworkMbps: float64(c.Network) / 1e6,
	}
	for _, g := range c.GPUs {
		out.GPUs = append(out.GPUs, api.GPU{
			ID: g.ID, Name: g.Name, MemoryBytes: g.Memory, ComputeCapability: g.Capability, OpenCL: g.OpenCL,
			Processor: g.Processor, Available: g.Available,
		})
	}
	return out
}
