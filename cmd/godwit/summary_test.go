package main

import (
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/runtime"
)

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		result runtime.Result
		want   string
	}{
		{
			runtime.Result{Status: runtime.StatusSucceeded, Wall: 12345678, FuelUsed: 1234567, MemoryPeakBytes: 2202010},
			"succeeded in 12.3ms, 1,234,567 fuel, 2.1 MiB memory",
		},
		{
			runtime.Result{Status: runtime.StatusFailed, Reason: runtime.ReasonExit, ExitCode: 3, Wall: 999, FuelUsed: 10},
			"failed (exit 3) in 1µs, 10 fuel, 0 B memory",
		},
		{
			runtime.Result{Status: runtime.StatusFailed, Reason: runtime.ReasonOutOfFuel, Wall: 90 * time.Minute},
			"failed (out_of_fuel) in 1h30m0s, 0 fuel, 0 B memory",
		},
		{
			runtime.Result{Status: runtime.StatusCancelled, Wall: 1995 * time.Millisecond},
			"cancelled in 2s, 0 fuel, 0 B memory",
		},
	} {
		if got := summary(&c.result); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Whoever prefers a GPU is told which it was, or that there was none.
func TestTaskSummaryOfGPU(t *testing.T) {
	ran := api.Task{ID: "7", Status: api.StatusSucceeded}
	for _, c := range []struct {
		mode   string
		result *api.Result
		want   string
	}{
		{"preferred", &api.Result{Started: true, Backend: "cpu-go"}, "memory, without a GPU"},
		{"preferred", &api.Result{Started: true, Backend: "opencl", GPUs: []api.UsedGPU{{ID: "a", Name: "Big"}}}, "memory, Big"},
		{"", &api.Result{Started: true}, "memory"},
		{"preferred", nil, "succeeded"},
	} {
		ran.Request.Requirements.GPU, ran.Result = c.mode, c.result
		if got := taskSummary(ran); !strings.HasSuffix(got, c.want) || strings.Count(got, "GPU") > 1 {
			t.Errorf("%s: got %q, want it to end in %q", c.mode, got, c.want)
		}
	}
}

func TestRound(t *testing.T) {
	for in, want := range map[time.Duration]string{
		0: "0s", 499: "0s", 1234: "1µs", 123456: "123µs", 1234567: "1.23ms", 27756123: "27.8ms",
		1234567890: "1.23s", 61234567890: "1m1.2s",
	} {
		if got := round(in).String(); got != want {
			t.Errorf("%d: got %s, want %s", in, got, want)
		}
	}
}
