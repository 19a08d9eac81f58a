package main

import (
	"strings"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/nvml"
)

func TestNvidiaCheck(t *testing.T) {
	for _, c := range []struct {
		d    nvml.Device
		ok   bool
		name string
		want []string
	}{
		{
			nvml.Device{Name: "NVIDIA A100", Major: 8, Memory: 40 << 30, Free: 10 << 30, Utilization: 35, Temperature: 51}, true,
			"device 0", []string{"NVIDIA A100", "sm_80", "40.0 GiB", "10.0 GiB", "35 % busy", "51 °C"},
		},
		{
			nvml.Device{Name: "NVIDIA A100", Major: 8, Memory: 40 << 30, Utilization: -1, Temperature: -1, Partitioned: true}, false,
			"device 0", []string{"MIG is on", "partitions"},
		},
		{
			nvml.Device{Index: 1, Name: "MIG 3g.20gb", Of: "GPU-1", Major: 8, Memory: 20 << 30, Utilization: -1, Temperature: -1}, true,
			"partition of 1", []string{"MIG 3g.20gb", "20.0 GiB"},
		},
		{
			nvml.Device{Index: 2, Utilization: -1, Temperature: -1, Problems: []string{"memory: GPU is lost"}}, false,
			"device 2", []string{"does not say how much memory", "GPU is lost"},
		},
	} {
		got := nvidiaCheck(&c.d)
		if got.OK != c.ok || got.Name != c.name || got.Required {
			t.Errorf("%+v", got)
		}
		for _, want := range c.want {
			if !strings.Contains(got.Detail, want) {
				t.Errorf("%q is not in %q", want, got.Detail)
			}
		}
		if strings.Contains(got.Detail, "-1") {
			t.Errorf("what is not known is told: %q", got.Detail)
		}
	}
}
