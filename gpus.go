package godwit

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/nvml"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// gpus are the devices that tasks and actors may have here.
type gpus struct {
	backend device.Backend // nil if there are none
	found   chan struct{}  // closed once the fields below are set

	infos  []device.Info
	nvidia nvml.System
	err    error
}

// gpuTimeout bounds the search for devices: a driver may wait for hardware for ever.
const gpuTimeout = 30 * time.Second

// findGPUs begins to look for devices, which takes a driver a while.
func findGPUs(ctx context.Context, b device.Backend) *gpus {
	g := &gpus{backend: b, found: make(chan struct{})}
	if b == nil {
		close(g.found)
		return g
	}
	go func() {
		defer close(g.found)
		ctx, cancel := context.WithTimeout(ctx, gpuTimeout)
		defer cancel()
		g.infos, g.err = b.Devices(ctx)
		g.nvidia, _ = nvml.Discover() // it only adds to what OpenCL says, and mostly there is none
	}()
	return g
}

// findGPUs begins to look for the devices that may be used.
func (c *Config) findGPUs(ctx context.Context) *gpus {
	if c.NoRun {
		return findGPUs(ctx, nil)
	}
	return findGPUs(ctx, c.Devices)
}

// offerGPUs adds the devices to what tasks may have. A node whose driver fails does
// without.
func (n *Node) offerGPUs() {
	n.capacity = n.gpus.offer(n.capacity, n.cfg.DeviceMemory)
	if n.gpus.err != nil {
		n.log.Warn("no GPUs here", "err", n.gpus.err)
	}
	for _, i := range n.gpus.infos {
		if i.Unusable != "" {
			n.log.Warn("GPU cannot be used", "id", i.ID, "name", i.Name, "why", i.Unusable)
		}
	}
}

// wait returns when the search is over.
func (g *gpus) wait() { <-g.found }

// close waits for the search, which may be going on if the node does not start.
func (g *gpus) close() error {
	g.wait()
	return nil
}

// offer adds the usable devices to a capacity. Those without memory of their own have
// shared bytes of the node's in all, which tasks then cannot have besides; 0 is a
// quarter of it, and no more than defaultShared.
func (g *gpus) offer(c wire.Capacity, shared uint64) wire.Capacity {
	g.wait()
	usable := slices.DeleteFunc(slices.Clone(g.infos), func(i device.Info) bool { return i.Unusable != "" })
	usable = usable[:min(len(usable), wire.MaxGPUs)]
	unified := uint64(0)
	for _, i := range usable {
		if i.Unified {
			unified++
		}
	}
	if unified > 0 {
		shared = min(cmp.Or(shared, min(c.Memory/4, defaultShared)), c.Memory)
		shared /= unified
	}
	for _, i := range usable {
		d := wireGPU(i, g.nvidia.Devices)
		if i.Unified {
			d.Memory = min(d.Memory, shared)
		}
		all := append(slices.Clip(c.GPUs), d)
		if (wire.Capacity{GPUs: all}).Validate() != nil {
			continue // its driver says what cannot be told
		}
		if c.GPUs = all; i.Unified {
			c.Memory -= d.Memory
		}
	}
	return c
}

// defaultShared is the most memory that devices without their own get unasked, in bytes.
const defaultShared = 4 << 30

// wireGPU is a device as other nodes hear of it, with what NVIDIA's driver knows of it.
func wireGPU(i device.Info, nvidia []nvml.Device) wire.GPUDevice {
	g := wire.GPUDevice{
		ID: clip(i.ID, maxGPUText), Name: clip(i.Name, maxGPUText), Memory: min(i.Memory, wire.MaxMemory),
		Processor: i.Kind == device.CPU, Available: true,
	}
	if n := twin(i, nvidia); n != nil {
		g.Capability = n.Capability()
		if n.Memory > 0 {
			g.Memory = min(g.Memory, n.Memory)
		}
	}
	g.Capability = cmp.Or(g.Capability, capability(i.Capability))
	if opencl := openCL(i.Version); opencl != g.Capability {
		g.OpenCL = opencl
	}
	return g
}

// maxGPUText is the longest text of a wire.GPUDevice, in bytes.
const maxGPUText = 128

// twin finds what NVIDIA's driver says of a device, or a partition of one: that of the same
// UUID, else in the same slot, else of the same name, since those are alike in what is asked here.
func twin(i device.Info, nvidia []nvml.Device) *nvml.Device {
	same := func(a, b string) bool { return a != "" && a == b }
	for _, is := range []func(*nvml.Device) bool{
		func(n *nvml.Device) bool { return same(n.UUID, i.UUID) && !n.Partitioned },
		func(n *nvml.Device) bool { return same(n.PCI, i.PCI) && !n.Partitioned && n.Of == "" },
		func(n *nvml.Device) bool { return same(n.Name, i.Name) },
	} {
		if k := slices.IndexFunc(nvidia, func(n nvml.Device) bool { return is(&n) }); k >= 0 {
			return &nvidia[k]
		}
	}
	return nil
}

// capability is a driver's word if it is one that can be compared, else empty.
func capability(s string) string {
	if _, err := wire.ParseCapability(s); err != nil {
		return ""
	}
	return s
}

// openCL is the capability that a version of OpenCL is, such as "OpenCL 3.0 PoCL"
// (specification 3.0, CL_DEVICE_VERSION); empty if it is none.
func openCL(version string) string {
	rest, ok := strings.CutPrefix(version, "OpenCL ")
	if !ok {
		return ""
	}
	number, _, _ := strings.Cut(rest, " ")
	return capability("opencl_" + number)
}

// info is what is known of a device of an allotment.
func (g *gpus) info(id string) (device.Info, bool) {
	for _, i := range g.infos {
		if clip(i.ID, maxGPUText) == id {
			return i, true
		}
	}
	return device.Info{}, false
}

// actors says what actors get of the devices. They share them with each other and with
// tasks, since an actor that moves cannot wait until one is free: so what they have is
// a part of a device's memory, and no reservation.
func (g *gpus) actors(devices []wire.GPUDevice) func(*wire.GPUSpec) gpu.Config {
	return func(spec *wire.GPUSpec) gpu.Config {
		taken, err := scheduler.NewLedger(wire.Capacity{GPUs: devices}).Reserve(wire.Profile{GPU: spec})
		if err != nil || len(taken.GPUs) == 0 {
			return gpu.Config{}
		}
		cfg := gpu.Config{Backend: g.backend}
		for _, d := range taken.GPUs {
			cfg.Devices = append(cfg.Devices, gpu.Share{ID: d.ID, Memory: cmp.Or(spec.Memory, min(d.Memory, actorGPUMemory))})
		}
		return cfg
	}
}

// actorGPUMemory is what an actor that does not say may have on a device, in bytes: it
// is in each of its checkpoints.
const actorGPUMemory = 64 << 20
