package placement

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// linear is a policy of this package. Its scores are sums, the first part of which
// no request changes: an [Index] keeps it with the node.
type linear interface {
	Policy
	// gate is why a node is out for every task; it holds for good.
	gate(n *Node) wire.Refusal
	// fixed are the terms that no request changes but by its class.
	fixed(n *Node, class wire.Class) fixedTerms
	// spread is the term by hash; its value is 0 unless it counts.
	spread(class wire.Class) (name string, weight float64, counts bool)
	// factor is what the sum is multiplied by.
	factor(n *Node) float64
	weights(class wire.Class) *Weights
}

// fixedTerms are as many as a policy has at most.
type fixedTerms [5]Term

// add adds terms to a sum, in their order.
func add(sum float64, terms []Term) float64 {
	for i := range terms {
		sum += terms[i].adds()
	}
	return sum
}

// adds is what a term adds to a score. The conversion keeps the compiler from
// fusing it with the addition, so that scores are the same on every architecture.
func (t *Term) adds() float64 { return float64(t.Value * t.Weight) }

// score adds all terms of a policy.
func score(c *Candidate, r *Request, p linear) {
	terms := p.fixed(c.Node, r.Class)
	for _, t := range terms {
		c.Add(t.Name, t.Value, t.Weight)
	}
	name, weight, counts := p.spread(r.Class)
	c.Add(name, spread(mixTask(r.Task), mixNode(c.Node.ID))*indicator(counts), weight)
	c.Terms = wishes(c.Terms, r, c.Node, p.weights(r.Class))
	c.Scale(p.factor(c.Node))
}

// wishes appends the terms of what a request wishes for: the same ones, of the same
// weights, for every node.
func wishes(terms []Term, r *Request, n *Node, w *Weights) []Term {
	if r.Hints != nil {
		terms = wished(terms, &r.Hints.Wishes, n, w)
	}
	if g := r.Needs.GPU; g != nil && (!g.Required || anyGPU(g)) {
		terms = term(terms, "gpu", gpuWorth(&n.Free, g), w.GPU)
	}
	if r.Beside != "" {
		terms = term(terms, "colocate", indicator(r.Beside == n.ID), w.Colocate)
	}
	return terms
}

// anyGPU tells whether a processor that is driven like a GPU would do as well.
func anyGPU(g *wire.GPUSpec) bool {
	return g.Capability == "" || strings.HasPrefix(strings.ToLower(g.Capability), "opencl_")
}

// gpuWorth is 1 where the GPUs are to be had, half if only with processors that are
// driven like GPUs, and 0 if not.
func gpuWorth(free *wire.Capacity, spec *wire.GPUSpec) float64 {
	real, all := uint32(0), uint32(0)
	for i := range free.GPUs {
		g := &free.GPUs[i]
		if !g.Available || !g.Fits(spec) {
			continue
		}
		if all++; !g.Processor {
			real++
		}
	}
	switch {
	case real >= spec.Count:
		return 1
	case all >= spec.Count:
		return 0.5
	}
	return 0
}

func wished(terms []Term, h *wire.Wishes, n *Node, w *Weights) []Term {
	if len(h.Prefer) > 0 {
		terms = term(terms, "prefer", indicator(slices.Contains(h.Prefer, n.ID)), w.Prefer)
	}
	if len(h.Avoid) > 0 {
		terms = term(terms, "avoid", indicator(!slices.Contains(h.Avoid, n.ID)), w.Avoid)
	}
	if h.Region != "" {
		terms = term(terms, "region", indicator(n.Vector.Region == h.Region), w.Region)
	}
	if len(h.Labels) > 0 {
		terms = term(terms, "label", labelled(n.Vector, h.Labels), w.Label)
	}
	if len(h.Near) > 0 {
		terms = term(terms, "near", held(n, h), w.Near)
	}
	return terms
}

func term(terms []Term, name string, value, weight float64) []Term {
	if !(weight > 0) {
		return terms
	}
	return append(terms, Term{name, value, weight})
}

// labelled is the part of some labels that a node has.
func labelled(v *wire.Vector, labels []string) float64 {
	n := 0
	for _, l := range labels {
		n += int(indicator(hasLabel(v, l)))
	}
	return float64(n) / float64(len(labels))
}

func hasLabel(v *wire.Vector, label string) bool {
	key, value, _ := strings.Cut(label, "=")
	return v.HasLabel(key, value)
}

// held is the part of the wanted bytes that a node holds: as it has said for this
// request, or else by the filter over what it has pinned.
func held(n *Node, w *wire.Wishes) float64 {
	total, has := 0.0, 0.0
	unknown := usualSize(w.Sizes)
	for i, l := range w.Near {
		size := sizeOf(w, i, unknown)
		total += size
		if !n.Offered && n.Vector.Blobs.Has(l) {
			has += size
		}
	}
	if n.Offered {
		has = min(float64(n.Held), total)
	}
	return has / total
}

// holdsAll tells the same of all bytes, as far as known.
func holdsAll(n *Node, w *wire.Wishes) bool {
	total := 0.0
	for i, l := range w.Near {
		total += sizeOf(w, i, 1)
		if !n.Offered && !n.Vector.Blobs.Has(l) {
			return false
		}
	}
	return !n.Offered || float64(n.Held) >= total
}

// sizeOf is the size in bytes of what is wanted near.
func sizeOf(w *wire.Wishes, i int, unknown float64) float64 {
	if i < len(w.Sizes) && w.Sizes[i] > 0 {
		return float64(w.Sizes[i])
	}
	return unknown
}

// usualSize is what a blob of unknown size is taken for: the mean of the others.
func usualSize(sizes []uint64) float64 {
	total, n := 0.0, 0
	for _, s := range sizes {
		if s > 0 {
			total += float64(s)
			n++
		}
	}
	if n == 0 {
		return 1
	}
	return total / float64(n)
}

// spread is a number from 0 to 1 for a task and a node: tasks that would all find
// the same node best get different ones (the finish of MurmurHash3).
func spread(task, node uint64) float64 {
	h := task ^ node
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return float64((h^h>>33)>>11) / (1 << 53)
}

// mixTask takes a task's half of the hash, most of which is random.
func mixTask(id wire.TaskID) uint64 {
	return binary.BigEndian.Uint64(id[:])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(id[8:])
}

// mixNode takes a node's half: the end of its id is of its key.
func mixNode(id wire.NodeID) (h uint64) {
	for i := max(0, len(id)-8); i < len(id); i++ {
		h = bits.RotateLeft64(h, 8) ^ uint64(id[i])
	}
	return h
}
