package schedtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Quality compares how long tasks took with what they would have taken alone: the mean
// of slowdowns, (end - submission) / duration.
type Quality struct {
	// Mesh is that of a mesh of submitters and executors, each of which knows what it
	// was told, on a network with delays.
	Mesh float64
	// AllKnowing is that of one scheduler for all, that knows what is free everywhere
	// at every moment, and takes no time: a queue, from which whatever fits anywhere
	// starts.
	AllKnowing float64
	// Random is that of one that gives each task to any node with enough in all, where
	// it waits until there is room.
	Random float64
}

// Workload is a mix of small and large, short and long tasks on unequal nodes.
type Workload struct {
	Seed uint64
	// Nodes and Tasks are how many of each.
	Nodes, Tasks int
	// Load is what part of all cores the tasks would use on average, from 0 to 1.
	Load float64
	// Policy and Placement as in Config.
	Policy    placement.Policy
	Placement wire.Placement
}

// job is a task of a workload.
type job struct {
	at, took time.Duration
	needs    wire.Profile
	from     int // the submitting node
}

// MeasureQuality runs a workload in all three ways. Nothing goes wrong in any.
func MeasureQuality(l Workload) (Quality, error) {
	rng := rand.New(rand.NewPCG(l.Seed, 0x9a117))
	capacity := l.capacities(rng)
	jobs := l.jobs(rng, capacity)
	mesh, err := l.mesh(capacity, jobs)
	if err != nil {
		return Quality{}, err
	}
	return Quality{mesh, allKnowing(capacity, jobs), random(rng, capacity, jobs)}, nil
}

// capacities are 2 to 16 cores with 4 GiB each, and a GPU or two on every fifth node.
func (l *Workload) capacities(rng *rand.Rand) (list []wire.Capacity) {
	for i := range l.Nodes {
		cores := uint32(2) << rng.IntN(4)
		c := wire.Capacity{CPU: cores * 1000, Memory: uint64(cores) * 4 << 30}
		for g := range (1 + rng.IntN(2)) * (1 - min(i%5, 1)) {
			c.GPUs = append(c.GPUs, wire.GPUDevice{ID: fmt.Sprint(g), Memory: 24 << 30, Capability: "sm_80"})
		}
		list = append(list, c)
	}
	return list
}

// jobs come at random moments (a Poisson process).
func (l *Workload) jobs(rng *rand.Rand, capacity []wire.Capacity) []job {
	list := make([]job, l.Tasks)
	work, cores := 0.0, 0.0
	for i := range list {
		j := &list[i]
		j.took, j.from = duration(rng), rng.IntN(l.Nodes)
		j.needs = wire.Profile{CPU: uint32(250) << rng.IntN(4), Memory: uint64(256<<20) << rng.IntN(5)}
		if rng.IntN(20) == 0 {
			j.needs.GPU = &wire.GPUSpec{Required: true, Count: 1}
		}
		work += j.took.Seconds() * float64(j.needs.CPU)
	}
	for _, c := range capacity {
		cores += float64(c.CPU)
	}
	between, at := work/float64(l.Tasks)/(cores*l.Load), 0.0
	for i := range list {
		at += rng.ExpFloat64() * between
		list[i].at = settled + time.Duration(at*float64(time.Second))
	}
	return list
}

// settled is when the first job comes: nodes know each other by then.
const settled = 10 * time.Second

// duration is up to a second or two for most, up to a minute for few.
func duration(rng *rand.Rand) time.Duration {
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(rng.Int64N(int64(b-a))) }
	switch rng.IntN(10) {
	case 0:
		return between(10*time.Second, time.Minute)
	case 1, 2, 3:
		return between(2*time.Second, 10*time.Second)
	}
	return between(200*time.Millisecond, 2*time.Second)
}

// mesh is the mean slowdown of the jobs in a simulated mesh.
func (l *Workload) mesh(capacity []wire.Capacity, jobs []job) (float64, error) {
	last := jobs[len(jobs)-1].at
	cfg := Config{
		Seed: l.Seed, Nodes: l.Nodes, Calm: true, Policy: l.Policy, Placement: l.Placement,
		Faults: last + time.Second, Settle: time.Hour, Capacity: func(i int) wire.Capacity { return capacity[i] },
	}.withDefaults()
	w, err := newWorld(cfg)
	if err != nil {
		return 0, err
	}
	w.cfg.Tasks = 0
	which := make(map[wire.TaskID]*job)
	w.took = func(id wire.TaskID) time.Duration { return which[id].took }
	for i := range jobs {
		j := &jobs[i]
		w.after(j.at, func() {
			id := w.newID()
			which[id] = j
			spec := wire.Spec{Submitter: w.nodes[j.from].id, Module: module, Placement: cfg.Placement, Priority: wire.PriorityNormal, Profile: j.needs}
			spec.Profile.Duration = j.took
			w.nodes[j.from].submit(id, spec)
		})
	}
	if _, err := runWorld(w); err != nil {
		return 0, err
	}
	sum := 0.0
	for id, a := range w.check.tasks {
		j := which[id]
		sum += (a.endedAt.Sub(start) - j.at).Seconds() / j.took.Seconds()
	}
	return sum / float64(len(jobs)), nil
}

// server is a node in a model without a network.
type server struct {
	cpu, memory uint64
	gpus        int
	total       *wire.Capacity
}

func newServers(capacity []wire.Capacity) []*server {
	var list []*server
	for i := range capacity {
		c := &capacity[i]
		list = append(list, &server{uint64(c.CPU), c.Memory, len(c.GPUs), c})
	}
	return list
}

func (s *server) fits(j *job) bool {
	return s.cpu >= uint64(j.needs.CPU) && s.memory >= j.needs.Memory && s.gpus >= gpus(j)
}

func (s *server) could(j *job) bool { return s.total.ShortageOfAll(j.needs) == "" }

func gpus(j *job) int {
	if j.needs.GPU == nil {
		return 0
	}
	return int(j.needs.GPU.Count)
}

// take gives room to a job, or takes it back with sign -1.
func (s *server) take(j *job, sign int) {
	s.cpu -= uint64(sign * int(j.needs.CPU))
	s.memory -= uint64(sign) * j.needs.Memory
	s.gpus -= sign * gpus(j)
}

// allKnowing is the mean slowdown of one queue for all servers.
func allKnowing(capacity []wire.Capacity, jobs []job) float64 {
	servers := newServers(capacity)
	return serve(jobs, func(j *job) *server { return tightest(servers, j) })
}

// tightest is the server with room that has least besides, those with GPUs last.
func tightest(servers []*server, j *job) (best *server) {
	for _, s := range servers {
		if !s.fits(j) {
			continue
		}
		if best == nil || s.gpus < best.gpus || s.gpus == best.gpus && s.cpu < best.cpu {
			best = s
		}
	}
	return best
}

// random is the mean slowdown if each job waits for a server that was drawn for it.
func random(rng *rand.Rand, capacity []wire.Capacity, jobs []job) float64 {
	servers := newServers(capacity)
	drawn := make(map[*job]*server)
	return serve(jobs, func(j *job) *server {
		if drawn[j] == nil {
			able := slices.DeleteFunc(slices.Clone(servers), func(s *server) bool { return !s.could(j) })
			drawn[j] = able[rng.IntN(len(able))]
		}
		if s := drawn[j]; s.fits(j) {
			return s
		}
		return nil
	})
}

// serve lets jobs wait in one line, from which each starts as soon as place finds a
// server for it. It returns their mean slowdown.
func serve(jobs []job, place func(*job) *server) float64 {
	type running struct {
		job *job
		on  *server
		end time.Duration
	}
	var line []*job
	var run []running // by end
	sum, next := 0.0, 0
	for next < len(jobs) || len(run) > 0 {
		var now time.Duration
		if len(run) > 0 && (next == len(jobs) || run[0].end <= jobs[next].at) {
			now = run[0].end
			run[0].on.take(run[0].job, -1)
			run = run[1:]
		} else {
			now = jobs[next].at
			line = append(line, &jobs[next])
			next++
		}
		line = slices.DeleteFunc(line, func(j *job) bool {
			s := place(j)
			if s == nil {
				return false
			}
			s.take(j, 1)
			r := running{j, s, now + j.took}
			i, _ := slices.BinarySearchFunc(run, r, func(a, b running) int { return int(a.end - b.end) })
			run = slices.Insert(run, i, r)
			sum += (r.end - j.at).Seconds() / j.took.Seconds()
			return true
		})
	}
	return sum / float64(len(jobs))
}
