package wire

import (
	"fmt"
	"time"
)

// The bounds of a profile.
const (
	MaxCPU     = 128_000                // thousandths of a core
	MaxMemory  = 1_000_000 * 1_000_000  // bytes
	MaxStorage = 10_000_000 * 1_000_000 // bytes
	MaxNetwork = 1_000_000 * 1_000_000  // bits a second
	MaxGPUs    = 64                     // devices of a node
	MaxTime    = 366 * 24 * time.Hour   // of any duration
	MB         = 1_000_000              // bytes, as in the constructors
	mebi       = 1 << 20
)

// What a task gets of what it does not ask for.
const (
	DefaultCPU    = 250        // thousandths of a core
	DefaultMemory = 256 * mebi // bytes
)

// Profile is what a task needs of a node. Zero fields ask for nothing in
// particular: see [Spec.Needs].
type Profile struct {
	// CPU in thousandths of a core, up to MaxCPU.
	CPU uint32 `cbor:"cpu,omitempty" json:"cpu,omitempty"`
	// Memory in bytes, from 1 MB up to MaxMemory.
	Memory uint64 `cbor:"memory,omitempty" json:"memory,omitempty"`
	// Storage in bytes, up to MaxStorage.
	Storage uint64 `cbor:"storage,omitempty" json:"storage,omitempty"`
	// Network in bits a second, up to MaxNetwork.
	Network uint64 `cbor:"network,omitempty" json:"network,omitempty"`
	// GPU is nil if the task has no use for one.
	GPU *GPUSpec `cbor:"gpu,omitempty" json:"gpu,omitempty"`
	// Duration is how long it will probably run.
	Duration time.Duration `cbor:"duration,omitempty" json:"duration,omitempty"`
}

// GPUSpec is what a task needs of GPUs.
type GPUSpec struct {
	// Required is false if the task runs without one too.
	Required bool `cbor:"required" json:"required"`
	// Count is how many devices, from 1 to MaxGPUs.
	Count uint32 `cbor:"count" json:"count"`
	// Memory in bytes that each must have.
	Memory uint64 `cbor:"memory,omitempty" json:"memory,omitempty"`
	// Capability is the least compute capability, such as sm_70; see [Capability].
	Capability string `cbor:"capability,omitempty" json:"capability,omitempty"`
	// Time is how long its devices may work for one attempt, all together; 0 is without limit.
	Time time.Duration `cbor:"time,omitempty" json:"time,omitempty"`
}

// Minimal is the profile of a small task: a tenth of a core and 128 MB.
func Minimal() Profile { return Profile{CPU: 100, Memory: 128 * MB} }

// ComputeHeavy is the profile of a task that computes: cores, and memory in MB.
// Values beyond the bounds are refused by Validate.
func ComputeHeavy(cores float64, memoryMB uint64) Profile {
	p := Profile{CPU: MaxCPU + 1, Memory: MaxMemory + 1}
	if cores > 0 && cores <= MaxCPU/1000 { // also false for NaN
		p.CPU = uint32(max(1, cores*1000+0.5))
	}
	if memoryMB <= MaxMemory/MB {
		p.Memory = memoryMB * MB
	}
	return p
}

// GPU is the profile of a task that needs a GPU of so many GB (10^9 bytes) and at
// least that compute capability.
func GPU(memoryGB uint64, capability string) Profile {
	const gb = 1000 * MB
	p := Profile{GPU: &GPUSpec{Required: true, Count: 1, Memory: MaxMemory + 1, Capability: capability}}
	if memoryGB <= MaxMemory/gb {
		p.GPU.Memory = memoryGB * gb
	}
	return p
}

// Validate checks the bounds. Its errors wrap [ErrInvalid].
func (p Profile) Validate() error {
	switch {
	case p.CPU > MaxCPU:
		return fmt.Errorf("cpu of %d thousandths of a core, more than %d: %w", p.CPU, MaxCPU, ErrInvalid)
	case p.Memory > MaxMemory || p.Memory > 0 && p.Memory < MB:
		return fmt.Errorf("memory of %d bytes, not between 1 MB and 1,000,000 MB: %w", p.Memory, ErrInvalid)
	case p.Storage > MaxStorage:
		return fmt.Errorf("storage of %d bytes, more than 10,000,000 MB: %w", p.Storage, ErrInvalid)
	case p.Network > MaxNetwork:
		return fmt.Errorf("network of %d bit/s, more than 1,000,000 Mbit/s: %w", p.Network, ErrInvalid)
	}
	if err := checkTime("expected duration", p.Duration); err != nil || p.GPU == nil {
		return err
	}
	return p.GPU.validate()
}

func (g *GPUSpec) validate() error {
	if g.Count < 1 || g.Count > MaxGPUs || g.Memory > MaxMemory {
		return fmt.Errorf("%d gpus of %d bytes: %w", g.Count, g.Memory, ErrInvalid)
	}
	if err := checkTime("device time", g.Time); err != nil || g.Capability == "" {
		return err
	}
	_, err := ParseCapability(g.Capability)
	return err
}

func checkTime(what string, d time.Duration) error {
	if d < 0 || d > MaxTime {
		return fmt.Errorf("%s of %v, not between 0 and %v: %w", what, d, MaxTime, ErrInvalid)
	}
	return nil
}

// Equal tells whether two profiles ask for the same.
func (p Profile) Equal(q Profile) bool {
	a, b := p.GPU, q.GPU
	p.GPU, q.GPU = nil, nil
	return p == q && (a == nil) == (b == nil) && (a == nil || *a == *b)
}
