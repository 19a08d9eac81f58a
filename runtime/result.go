package runtime

import (
	"embed"
	"io/fs"
	"time"

	"github.com/godwit-run/godwit/hostabi/wasi"
)

// Status is how a run ended.
type Status string

const (
	// StatusSucceeded: the guest ended by itself with exit code 0.
	StatusSucceeded Status = "succeeded"
	// StatusFailed: see the Reason.
	StatusFailed Status = "failed"
	// StatusCancelled: the caller's context was cancelled.
	StatusCancelled Status = "cancelled"
	// StatusSuspended: it was suspended for good (see Captures), and can go on from its
	// last snapshot.
	StatusSuspended Status = "suspended"
)

// Reason is why a run failed.
type Reason string

const (
	// ReasonNone: it did not fail.
	ReasonNone Reason = ""
	// ReasonExit: the guest ended by itself with an exit code other than 0.
	ReasonExit Reason = "exit"
	// ReasonTrap: the guest trapped.
	ReasonTrap Reason = "trap"
	// ReasonOutOfFuel: the run needed more than Limits.Fuel.
	ReasonOutOfFuel Reason = "out_of_fuel"
	// ReasonTimeout: the run took longer than Limits.WallTime, or the caller's
	// context reached its deadline.
	ReasonTimeout Reason = "timeout"
	// ReasonOutOfMemory: the module needs more than Limits.Memory to start, or
	// the guest gave up (by unreachable) after growth beyond it had been refused.
	ReasonOutOfMemory Reason = "out_of_memory"
)

// Result is what a run came to.
type Result struct {
	Status Status
	Reason Reason

	// Started tells whether the guest was instantiated: if not, it has not run.
	Started bool

	// ExitCode is the guest's own exit code; 0 unless it exited by itself.
	ExitCode uint32

	// Message says in words why the run failed: for a trap its cause and the
	// guest's call stack. Empty when it succeeded.
	Message string

	// FuelUsed is exact when the guest ended by itself. When it was stopped or
	// trapped it is within a static bound of exact; at a trap or out of fuel it
	// is the same on every repetition.
	FuelUsed uint64
	// FuelLimit is the limit in force, or 0 if there was none.
	FuelLimit uint64
	// MemoryPeakBytes is the largest sum over all memories and tables.
	MemoryPeakBytes uint64
	// Wall is the time from instantiation to the end.
	Wall time.Duration

	// Values are the results of the export that Task.Invoke named.
	Values []Value

	system *wasi.System
}

// Files is what the guest left under /out.
func (r *Result) Files() fs.FS {
	if r.system == nil {
		return embed.FS{} // an empty one
	}
	return r.system.Outputs()
}

// WriteFiles copies what the guest left under /out into a folder of the host,
// which must exist; it never writes outside of it.
func (r *Result) WriteFiles(dir string) error {
	if r.system == nil {
		return nil
	}
	return r.system.WriteOutputs(dir)
}
