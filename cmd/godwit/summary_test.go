package main

import (
	"testing"
	"time"

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
