// Package nvml finds NVIDIA devices and what can be said of them without using
// them: memory, compute capability, utilisation, temperature, partitions.
//
//	list, err := nvml.Discover()
//	if errors.Is(err, nvml.ErrNotBuilt) || errors.Is(err, nvml.ErrNoDriver) {
//		// there are none to find: no cause for alarm
//	}
//
// It asks NVIDIA's management library (NVML) through go-nvml, which needs cgo: it is in
// programs that are built with
//
//	CGO_ENABLED=1 go build -tags nvml ./cmd/godwit
//
// and the library itself is loaded at run time, so that such a program also runs where
// there is none. Every other build has a Discover that finds nothing.
//
// # Why
//
// Kernels run through OpenCL, which says less of a device: not whether others use it,
// nor how warm it is, and its memory only as far as a program may have it. What NVML
// knows is joined to the OpenCL device on the same PCI slot.
//
// # Glossary
//
//   - partition: with MIG (multi-instance GPU) a device is cut into up to seven, each
//     with its own memory and multiprocessors. They are then what work runs on, and the
//     whole device is not.
//   - compute capability: the generation of a device: 8.0 is sm_80.
//
// # Invariants
//
//   - A device that does not answer a question is listed all the same, with what it did
//     answer: a driver that is out of step with its kernel module must not hide it.
//   - Discover never panics, and a driver that is there stays loaded no longer than the
//     call.
package nvml
