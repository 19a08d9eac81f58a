package placement

import (
	"fmt"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Options choose a policy by the names of the configuration.
type Options struct {
	// Algorithm is how a node is selected. Default: the weighted score, or what
	// the Strategy means.
	Algorithm Algorithm
	// Strategy is how load is balanced: among the nodes that are capable.
	// Default LeastLoaded.
	Strategy Strategy
	// LoadMetric is what LeastLoaded compares. Default TaskCount.
	LoadMetric LoadMetric
	// PreferLocal puts this node before all others if it fits, unless the request
	// wishes otherwise.
	PreferLocal bool
	// MaxLatency keeps out nodes whose measured round trip is longer. Default 0,
	// no bound.
	MaxLatency time.Duration
}

// Algorithm is how a node is selected.
type Algorithm string

// The algorithms.
const (
	RoundRobin       Algorithm = "round-robin"       // who was chosen least recently
	CapabilityBased  Algorithm = "capability-based"  // who is capable, by the strategy
	PerformanceAware Algorithm = "performance-aware" // who did well, and is quick
)

// Strategy is how load is balanced.
type Strategy string

// The strategies.
const (
	LeastLoaded Strategy = "least-loaded"
	Random      Strategy = "random"
	Performance Strategy = "performance"
)

// LoadMetric is what a node's load is.
type LoadMetric string

// The load metrics.
const (
	TaskCount   LoadMetric = "task-count"
	CPUUsage    LoadMetric = "cpu-usage"
	MemoryUsage LoadMetric = "memory-usage"
)

// minTrust keeps out nodes trusted less, with every policy.
const minTrust = 0.3

// Validate reports the first value that no policy has.
func (o Options) Validate() error {
	switch o.Algorithm {
	case "", RoundRobin, CapabilityBased, PerformanceAware:
	default:
		return fmt.Errorf("selection algorithm %q: want round-robin, capability-based or performance-aware", o.Algorithm)
	}
	switch o.Strategy {
	case "", LeastLoaded, Random, Performance:
	default:
		return fmt.Errorf("strategy %q: want least-loaded, random or performance", o.Strategy)
	}
	switch o.LoadMetric {
	case "", TaskCount, CPUUsage, MemoryUsage:
	default:
		return fmt.Errorf("load metric %q: want task-count, cpu-usage or memory-usage", o.LoadMetric)
	}
	if o.MaxLatency < 0 {
		return fmt.Errorf("latency of %v: negative", o.MaxLatency)
	}
	return nil
}

// New makes the policy of the options. Its error is theirs.
func New(o Options) (Policy, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Algorithm == "" && o.Strategy == "" {
		w := Default()
		w.MaxLatency = o.MaxLatency
		if o.PreferLocal {
			w.Local = localWeight
		}
		return w, nil
	}
	return &single{o, Default()}, nil
}

// localWeight is that of being this node, where local nodes are preferred: more
// than all that counts for every task, less than a node that a request prefers.
const localWeight = 1.1

// single is a policy of one term, the name of which is the algorithm's.
type single struct {
	o      Options
	wishes *Weighted // for the weights of what a request asks for
}

// tie is the weight of what decides between equals.
const tie = 0.001

// Judge implements Policy.
func (p *single) Judge(c *Candidate, r *Request) {
	if c.Refuse(checkAll(r, c.Node, minTrust, p.o.MaxLatency)); c.Out == "" {
		p.score(c, r)
	}
}

func (p *single) score(c *Candidate, r *Request) {
	name, value := p.term(r, c.Node)
	c.Add(name, value, 1)
	c.Add("spread", spread(r.Task, c.Node.ID), tie)
	if p.o.PreferLocal {
		c.Add("local", indicator(c.Node.Self), localWeight)
	}
	wishes(c, r, p.wishes)
}

func (p *single) term(r *Request, n *Node) (name string, value float64) {
	switch {
	case p.o.Algorithm == RoundRobin:
		return "turn", 1 / (1 + float64(n.Turn))
	case p.o.Algorithm == PerformanceAware || p.o.Strategy == Performance:
		return "performance", performance(n)
	case p.o.Strategy == Random:
		return "random", spread(r.Task, n.ID)
	}
	return "load", 1 - load(n, p.o.LoadMetric)
}

// load is from 0, nothing runs, to 1.
func load(n *Node, metric LoadMetric) float64 {
	used := func(free, total float64) float64 {
		if total == 0 {
			return 0
		}
		return 1 - min(1, free/total)
	}
	switch metric {
	case CPUUsage:
		return used(float64(n.Free.CPU), float64(n.Vector.Total.CPU))
	case MemoryUsage:
		return used(float64(n.Free.Memory), float64(n.Vector.Total.Memory))
	}
	return 1 - 1/(1+float64(n.Tasks))
}

// performance is health times speed. Speed is 1 for a task that takes no time,
// and half of that for one that takes referenceTime; a node never tried counts as
// fast, or it would never be tried.
func performance(n *Node) float64 {
	expected := float64(n.Health.AvgCompletion)*(1+float64(n.Tasks)) + float64(n.RTT)
	health := n.Health.SuccessRate / (1 + float64(n.Health.ConsecutiveFailures))
	return health / (1 + expected/float64(referenceTime))
}

const referenceTime = 10 * time.Second

// checkAll is Check, and the gates of these policies: trust and latency, which do
// not hold for the node itself. A refusal for good goes before one that may pass.
func checkAll(r *Request, n *Node, leastTrust float64, mostLatency time.Duration) (out wire.Refusal, never bool) {
	out, never = Check(r, n)
	switch {
	case never || n.Self:
		return out, never
	case n.Trust < leastTrust:
		return wire.RefusedTrust, true
	case out == "" && mostLatency > 0 && n.RTT > mostLatency:
		return wire.RefusedLatency, false
	}
	return out, never
}
