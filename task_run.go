package godwit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/runtime"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// maxPace is the longest that the time between two checkpoints of a task stretches, when
// disk or network cannot keep up.
const maxPace = 10 * time.Second

// briefFuel is the limit on fuel below which no task computes for a second.
const briefFuel = 100_000_000

// lasts tells whether a task may run for more than a second. Then its module is compiled
// so that it can be suspended, which takes about half as long again.
func lasts(s *wire.Spec) bool {
	brief := func(d time.Duration) bool { return d > 0 && d <= scheduler.CheckpointAfter }
	return !s.NoCheckpoints && !brief(s.Limits.WallTime) && !brief(s.Profile.Duration) && !brief(s.Deadline) &&
		!(s.Limits.Fuel > 0 && s.Limits.Fuel <= briefFuel)
}

// control is what others may ask of a run that goes on.
type control struct {
	cancel context.CancelFunc
	live   liveOutput
	tell   func(wire.Message)
	out    *outputs // set when it begins
	used   gpuUse   // set when it has ended

	mu       sync.Mutex
	yielded  chan struct{} // closed when it is to be given back
	kept     *checkpoints  // nil until there may be any
	envelope []byte        // of the grant, if it came earlier
}

func newControl(cancel context.CancelFunc, live liveOutput, tell func(wire.Message)) *control {
	return &control{cancel: cancel, live: live, tell: tell, yielded: make(chan struct{})}
}

// yield has the run given back soon.
func (c *control) yield() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.yielded:
	default:
		close(c.yielded)
	}
}

// grant hands the run a grant.
func (c *control) grant(envelope []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.envelope = envelope; c.kept != nil {
		c.kept.set(envelope)
	}
}

// keeps has grants go to the checkpoints of the run.
func (c *control) keeps(k *checkpoints) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept = k; c.envelope != nil {
		k.set(c.envelope)
	}
}

// unkept tells the submitter why there are no checkpoints, if the run goes on for long
// enough for that to matter.
func (c *control) unkept(s *scheduler.Start, why string) (stop func() bool) {
	m := wire.Kept{Ref: s.Ref, Why: clip("the module cannot be suspended: "+why, wire.MaxDetail)}
	return time.AfterFunc(scheduler.CheckpointAfter, func() { c.tell(m) }).Stop
}

// runKept runs a task of which checkpoints are made, from the newest one that can be used
// of those that earlier attempts have left.
func (x *execution) runKept(ctx context.Context, s scheduler.Start, m *runtime.Module, c *control) (*runtime.Result, error) {
	unusable := make(map[scheduler.Offered]bool)
	for {
		task, done, err := x.task(ctx, &s, c)
		if err != nil {
			return nil, err
		}
		k := x.keeper.begin(ctx, s, x, c)
		k.unusable = unusable
		c.keeps(k)
		r, err := k.run(ctx, x.lasting.engine, m, task, c.yielded)
		k.close()
		done()
		if err == nil || !unusable[k.from] || ctx.Err() != nil {
			return r, err
		}
		x.log.Warn("a checkpoint of a task cannot be gone on from", "task", s.Task, "err", err)
		if err := c.out.reset(); err != nil {
			return nil, err
		}
	}
}

// run runs the task. If the checkpoint that it was to go on from is found unusable it has
// not run, and the next may be tried.
func (c *checkpoints) run(ctx context.Context, e *runtime.Engine, m *runtime.Module, task runtime.Task, stop <-chan struct{}) (*runtime.Result, error) {
	after := scheduler.CheckpointAfter
	memory, err := c.resume(ctx, &task)
	if err != nil {
		return nil, err
	}
	if memory != nil {
		defer memory.Close()
		after = c.every
	}
	c.begun = time.Now()
	task.Captures = &runtime.Captures{
		Pace: checkpoint.Pace{Interval: c.every, Max: max(c.every, maxPace)}, After: after, Take: c.take, Stop: stop,
	}
	r, err := e.Run(ctx, m, task)
	if task.From != nil && errors.Is(err, runtime.ErrSaved) {
		c.unusable[c.from] = true
	}
	if r != nil {
		r.Wall += c.before
	}
	return r, err
}

// givenBack is the outcome of an attempt that was suspended for another to go on with.
func givenBack(s *scheduler.Start, r *runtime.Result) wire.Outcome {
	return wire.Outcome{
		Status: wire.Failed, Reason: wire.ReasonNodeLost, Fault: wire.FaultDrain, Message: "suspended, to go on from its last checkpoint",
		Started: true, FuelUsed: r.FuelUsed, FuelLimit: s.Spec.Limits.Fuel, MemoryPeakBytes: r.MemoryPeakBytes, Wall: r.Wall,
	}
}
