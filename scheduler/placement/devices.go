package placement

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// SummaryFor is Summary, and where no node has the GPU that is asked for it says what was, and what
// they have.
func SummaryFor(r *Request, candidates []Candidate) string {
	said := Summary(candidates)
	if r.Needs.GPU == nil || !slices.ContainsFunc(candidates, func(c Candidate) bool { return c.Out == wire.RefusedNoGPU }) ||
		slices.ContainsFunc(candidates, func(c Candidate) bool { return c.Out == "" || c.Out == wire.RefusedGPU }) {
		return said
	}
	return fmt.Sprintf("%s (asked for %s; nodes have %s)", said, wish(r.Needs.GPU), devicesOf(candidates))
}

// wish says what devices are asked for.
func wish(g *wire.GPUSpec) string { return deviceText(g.Count, g.Capability, g.Memory) }

// deviceText is so many devices of a kind: "2 × sm_80 with 16 GiB".
func deviceText(count uint32, capability string, memory uint64) string {
	text := cmp.Or(capability, "any gpu")
	if memory > 0 {
		text += " with " + units.Size(memory).Approx()
	}
	if count > 1 {
		text = fmt.Sprintf("%d × %s", count, text)
	}
	return text
}

// maxKinds is how many kinds of devices are told of.
const maxKinds = 4

// devicesOf says what devices nodes have that have not what is asked for: the most frequent kinds,
// and on how many nodes.
func devicesOf(candidates []Candidate) string {
	kinds := map[string]int{}
	for _, c := range candidates {
		if c.Out == wire.RefusedNoGPU {
			kinds[devicesOfNode(c.Node)]++
		}
	}
	sorted := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(kinds[b], kinds[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, kind := range sorted[:min(len(sorted), maxKinds)] {
		parts = append(parts, fmt.Sprintf("%s on %d", kind, kinds[kind]))
	}
	if more := len(sorted) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("%d other kinds", more))
	}
	return strings.Join(parts, ", ")
}

// devicesOfNode says what a node has.
func devicesOfNode(n *Node) string {
	if n == nil || n.Vector == nil || len(n.Vector.Total.GPUs) == 0 {
		return "none"
	}
	kinds := map[string]uint32{}
	for _, g := range n.Vector.Total.GPUs {
		kinds[deviceText(1, cmp.Or(g.Capability, g.OpenCL), g.Memory)]++
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, deviceText(kinds[kind], kind, 0))
	}
	return strings.Join(parts[:min(len(parts), maxKinds)], " and ")
}
