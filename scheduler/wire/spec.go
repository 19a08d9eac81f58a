package wire

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of a spec.
const (
	MaxText    = 64 << 10  // bytes of all args, or of all env
	MaxStrings = 1024      // args, env
	MaxInputs  = 256       //
	MaxStdin   = 128 << 10 // bytes of standard input in the spec itself
	MaxHints   = 64        // of each kind
	MaxLabels  = 64        // of a node, or wished for
	MaxData    = 1 << 56   // bytes of what a CID names: as many as MaxHints of them can be summed
	MaxRetries = 100
)

// Priority orders the queue: higher first, then older.
type Priority uint8

// The priorities.
const (
	PriorityLow Priority = iota + 1
	PriorityNormal
	PriorityHigh
	PriorityCritical
)

// Placement says how a node is found.
type Placement string

// The ways to place. Auto chooses between direct and auction.
const (
	PlaceAuto    Placement = "auto"
	PlaceDirect  Placement = "direct"
	PlaceAuction Placement = "auction"
	PlaceLocal   Placement = "local"
)

// Class says what matters to a task, and so how the terms of a score are weighed.
type Class string

// The classes.
const (
	ClassDefault    Class = ""           // all of it
	ClassLatency    Class = "latency"    // to be near, and to start at once
	ClassThroughput Class = "throughput" // to have room
)

// Spec is everything that a task is, but its name and its fate.
type Spec struct {
	// Name is what people call it.
	Name string `cbor:"name,omitempty" json:"name,omitempty"`
	// Submitter is the node that accepted it, and alone may cancel it.
	Submitter NodeID `cbor:"submitter" json:"submitter"`
	// Model is the model that it was made from, if any.
	Model string `cbor:"model,omitempty" json:"model,omitempty"`

	// Module is the program.
	Module Link `cbor:"module" json:"module"`
	// Args are the guest's arguments, its own name first; Env is K=V.
	Args []string `cbor:"args,omitempty" json:"args,omitempty"`
	Env  []string `cbor:"env,omitempty" json:"env,omitempty"`
	// Input is standard input in the spec itself; Stdin is a file of it.
	Input []byte `cbor:"input,omitempty" json:"input,omitempty"`
	Stdin Link   `cbor:"stdin,omitzero" json:"stdin,omitzero"`
	// Inputs appear read-only at /in/NAME.
	Inputs []Input `cbor:"inputs,omitempty" json:"inputs,omitempty"`
	// Invoke names an export to call with InvokeArgs instead of running.
	Invoke     string   `cbor:"invoke,omitempty" json:"invoke,omitempty"`
	InvokeArgs []string `cbor:"invoke_args,omitempty" json:"invoke_args,omitempty"`
	// Deterministic fixes clocks and seeds randomness.
	Deterministic bool `cbor:"deterministic,omitempty" json:"deterministic,omitempty"`
	// NoCheckpoints leaves out the checkpoints of what runs for long: when its node dies
	// it begins anew.
	NoCheckpoints bool `cbor:"no_checkpoints,omitempty" json:"no_checkpoints,omitempty"`

	Limits  Limits  `cbor:"limits" json:"limits"`
	Profile Profile `cbor:"profile" json:"profile"`
	Hints   Hints   `cbor:"hints" json:"hints"`

	Placement Placement `cbor:"placement" json:"placement"`
	Class     Class     `cbor:"class,omitempty" json:"class,omitempty"`
	Priority  Priority  `cbor:"priority" json:"priority"`
	// Retries is how often to try again after a failure that is not the guest's.
	// A node's loss is none if a checkpoint of the attempt got the task further.
	Retries uint32 `cbor:"retries" json:"retries"`
	// Deadline is the time from submission to the end, waiting included; 0 is none.
	Deadline time.Duration `cbor:"deadline,omitempty" json:"deadline,omitempty"`
	// MaxCost in millionths of a credit; 0 is no bound.
	MaxCost uint64 `cbor:"max_cost,omitempty" json:"max_cost,omitempty"`
}

// Input is content that a guest finds at /in/NAME.
type Input struct {
	Name string `cbor:"name" json:"name"`
	Link Link   `cbor:"link" json:"link"`
}

// Limits stop a task; 0 is none, for Memory what was reserved.
type Limits struct {
	// Fuel in units of fuel version 1.
	Fuel uint64 `cbor:"fuel,omitempty" json:"fuel,omitempty"`
	// Memory in bytes, memories and tables together.
	Memory uint64 `cbor:"memory,omitempty" json:"memory,omitempty"`
	// WallTime of one attempt.
	WallTime time.Duration `cbor:"wall_time,omitempty" json:"wall_time,omitempty"`
}

// Hints say where a task should run, if there is a choice, and where it must:
// what no node meets of Require keeps the task from being placed.
type Hints struct {
	Wishes
	Require Wishes `cbor:"require,omitzero" json:"require,omitzero"`
}

// Wishes are places for a task.
type Wishes struct {
	// Near are CIDs that the node should hold, and Sizes how many bytes each of them
	// has, as far as known: as many, or none. 0 is unknown.
	Near  []Link   `cbor:"near,omitempty" json:"near,omitempty"`
	Sizes []uint64 `cbor:"sizes,omitempty" json:"sizes,omitempty"`
	// Colocate is a task of the same submitter, to be where that is or was.
	Colocate TaskID `cbor:"colocate,omitzero" json:"colocate,omitzero"`
	// Prefer are nodes of which it should be one, Avoid those of which none.
	Prefer []NodeID `cbor:"prefer,omitempty" json:"prefer,omitempty"`
	Avoid  []NodeID `cbor:"avoid,omitempty" json:"avoid,omitempty"`
	Region string   `cbor:"region,omitempty" json:"region,omitempty"`
	// Labels are K=V that the node should have; the key "region" is its region.
	Labels []string `cbor:"labels,omitempty" json:"labels,omitempty"`
}

// IsZero tells whether nothing is wished for.
func (w *Wishes) IsZero() bool {
	return len(w.Near)+len(w.Prefer)+len(w.Avoid)+len(w.Labels) == 0 && w.Colocate.IsZero() && w.Region == ""
}

// Needs is the profile that is reserved: as asked for, with a quarter of a core
// and 256 MiB where nothing is said, and no less memory than the limit allows.
func (s *Spec) Needs() Profile {
	p := s.Profile
	if p.CPU == 0 {
		p.CPU = DefaultCPU
	}
	if p.Memory == 0 && s.Limits.Memory == 0 {
		p.Memory = DefaultMemory
	}
	p.Memory = max(p.Memory, s.Limits.Memory, MB)
	return p
}

// Validate checks the bounds. Its errors wrap [ErrInvalid].
func (s *Spec) Validate() error {
	if err := s.Submitter.Validate(); err != nil {
		return fmt.Errorf("submitter: %w", ErrInvalid)
	}
	for _, check := range []func() error{s.checkProgram, s.checkLimits, s.Profile.Validate, s.Hints.validate} {
		if err := check(); err != nil {
			return err
		}
	}
	switch s.Placement {
	case PlaceAuto, PlaceDirect, PlaceAuction, PlaceLocal:
	default:
		return fmt.Errorf("placement %.40q: %w", s.Placement, ErrInvalid)
	}
	return s.Class.validate()
}

func (c Class) validate() error {
	switch c {
	case ClassDefault, ClassLatency, ClassThroughput:
		return nil
	}
	return fmt.Errorf("class %.40q: %w", c, ErrInvalid)
}

func (s *Spec) checkProgram() error {
	if !s.Module.Defined() {
		return fmt.Errorf("no module: %w", ErrInvalid)
	}
	for what, text := range map[string]string{"name": s.Name, "model": s.Model, "invoke": s.Invoke} {
		if err := checkText(what, text, 0, 256); err != nil {
			return err
		}
	}
	for what, list := range map[string][]string{"args": s.Args, "env": s.Env, "invoke args": s.InvokeArgs} {
		if err := checkStrings(what, list); err != nil {
			return err
		}
	}
	for _, kv := range s.Env {
		if i := strings.IndexByte(kv, '='); i < 1 {
			return fmt.Errorf("env %.40q is not K=V: %w", kv, ErrInvalid)
		}
	}
	if len(s.Input) > MaxStdin || len(s.Input) > 0 && s.Stdin.Defined() {
		return fmt.Errorf("input of %d bytes, more than %d, or a stdin as well: %w", len(s.Input), MaxStdin, ErrInvalid)
	}
	return checkInputs(s.Inputs)
}

func checkInputs(inputs []Input) error {
	if len(inputs) > MaxInputs {
		return fmt.Errorf("%d inputs, more than %d: %w", len(inputs), MaxInputs, ErrInvalid)
	}
	seen := make(map[string]bool, len(inputs))
	for _, in := range inputs {
		if err := checkText("name of an input", in.Name, 1, 255); err != nil {
			return err
		}
		if strings.ContainsAny(in.Name, "/\x00") || in.Name == "." || in.Name == ".." || seen[in.Name] || !in.Link.Defined() {
			return fmt.Errorf("input %q: not a file's name, named twice, or without cid: %w", in.Name, ErrInvalid)
		}
		seen[in.Name] = true
	}
	return nil
}

func (s *Spec) checkLimits() error {
	if s.Limits.Fuel > 1<<62 || s.Limits.Memory > MaxMemory || s.MaxCost > 1<<62 {
		return fmt.Errorf("limits: %w", ErrInvalid)
	}
	if s.Priority < PriorityLow || s.Priority > PriorityCritical || s.Retries > MaxRetries {
		return fmt.Errorf("priority %d, %d retries: %w", s.Priority, s.Retries, ErrInvalid)
	}
	if err := checkTime("wall time", s.Limits.WallTime); err != nil {
		return err
	}
	return checkTime("deadline", s.Deadline)
}

func (h *Hints) validate() error {
	return first(h.Wishes.validate(), h.Require.validate())
}

func (w *Wishes) validate() error {
	if max(len(w.Near), len(w.Prefer), len(w.Avoid)) > MaxHints || len(w.Labels) > MaxLabels {
		return fmt.Errorf("hints: more than %d of a kind: %w", MaxHints, ErrInvalid)
	}
	if err := w.validateData(); err != nil {
		return err
	}
	for _, list := range [][]NodeID{w.Prefer, w.Avoid} {
		for _, n := range list {
			if n.Validate() != nil {
				return fmt.Errorf("hints: no node: %w", ErrInvalid)
			}
		}
	}
	for _, l := range w.Labels {
		if i := strings.IndexByte(l, '='); i < 1 {
			return fmt.Errorf("label %.40q is not K=V: %w", l, ErrInvalid)
		}
		if err := checkText("label", l, 1, 256); err != nil {
			return err
		}
	}
	return checkText("region", w.Region, 0, 128)
}

func (w *Wishes) validateData() error {
	for _, l := range w.Near {
		if !l.Defined() {
			return fmt.Errorf("hints: no cid: %w", ErrInvalid)
		}
	}
	if len(w.Sizes) > 0 && len(w.Sizes) != len(w.Near) {
		return fmt.Errorf("hints: %d sizes of %d cids: %w", len(w.Sizes), len(w.Near), ErrInvalid)
	}
	for _, size := range w.Sizes {
		if size > MaxData {
			return fmt.Errorf("hints: cid of %d bytes: %w", size, ErrInvalid)
		}
	}
	return nil
}

func checkStrings(what string, list []string) error {
	if len(list) > MaxStrings {
		return fmt.Errorf("%d %s, more than %d: %w", len(list), what, MaxStrings, ErrInvalid)
	}
	total := 0
	for _, s := range list {
		total += len(s)
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%s: not UTF-8, or with a zero byte: %w", what, ErrInvalid)
		}
	}
	if total > MaxText {
		return fmt.Errorf("%d bytes of %s, more than %d: %w", total, what, MaxText, ErrInvalid)
	}
	return nil
}

func checkText(what, s string, least, most int) error {
	if len(s) < least || len(s) > most || !utf8.ValidString(s) {
		return fmt.Errorf("%s of %d bytes, not UTF-8 of %d to %d: %w", what, len(s), least, most, ErrInvalid)
	}
	return nil
}
