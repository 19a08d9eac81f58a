package placement

import "github.com/godwit-run/godwit/scheduler/wire"

// row is what of a node decides whether a task fits, and its share of the hash.
type row struct {
	memory, storage, network uint64 // the lesser of what is free and what there is
	gpu                      uint64 // see largestGPU
	marks                    uint64 // of region and labels: see mark
	hash                     uint64
	factor                   float64
	cpu                      uint32
	out, self                bool // out of the question whatever the request
}

func newRow(n *Node, p linear) row {
	free, total := &n.Free, &n.Vector.Total
	return row{
		cpu: min(free.CPU, total.CPU), memory: min(free.Memory, total.Memory),
		storage: min(free.Storage, total.Storage), network: min(free.Network, total.Network),
		gpu: largestGPU(free.GPUs), marks: marksOf(n.Vector), hash: mixNode(n.ID), factor: p.factor(n), self: n.Self,
		out: n.Out != "" || n.Distrusts || p.gate(n) != "",
	}
}

// largestGPU is 1 more than the memory of the largest device that is available, 0 if
// there is none.
func largestGPU(devices []wire.GPUDevice) (size uint64) {
	for i := range devices {
		if devices[i].Available {
			size = max(size, 1+devices[i].Memory)
		}
	}
	return size
}

// mark is one bit for a label. A node without that bit has not that label.
func mark(key, value string) uint64 {
	h := uint32(2166136261) // FNV-1a
	for _, s := range [...]string{key, "=", value} {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
	}
	return 1 << (h >> 26)
}

func marksOf(v *wire.Vector) (marks uint64) {
	for k, l := range v.Labels {
		marks |= mark(k, l)
	}
	if v.Region != "" {
		marks |= mark("region", v.Region)
	}
	return marks
}
