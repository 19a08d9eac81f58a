package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// gpuFlags are the flags of `run` that give a guest devices.
type gpuFlags struct {
	mode       gpuValue
	memory     memoryValue
	time       timeoutValue
	capability capabilityValue
}

func (f *gpuFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var(&f.mode, "gpu", "GPU: required, preferred (without one, ready-made kernels run here) or none (default none)")
	fs.Lookup("gpu").DefValue = ""
	fs.Var(&f.memory, "gpu-memory", "allow `SIZE` of a device's memory (default 1Gi, or what it has)")
	fs.Lookup("gpu-memory").DefValue = ""
	fs.Var(&f.time, "gpu-time", "how long devices may work for it, such as 10s (default no limit)")
	fs.Lookup("gpu-time").DefValue = ""
	fs.Var(&f.capability, "compute-capability", "least compute capability of the device, such as sm_70")
	complete(cmd, "gpu", cobra.FixedCompletions(gpuModes, cobra.ShellCompDirectiveNoFileComp))
}

// gpuModes are the values of --gpu, by gpu.Mode.
var gpuModes = []string{"none", "preferred", "required"}

// gpuValue is a gpu.Mode.
type gpuValue gpu.Mode

func (v *gpuValue) Type() string   { return "mode" }
func (v *gpuValue) String() string { return gpuModes[*v] }
func (v *gpuValue) Set(s string) error {
	i := slices.Index(gpuModes, s)
	if i < 0 {
		return errors.New("want required, preferred or none")
	}
	*v = gpuValue(i)
	return nil
}

// capabilityValue is a compute capability.
type capabilityValue string

func (v *capabilityValue) Type() string   { return "capability" }
func (v *capabilityValue) String() string { return string(*v) }
func (v *capabilityValue) Set(s string) error {
	_, err := wire.ParseCapability(s)
	*v = capabilityValue(s)
	return err
}

// errNoGPU is a run that needs a GPU where none will do.
type errNoGPU struct{ error }

func (e errNoGPU) Unwrap() error { return e.error }

func (e errNoGPU) Hint() string {
	return "godwit doctor lists devices; --gpu preferred lets ready-made kernels run without one"
}

// gpuRun is what one run has of GPUs; nil is nothing.
type gpuRun struct {
	backend device.Backend
	why     error // there is no device, if so
	state   *gpu.State
}

// newGPUBackend is what has the devices of this machine. It keeps programs beside compiled
// modules.
func newGPUBackend() (device.Backend, error) {
	cache, err := cacheDir("", false)
	if err != nil {
		return nil, err
	}
	if cache != "" {
		cache = filepath.Join(cache, "gpu")
	}
	return driver.New(driver.Config{CacheDir: cache})
}

// gpuModules are the host modules for a guest's binary, which names what it imports.
func gpuModules(binary []byte) []hostabi.Module {
	if !bytes.Contains(binary, []byte(gpu.ModuleName)) {
		return nil
	}
	return []hostabi.Module{gpu.Module()}
}

// open finds the devices that the flags ask for, and gives them to the task.
func (f *gpuFlags) open(ctx context.Context, t *runtime.Task) (*gpuRun, error) {
	if f.mode == gpuValue(gpu.None) {
		if f.memory != 0 || f.time != 0 || f.capability != "" {
			return nil, errors.New("--gpu-memory, --gpu-time and --compute-capability are for --gpu required or preferred")
		}
		return nil, nil
	}
	backend, err := newGPUBackend()
	if err != nil {
		return nil, err
	}
	r := &gpuRun{backend: backend}
	cfg := gpu.Config{Mode: gpu.Mode(f.mode), Backend: r.backend, Deterministic: t.Deterministic, Label: "run", DeviceTime: time.Duration(f.time)}
	if t.Deterministic {
		cfg.Seed = []byte("deterministic")
	}
	if r.why = f.choose(ctx, &cfg); r.why != nil {
		err, cfg.Backend = r.why, nil
	}
	if r.why == nil || cfg.Mode == gpu.Preferred {
		r.state, err = gpu.New(ctx, cfg)
	}
	if err != nil {
		return nil, errNoGPU{errors.Join(err, r.close())}
	}
	t.State = map[string]any{gpu.ModuleName: r.state}
	return r, nil
}

// choose keeps the devices that the flags let through. The error says why there are none.
func (f *gpuFlags) choose(ctx context.Context, cfg *gpu.Config) error {
	list, err := cfg.Backend.Devices(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", gpu.ErrNoDevice, err)
	}
	spec := &wire.GPUSpec{Memory: uint64(f.memory), Capability: string(f.capability)}
	for _, d := range list {
		has := wire.GPUDevice{Memory: d.Memory, Capability: d.Capability, OpenCL: openCLOf(d.Version)}
		if d.Unusable == "" && has.Fits(spec) {
			cfg.Devices = append(cfg.Devices, gpu.Share{ID: d.ID, Memory: uint64(f.memory)})
		}
	}
	if len(cfg.Devices) > 0 {
		return nil
	}
	return f.noneFits(list)
}

// noneFits says why there is no device among those.
func (f *gpuFlags) noneFits(list []device.Info) error {
	if len(list) > 0 {
		return fmt.Errorf("%w: asked for %s; there is %s", gpu.ErrNoDevice, f.wish(), thereIs(list))
	}
	if _, err := driver.Find(); err != nil {
		return fmt.Errorf("%w: %w", gpu.ErrNoDevice, err)
	}
	return fmt.Errorf("%w: this machine has no OpenCL driver", gpu.ErrNoDevice)
}

// wish is what the flags ask of a device.
func (f *gpuFlags) wish() string {
	text := cmp.Or(string(f.capability), "any device")
	if f.memory > 0 {
		text += " with " + units.Size(f.memory).Approx()
	}
	return text
}

// thereIs tells of devices, and why some are of no use.
func thereIs(list []device.Info) string {
	var parts []string
	for _, d := range list {
		parts = append(parts, fmt.Sprintf("%s (%s)", d.Name, cmp.Or(d.Unusable, d.Capability+", "+units.Size(d.Memory).Approx())))
	}
	return strings.Join(parts, ", ")
}

// openCLOf is the capability that a version is, such as "OpenCL 3.0 PoCL".
func openCLOf(version string) string {
	rest, ok := strings.CutPrefix(version, "OpenCL ")
	if !ok {
		return ""
	}
	number, _, _ := strings.Cut(rest, " ")
	return "opencl_" + number
}

// saidOfGPU is what people are told of the devices, and of a run that failed without that it might have
// had one.
func (j *job) saidOfGPU(r *runtime.Result) string {
	if j.gpu == nil && r.Status == runtime.StatusFailed && len(gpuModules(j.binary)) > 0 {
		return "it can use GPUs, and had none: --gpu required or --gpu preferred gives it one"
	}
	return j.gpu.said()
}

// said is what people are told of the devices, if anything.
func (r *gpuRun) said() string {
	if r == nil {
		return ""
	}
	use := r.state.Use()
	if err := r.state.Fallback(); err != nil && use.Backend != "" {
		what := "ready-made kernels ran here"
		if use.Launches == 0 {
			what = "no kernel ran here"
		}
		return fmt.Sprintf("%s (%v)", what, cmp.Or(r.why, err))
	}
	if len(use.Devices) == 0 {
		return ""
	}
	return fmt.Sprintf("%v on %s", round(use.DeviceTime), use.Devices[0].Name)
}

// report puts what was used into a report.
func (r *gpuRun) report(rep *report) {
	if r == nil {
		return
	}
	use := r.state.Use()
	rep.Backend = use.Backend
	for _, d := range use.Devices {
		rep.GPUs = append(rep.GPUs, api.UsedGPU{ID: d.ID, Name: d.Name, MemoryBytes: d.Memory})
	}
}

// close ends the driver process first, with whatever it is at: a compiler may take its time, and
// nobody waits for what it makes.
func (r *gpuRun) close() error {
	if r == nil {
		return nil
	}
	var errs []error
	if r.backend != nil {
		errs = append(errs, r.backend.Close())
	}
	if r.state != nil {
		errs = append(errs, r.state.Close())
	}
	return errors.Join(errs...)
}
