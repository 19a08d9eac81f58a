package scheduler_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// crowd is many submitters that know the same of the same executors, and each have
// one task at the same moment.
type crowd struct {
	now        time.Time
	submitters map[wire.NodeID]*scheduler.Submitter
	executors  map[wire.NodeID]*scheduler.Executor
	order      []wire.NodeID // submitters
	queue      []delivery
	// refusals were sent; most is the most Reserves for one node in the
	// first round.
	refusals, most int
	runs           map[wire.NodeID]int
}

func crowdKey(i int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(i+1))
	return ed25519.NewKeyFromSeed(seed)
}

// newCrowd makes executors that have room for each tasks, of which some have begun
// to fill up: so there is a best one.
func newCrowd(submitters, executors, each int, policy placement.Policy) *crowd {
	c := &crowd{
		now: time.Unix(1_700_000_000, 0), submitters: make(map[wire.NodeID]*scheduler.Submitter),
		executors: make(map[wire.NodeID]*scheduler.Executor), runs: make(map[wire.NodeID]int),
	}
	total := wire.Capacity{CPU: uint32(1000 * each), Memory: uint64(each) << 30}
	var vectors []wire.Vector
	for i := range executors {
		key := crowdKey(1000 + i)
		id := nodeOf(key)
		e := must(scheduler.NewExecutor(scheduler.ExecutorConfig{Key: key, Capacity: total}))
		c.executors[id] = e
		for j := range i % each {
			ref := wire.Ref{Task: wire.TaskID{byte(j + 1)}, Attempt: 1}
			e.Step(c.now, scheduler.Received{From: id, Message: wire.Assign{Ref: ref, Spec: oneCore(id)}})
		}
		vectors = append(vectors, wire.Vector{Node: id, Started: 1, Seq: 1, Total: total, Free: e.Free(), Running: uint32(e.Runs())})
	}
	for i := range submitters {
		id := nodeOf(crowdKey(i))
		s := must(scheduler.NewSubmitter(scheduler.SubmitterConfig{Self: id, Policy: policy}))
		for _, v := range vectors {
			must(s.Step(c.now, scheduler.Learned{Vector: v}))
		}
		c.submitters[id], c.order = s, append(c.order, id)
	}
	return c
}

func oneCore(submitter wire.NodeID) wire.Spec {
	return wire.Spec{
		Submitter: submitter, Module: testModule, Placement: wire.PlaceDirect, Priority: wire.PriorityNormal,
		Profile: wire.Profile{CPU: 1000, Memory: 1 << 30},
	}
}

func (c *crowd) carry(from wire.NodeID, r scheduler.Ready) {
	for _, m := range r.Messages {
		c.queue = append(c.queue, delivery{from, m.To, m.Message})
	}
	for _, e := range r.Effects {
		if _, ok := e.(scheduler.Start); ok {
			c.runs[from]++
		}
	}
}

// submit has everybody submit, before any message arrives.
func (c *crowd) submit(round uint64) {
	for i, id := range c.order {
		var random [10]byte
		binary.BigEndian.PutUint64(random[:], round<<32|uint64(i))
		binary.BigEndian.PutUint16(random[8:], uint16(i*40503)) // as random ids would differ
		r := must(c.submitters[id].Step(c.now, scheduler.Submit{ID: wire.NewTaskID(c.now, random), Spec: oneCore(id)}))
		c.carry(id, r)
	}
	first := make(map[wire.NodeID]int)
	for _, d := range c.queue {
		first[d.to]++
		c.most = max(c.most, first[d.to])
	}
}

// settle delivers messages until there are none.
func (c *crowd) settle() {
	for range 200 {
		for len(c.queue) > 0 {
			d := c.queue[0]
			c.queue = c.queue[1:]
			ev := scheduler.Received{From: d.from, Message: d.m}
			switch d.m.(type) {
			case wire.Refused:
				c.refusals++
			}
			if e := c.executors[d.to]; e != nil {
				c.carry(d.to, e.Step(c.now, ev))
			} else {
				c.carry(d.to, must(c.submitters[d.to].Step(c.now, ev)))
			}
		}
		c.now = c.now.Add(5 * time.Millisecond)
		for _, id := range c.order {
			c.carry(id, must(c.submitters[id].Step(c.now, scheduler.Tick{})))
		}
	}
}

func (c *crowd) running() (n int) {
	for _, runs := range c.runs {
		n += runs
	}
	return n
}

// sameForAll ranks nodes by their ids: everybody finds the same one best.
type sameForAll struct{}

func (sameForAll) Judge(c *placement.Candidate, r *placement.Request) {
	if c.Refuse(placement.Check(r, c.Node)); c.Out == "" {
		c.Add("id", float64(c.Node.ID[len(c.Node.ID)-1])/1e4, 1)
	}
}

var herdPolicies = []struct {
	name   string
	policy placement.Policy
	// most refusals for each task, on average
	refusals float64
}{
	{"default", placement.Default(), 1.3},
	{"same for all", sameForAll{}, 1.8},
}

// A crowd of 40 that know the same of 20 nodes with room for 50 tasks, and submit at
// once: everybody's task runs, after few refusals, even if all begin at one node.
func TestHerd(t *testing.T) {
	for _, p := range herdPolicies {
		refusals := 0
		const times = 5
		for i := range uint64(times) {
			c := newCrowd(40, 20, 4, p.policy)
			c.submit(i)
			c.settle()
			if got := c.running(); got != 40 {
				t.Errorf("%s: %d of 40 tasks run", p.name, got)
			}
			refusals += c.refusals
		}
		if mean := float64(refusals) / (40 * times); mean > p.refusals {
			t.Errorf("%s: %.2f refusals for each task, more than %v", p.name, mean, p.refusals)
		}
	}
}

// What such a crowd costs: refusals for each task, and how many come first to the
// node that most come to.
func BenchmarkHerd(b *testing.B) {
	for _, p := range herdPolicies {
		b.Run(p.name, func(b *testing.B) {
			var refusals, most, n float64
			for b.Loop() {
				c := newCrowd(40, 20, 4, p.policy)
				c.submit(uint64(n))
				c.settle()
				refusals += float64(c.refusals) / 40
				most += float64(c.most)
				n++
			}
			b.ReportMetric(refusals/n, "refusals/task")
			b.ReportMetric(most/n, "most")
		})
	}
}
