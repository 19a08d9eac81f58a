package wire

import (
	"fmt"
	"time"
)

const (
	// MaxResult is the largest envelope of a result, in bytes.
	MaxResult = 192 << 10
	// MaxInline is the most bytes of an output stream that a result holds itself.
	MaxInline = 4 << 10
	// MaxFiles is how many output files a result lists.
	MaxFiles = 256
	// MaxMessageText is the longest message of a result, in bytes.
	MaxMessageText = 16 << 10
)

// Status is how an attempt, or a task, ended.
type Status string

// The statuses.
const (
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Reason is why an attempt, or a task, failed.
type Reason string

// The reasons (DESIGN §4.2).
const (
	ReasonNone        Reason = ""
	ReasonExit        Reason = "exit"          // the guest ended with another code than 0
	ReasonTrap        Reason = "trap"          //
	ReasonOutOfFuel   Reason = "out_of_fuel"   //
	ReasonTimeout     Reason = "timeout"       // wall time or deadline
	ReasonOutOfMemory Reason = "out_of_memory" //
	ReasonNotPlaced   Reason = "not_placed"    // no node may run it; only of tasks
	ReasonNodeLost    Reason = "node_lost"     // the executor went, restarted or drained
	ReasonRefused     Reason = "refused"       // the executor could not run it: see Fault
)

// Fault is whose fault a refused attempt was: whether another try, elsewhere,
// can help.
type Fault string

// The faults.
const (
	FaultNone   Fault = ""
	FaultModule Fault = "module" // no node can run it: bad module, unknown import
	FaultFetch  Fault = "fetch"  // module or input could not be had, or was damaged
	FaultNode   Fault = "node"   // the node is broken: full disk, engine
	FaultDrain  Fault = "drain"  // given back: the node stops
)

// Result is what became of one attempt, signed by its executor.
type Result struct {
	Ref
	Submitter NodeID `cbor:"submitter" json:"submitter"`
	Executor  NodeID `cbor:"executor" json:"executor"`
	Outcome
}

// Outcome is what became of a run.
type Outcome struct {
	Status Status `cbor:"status" json:"status"`
	Reason Reason `cbor:"reason,omitempty" json:"reason,omitempty"`
	Fault  Fault  `cbor:"fault,omitempty" json:"fault,omitempty"`
	// Message says in words why it failed.
	Message string `cbor:"message,omitempty" json:"message,omitempty"`
	// Started tells whether the guest ran at all.
	Started         bool   `cbor:"started" json:"started"`
	ExitCode        uint32 `cbor:"exit_code" json:"exit_code"`
	FuelUsed        uint64 `cbor:"fuel_used" json:"fuel_used"`
	FuelLimit       uint64 `cbor:"fuel_limit" json:"fuel_limit"`
	MemoryPeakBytes uint64 `cbor:"memory_peak" json:"memory_peak_bytes"`
	// Wall is the time from instantiation to the end.
	Wall time.Duration `cbor:"wall" json:"wall_ns"`
	// Values are the results of the export that was invoked.
	Values []string `cbor:"values,omitempty" json:"values,omitempty"`
	// Files are what the guest left in /out, by path; Output is the directory of
	// them all. If there are more than MaxFiles only the first are listed.
	Files  []File `cbor:"files,omitempty" json:"files,omitempty"`
	Output Link   `cbor:"output,omitzero" json:"output,omitzero"`
	Stdout Text   `cbor:"stdout" json:"stdout"`
	Stderr Text   `cbor:"stderr" json:"stderr"`
	// Backend is what GPU work ran on, if there was any: opencl, or cpu-go.
	Backend string `cbor:"backend,omitempty" json:"backend,omitempty"`
	// GPUs are the devices that the run had to itself.
	GPUs []UsedGPU `cbor:"gpus,omitempty" json:"gpus,omitempty"`
}

// UsedGPU is a device that a run had.
type UsedGPU struct {
	// ID and Name are those of its [GPUDevice].
	ID   string `cbor:"id" json:"id"`
	Name string `cbor:"name,omitempty" json:"name,omitempty"`
	// Memory is how many bytes of it the run might take.
	Memory uint64 `cbor:"memory" json:"memory_bytes"`
}

// File is a file that the guest left in /out.
type File struct {
	Path string `cbor:"path" json:"path"`
	Size uint64 `cbor:"size" json:"size"`
	Link Link   `cbor:"link" json:"link"`
}

// Text is what the guest wrote to an output stream: up to MaxInline bytes are
// here, more are a file.
type Text struct {
	// Size in bytes of what was written, kept or not.
	Size      uint64 `cbor:"size" json:"size"`
	Truncated bool   `cbor:"truncated,omitempty" json:"truncated,omitempty"`
	Inline    []byte `cbor:"inline,omitempty" json:"inline,omitempty"`
	Link      Link   `cbor:"link,omitzero" json:"link,omitzero"`
}

// Signer implements Record.
func (r Result) Signer() NodeID { return r.Executor }

// Validate implements Body. What an outcome says must fit together.
func (r Result) Validate() error {
	if r.Submitter.Validate() != nil || r.Executor.Validate() != nil {
		return fmt.Errorf("result: submitter or executor: %w", ErrInvalid)
	}
	return first(r.Ref.validate(), r.Outcome.Validate())
}

// Validate checks bounds, and that the parts fit together: a success has no
// reason, a failure has one that an executor can give, and fuel is within its
// limit unless it ran out. Errors wrap [ErrInvalid].
func (o Outcome) Validate() error {
	if !o.coherent() {
		return fmt.Errorf("outcome %.20q, %.20q, %.20q, exit code %d, fuel %d of %d: %w",
			o.Status, o.Reason, o.Fault, o.ExitCode, o.FuelUsed, o.FuelLimit, ErrInvalid)
	}
	if len(o.Files) > MaxFiles {
		return fmt.Errorf("%d files: %w", len(o.Files), ErrInvalid)
	}
	for _, f := range o.Files {
		if err := checkText("path of an output", f.Path, 1, 4096); err != nil {
			return err
		}
		if !f.Link.Defined() || f.Size > 1<<62 {
			return fmt.Errorf("output %q: %w", f.Path, ErrInvalid)
		}
	}
	if err := checkUsedGPUs(o.GPUs); err != nil {
		return err
	}
	return first(o.Stdout.validate(), o.Stderr.validate(), checkStrings("values", o.Values),
		checkText("message", o.Message, 0, MaxMessageText), checkText("backend", o.Backend, 0, 64), checkTime("wall time", o.Wall))
}

func checkUsedGPUs(list []UsedGPU) error {
	if len(list) > MaxGPUs {
		return fmt.Errorf("%d gpus: %w", len(list), ErrInvalid)
	}
	for _, g := range list {
		if err := (GPUDevice{ID: g.ID, Name: g.Name, Memory: g.Memory}).validate(); err != nil {
			return err
		}
	}
	return nil
}

func (o Outcome) coherent() bool {
	if (o.Fault != FaultNone) != (o.Reason == ReasonRefused || o.Reason == ReasonNodeLost && o.Fault == FaultDrain) {
		return false
	}
	if o.FuelLimit > 0 && o.FuelUsed > o.FuelLimit && o.Reason == ReasonNone {
		return false
	}
	switch o.Status {
	case Succeeded:
		return o.Reason == ReasonNone && o.ExitCode == 0 && o.Started
	case Cancelled:
		return o.Reason == ReasonNone
	case Failed:
		return o.failure()
	}
	return false
}

func (o Outcome) failure() bool {
	switch o.Reason {
	case ReasonExit:
		return o.ExitCode != 0 && o.Started
	case ReasonTrap, ReasonOutOfFuel, ReasonTimeout, ReasonOutOfMemory, ReasonNodeLost:
		return o.ExitCode == 0
	case ReasonRefused:
		return o.ExitCode == 0 && !o.Started && (o.Fault == FaultModule || o.Fault == FaultFetch || o.Fault == FaultNode)
	}
	return false
}

func (t Text) validate() error {
	if len(t.Inline) > MaxInline || t.Size > 1<<62 || uint64(len(t.Inline)) > t.Size || len(t.Inline) > 0 && t.Link.Defined() {
		return fmt.Errorf("text of %d bytes, %d inline: %w", t.Size, len(t.Inline), ErrInvalid)
	}
	return nil
}

// Links are the CIDs that a result names: of its outputs, and of streams that are
// too long to be in it.
func (o *Outcome) Links() []Link {
	var links []Link
	add := func(l Link) {
		if l.Defined() {
			links = append(links, l)
		}
	}
	add(o.Output)
	if !o.Output.Defined() {
		for _, f := range o.Files {
			add(f.Link)
		}
	}
	add(o.Stdout.Link)
	add(o.Stderr.Link)
	return links
}
