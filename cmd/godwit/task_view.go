package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/units"
)

func taskGrid(list []api.Task) *grid {
	g := newGrid("ID", "STATUS", "NODE", "ATTEMPTS", "AGE", "RUNS")
	for _, t := range list {
		g.row(t.ID, taskStatus(t), dash(short(t.Node)), t.Attempts, ago(t.CreatedAt), taskRuns(t))
	}
	return g
}

// taskStatus is a status with its reason.
func taskStatus(t api.Task) string {
	if t.Reason == "" {
		return t.Status
	}
	return fmt.Sprintf("%s (%s)", t.Status, t.Reason)
}

// taskRuns is what people know a task by.
func taskRuns(t api.Task) string {
	return cmp.Or(t.Request.Name, t.Request.Model, t.Request.Module)
}

func taskFacts(t api.Task) *grid {
	g := newGrid()
	g.fact("id", "%s", t.ID)
	g.fact("status", "%s", taskStatus(t))
	g.fact("message", "%s", t.Message)
	g.fact("pending", "%s", t.Pending)
	requestFacts(g, t.Request)
	g.fact("submitter", "%s", t.Submitter)
	g.fact("node", "%s", t.Node)
	g.fact("created", "%s", t.CreatedAt.Format(time.RFC3339))
	if t.EndedAt != nil {
		g.fact("ended", "%s, after %v", t.EndedAt.Format(time.RFC3339), round(t.EndedAt.Sub(t.CreatedAt)))
	}
	resultFacts(g, t.Result)
	attemptFacts(g, t.History)
	return g
}

func requestFacts(g *grid, r api.TaskRequest) {
	g.fact("name", "%s", r.Name)
	g.fact("model", "%s", r.Model)
	g.fact("module", "%s", r.Module)
	g.fact("arguments", "%s", strings.Join(r.Args, " "))
	g.fact("invokes", "%s", r.Invoke)
	for _, in := range r.Inputs {
		g.fact("input", "/in/%s  %s", in.Name, in.CID)
	}
	g.fact("priority", "%s", r.Priority)
	g.fact("class", "%s", r.Class)
	hintFacts(g, r.Hints)
	if q := r.Requirements; q.GPU != "" {
		g.fact("wants gpu", "%s", wantsGPU(q))
	}
	for _, l := range r.Requirements.RequireLabels {
		g.fact("requires", "%s", l)
	}
}

func hintFacts(g *grid, h api.Hints) {
	for _, wish := range []struct {
		name string
		list []string
	}{{"near", h.Near}, {"prefer", h.Prefer}, {"avoid", h.Avoid}, {"colocate", []string{h.Colocate}}, {"region", []string{h.Region}}, {"label", h.Labels}} {
		for _, text := range wish.list {
			g.fact(wish.name, "%s", text)
		}
	}
}

func resultFacts(g *grid, r *api.Result) {
	if r == nil {
		return
	}
	g.fact("exit code", "%d", r.ExitCode)
	g.fact("fuel", "%s", units.Count(r.FuelUsed))
	g.fact("memory", "%s", units.Size(r.MemoryPeakBytes).Approx())
	g.fact("ran", "%v", round(time.Duration(r.WallNS)))
	gpuFacts(g, r.Backend, r.GPUs)
	g.fact("values", "%s", strings.Join(r.Values, "\n"))
	for _, o := range r.Outputs {
		g.fact("output", "%s  %s  %s", o.Path, units.Size(o.Size).Approx(), o.CID)
	}
	g.fact("outputs", "%s", r.OutputCID)
	if r.Truncated {
		g.fact("cut", "%s bytes of standard output and %s of standard error were written, and not all kept",
			units.Count(r.StdoutBytes), units.Count(r.StderrBytes))
	}
}

// gpuFacts tell what GPU work ran on.
func gpuFacts(g *grid, backend string, used []api.UsedGPU) {
	for _, d := range used {
		g.fact("gpu", "%s %s, %s", d.ID, d.Name, units.Size(d.MemoryBytes).Approx())
	}
	g.fact("gpu backend", "%s", backend)
}

func attemptOutcome(a api.Attempt) string {
	switch {
	case a.EndedAt == nil:
		return "runs"
	case a.Outcome == "":
		return "ended"
	}
	return fmt.Sprintf("%s after %v", a.Outcome, round(max(a.EndedAt.Sub(a.StartedAt), time.Microsecond)))
}

// wantsGPU is what a task asks for of devices.
func wantsGPU(q api.Requirements) string {
	parts := []string{q.GPU}
	if q.GPUCount > 1 {
		parts = append(parts, fmt.Sprintf("%d of them", q.GPUCount))
	}
	if q.ComputeCap != "" {
		parts = append(parts, q.ComputeCap)
	}
	if q.GPUMemory > 0 {
		parts = append(parts, units.Size(q.GPUMemory).Approx())
	}
	if q.GPUTimeMS > 0 {
		parts = append(parts, fmt.Sprintf("%v of its time", time.Duration(q.GPUTimeMS)*time.Millisecond))
	}
	return strings.Join(parts, ", ")
}
