package godwit

import (
	"context"
	"errors"

	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// openGPU gives an attempt the devices that are reserved for it, those and no others. It
// is nil for a task that has not asked.
func (x *execution) openGPU(ctx context.Context, s *scheduler.Start) (*gpu.State, error) {
	spec := s.Spec.Profile.GPU
	if spec == nil {
		return nil, nil
	}
	cfg := gpu.Config{Mode: gpu.Preferred, Deterministic: s.Spec.Deterministic, Label: "task " + s.Task.String(), DeviceTime: spec.Time}
	if spec.Required {
		cfg.Mode = gpu.Required
	}
	if len(s.Allotment.GPUs) > 0 {
		cfg.Backend = x.gpus.backend
	}
	for _, g := range s.Allotment.GPUs {
		cfg.Devices = append(cfg.Devices, gpu.Share{ID: g.ID, Memory: g.Memory})
	}
	return gpu.New(ctx, cfg)
}

// hostState is what a guest's host modules keep for it.
func hostState(g *gpu.State) map[string]any {
	if g == nil {
		return nil
	}
	return map[string]any{gpu.ModuleName: g}
}

// closeGPU frees the devices, and says what the attempt had of them.
func (x *execution) closeGPU(g *gpu.State, s *scheduler.Start) gpuUse {
	if g == nil {
		return gpuUse{}
	}
	if err := g.Close(); err != nil && !errors.Is(err, device.ErrLost) {
		x.log.Warn("free the devices of a task", "task", s.Task, "err", err)
	}
	used := g.Use()
	if used.Backend != "" {
		x.metrics.GPUUsed(used.DeviceTime)
	}
	if g.Lost() != nil {
		x.metrics.GPULost()
	}
	out := gpuUse{backend: used.Backend}
	for _, d := range s.Allotment.GPUs {
		u := wire.UsedGPU{ID: d.ID, Memory: d.Memory}
		if i, ok := x.gpus.info(d.ID); ok {
			u.Name = clip(i.Name, maxGPUText)
		}
		out.devices = append(out.devices, u)
	}
	return out
}

// gpuUse is what an attempt had of devices, as results tell it.
type gpuUse struct {
	backend string
	devices []wire.UsedGPU
}

// tell puts it into an outcome.
func (u gpuUse) tell(o *wire.Outcome) { o.Backend, o.GPUs = clip(u.backend, 64), u.devices }

// deviceLost is the outcome of an attempt whose device went away, through no fault of
// its own: it is worth another try.
func deviceLost(s *scheduler.Start, err error) wire.Outcome {
	return wire.Outcome{
		Status: wire.Failed, Reason: wire.ReasonNodeLost, Message: clip(err.Error(), wire.MaxMessageText), FuelLimit: s.Spec.Limits.Fuel,
	}
}
