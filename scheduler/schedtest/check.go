package schedtest

import (
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// checker knows what really happened, and what must follow from it.
type checker struct {
	w     *world
	tasks map[wire.TaskID]*accepted
	open  int // tasks accepted that have not ended
	// stopped are runs that had to stop, by node: no trace of them is kept.
	stopped map[wire.NodeID]map[scheduler.Run]bool
	// outcomes are what runs came to, by node.
	outcomes map[wire.NodeID]map[scheduler.Run]wire.Outcome
	// assigned are the nodes that each attempt was given to by its submitter, and in
	// which of its lives: a crash may make it forget that.
	assigned map[scheduler.Run]map[wire.NodeID]int
}

// accepted is a task that a node has acknowledged.
type accepted struct {
	node  *node
	spec  *wire.Spec
	state scheduler.State
	ended bool
	// endedAt is when somebody was told so.
	endedAt time.Time
}

func (c *checker) init(w *world) {
	c.w, c.tasks = w, make(map[wire.TaskID]*accepted)
	c.outcomes = make(map[wire.NodeID]map[scheduler.Run]wire.Outcome)
	c.stopped = make(map[wire.NodeID]map[scheduler.Run]bool)
	c.assigned = make(map[scheduler.Run]map[wire.NodeID]int)
}

// accepted: the client was told that the task is accepted.
func (c *checker) accepted(n *node, id wire.TaskID, spec *wire.Spec) {
	c.tasks[id] = &accepted{node: n, spec: spec}
	c.open++
	c.w.report.Accepted++
}

// sends: what is accepted is on disk by then, or has ended since.
func (c *checker) sends(n *node, out scheduler.Outgoing) {
	if m, ok := out.Message.(wire.Assign); ok {
		c.assigns(n, scheduler.Run{Submitter: n.id, Ref: m.Ref}, out.To)
	}
	m, ok := out.Message.(wire.Accepted)
	if !ok {
		return
	}
	run := scheduler.Run{Submitter: out.To, Ref: m.Ref}
	if !n.disk.holds("e/run/"+run.Submitter.String()+"/"+run.Ref.String()) && !c.stopped[n.id][run] {
		c.w.violated("%s: accepts %s, which is not on its disk", n.name(), m.Ref)
	}
}

// assigns: an attempt goes to one node alone.
func (c *checker) assigns(n *node, run scheduler.Run, to wire.NodeID) {
	if c.assigned[run] == nil {
		c.assigned[run] = make(map[wire.NodeID]int)
	}
	c.assigned[run][to] = n.life
	for other, life := range c.assigned[run] {
		if other != to && life == n.life {
			c.w.violated("%s: gives %s to a second node", n.name(), run.Ref)
		}
	}
}

// changed: somebody was told of a state.
func (c *checker) changed(n *node, t *scheduler.Task) {
	a := c.tasks[t.ID]
	if a == nil {
		c.w.violated("%s: %s is %s before it was accepted", n.name(), t.ID, t.State)
	}
	if a.ended {
		c.w.violated("%s: %s was %s and is %s", n.name(), t.ID, a.state, t.State)
	}
	a.state = t.State
	c.attempts(n, t)
	if !t.State.Ended() {
		return
	}
	a.ended, a.endedAt = true, c.w.now
	c.open--
	c.w.report.Ends[string(t.State)+" "+string(t.Reason)]++
	c.w.report.Took = c.w.now.Sub(start)
	c.end(n, a, t)
}

// attempts: only the last one may be going on.
func (c *checker) attempts(n *node, t *scheduler.Task) {
	for i, a := range t.Attempts {
		last := i == len(t.Attempts)-1
		if !last && a.Ended.IsZero() || i > 0 && a.Number <= t.Attempts[i-1].Number {
			c.w.violated("%s: %s has attempts %+v", n.name(), t.ID, t.Attempts)
		}
		if last && t.State.Ended() && a.Ended.IsZero() {
			c.w.violated("%s: %s is %s and its attempt goes on: %+v", n.name(), t.ID, t.State, t.Attempts)
		}
	}
}

// end: a result that counts is what the run of the last attempt came to.
func (c *checker) end(n *node, a *accepted, t *scheduler.Task) {
	if t.State == scheduler.Succeeded && t.Result == nil {
		c.w.violated("%s: %s succeeded without a result", n.name(), t.ID)
	}
	if a.spec.Profile.CPU == wire.MaxCPU && t.State == scheduler.Succeeded && len(c.w.liars) == 0 {
		c.w.violated("%s: %s ran on a node that has not what it needs", n.name(), t.ID)
	}
	if t.Reason == wire.ReasonNotPlaced {
		c.notPlaced(n, a, t)
	}
	if t.Result == nil {
		return
	}
	last := t.Attempts[len(t.Attempts)-1]
	if t.Result.Attempt != last.Number || t.Result.Executor != last.Node {
		c.w.violated("%s: %s has a result of attempt %d on %s; the last is %d on %s", n.name(), t.ID,
			t.Result.Attempt, t.Result.Executor, last.Number, last.Node)
	}
	if _, honest := c.w.byID[last.Node].(*node); !honest {
		return
	}
	if long := c.w.computations[scheduler.Kept{Submitter: n.id, Task: t.ID}]; long != nil && long.work > 0 &&
		t.State == scheduler.Succeeded && t.Result.FuelUsed != long.fuel {
		c.w.violated("%s: %s has used %d fuel, when the whole of it takes %d", n.name(), t.ID, t.Result.FuelUsed, long.fuel)
	}
	truth, ok := c.outcomes[last.Node][scheduler.Run{Submitter: n.id, Ref: t.Result.Ref}]
	lost := t.Result.Reason == wire.ReasonNodeLost
	if !lost && (!ok || truth.FuelUsed != t.Result.FuelUsed || truth.Status != t.Result.Status) {
		c.w.violated("%s: %s ended with %+v; the run with %+v, %v", n.name(), t.ID, t.Result.Outcome, truth, ok)
	}
}

// notPlaced: where nothing goes wrong and everyone is known, only what fits nowhere is
// not placed.
func (c *checker) notPlaced(n *node, a *accepted, t *scheduler.Task) {
	for _, other := range c.w.nodes {
		if c.w.cfg.Calm && len(c.w.nodes) <= maxView && other.total.ShortageOfAll(a.spec.Needs()) == "" {
			c.w.violated("%s: %s is not placed, and fits on %s", n.name(), t.ID, other.name())
		}
	}
}

// started: nothing runs but what its submitter gave this node, and what runs at once
// must fit, each device in one run alone.
func (c *checker) started(n *node, e scheduler.Start) {
	if _, honest := c.w.byID[e.Submitter].(*node); honest && c.assigned[e.Run][n.id] == 0 {
		c.w.violated("%s: runs %s, which it was not given", n.name(), e.Ref)
	}
	cpu, memory, devices := uint64(0), uint64(0), make(map[string]bool)
	for _, r := range n.running {
		cpu += uint64(r.Allotment.CPU)
		memory += r.Allotment.Memory
		for _, g := range r.Allotment.GPUs {
			if devices[g.ID] {
				c.w.violated("%s: gpu %s is in two runs", n.name(), g.ID)
			}
			devices[g.ID] = true
		}
	}
	if cpu > uint64(n.total.CPU) || memory > n.total.Memory {
		c.w.violated("%s: %d cpu and %d bytes are in use of %+v", n.name(), cpu, memory, n.total)
	}
	needs := e.Spec.Needs()
	if e.Allotment.CPU < needs.CPU || e.Allotment.Memory < needs.Memory {
		c.w.violated("%s: %s got %+v for %+v", n.name(), e.Ref, e.Allotment, needs)
	}
	if g := needs.GPU; g != nil && g.Required && len(e.Allotment.GPUs) != int(g.Count) {
		c.w.violated("%s: %s got gpus %v for %+v", n.name(), e.Ref, e.Allotment.GPUs, g)
	}
}

func (c *checker) told(n *node, run scheduler.Run) {
	if c.stopped[n.id] == nil {
		c.stopped[n.id] = make(map[scheduler.Run]bool)
	}
	c.stopped[n.id][run] = true
}

func (c *checker) ended(n *node, run scheduler.Run, o wire.Outcome) {
	if c.outcomes[n.id] == nil {
		c.outcomes[n.id] = make(map[scheduler.Run]wire.Outcome)
	}
	c.outcomes[n.id][run] = o
}

// restored: a crash takes nothing that was acknowledged, and no end back.
func (c *checker) restored(n *node) {
	for id, a := range c.tasks {
		if a.node != n {
			continue
		}
		t, ok := n.s.Task(id)
		if !ok {
			c.w.violated("%s has lost %s, which was accepted", n.name(), id)
		}
		if a.ended && t.State != a.state {
			c.w.violated("%s: %s was %s before the crash and is %s", n.name(), id, a.state, t.State)
		}
		if !a.ended && t.State.Ended() { // on disk, and nobody was told yet
			a.ended, a.state = true, t.State
			c.open--
			c.w.report.Ends[string(t.State)+" "+string(t.Reason)]++
		}
	}
	for t := range n.s.Tasks() { // on disk, and the client was not told yet
		if c.tasks[t.ID] == nil {
			c.tasks[t.ID] = &accepted{node: n, spec: t.Spec, state: t.State, ended: t.State.Ended()}
			c.w.report.Accepted++
			if !t.State.Ended() {
				c.open++
			}
		}
	}
}

// always is checked after every event.
func (c *checker) always() {
	checked := c.w.touched
	if c.w.report.Events%1000 == 0 { // those whom nothing happens to, too
		checked = c.w.nodes
	}
	for _, n := range checked {
		if !n.up {
			continue
		}
		if len(n.running) > n.e.Runs() {
			c.w.violated("%s: %d runs, of which the core knows %d", n.name(), len(n.running), n.e.Runs())
		}
		c.ledger(n)
		late := c.w.now.Add(-time.Second)
		if at := n.s.Deadline(); n.booted.Before(late) && n.pausedUntil.Before(late) && !at.IsZero() && at.Before(late.Add(n.skew)) {
			c.w.violated("%s: was due at %v and is not served", n.name(), at)
		}
	}
}

// ledger: what is free and what is in use are no more than there is.
func (c *checker) ledger(n *node) {
	cpu, memory := uint64(0), uint64(0)
	for _, r := range n.running {
		cpu += uint64(r.Allotment.CPU)
		memory += r.Allotment.Memory
	}
	free := n.e.Free()
	if cpu+uint64(free.CPU) > uint64(n.total.CPU) || memory+free.Memory > n.total.Memory {
		c.w.violated("%s: %+v free besides %d cpu and %d bytes in use", n.name(), free, cpu, memory)
	}
}

// done tells whether there is nothing left to wait for.
func (c *checker) done() bool {
	if c.open > 0 {
		return false
	}
	for _, n := range c.w.nodes {
		if !n.e.Idle() {
			return false
		}
	}
	return true
}

func (c *checker) atEnd() {
	for id, a := range c.tasks {
		if !a.ended {
			t, _ := a.node.s.Task(id)
			x, _ := a.node.s.Explain(id)
			c.w.violated("%s: %s never ended: %s, attempts %+v, %s", a.node.name(), id, t.State, t.Attempts, x.Summary)
		}
	}
	for _, n := range c.w.nodes {
		free := n.e.Free()
		if !n.e.Idle() || free.CPU != n.total.CPU || free.Memory != n.total.Memory {
			c.w.violated("%s: not idle at the end: %d runs, %+v free of %+v", n.name(), n.e.Runs(), free, n.total)
		}
	}
}
