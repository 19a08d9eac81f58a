package godwit

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/nvml"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// listed is a backend that has devices, or fails to say which.
type listed struct {
	device.Backend // what else a backend does is not asked for here
	infos          []device.Info
	err            error
}

func (l listed) Devices(context.Context) ([]device.Info, error) { return l.infos, l.err }

var (
	a100   = device.Info{ID: "GPU-1", Name: "NVIDIA A100", Kind: device.GPU, Memory: 40 << 30, Capability: "opencl_3.0", Version: "OpenCL 3.0 CUDA"}
	mi250  = device.Info{ID: "gpu-2", Name: "gfx90a", Kind: device.GPU, Memory: 64 << 30, Capability: "gfx90a", Version: "OpenCL 2.0 "}
	pocl   = device.Info{ID: "pocl:0", Name: "cpu-haswell", Kind: device.CPU, Memory: 12 << 30, Unified: true, Capability: "opencl_3.0", Version: "OpenCL 3.0 PoCL HSTR"}
	igpu   = device.Info{ID: "intel:0", Name: "UHD 630", Kind: device.GPU, Memory: 12 << 30, Unified: true, Capability: "mad", Version: "2.1"}
	broken = device.Info{ID: "x", Name: "broken", Memory: 1 << 30, Unusable: "no compiler"}
)

func TestOfferGPUs(t *testing.T) {
	nvidia := nvml.System{Devices: []nvml.Device{{Name: "NVIDIA A100", Major: 8, Memory: 39 << 30}}}
	for _, c := range []struct {
		name           string
		infos          []device.Info
		shared, memory uint64
		want           []wire.GPUDevice
	}{
		{"none", nil, 0, 16 << 30, nil},
		{"not usable", []device.Info{broken}, 0, 16 << 30, nil},
		{"memory of its own, with NVIDIA's facts", []device.Info{a100}, 0, 16 << 30, []wire.GPUDevice{
			{ID: "GPU-1", Name: "NVIDIA A100", Memory: 39 << 30, Capability: "sm_80", OpenCL: "opencl_3.0", Available: true},
		}},
		{"another vendor's", []device.Info{mi250}, 0, 16 << 30, []wire.GPUDevice{
			{ID: "gpu-2", Name: "gfx90a", Memory: 64 << 30, Capability: "gfx90a", OpenCL: "opencl_2.0", Available: true},
		}},
		{"the node's memory", []device.Info{pocl}, 0, 12 << 30, []wire.GPUDevice{
			{ID: "pocl:0", Name: "cpu-haswell", Memory: 4 << 30, Capability: "opencl_3.0", Processor: true, Available: true},
		}},
		{"two share it; words that mean nothing", []device.Info{pocl, igpu}, 0, 12 << 30, []wire.GPUDevice{
			{ID: "pocl:0", Name: "cpu-haswell", Memory: 2 << 30, Capability: "opencl_3.0", Processor: true, Available: true},
			{ID: "intel:0", Name: "UHD 630", Memory: 2 << 30, Available: true},
		}},
		{"as much as was set", []device.Info{pocl}, 10 << 30, 6 << 30, []wire.GPUDevice{
			{ID: "pocl:0", Name: "cpu-haswell", Memory: 10 << 30, Capability: "opencl_3.0", Processor: true, Available: true},
		}},
		{"ids that say nothing", []device.Info{a100, a100, {Name: "nameless", Memory: 1}}, 0, 16 << 30, []wire.GPUDevice{
			{ID: "GPU-1", Name: "NVIDIA A100", Memory: 39 << 30, Capability: "sm_80", OpenCL: "opencl_3.0", Available: true},
		}},
		{"no more than there is", []device.Info{pocl}, 1 << 40, 4 << 30, []wire.GPUDevice{
			{ID: "pocl:0", Name: "cpu-haswell", Memory: 12 << 30, Capability: "opencl_3.0", Processor: true, Available: true},
		}},
	} {
		g := findGPUs(t.Context(), listed{infos: c.infos})
		g.wait()
		g.nvidia = nvidia
		got := g.offer(wire.Capacity{Memory: 16 << 30}, c.shared)
		if got.Memory != c.memory || !reflect.DeepEqual(got.GPUs, c.want) {
			t.Errorf("%s: %d bytes left, %+v", c.name, got.Memory, got.GPUs)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A driver that fails costs a node its devices, and nothing else.
func TestNoGPUs(t *testing.T) {
	for _, b := range []device.Backend{nil, listed{err: errors.New("driver is broken")}} {
		g := findGPUs(t.Context(), b)
		if got := g.offer(wire.Capacity{Memory: 1}, 0); got.Memory != 1 || got.GPUs != nil {
			t.Errorf("%+v", got)
		}
	}
}

// What NVML knows goes to the device of that UUID or in that slot, and is not mixed up
// between two of one name.
func TestNVMLTwins(t *testing.T) {
	nvidia := []nvml.Device{
		{UUID: "GPU-a", PCI: "0000:10:00.0", Name: "A100", Memory: 1},
		{UUID: "GPU-b", PCI: "0000:20:00.0", Name: "A100", Memory: 2},
		{UUID: "GPU-c", PCI: "0000:30:00.0", Name: "A100", Partitioned: true, Memory: 3},
		{UUID: "MIG-c", PCI: "0000:30:00.0", Name: "A100 MIG 3g.20gb", Of: "GPU-c", Memory: 4},
	}
	for _, c := range []struct {
		name string
		i    device.Info
		want uint64 // memory; 0: none
	}{
		{"by UUID", device.Info{UUID: "GPU-b", PCI: "0000:10:00.0", Name: "A100"}, 2},
		{"by slot", device.Info{PCI: "0000:20:00.0", Name: "NVIDIA A100"}, 2},
		{"by name", device.Info{Name: "A100"}, 1},
		{"a partition", device.Info{UUID: "GPU-c", PCI: "0000:30:00.0", Name: "A100 MIG 3g.20gb"}, 4},
		{"none", device.Info{Name: "pocl"}, 0},
		{"nameless", device.Info{}, 0},
	} {
		var got uint64
		if n := twin(c.i, nvidia); n != nil {
			got = n.Memory
		}
		if got != c.want {
			t.Errorf("%s: that of %d bytes, want %d", c.name, got, c.want)
		}
	}
}
