package placement

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Weighted is the default policy: trust is a gate and then, with what is free,
// how many tasks wait or run, and a spread by hash, a term of the score. What a
// request wishes for adds terms of its own. The score is the weighted mean, times
// the node's reliability, so it stays between 0 and 1.
type Weighted struct {
	// MinTrust keeps out nodes trusted less.
	MinTrust float64
	// Default, Latency and Throughput are the weights for tasks of each class.
	Default, Latency, Throughput Weights
	// MaxLatency keeps out nodes whose measured round trip is longer; 0 is no bound.
	MaxLatency time.Duration
	// NoSpread makes the spread count nothing for every node.
	NoSpread bool
}

// Default is the policy with the weights of the documents.
func Default() *Weighted {
	return &Weighted{
		MinTrust: minTrust,
		Default:  defaultWeights(wire.ClassDefault), Latency: defaultWeights(wire.ClassLatency),
		Throughput: defaultWeights(wire.ClassThroughput),
	}
}

// Judge implements Policy.
func (w *Weighted) Judge(c *Candidate, r *Request) {
	if c.Refuse(checkAll(r, c.Node, w)); c.Out == "" {
		score(c, r, w)
	}
}

func (w *Weighted) weights(class wire.Class) *Weights {
	switch class {
	case wire.ClassLatency:
		return &w.Latency
	case wire.ClassThroughput:
		return &w.Throughput
	}
	return &w.Default
}

func (w *Weighted) gate(n *Node) wire.Refusal {
	switch {
	case n.Self:
		return ""
	case n.Trust < w.MinTrust:
		return wire.RefusedTrust
	case w.MaxLatency > 0 && n.RTT > w.MaxLatency:
		return wire.RefusedLatency
	}
	return ""
}

func (w *Weighted) fixed(n *Node, class wire.Class) fixedTerms {
	k := w.weights(class)
	return fixedTerms{
		{"trust", n.Trust, k.Trust},
		{"capacity", n.Free.Ratio(n.Vector.Total), k.Capacity},
		{"queue", queue(n), k.Queue},
		{"rtt", nearness(n), k.RTT},
		{"local", indicator(n.Self), k.Local},
	}
}

func (w *Weighted) spread(class wire.Class) (name string, weight float64, counts bool) {
	return "spread", w.weights(class).Spread, !w.NoSpread
}

func (w *Weighted) factor(n *Node) float64 { return reliability(&n.Health) }

// queueFull is the number of tasks at which a queue counts as long.
const queueFull = 10

// queue is 1 where nothing runs or waits, and less the longer a task would wait if
// the node has said so.
func queue(n *Node) float64 {
	return (1 - min(float64(n.Tasks)/queueFull, 1)) * quickness(n.Start, referenceTime)
}

// referenceRTT is the round trip that counts half.
const referenceRTT = 20 * time.Millisecond

// nearness is 1 for the node itself, and half for one whose round trip was not
// measured yet.
func nearness(n *Node) float64 {
	switch {
	case n.Self:
		return 1
	case n.RTT <= 0:
		return 0.5
	}
	return quickness(n.RTT, referenceRTT)
}

// quickness is 1 for no time, and half for a reference time.
func quickness(t, reference time.Duration) float64 {
	return float64(reference) / (float64(reference) + float64(max(t, 0)))
}

// reliability is what a node's score is multiplied by: 1 for one that has not
// failed, or was never tried.
func reliability(h *Health) float64 {
	return h.SuccessRate / float64(1+h.ConsecutiveFailures)
}

func indicator(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
