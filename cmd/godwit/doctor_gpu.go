package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver"
	"github.com/godwit-run/godwit/internal/units"
)

// gpuPatience is how long all devices together may take to be tried.
const gpuPatience = time.Minute

// gpuChecks tell what devices guests can have, and why not. None is needed.
func gpuChecks() []check {
	path, err := driver.Find()
	all := []check{tried("driver program", err, "%s", path)}
	if err != nil {
		all[0].Detail += "; go install github.com/godwit-run/godwit/cmd/...@latest puts it beside godwit"
		return all
	}
	d, err := driver.New(driver.Config{})
	if err != nil {
		return append(all, tried("devices", err, ""))
	}
	ctx, cancel := context.WithTimeout(context.Background(), gpuPatience)
	defer cancel()
	all = append(all, deviceChecks(ctx, d)...)
	if err := d.Close(); err != nil {
		all = append(all, tried("driver process", err, ""))
	}
	return all
}

func deviceChecks(ctx context.Context, d *driver.Driver) []check {
	infos, err := d.Devices(ctx)
	if err == nil && len(infos) == 0 {
		err = errors.New("no OpenCL device: is a driver installed, such as Debian's pocl-opencl-icd for the CPU?")
	}
	if err != nil {
		return []check{tried("devices", err, "")}
	}
	var all []check
	if c := d.Confined(); c != "" {
		all = append(all, found("driver process", "is kept from %s", c))
	}
	for i, info := range infos {
		err := tryDevice(ctx, d, i, info)
		all = append(all, tried(fmt.Sprintf("device %d", i), err, "%s", describeDevice(info)))
		if err != nil {
			all[len(all)-1].Detail = fmt.Sprintf("%s: %v", info.Name, err)
		}
	}
	return all
}

func describeDevice(info device.Info) string {
	var forms []string
	for _, f := range info.Forms {
		forms = append(forms, string(f))
	}
	return fmt.Sprintf("%s, %s, %s, %s, %d compute units, takes %s, driver %s (%s)", info.Name, info.Kind,
		info.Capability, units.Size(info.Memory).Approx(), info.ComputeUnits, strings.Join(forms, " and "), info.Driver, info.ID)
}

// tryDevice runs a kernel.
func tryDevice(ctx context.Context, d *driver.Driver, i int, info device.Info) (err error) {
	if info.Unusable != "" {
		return errors.New(info.Unusable)
	}
	s, err := d.Open(ctx, device.Limits{Devices: []int{i}, QueueTime: 10 * time.Second, Label: "doctor"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p, err := s.Build(ctx, 0, device.Source{Form: device.OpenCLC, Text: []byte("kernel void answer(global uint *x) { x[get_global_id(0)] = 42; }")})
	if err != nil {
		return err
	}
	k, err := p.Kernel("answer")
	if err != nil {
		return err
	}
	b, err := s.NewBuffer(ctx, 0, 256)
	if err != nil {
		return err
	}
	e, err := k.Launch(ctx, device.Range{Dims: 1, Global: [3]uint64{64}}, device.Whole(b))
	if err != nil {
		return err
	}
	got := make([]byte, 256)
	if err := errors.Join(device.Wait(ctx, e), b.Read(ctx, 0, got)); err != nil {
		return err
	}
	for i := 0; i < len(got); i += 4 {
		if got[i] != 42 {
			return fmt.Errorf("a kernel that writes 42 wrote %d", got[i])
		}
	}
	return nil
}
