package opencl

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unsafe"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// What platforms and devices are asked for (cl.h, cl_ext.h).
const (
	platformName = 0x0902

	deviceType              = 0x1000
	deviceMaxComputeUnits   = 0x1002
	deviceMaxGroup          = 0x1004
	deviceMaxItems          = 0x1005
	deviceMaxClock          = 0x100C
	deviceMaxAlloc          = 0x1010
	deviceBaseAlign         = 0x1019 // in bits
	deviceMemory            = 0x101F
	deviceLocalMemory       = 0x1023
	deviceLittleEndian      = 0x1026
	deviceAvailable         = 0x1027
	deviceCompilerAvailable = 0x1028
	deviceName              = 0x102B
	deviceVendor            = 0x102C
	driverVersion           = 0x102D
	deviceVersion           = 0x102F
	deviceExtensions        = 0x1030
	deviceUnified           = 0x1035
	deviceILVersion         = 0x105B
	deviceUUID              = 0x106A // cl_khr_device_uuid
	devicePCI               = 0x410F // cl_khr_pci_bus_info
	devicePCIBus            = 0x4008 // cl_nv_device_attribute_query
	devicePCISlot           = 0x4009
	devicePCIDomain         = 0x400A
	deviceCapabilityMajor   = 0x4000 // cl_nv_device_attribute_query
	deviceCapabilityMinor   = 0x4001
)

const (
	typeCPU         = 1 << 1
	typeGPU         = 1 << 2
	typeAccelerator = 1 << 3
	typeAll         = 0xFFFFFFFF
)

// Devices are those of all platforms, sorted by nothing but the driver's own order. Without a
// driver there are none.
func (l *Library) Devices() ([]Device, error) {
	var n uint32
	platforms := make([]uintptr, maxObjects)
	code := l.functions.GetPlatformIDs(maxObjects, &platforms[0], &n)
	if code == platformNotFound {
		return nil, nil
	}
	if code != success {
		return nil, code
	}
	var all []Device
	for _, p := range platforms[:min(n, maxObjects)] {
		ids := make([]uintptr, maxObjects)
		if l.functions.GetDeviceIDs(p, typeAll, maxObjects, &ids[0], &n) != success {
			continue // a platform without devices says deviceNotFound
		}
		for _, id := range ids[:min(n, maxObjects)] {
			all = append(all, Device{lib: l, id: id, platform: p})
		}
	}
	return all[:min(len(all), device.MaxDevices)], nil
}

func (d Device) get(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
	return d.lib.functions.GetDeviceInfo(d.id, what, size, to, length)
}

func (d Device) text(what uint32) string { return printable(words(d.get, what, 1<<16)) }

// Info is what the driver says of the device. Its ID is made unique by List.
func (d Device) Info() device.Info {
	platform := func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
		return d.lib.functions.GetPlatformInfo(d.platform, what, size, to, length)
	}
	info := device.Info{
		Backend:      "opencl",
		Platform:     printable(words(platform, platformName, 1<<16)),
		Name:         d.text(deviceName),
		Vendor:       d.text(deviceVendor),
		Kind:         d.kind(),
		Version:      d.text(deviceVersion),
		Driver:       d.text(driverVersion),
		Memory:       value[uint64](d.get, deviceMemory),
		MaxBuffer:    value[uint64](d.get, deviceMaxAlloc),
		LocalMemory:  value[uint64](d.get, deviceLocalMemory),
		Unified:      value[uint32](d.get, deviceUnified) != 0,
		Align:        uint64(value[uint32](d.get, deviceBaseAlign)) / 8,
		ComputeUnits: value[uint32](d.get, deviceMaxComputeUnits),
		ClockMHz:     value[uint32](d.get, deviceMaxClock),
		MaxGroup:     uint64(value[uintptr](d.get, deviceMaxGroup)),
		Extensions:   strings.Fields(words(d.get, deviceExtensions, 1<<16)),
	}
	for i, n := range value[[3]uintptr](d.get, deviceMaxItems) {
		info.MaxItems[i] = uint64(n)
	}
	info.Capability = d.capability(info)
	info.UUID, info.PCI = d.uuid(info), d.pci(info)
	info.Forms = d.forms()
	info.Unusable = d.unusable(info)
	return info
}

func (d Device) kind() device.Kind {
	switch t := value[uint64](d.get, deviceType); {
	case t&typeGPU != 0:
		return device.GPU
	case t&typeCPU != 0:
		return device.CPU
	case t&typeAccelerator != 0:
		return device.Accelerator
	}
	return device.Other
}

// gfx is how AMD's drivers name their devices: "gfx90a:sramecc+:xnack-".
var gfx = regexp.MustCompile(`^gfx[0-9a-f]{3,5}`)

// openclVersion is how every version begins (OpenCL 3.0, table 5).
var openclVersion = regexp.MustCompile(`^OpenCL ([0-9]{1,3}\.[0-9]{1,3})`)

func (d Device) capability(info device.Info) string {
	if slices.Contains(info.Extensions, "cl_nv_device_attribute_query") {
		if major := value[uint32](d.get, deviceCapabilityMajor); major > 0 && major < 1000 {
			return fmt.Sprintf("sm_%d%d", major, value[uint32](d.get, deviceCapabilityMinor)%10)
		}
	}
	if name := gfx.FindString(info.Name); name != "" {
		return name
	}
	if v := openclVersion.FindStringSubmatch(info.Version); v != nil {
		return "opencl_" + v[1]
	}
	return "opencl_1.0"
}

func (d Device) uuid(info device.Info) string {
	if !slices.Contains(info.Extensions, "cl_khr_device_uuid") {
		return ""
	}
	u := value[[16]byte](d.get, deviceUUID)
	if u == [16]byte{} {
		return ""
	}
	return fmt.Sprintf("GPU-%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// pci is where the device is, in the form of sysfs.
func (d Device) pci(info device.Info) string {
	if slices.Contains(info.Extensions, "cl_khr_pci_bus_info") {
		at := value[struct{ domain, bus, device, function uint32 }](d.get, devicePCI)
		return fmt.Sprintf("%04x:%02x:%02x.%x", at.domain, at.bus, at.device, at.function)
	}
	if slices.Contains(info.Extensions, "cl_nv_device_attribute_query") {
		slot := value[uint32](d.get, devicePCISlot) // device and function
		return fmt.Sprintf("%04x:%02x:%02x.%x", value[uint32](d.get, devicePCIDomain), value[uint32](d.get, devicePCIBus), slot>>3, slot&7)
	}
	return ""
}

func (d Device) forms() []device.Form {
	forms := []device.Form{device.OpenCLC}
	il := words(d.get, deviceILVersion, 1<<12)
	if d.lib.functions.CreateProgramWithIL != nil && strings.Contains(il, "SPIR-V") {
		forms = append(forms, device.SPIRV)
	}
	return forms
}

// unusable says why a device is of no use.
func (d Device) unusable(info device.Info) string {
	switch {
	case value[uint32](d.get, deviceAvailable) == 0:
		return "its driver says that it is not available"
	case value[uint32](d.get, deviceCompilerAvailable) == 0:
		return "its driver has no compiler"
	case value[uint32](d.get, deviceLittleEndian) == 0:
		return "it is big-endian"
	case info.Memory == 0 || info.MaxGroup == 0 || info.MaxItems[0] == 0:
		return "its driver does not tell its limits"
	}
	return ""
}

// Identify gives each device the ID by which it is known on this machine: a hash of
// what its driver says of it and of how many like it come before.
func Identify(infos []device.Info) {
	seen := map[string]int{}
	for i := range infos {
		in := &infos[i]
		like := strings.Join([]string{in.Platform, in.Vendor, in.Name, in.Driver}, "\x00")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", like, seen[like]))
		seen[like]++
		in.ID = "opencl-" + hex.EncodeToString(sum[:6])
	}
}

// printable makes a driver's text fit for people and logs.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if len(s) > device.MaxText {
		s = strings.ToValidUTF8(s[:device.MaxText], "")
	}
	return s
}
