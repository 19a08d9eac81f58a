package device

import "slices"

// Info is what is known of a device. All texts come from its driver: they are
// printable and at most MaxText bytes.
type Info struct {
	// ID is the same each time the device is seen on this machine, if its driver
	// stays the same, and unique in the list.
	ID string `json:"id"`

	// Backend that found it, and the driver's own name: "Portable Computing Language".
	Backend  string `json:"backend"`
	Platform string `json:"platform,omitempty"`

	Name   string `json:"name"`
	Vendor string `json:"vendor"`
	Kind   Kind   `json:"kind"`

	// Capability is one that scheduler/wire.ParseCapability reads: "sm_80", "gfx90a",
	// "opencl_3.0"; the part that comes before the number is the family.
	Capability string `json:"capability"`

	// UUID is what NVML calls the device, too: "GPU-" and 36 characters; PCI is its
	// place: "0000:3b:00.0". Empty if the driver does not tell.
	UUID string `json:"uuid,omitempty"`
	PCI  string `json:"pci,omitempty"`

	// Version of the device's interface ("OpenCL 3.0 PoCL") and of its driver.
	Version string `json:"version"`
	Driver  string `json:"driver"`

	// Memory in bytes: all of it, the largest buffer, and what a work-group shares.
	Memory      uint64 `json:"memory_bytes"`
	MaxBuffer   uint64 `json:"max_buffer_bytes"`
	LocalMemory uint64 `json:"local_memory_bytes"`

	// Unified memory is the host's own: buffers are shared, not copied.
	Unified bool `json:"unified_memory"`

	// Align is what the offset of a Part must be a multiple of, in bytes.
	Align uint64 `json:"align_bytes"`

	ComputeUnits uint32 `json:"compute_units"`
	ClockMHz     uint32 `json:"clock_mhz"`

	// MaxGroup is how many work-items a work-group may have, and MaxItems how many of
	// them in each dimension.
	MaxGroup uint64    `json:"max_group"`
	MaxItems [3]uint64 `json:"max_items"`

	// Forms of source that can be built for it.
	Forms []Form `json:"forms"`

	// Extensions it has beyond the base: "cl_khr_fp64".
	Extensions []string `json:"extensions,omitempty"`

	// Unusable says why nothing can be run on it; empty if something can.
	Unusable string `json:"unusable,omitempty"`
}

// MaxText is the longest text of an Info in bytes, and MaxDevices the most devices
// that a backend lists.
const (
	MaxText    = 256
	MaxDevices = 64
)

// Takes tells whether programs of that form can be built for the device.
func (i Info) Takes(f Form) bool { return slices.Contains(i.Forms, f) }

// Kind is what sort of device it is.
type Kind string

// The kinds, as OpenCL has them.
const (
	CPU         Kind = "cpu"
	GPU         Kind = "gpu"
	Accelerator Kind = "accelerator"
	Other       Kind = "other"
)

// Form is the form of a program's source.
type Form string

const (
	// OpenCLC is text in OpenCL C.
	OpenCLC Form = "opencl-c"
	// SPIRV is a binary module.
	SPIRV Form = "spir-v"
	// Named is the name of a program that the backend has ready-made.
	Named Form = "named"
)

// Source is what a program is built from.
type Source struct {
	Form Form
	// Text is the source, or its name; at most MaxSource bytes.
	Text []byte
	// Options of the compiler, as clBuildProgram takes them; at most MaxOptions bytes.
	// Only those of CheckOptions are let through.
	Options string
}

// The most there may be of a program, in bytes.
const (
	MaxSource  = 4 << 20
	MaxOptions = 4 << 10
	MaxLog     = 64 << 10
)
