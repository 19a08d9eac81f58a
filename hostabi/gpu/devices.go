package gpu

import (
	"slices"
	"strings"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
)

const deviceSize = 56

// Flags of a device.
const (
	flagCompiler = 1 << iota
	flagSPIRV
	flagDouble
	flagHalf
	flagUnified
)

// slotOf is the device of that number.
func (c call) slotOf(index uint64) (*slot, errno) {
	if i := uint64(uint32(index)); i < uint64(len(c.devices)) {
		return &c.devices[i], success
	}
	return nil, enodev
}

func (c call) countDevices(a []uint64) errno {
	n, e := c.bytes(a[0], 4)
	if e == success {
		le.PutUint32(n, uint32(len(c.devices)))
	}
	return e
}

func (c call) device(a []uint64) errno {
	d, e := c.slotOf(a[0])
	if e != success {
		return e
	}
	to, e := c.bytes(a[1], deviceSize)
	if e != success {
		return e
	}
	c.caller.Charge(hostabi.UnitsFor(deviceSize))
	c.observed++
	le.PutUint64(to, d.most)
	le.PutUint64(to[8:], min(d.MaxBuffer, d.most))
	le.PutUint64(to[16:], d.LocalMemory)
	le.PutUint32(to[24:], d.ComputeUnits)
	le.PutUint32(to[28:], uint32(min(d.MaxGroup, 1<<32-1)))
	le.PutUint32(to[32:], kindOf(d.Info))
	le.PutUint32(to[36:], flagsOf(d.Info))
	le.PutUint32(to[40:], openCL(d.Version))
	le.PutUint32(to[44:], uint32(c.align(d)))
	le.PutUint32(to[48:], d.ClockMHz)
	le.PutUint32(to[52:], 0)
	return success
}

// portableAlign is an alignment, in bytes, that does on all vendors' devices.
const portableAlign = 512

// align is what the offset of a part of a buffer must be a multiple of.
func (s *State) align(d *slot) uint64 {
	if s.cfg.Portable {
		return max(d.Align, portableAlign)
	}
	return d.Align
}

// kindOf numbers the kinds as guests see them.
func kindOf(d device.Info) uint32 {
	kinds := []device.Kind{device.CPU, device.GPU, device.Accelerator}
	if i := slices.Index(kinds, d.Kind); d.Backend != kernels.BackendName {
		return uint32(i + 1)
	}
	return 0
}

func flagsOf(d device.Info) (flags uint32) {
	for flag, has := range map[uint32]bool{
		flagCompiler: d.Takes(device.OpenCLC), flagSPIRV: d.Takes(device.SPIRV),
		flagDouble: slices.Contains(d.Extensions, "cl_khr_fp64"), flagHalf: slices.Contains(d.Extensions, "cl_khr_fp16"),
		flagUnified: d.Unified,
	} {
		if has {
			flags |= flag
		}
	}
	return flags
}

// openCL reads a version such as "OpenCL 3.0 PoCL".
func openCL(version string) uint32 {
	rest, ok := strings.CutPrefix(version, "OpenCL ")
	if !ok || len(rest) < 3 || rest[1] != '.' {
		return 0
	}
	return uint32(rest[0]-'0')<<8 | uint32(rest[2]-'0')
}

func (c call) deviceText(a []uint64) errno {
	d, e := c.slotOf(a[0])
	if e != success {
		return e
	}
	texts := []string{d.Name, d.Vendor, familyOf(d.Capability), d.Capability, d.Driver, d.ID}
	what := uint32(a[1])
	if what >= uint32(len(texts)) {
		return einval
	}
	c.observed++
	return c.out(texts[what], a[2], a[3], a[4])
}

// familyOf is what comes before the number: sm of sm_80, gfx of gfx90a.
func familyOf(capability string) string {
	if digit := strings.IndexAny(capability, "0123456789"); digit >= 0 {
		capability = capability[:digit]
	}
	return strings.TrimSuffix(capability, "_")
}

func (c call) memory(a []uint64) errno {
	used, e := c.bytes(a[0], 8)
	if e != success {
		return e
	}
	most, e := c.bytes(a[1], 8)
	if e != success {
		return e
	}
	var sums [2]uint64
	for _, d := range c.devices {
		sums[0] += d.used
		sums[1] += d.most
	}
	le.PutUint64(used, sums[0])
	le.PutUint64(most, sums[1])
	return success
}
