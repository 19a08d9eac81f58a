package runtime

import (
	"io"

	"github.com/godwit-run/godwit/hostabi/wasi"
)

// Task is one run of a module to completion.
type Task struct {
	// Args are the guest's arguments, its own name first.
	Args []string
	// Env are the guest's environment variables, as KEY=VALUE.
	Env []string

	// Stdin is what the guest reads; nil is empty. Stdout and Stderr get what it
	// writes as it comes; nil discards it.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Inputs appear read-only under /in. They are read on demand.
	Inputs []wasi.Input

	// Invoke names an export to call with InvokeArgs instead of running the
	// program (_start). A reactor's _initialize runs first.
	Invoke string
	// InvokeArgs are parsed by the export's signature (see ParseValue).
	InvokeArgs []string

	// From, if not nil, is what the instance goes on from, instead of beginning
	// anew (see Module.Restore): in the middle of the call that was suspended, or
	// else with a call of Invoke, which must then name an export.
	From *Saved
	// Captures, if not nil, has the run captured while it goes on. The engine must
	// have Config.Suspend; the error wraps ErrNotCapturable if the module cannot be
	// suspended (see Module.Unsuspendable).
	Captures *Captures
	// Keep, if not nil, is called with the instance when the export that Invoke
	// names has returned, so that it can be captured. Its error is Run's.
	Keep func(*Instance) error

	// Deterministic fixes clocks and seeds randomness.
	Deterministic bool
	// Sources are where the guest's time and randomness come from, unless the run
	// is deterministic. Default: the system's.
	Sources wasi.Sources

	// State is kept for the host modules of Config.HostModules, by module name.
	State map[string]any

	Limits Limits
}
