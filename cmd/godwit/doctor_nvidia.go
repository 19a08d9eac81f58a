package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/godwit-run/godwit/hostabi/gpu/nvml"
	"github.com/godwit-run/godwit/internal/units"
)

// nvidiaChecks tell what NVIDIA's driver knows of its devices. Work runs on them by way
// of OpenCL: see the checks of gpu.
func nvidiaChecks() []check {
	s, err := nvml.Discover()
	list := []check{tried("driver", err, "%s, CUDA %s, %d devices", orUnknown(s.Driver), orUnknown(s.CUDA), wholeDevices(s.Devices))}
	for i := range s.Devices {
		list = append(list, nvidiaCheck(&s.Devices[i]))
	}
	return list
}

func wholeDevices(list []nvml.Device) (n int) {
	for i := range list {
		if list[i].Of == "" {
			n++
		}
	}
	return n
}

func nvidiaCheck(d *nvml.Device) check {
	name := fmt.Sprintf("device %d", d.Index)
	if d.Of != "" {
		name = fmt.Sprintf("partition of %d", d.Index)
	}
	facts := []string{
		cmp.Or(d.Name, "nameless"), orUnknown(d.Capability()),
		fmt.Sprintf("%s, %s of it free", units.Size(d.Memory).Approx(), units.Size(d.Free).Approx()),
	}
	if d.Utilization >= 0 {
		facts = append(facts, fmt.Sprintf("%d %% busy", d.Utilization))
	}
	if d.Temperature >= 0 {
		facts = append(facts, fmt.Sprintf("%d °C", d.Temperature))
	}
	c := found(name, "%s", strings.Join(append(facts, d.Problems...), ", "))
	if ok, why := d.Usable(); !ok {
		c.OK, c.Detail = false, why+": "+c.Detail
	}
	return c
}
