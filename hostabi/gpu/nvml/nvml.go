package nvml

import (
	"errors"
	"fmt"
)

// What Discover returns where there is nothing to find.
var (
	// ErrNotBuilt: the program was built without -tags nvml, or without cgo.
	ErrNotBuilt = errors.New("built without NVML: see package hostabi/gpu/nvml")
	// ErrNoDriver: the machine has no NVIDIA driver, or one that is not loaded.
	ErrNoDriver = errors.New("no NVIDIA driver")
)

// System is what there is of NVIDIA in a machine.
type System struct {
	// Driver is the version of the driver, such as 550.54.15.
	Driver string
	// CUDA is the newest version of CUDA that it supports, such as 12.4; empty if
	// it does not say.
	CUDA string
	// Devices are all, partitions after the device that they are of.
	Devices []Device
}

// Device is one GPU, or a partition of one.
type Device struct {
	// Index is the device's number, from 0; a partition has that of its device.
	Index int
	// UUID names it for ever: GPU-… or MIG-….
	UUID string
	// Name is for people: NVIDIA A100-SXM4-40GB.
	Name string
	// PCI is its slot as Linux writes it, such as 0000:3b:00.0.
	PCI string
	// Major and Minor are the compute capability: 8 and 0 of sm_80. 0 if unknown.
	Major, Minor int
	// Memory is how many bytes it has, and Free how many nobody uses.
	Memory, Free uint64
	// Utilization is how much of the last second something ran on it, in percent, and
	// Temperature in degrees Celsius; -1 if it does not say. Partitions do not.
	Utilization, Temperature int
	// Partitioned tells that MIG is on: work runs on its partitions alone.
	Partitioned bool
	// Of is the UUID of the device that a partition is of, else empty.
	Of string
	// Problems are the questions that it did not answer, in words.
	Problems []string
}

// Capability is the compute capability as placement compares it, such as sm_80; empty
// if it is not known.
func (d *Device) Capability() string {
	if d.Major == 0 {
		return ""
	}
	return fmt.Sprintf("sm_%d%d", d.Major, d.Minor)
}

// Usable tells whether work may run on the device itself, and if not, why.
func (d *Device) Usable() (ok bool, why string) {
	switch {
	case d.Partitioned:
		return false, "MIG is on: its partitions are what work runs on"
	case d.Memory == 0:
		return false, "it does not say how much memory it has"
	}
	return true, ""
}

// slot is how Linux writes a PCI address. NVML has no function number: it is 0.
func slot(domain, bus, device uint32) string {
	return fmt.Sprintf("%04x:%02x:%02x.0", domain, bus, device)
}

// cudaVersion reads NVML's number: 12040 is 12.4.
func cudaVersion(v int) string {
	if v <= 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", v/1000, v%1000/10)
}
