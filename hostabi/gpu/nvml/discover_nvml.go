//go:build nvml && cgo && linux

package nvml

import (
	"errors"
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Discover lists what NVIDIA's driver knows. Where there is no driver its error is
// ErrNoDriver.
func Discover() (System, error) { return discover(nvml.New()) }

// maxDevices and maxPartitions bound what a driver is believed.
const (
	maxDevices    = 64
	maxPartitions = 16
)

// discover asks a library, real or not.
func discover(lib nvml.Interface) (s System, err error) {
	switch r := lib.Init(); r {
	case nvml.SUCCESS:
	case nvml.ERROR_LIBRARY_NOT_FOUND, nvml.ERROR_DRIVER_NOT_LOADED:
		return System{}, ErrNoDriver
	default:
		return System{}, fmt.Errorf("NVML: %w", r)
	}
	defer func() {
		if r := lib.Shutdown(); r != nvml.SUCCESS {
			err = errors.Join(err, fmt.Errorf("NVML: shut down: %w", r))
		}
	}()
	if v, r := lib.SystemGetDriverVersion(); r == nvml.SUCCESS {
		s.Driver = v
	}
	if v, r := lib.SystemGetCudaDriverVersion(); r == nvml.SUCCESS {
		s.CUDA = cudaVersion(v)
	}
	count, r := lib.DeviceGetCount()
	if r != nvml.SUCCESS {
		return s, fmt.Errorf("NVML: count devices: %w", r)
	}
	for i := range min(count, maxDevices) {
		s.Devices = append(s.Devices, look(lib, i)...)
	}
	return s, nil
}

// look asks the device of a number, and its partitions.
func look(lib nvml.Interface, index int) []Device {
	d := Device{Index: index, Utilization: -1, Temperature: -1}
	handle, r := lib.DeviceGetHandleByIndex(index)
	if !d.answered("handle", r) {
		return []Device{d}
	}
	d.identify(handle)
	d.measure(handle)
	if pci, r := handle.GetPciInfo(); d.answered("PCI slot", r) {
		d.PCI = slot(pci.Domain, pci.Bus, pci.Device)
	}
	if mode, _, r := handle.GetMigMode(); r == nvml.SUCCESS { // most devices do not know of it
		d.Partitioned = mode == nvml.DEVICE_MIG_ENABLE
	}
	list := []Device{d}
	if d.Partitioned {
		list = append(list, d.partitions(handle)...)
	}
	return list
}

// identify fills in what a device and a partition alike can say of themselves.
func (d *Device) identify(handle nvml.Device) {
	var r nvml.Return
	if d.UUID, r = handle.GetUUID(); !d.answered("UUID", r) {
		d.UUID = ""
	}
	if d.Name, r = handle.GetName(); !d.answered("name", r) {
		d.Name = ""
	}
	if m, r := handle.GetMemoryInfo(); d.answered("memory", r) {
		d.Memory, d.Free = m.Total, m.Free
	}
	if major, minor, r := handle.GetCudaComputeCapability(); d.answered("compute capability", r) {
		d.Major, d.Minor = major, minor
	}
}

// measure fills in what changes from one second to the next. Devices that cannot say
// are no worse for it.
func (d *Device) measure(handle nvml.Device) {
	if u, r := handle.GetUtilizationRates(); r == nvml.SUCCESS {
		d.Utilization = int(min(u.Gpu, 100))
	}
	if t, r := handle.GetTemperature(nvml.TEMPERATURE_GPU); r == nvml.SUCCESS {
		d.Temperature = int(min(t, 1000))
	}
}

// partitions are those of a device with MIG on.
func (d *Device) partitions(handle nvml.Device) (list []Device) {
	most, r := handle.GetMaxMigDeviceCount()
	if !d.answered("partitions", r) {
		return nil
	}
	for i := range min(most, maxPartitions) {
		part, r := handle.GetMigDeviceHandleByIndex(i)
		if r != nvml.SUCCESS {
			continue // fewer are cut than could be
		}
		p := Device{Index: d.Index, PCI: d.PCI, Of: d.UUID, Utilization: -1, Temperature: -1}
		p.identify(part)
		if p.Major == 0 {
			p.Major, p.Minor = d.Major, d.Minor
		}
		list = append(list, p)
	}
	return list
}

// answered notes a question that the device did not answer.
func (d *Device) answered(what string, r nvml.Return) bool {
	if r != nvml.SUCCESS {
		d.Problems = append(d.Problems, fmt.Sprintf("%s: %v", what, r))
	}
	return r == nvml.SUCCESS
}
