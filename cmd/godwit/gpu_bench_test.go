package main

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/hostabi/gpu/driver"
	"github.com/godwit-run/godwit/runtime"
)

// BenchmarkGuestSgemm is how much sooner a guest has a product of 512 by 512, its copies
// included, by sgemm than by its own loop (metric times).
func BenchmarkGuestSgemm(b *testing.B) {
	i := gpuInstance(b, "testdata/modules/gpumatmul.wasm")
	call := func(name string) (result float64, took time.Duration) {
		begun := time.Now()
		values, err := i.Call(b.Context(), name)
		if err != nil {
			b.Fatal(err)
		}
		return math.Float64frombits(values[0]), time.Since(begun)
	}
	if values, err := i.Call(b.Context(), "prepare"); err != nil || values[0] != 0 {
		b.Fatal(values, err)
	}
	call("there") // the first launch compiles
	here, there := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for b.Loop() {
		x, own := call("here")
		y, device := call("there")
		if x != y {
			b.Fatalf("%g here, %g there", x, y)
		}
		here, there = min(here, own), min(there, device)
	}
	b.ReportMetric(float64(here)/float64(there), "times")
	b.ReportMetric(float64(there.Microseconds())/1000, "ms-there")
}

// gpuInstance is an instance of a module, with this machine's devices.
func gpuInstance(b *testing.B, file string) *runtime.Instance {
	b.Helper()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	program := newGPUProgram(b)
	if !program.here {
		b.Skip("no device that runs kernels")
	}
	d, err := driver.New(driver.Config{Command: []string{program.path}})
	check(err)
	b.Cleanup(func() { check(d.Close()) })
	state, err := gpu.New(b.Context(), gpu.Config{Mode: gpu.Required, Backend: d})
	check(err)
	b.Cleanup(func() { check(state.Close()) })
	e, err := runtime.New(runtime.Config{HostModules: []hostabi.Module{gpu.Module()}})
	check(err)
	b.Cleanup(func() { check(e.Close()) })
	binary, err := os.ReadFile(file)
	check(err)
	m, err := e.Load(b.Context(), binary)
	check(err)
	b.Cleanup(func() { check(m.Close()) })
	i, err := m.Instantiate(b.Context(), runtime.Task{State: map[string]any{gpu.ModuleName: state}})
	check(err)
	b.Cleanup(func() { check(i.Close()) })
	return i
}
