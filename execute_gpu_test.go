package godwit

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
	"github.com/godwit-run/godwit/internal/api"
)

// frail is a device whose driver goes away when it is first used.
type frail struct {
	*kernels.Backend
	opened atomic.Int32
}

func (f *frail) Open(ctx context.Context, limits device.Limits) (device.Session, error) {
	if f.opened.Add(1) == 1 {
		return nil, &device.LostError{Reason: "the driver ended with SIGKILL"}
	}
	return f.Backend.Open(ctx, limits)
}

// withBackend is a node that has the devices of a backend of Go code.
func withBackend(t *testing.T, cfg Config) (*Node, *frail) {
	t.Helper()
	f := &frail{Backend: kernels.New()}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg.Devices = f
	return start(t, cfg), f
}

// What needs a device runs where one is, is told by name what it had, and is tried again if
// the device goes away under it.
func TestTaskOnDevice(t *testing.T) {
	a := start(t, Config{})
	b, _ := withBackend(t, Config{Bootstrap: a.Addrs()})
	waitFor(t, func() bool { list, err := a.Workers(t.Context()); return err == nil && len(list) == 2 })
	module := put(t, a, "examples/gpu-saxpy/gpu-saxpy.wasm")
	task := run(t, a, api.TaskRequest{Module: module, Requirements: api.Requirements{GPU: "required", GPUMemory: 64 << 20}})
	if task.Status != api.StatusSucceeded || task.Node != b.ID() || task.Result.Backend != kernels.BackendName {
		t.Fatalf("%+v, %+v", task, task.Result)
	}
	if g := task.Result.GPUs; len(g) != 1 || g[0].ID == "" || g[0].Name == "" || g[0].MemoryBytes != 64<<20 {
		t.Errorf("%+v", g)
	}
	if first := task.History[0]; len(task.History) != 2 || first.Outcome != "node_lost" || !strings.Contains(first.Message, "device lost: the driver ended with SIGKILL") {
		t.Errorf("%+v", task.History)
	}
	plan, err := a.Explain(t.Context(), task.ID)
	if err != nil || len(plan.GPUs) != 1 || plan.Backend != kernels.BackendName {
		t.Errorf("%+v, %v", plan, err)
	}
	for name, want := range map[string]string{"godwit_gpus": "1", "godwit_gpus_busy": "0", "godwit_gpu_lost_total": "1", "godwit_gpu_runs_total": "1"} {
		if got := scrape(t, b)[name]; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// What only prefers a device runs without, and says so; what asks for none finds none,
// where one is.
func TestTaskWithoutDevice(t *testing.T) {
	a := start(t, Config{})
	b, frail := withBackend(t, Config{})
	for _, n := range []*Node{a, b} {
		frail.opened.Store(1)
		module := put(t, n, "examples/gpu-saxpy/gpu-saxpy.wasm")
		task := run(t, n, api.TaskRequest{Module: module, Requirements: api.Requirements{GPU: "preferred"}})
		if task.Status != api.StatusSucceeded || task.Result.Backend != kernels.BackendName || (len(task.Result.GPUs) == 1) != (n == b) {
			t.Errorf("%+v, %+v", task, task.Result)
		}
		task = run(t, n, api.TaskRequest{Module: module})
		if task.Status == api.StatusSucceeded || task.Result.Backend != "" || task.Result.GPUs != nil {
			t.Errorf("without: %+v, %+v", task, task.Result)
		}
	}
}
