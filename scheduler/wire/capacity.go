package wire

import (
	"fmt"
	"slices"
)

// Capacity is what a node has, or has left. Units are those of [Profile].
type Capacity struct {
	CPU     uint32 `cbor:"cpu" json:"cpu"`
	Memory  uint64 `cbor:"memory" json:"memory"`
	Storage uint64 `cbor:"storage" json:"storage"`
	Network uint64 `cbor:"network" json:"network"`
	// GPUs are all devices, the busy ones too.
	GPUs []GPUDevice `cbor:"gpus,omitempty" json:"gpus,omitempty"`
}

// GPUDevice is one GPU of a node.
type GPUDevice struct {
	// ID is unique on the node.
	ID string `cbor:"id" json:"id"`
	// Name is for people: "NVIDIA A100".
	Name string `cbor:"name,omitempty" json:"name,omitempty"`
	// Memory in bytes.
	Memory uint64 `cbor:"memory" json:"memory"`
	// Capability is one that [ParseCapability] reads: what the vendor calls its
	// generation, sm_80, or else the version of OpenCL.
	Capability string `cbor:"capability,omitempty" json:"capability,omitempty"`
	// OpenCL is the version that its driver speaks, as a capability too: opencl_3.0.
	// Empty if it is the Capability.
	OpenCL string `cbor:"opencl,omitempty" json:"opencl,omitempty"`
	// Processor tells that it is the node's processor, driven like a GPU: good for
	// what needs one, and slower than any real one.
	Processor bool `cbor:"processor,omitempty" json:"processor,omitempty"`
	// Available is false while a task has it.
	Available bool `cbor:"available" json:"available"`
}

// Validate checks the bounds. Its errors wrap [ErrInvalid].
func (c Capacity) Validate() error {
	if c.CPU > 64*MaxCPU || c.Memory > 64*MaxMemory || c.Storage > 64*MaxStorage || c.Network > 64*MaxNetwork || len(c.GPUs) > MaxGPUs {
		return fmt.Errorf("capacity: %w", ErrInvalid)
	}
	seen := make(map[string]bool, len(c.GPUs))
	for _, g := range c.GPUs {
		if err := g.validate(); err != nil {
			return err
		}
		if seen[g.ID] {
			return fmt.Errorf("gpu %q twice: %w", g.ID, ErrInvalid)
		}
		seen[g.ID] = true
	}
	return nil
}

func (g GPUDevice) validate() error {
	if err := checkText("gpu id", g.ID, 1, 128); err != nil {
		return err
	}
	if err := checkText("gpu name", g.Name, 0, 128); err != nil {
		return err
	}
	if g.Memory > MaxMemory {
		return fmt.Errorf("gpu of %d bytes: %w", g.Memory, ErrInvalid)
	}
	for _, c := range []string{g.Capability, g.OpenCL} {
		if c == "" {
			continue
		}
		if _, err := ParseCapability(c); err != nil {
			return err
		}
	}
	return nil
}

// CanFit tells whether a profile fits. See Shortage for why not.
func (c Capacity) CanFit(p Profile) bool { return c.Shortage(p) == "" }

// Shortage is the first thing of which there is too little for a profile, or
// empty if it fits. A GPU that is only preferred is never short.
func (c Capacity) Shortage(p Profile) Refusal { return c.shortage(p, false) }

// ShortageOfAll is Shortage if every device were available: what a node can never
// fit.
func (c Capacity) ShortageOfAll(p Profile) Refusal { return c.shortage(p, true) }

func (c Capacity) shortage(p Profile, busyToo bool) Refusal {
	switch {
	case p.CPU > c.CPU:
		return RefusedCPU
	case p.Memory > c.Memory:
		return RefusedMemory
	case p.Storage > c.Storage:
		return RefusedStorage
	case p.Network > c.Network:
		return RefusedNetwork
	case p.GPU != nil && p.GPU.Required && !c.hasGPUs(p.GPU, busyToo):
		if busyToo {
			return RefusedNoGPU
		}
		return RefusedGPU
	}
	return ""
}

// HasGPUs tells whether as many devices as asked for are available, required or not.
func (c Capacity) HasGPUs(spec *GPUSpec) bool { return c.hasGPUs(spec, false) }

func (c Capacity) hasGPUs(spec *GPUSpec, busyToo bool) bool {
	left := spec.Count
	for i := range c.GPUs {
		if left > 0 && (busyToo || c.GPUs[i].Available) && c.GPUs[i].Fits(spec) {
			left--
		}
	}
	return left == 0
}

// Fits tells whether a device is of the kind that is asked for, available or
// not.
func (g GPUDevice) Fits(spec *GPUSpec) bool {
	if g.Memory < spec.Memory {
		return false
	}
	if spec.Capability == "" {
		return true
	}
	least, ok := parseCapability(spec.Capability)
	return ok && (reaches(g.Capability, least) || reaches(g.OpenCL, least))
}

// reaches tells whether a capability, if it is one, is at least that.
func reaches(capability string, least Capability) bool {
	has, ok := parseCapability(capability)
	return ok && has.AtLeast(least)
}

// Clone is a copy that shares nothing.
func (c Capacity) Clone() Capacity {
	c.GPUs = slices.Clone(c.GPUs)
	return c
}

// AllFree is a capacity with every device available.
func (c Capacity) AllFree() Capacity {
	c = c.Clone()
	for i := range c.GPUs {
		c.GPUs[i].Available = true
	}
	return c
}

// Ratio is what is left of a total, from 0, full, to 1, empty: of cpu, memory and
// storage the scarcest.
func (c Capacity) Ratio(total Capacity) float64 {
	ratio := 1.0
	if total.CPU > 0 {
		ratio = min(ratio, float64(c.CPU)/float64(total.CPU))
	}
	if total.Memory > 0 {
		ratio = min(ratio, float64(c.Memory)/float64(total.Memory))
	}
	if total.Storage > 0 {
		ratio = min(ratio, float64(c.Storage)/float64(total.Storage))
	}
	return ratio
}
