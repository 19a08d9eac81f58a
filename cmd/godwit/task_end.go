package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

// Reasons that only tasks of the mesh fail for (DESIGN §4.2).
const (
	reasonNotPlaced runtime.Reason = "not_placed"
	reasonNodeLost  runtime.Reason = "node_lost"
)

// taskEnding is the error that a task's end amounts to: nil if it succeeded.
func taskEnding(t api.Task) error {
	if t.Status == api.StatusSucceeded {
		return nil
	}
	return taskError{endedError{taskResult(t)}, t.ID}
}

// taskError is a task that ended otherwise than in success. Its exit code and
// hint are those of a run here.
type taskError struct {
	endedError
	id string
}

func (e taskError) Error() string {
	switch {
	case e.result.Status == runtime.StatusCancelled:
		return fmt.Sprintf("task %s was cancelled", e.id)
	case e.result.Reason == reasonNodeLost && e.result.Message == "":
		return "the node that ran it was lost, and no other could"
	}
	return e.endedError.Error()
}

func (e taskError) Unwrap() error { return e.endedError }

// waited reports whether it ran out of time before it ran at all.
func (e taskError) waited() bool {
	return e.result.Reason == runtime.ReasonTimeout && !e.result.Started
}

// taskResult is a task's end in the terms of a run here.
func taskResult(t api.Task) *runtime.Result {
	r := &runtime.Result{Status: runtime.Status(t.Status), Reason: runtime.Reason(t.Reason), Message: t.Message}
	if t.Result != nil {
		r.ExitCode, r.Started = uint32(t.Result.ExitCode), t.Result.Started
		r.FuelUsed, r.FuelLimit = t.Result.FuelUsed, t.Result.FuelLimit
		r.MemoryPeakBytes, r.Wall = t.Result.MemoryPeakBytes, time.Duration(t.Result.WallNS)
	}
	return r
}

// taskReport is what --report writes of a task.
func taskReport(t api.Task, err error) report {
	rep := newReport(taskResult(t), nil, err)
	rep.Task, rep.Node, rep.Attempts = t.ID, t.Node, t.Attempts
	if t.Result != nil {
		rep.Values, rep.Truncated = t.Result.Values, t.Result.Truncated
		rep.Backend, rep.GPUs = t.Result.Backend, t.Result.GPUs
		for _, o := range t.Result.Outputs {
			rep.Outputs = append(rep.Outputs, output(o))
		}
	}
	return rep
}

// gpuNames are the devices that a task had, as people know them.
func gpuNames(list []api.UsedGPU) string {
	var names []string
	for _, g := range list {
		names = append(names, cmp.Or(g.Name, g.ID))
	}
	return strings.Join(names, " and ")
}

// taskSummary is the line that ends a task: how it went, where, what it used.
func taskSummary(t api.Task) string {
	text := fmt.Sprintf("task %s %s", t.ID, outcome(taskResult(t)))
	if t.Node != "" {
		text += " on " + short(t.Node)
	}
	if r := t.Result; r != nil && r.Started {
		text += fmt.Sprintf(" in %v, %s fuel, %s memory",
			round(time.Duration(r.WallNS)), units.Count(r.FuelUsed), units.Size(r.MemoryPeakBytes).Approx())
	}
	switch r := t.Result; {
	case r == nil || !r.Started:
	case len(r.GPUs) > 0:
		text += ", " + gpuNames(r.GPUs)
	case t.Request.Requirements.GPU == gpuModes[gpu.Preferred]:
		text += ", without a GPU"
	}
	if t.Result != nil && t.Result.Truncated {
		text += ", not all of its output was kept"
	}
	if t.Attempts > 1 {
		text += fmt.Sprintf(", %d attempts", t.Attempts)
	}
	return text
}
