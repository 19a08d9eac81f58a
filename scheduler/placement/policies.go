package placement

import (
	"cmp"
	"fmt"
	"math"
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
	// MinTrust keeps out nodes trusted less. Default 0.3.
	MinTrust float64
	// Weights, LatencyWeights and ThroughputWeights change weights of the score for
	// tasks of each class; the names are those in [Weights], in lower case.
	Weights, LatencyWeights, ThroughputWeights map[string]float64
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

// minTrust is the default of Options.MinTrust.
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
	if o.MaxLatency < 0 || !(o.MinTrust >= 0 && o.MinTrust <= 1) {
		return fmt.Errorf("latency of %v, trust of %v: negative, or trust above 1", o.MaxLatency, o.MinTrust)
	}
	for _, values := range []map[string]float64{o.Weights, o.LatencyWeights, o.ThroughputWeights} {
		if err := new(Weights).Set(values); err != nil {
			return err
		}
	}
	return nil
}

// New makes the policy of the options. Its error is theirs.
func New(o Options) (Policy, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	w := Default()
	w.MaxLatency, w.MinTrust = o.MaxLatency, cmp.Or(o.MinTrust, minTrust)
	for class, values := range map[*Weights]map[string]float64{
		&w.Default: o.Weights, &w.Latency: o.LatencyWeights, &w.Throughput: o.ThroughputWeights,
	} {
		if o.PreferLocal {
			class.Local = localWeight
		}
		if err := class.Set(values); err != nil {
			return nil, err
		}
	}
	if o.Algorithm == "" && o.Strategy == "" {
		return w, nil
	}
	return &single{Weighted: w, o: o}, nil
}

// localWeight is that of being this node, where local nodes are preferred: more
// than all that counts for every task, less than a node that a request prefers.
const localWeight = 1.1

// single is a policy of one term, the name of which is the algorithm's. The gates,
// and the weights of what a request wishes for, are those of Weighted.
type single struct {
	*Weighted
	o Options
}

// tie is the weight of what decides between equals.
const tie = 0.001

// Judge implements Policy.
func (p *single) Judge(c *Candidate, r *Request) {
	if c.Refuse(checkAll(r, c.Node, p)); c.Out == "" {
		score(c, r, p)
	}
}

func (p *single) fixed(n *Node, class wire.Class) fixedTerms {
	name, value := p.term(n)
	weight := 1.0
	if p.random() {
		weight = 0
	}
	return fixedTerms{{name, value, weight}, {"local", indicator(n.Self), p.weights(class).Local}}
}

func (p *single) spread(wire.Class) (name string, weight float64, counts bool) {
	if p.random() {
		return "random", 1, true
	}
	return "spread", tie, true
}

func (p *single) factor(*Node) float64 { return 1 }

func (p *single) performs() bool {
	return p.o.Algorithm == PerformanceAware || p.o.Strategy == Performance
}

func (p *single) random() bool {
	return p.o.Algorithm != RoundRobin && !p.performs() && p.o.Strategy == Random
}

func (p *single) term(n *Node) (name string, value float64) {
	switch {
	case p.o.Algorithm == RoundRobin:
		return "turn", 1 / (1 + float64(n.Turn))
	case p.performs():
		return "performance", performance(n)
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

// performance is reliability times speed; a node never tried counts as fast, or it
// would never be tried.
func performance(n *Node) float64 {
	expected := min(float64(n.Health.AvgCompletion)*(1+float64(n.Tasks)), math.MaxInt64/4)
	return reliability(&n.Health) * quickness(time.Duration(expected)+min(n.RTT, time.Hour), referenceTime)
}

// referenceTime is the time of a task that counts half.
const referenceTime = 10 * time.Second

// checkAll is Check, and the gate of a policy. A refusal for good goes before one
// that may pass.
func checkAll(r *Request, n *Node, p linear) (out wire.Refusal, never bool) {
	if out, never = Check(r, n); never {
		return out, true
	}
	if gate := p.gate(n); gate != "" {
		return gate, true
	}
	return out, never
}
