//go:build nvml && cgo && linux

package nvml

import (
	"errors"
	"reflect"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
)

// dgx is go-nvml's DGX A100, with what its devices leave open.
func dgx() *dgxa100.Server {
	s := dgxa100.New()
	for i, d := range s.Devices {
		d := d.(*dgxa100.Device)
		d.UUID = "GPU-" + string(rune('a'+i))
		d.MemoryInfo.Free = uint64(i) << 30
		d.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) {
			return nvml.Utilization{Gpu: uint32(10 * i)}, nvml.SUCCESS
		}
		d.GetTemperatureFunc = func(nvml.TemperatureSensors) (uint32, nvml.Return) {
			return uint32(30 + i), nvml.SUCCESS
		}
		d.GetPciInfoFunc = func() (nvml.PciInfo, nvml.Return) { return nvml.PciInfo{Bus: uint32(16 * i)}, nvml.SUCCESS }
	}
	return s
}

func found(t *testing.T, lib nvml.Interface) System {
	t.Helper()
	s, err := discover(lib)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDGXA100(t *testing.T) {
	s := found(t, dgx())
	if s.Driver != "550.54.15" || s.CUDA != "12.4" || len(s.Devices) != 8 {
		t.Fatalf("%+v", s)
	}
	want := Device{
		Index: 3, UUID: "GPU-d", Name: "Mock NVIDIA A100-SXM4-40GB", PCI: "0000:30:00.0", Major: 8,
		Memory: 40 << 30, Free: 3 << 30, Utilization: 30, Temperature: 33,
	}
	if got := s.Devices[3]; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if got := s.Devices[3].Capability(); got != "sm_80" {
		t.Error(got)
	}
}

// A device with MIG on is listed, with its partitions, and is not itself for use.
func TestPartitions(t *testing.T) {
	server := dgx()
	whole := server.Devices[1].(*dgxa100.Device)
	whole.MigMode = nvml.DEVICE_MIG_ENABLE
	whole.GetMaxMigDeviceCountFunc = func() (int, nvml.Return) { return 7, nvml.SUCCESS }
	whole.GetMigDeviceHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i != 0 && i != 2 {
			return nil, nvml.ERROR_NOT_FOUND
		}
		return &mock.Device{
			GetUUIDFunc:       func() (string, nvml.Return) { return "MIG-" + string(rune('0'+i)), nvml.SUCCESS },
			GetNameFunc:       func() (string, nvml.Return) { return "NVIDIA A100-SXM4-40GB MIG 3g.20gb", nvml.SUCCESS },
			GetMemoryInfoFunc: func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 20 << 30, Free: 20 << 30}, nvml.SUCCESS },
			GetCudaComputeCapabilityFunc: func() (int, int, nvml.Return) {
				return 0, 0, nvml.ERROR_NOT_SUPPORTED
			},
		}, nvml.SUCCESS
	}
	s := found(t, server)
	if len(s.Devices) != 10 {
		t.Fatalf("%d devices", len(s.Devices))
	}
	if ok, _ := s.Devices[1].Usable(); ok {
		t.Error("a partitioned device is for use")
	}
	for i, id := range []string{"MIG-0", "MIG-2"} {
		p := s.Devices[2+i]
		ok, why := p.Usable()
		if p.UUID != id || p.Of != "GPU-b" || p.Capability() != "sm_80" || p.Memory != 20<<30 || !ok || p.Temperature != -1 {
			t.Errorf("partition %+v: %s", p, why)
		}
	}
}

// What one device does not answer costs neither it nor the others their place.
func TestSilentDevices(t *testing.T) {
	server := dgx()
	lost := server.Devices[0].(*dgxa100.Device)
	lost.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { return nvml.Memory{}, nvml.ERROR_GPU_IS_LOST }
	lost.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{}, nvml.ERROR_NOT_SUPPORTED }
	handle := server.DeviceGetHandleByIndexFunc
	server.DeviceGetHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i == 7 {
			return nil, nvml.ERROR_NO_PERMISSION
		}
		return handle(i)
	}
	s := found(t, server)
	if len(s.Devices) != 8 {
		t.Fatalf("%d devices", len(s.Devices))
	}
	for _, i := range []int{0, 7} {
		d := s.Devices[i]
		if ok, why := d.Usable(); ok || why == "" || len(d.Problems) != 1 || d.Utilization != -1 {
			t.Errorf("device %d: %+v", i, d)
		}
	}
	if ok, why := s.Devices[4].Usable(); !ok {
		t.Error(why)
	}
}

func TestNoDriver(t *testing.T) {
	for _, c := range []struct {
		r    nvml.Return
		want error
	}{
		{nvml.ERROR_LIBRARY_NOT_FOUND, ErrNoDriver},
		{nvml.ERROR_DRIVER_NOT_LOADED, ErrNoDriver},
		{nvml.ERROR_LIB_RM_VERSION_MISMATCH, nvml.ERROR_LIB_RM_VERSION_MISMATCH},
	} {
		lib := &mock.Interface{InitFunc: func() nvml.Return { return c.r }} // anything else it is asked would panic
		if _, err := discover(lib); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.r, err)
		}
	}
}
