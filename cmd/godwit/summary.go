package main

import (
	"fmt"
	"time"

	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

// summary is the line that ends a run: how it went and what it used.
func summary(r *runtime.Result) string {
	return fmt.Sprintf("%s in %v, %s fuel, %s memory",
		outcome(r), round(r.Wall), units.Count(r.FuelUsed), units.Size(r.MemoryPeakBytes).Approx())
}

func outcome(r *runtime.Result) string {
	switch r.Reason {
	case runtime.ReasonNone:
		return string(r.Status)
	case runtime.ReasonExit:
		return fmt.Sprintf("%s (exit %d)", r.Status, r.ExitCode)
	default:
		return fmt.Sprintf("%s (%s)", r.Status, r.Reason)
	}
}

// round keeps three digits of a time, for people.
func round(d time.Duration) time.Duration {
	unit := time.Microsecond
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}
