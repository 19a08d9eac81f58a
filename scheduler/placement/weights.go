package placement

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Weights are what the terms of a score weigh: numbers from 0 up, of which only
// the proportions count. Terms that weigh nothing are left out.
type Weights struct {
	// What counts for every task: how far the node is trusted; the part of its
	// scarcest capacity that is free; how few tasks it has; how short the way to it
	// is; a hash that spreads equal tasks over equal nodes; being this node.
	Trust, Capacity, Queue, RTT, Spread, Local float64
	// What counts if the request wishes for it: to be one of some nodes, or none of
	// some; a region; the part of the labels that it has; the part of the bytes that
	// it holds; to be where another task is; a GPU, where it can do without. Prefer,
	// Avoid and Colocate outweigh the rest: there, if it fits.
	Prefer, Avoid, Region, Label, Near, Colocate, GPU float64
}

// defaultWeights are those of the documents, and what the classes make of them.
func defaultWeights(class wire.Class) Weights {
	w := Weights{Prefer: 2.5, Avoid: 2.5, Region: 0.5, Label: 0.5, Near: 0.5, Colocate: 2.5, GPU: 0.5}
	switch class {
	case wire.ClassLatency:
		w.Trust, w.Capacity, w.Queue, w.RTT, w.Spread = 0.25, 0.1, 0.25, 0.35, 0.05
	case wire.ClassThroughput:
		w.Trust, w.Capacity, w.Queue, w.Spread = 0.2, 0.5, 0.2, 0.1
	default:
		w.Trust, w.Capacity, w.Queue, w.Spread = 0.4, 0.3, 0.2, 0.1
	}
	return w
}

// byName are the weights by the names of their terms.
func (w *Weights) byName() map[string]*float64 {
	return map[string]*float64{
		"trust": &w.Trust, "capacity": &w.Capacity, "queue": &w.Queue, "rtt": &w.RTT, "spread": &w.Spread,
		"local": &w.Local, "prefer": &w.Prefer, "avoid": &w.Avoid, "region": &w.Region, "label": &w.Label,
		"near": &w.Near, "colocate": &w.Colocate, "gpu": &w.GPU,
	}
}

// maxWeight keeps sums of weights far from where floats lose them.
const maxWeight = 1e6

// Set changes the weights that are named.
func (w *Weights) Set(values map[string]float64) error {
	fields := w.byName()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v, field := values[name], fields[name]
		if field == nil {
			return fmt.Errorf("weight %.40q: want one of %s", name, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if !(v >= 0 && v <= maxWeight) || v != 0 && v < 1/maxWeight || math.IsNaN(v) {
			return fmt.Errorf("weight %s of %v: want 0, or from %v to %v", name, v, 1/maxWeight, maxWeight)
		}
		*field = v
	}
	return nil
}
