package placement

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Request is what a task wants of the node that runs it.
type Request struct {
	Task wire.TaskID
	// Needs is Spec.Needs.
	Needs     wire.Profile
	Hints     *wire.Hints // nil is none
	Placement wire.Placement
	Class     wire.Class
	// MaxCost as in wire.Spec; Fuel is the task's limit, 0 if there is none.
	MaxCost, Fuel uint64
	// Beside is the node where the task of Hints.Colocate runs or ran, if known;
	// MustBeside that of Hints.Require.Colocate. MayCome tells of the latter that it
	// is not known yet.
	Beside, MustBeside wire.NodeID
	MayCome            bool
}

// Node is a node as the one that places sees it.
type Node struct {
	ID   wire.NodeID
	Self bool
	// Vector is what it last said of itself.
	Vector *wire.Vector
	// Free is what is left of it to the best of what is known: what it said, less
	// what was asked of it since.
	Free wire.Capacity
	// Tasks are those that run there, as far as known.
	Tasks int
	// Out is why it is out of the question whatever the request; empty if not.
	Out wire.Refusal
	// Distrusts tells that it takes nothing from who places.
	Distrusts bool
	// Trust from 0 to 1; RTT is zero if not measured.
	Trust float64
	RTT   time.Duration
	// Health is what was seen of it.
	Health Health
	// Turn counts choices when this node was last chosen; 0 is never.
	Turn uint64
	// Offered tells that Held and Start are what the node has said for this very
	// request. Without, Vector.Blobs tells what it holds.
	Offered bool
	// Held is how many bytes it holds of what Hints want near, wished or required;
	// Start is how long a task would wait there.
	Held  uint64
	Start time.Duration
}

// Health is what was seen of a node's work.
type Health struct {
	// SuccessRate of late from 0 to 1; of a node never tried it is 1.
	SuccessRate float64
	// AvgCompletion of its tasks; zero if there were none.
	AvgCompletion time.Duration
	// ConsecutiveFailures since the last success.
	ConsecutiveFailures int
	LastSeen            time.Time
}

// Candidate is a node with its score, or why it has none.
type Candidate struct {
	Node *Node
	// Out is why it cannot have the task; empty if it can.
	Out wire.Refusal
	// Never tells that it would be out even with nothing else running.
	Never bool
	// Score from 0 to 1; higher is better. It is the sum of what the Terms add,
	// times Factor.
	Score float64
	Terms []Term
	// Factor from 0 to 1 is how reliable the node was of late.
	Factor float64
}

// Term is a part of a score: value times weight. The weights of a score sum to 1.
type Term struct {
	Name          string
	Value, Weight float64
}

// Policy says what nodes are worth for tasks.
type Policy interface {
	// Judge calls Refuse, or Add and Scale, of a candidate that has a node and
	// nothing else. It keeps nothing of its arguments, and says the same of the same.
	Judge(c *Candidate, r *Request)
}

// Refuse puts the node out of the question, if out is not empty, and for good if
// never.
func (c *Candidate) Refuse(out wire.Refusal, never bool) { c.Out, c.Never = out, never }

// Add adds a term to the score: a value from 0 to 1 and its weight up to a million, in
// proportion to the other terms'. What is beyond these bounds counts as the nearest
// that is not, and no number as 0. A term without weight is left out.
func (c *Candidate) Add(name string, value, weight float64) {
	c.Terms = term(c.Terms, name, unit(value), min(weight, maxWeight))
}

// Scale multiplies the score by a factor from 0 to 1, bounded like a term's value.
func (c *Candidate) Scale(factor float64) { c.Factor *= unit(factor) }

// unit is the number from 0 to 1 that is nearest to x; 0 if x is no number.
func unit(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	return min(x, 1)
}

// settle makes the weights sum to 1, and the score of the terms.
func (c *Candidate) settle() {
	total := 0.0
	for i := range c.Terms {
		total += c.Terms[i].Weight
	}
	c.Score = settled(add(0, c.Terms), total, c.Factor)
	for i := range c.Terms {
		c.Terms[i].Weight /= max(total, least)
	}
}

// least keeps weights that are all 0 from being divided by.
const least = 1e-9

// settled is the score that a sum makes.
func settled(sum, total, factor float64) float64 { return sum / max(total, least) * factor }

// Check is why a node cannot have a task, or empty, and whether that is for
// good. All policies share it: it leaves them only what is a matter of taste.
func Check(r *Request, n *Node) (out wire.Refusal, never bool) {
	switch {
	case r.Placement == wire.PlaceLocal && !n.Self:
		return wire.RefusedLocal, true
	case tooExpensive(r, n.Vector.Cost):
		return wire.RefusedCost, true
	}
	if r.Hints != nil {
		if out, never = checkRequired(r, n); out != "" {
			return out, never
		}
	}
	if short := n.Vector.Total.ShortageOfAll(r.Needs); short != "" {
		return short, true
	}
	if n.Distrusts {
		return wire.RefusedStranger, true
	}
	if n.Out != "" {
		return n.Out, false
	}
	return n.Free.Shortage(r.Needs), false
}

// checkRequired is what a node lacks of what a request requires.
func checkRequired(r *Request, n *Node) (out wire.Refusal, never bool) {
	h := &r.Hints.Require
	switch {
	case slices.Contains(h.Avoid, n.ID):
		return wire.RefusedAvoid, true
	case len(h.Prefer) > 0 && !slices.Contains(h.Prefer, n.ID):
		return wire.RefusedPrefer, true
	case h.Region != "" && n.Vector.Region != h.Region:
		return wire.RefusedRegion, true
	case slices.ContainsFunc(h.Labels, func(l string) bool { return !hasLabel(n.Vector, l) }):
		return wire.RefusedLabel, true
	case len(h.Near) > 0 && !holdsAll(n, h):
		return wire.RefusedNear, true
	case !h.Colocate.IsZero() && r.MustBeside != n.ID:
		return wire.RefusedColocate, !r.MayCome
	}
	return "", false
}

// tooExpensive compares the cost of all the fuel that a task may use; without a
// limit there is no telling.
func tooExpensive(r *Request, cost uint64) bool {
	if r.MaxCost == 0 || cost == 0 {
		return false
	}
	hi, lo := bits.Mul64(cost, (r.Fuel+999)/1000)
	return r.Fuel == 0 || hi > 0 || lo > r.MaxCost
}

// Summary says in a sentence how many nodes can have the task, and why the
// others cannot: the refusals, most frequent first.
func Summary(candidates []Candidate) string {
	fit, counts := 0, make(map[string]int)
	for _, c := range candidates {
		if c.Out == "" {
			fit++
		} else {
			counts[c.Out.String()]++
		}
	}
	if len(candidates) == 0 {
		return "no node is known"
	}
	var parts []string
	if fit > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d nodes fit", fit, len(candidates)))
	}
	for _, reason := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		of := ""
		if len(parts) == 0 {
			of = fmt.Sprintf(" of %d nodes", len(candidates))
		}
		parts = append(parts, fmt.Sprintf("%d%s: %s", counts[reason], of, reason))
	}
	return strings.Join(parts, "; ")
}
