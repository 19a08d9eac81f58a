package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/runtime"
)

// report is what --report writes: the whole result.
type report struct {
	Status runtime.Status `json:"status"`
	// Reason is why it failed, or empty. A module that could not even be loaded
	// is refused, with exit code 125.
	Reason runtime.Reason `json:"reason"`
	// Message is the cause in words; for a trap with the guest's stack.
	Message string `json:"message,omitempty"`
	// ExitCode is that of the command: the guest's own if it ended by itself.
	ExitCode int `json:"exit_code"`
	// FuelUsed and FuelLimit are in units of fuel version 1; a limit of 0 is none.
	FuelUsed  uint64 `json:"fuel_used"`
	FuelLimit uint64 `json:"fuel_limit"`
	// MemoryPeakBytes is over all memories and tables together.
	MemoryPeakBytes uint64 `json:"memory_peak_bytes"`
	// WallNS is the time from instantiation to the end, in nanoseconds.
	WallNS int64 `json:"wall_ns"`
	// Task is the id of a task of the mesh.
	Task string `json:"task,omitempty"`
	// Node is where it ran: "local" is this process.
	Node     string `json:"node"`
	Attempts int    `json:"attempts"`
	// Values are the results of the function that --invoke named.
	Values []string `json:"values,omitempty"`
	// Truncated tells that a node has not kept all that was written to standard
	// output and error.
	Truncated bool `json:"truncated,omitempty"`
	// Backend is what GPU work ran on, if there was any: opencl, or cpu-go where there
	// was no device. GPUs are the devices that the run had.
	Backend string        `json:"backend,omitempty"`
	GPUs    []api.UsedGPU `json:"gpus,omitempty"`
	// Outputs are the files that the guest left in /out.
	Outputs []output `json:"outputs"`
	// Kept is the checkpoint that --checkpoint made, if it made one.
	Kept *keptReport `json:"kept,omitempty"`
}

// output is a file that the guest left in /out.
type output struct {
	Path string `json:"path"` // relative to /out
	Size int64  `json:"size"` // in bytes
	CID  string `json:"cid"`  // as `ipfs add --cid-version=1` prints it
}

// reasonRefused is a run that never was: see DESIGN §4.2.
const reasonRefused runtime.Reason = "refused"

// newReport tells of a run and of err, what the command makes of it.
func newReport(r *runtime.Result, outputs []output, err error) report {
	rep := report{
		Status:          r.Status,
		Reason:          r.Reason,
		ExitCode:        exitCode(err),
		FuelUsed:        r.FuelUsed,
		FuelLimit:       r.FuelLimit,
		MemoryPeakBytes: r.MemoryPeakBytes,
		WallNS:          r.Wall.Nanoseconds(),
		Node:            "local",
		Attempts:        1,
		Outputs:         append([]output{}, outputs...),
	}
	if err != nil {
		rep.Message = err.Error()
	}
	for _, v := range r.Values {
		rep.Values = append(rep.Values, v.String())
	}
	return rep
}

// refusedReport tells of a module that was not run at all.
func refusedReport(err error) report {
	r := runtime.Result{Status: runtime.StatusFailed, Reason: reasonRefused}
	if stopped := (stoppedError{}); errors.As(err, &stopped) {
		r.Status, r.Reason = runtime.StatusCancelled, runtime.ReasonNone
	}
	rep := newReport(&r, nil, err)
	rep.Attempts = 0
	return rep
}

// write puts the report into a file in one step: a reader sees the old file or
// the whole new one. What is not a regular file, such as a device or a link
// (/dev/stdout is one), is written to directly.
func (r report) write(name string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	text = append(text, '\n')
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, text, 0o644)
	}
	return replaceFile(name, text)
}

func replaceFile(name string, text []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
