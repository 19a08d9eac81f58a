package wire

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// The bounds of a spec.
const (
	MaxName     = 255
	MaxReplicas = 7
	MaxMembers  = 16 // replicas at once, while some come and others go
	MaxText     = 64 << 10
	MaxStrings  = 1024
	MaxReason   = 4 << 10
	// MaxWithin is the longest time in which failures are counted.
	MaxWithin = 24 * time.Hour
)

// OnFailure is what becomes of an actor of which a message has failed.
type OnFailure string

// The kinds of supervision. Restart goes on as if there had been no such message.
const (
	Restart   OnFailure = "restart"
	StopActor OnFailure = "stop"
)

// Spec is what an actor was made of. Its module may change later: see
// mailbox.State.Module.
type Spec struct {
	// Name is 1 to 255 bytes of UTF-8 without control characters.
	Name string `cbor:"name" json:"name"`
	// Module is its code at first.
	Module Link `cbor:"module" json:"module"`
	// Args and Env are the guest's; Env is K=V.
	Args []string `cbor:"args,omitempty" json:"args,omitempty"`
	Env  []string `cbor:"env,omitempty" json:"env,omitempty"`
	// Replicas is how many nodes are to hold it, 1 to 7.
	Replicas int `cbor:"replicas" json:"replicas"`
	// Fuel bounds the work on one message in units, Memory the guest's in bytes.
	Fuel   uint64 `cbor:"fuel" json:"fuel"`
	Memory uint64 `cbor:"memory" json:"memory"`
	// OnFailure is what follows a failed message: Restarts failures in less than Within
	// end it in any case. Restarts is at most 1000.
	OnFailure OnFailure     `cbor:"on_failure" json:"on_failure"`
	Restarts  int           `cbor:"restarts" json:"restarts"`
	Within    time.Duration `cbor:"within" json:"within"`
	// Stateless says that nothing is lost when its memory is dropped at an upgrade.
	Stateless bool `cbor:"stateless,omitempty" json:"stateless,omitempty"`
	// GPU is what it needs of GPUs, nil for none.
	GPU *swire.GPUSpec `cbor:"gpu,omitempty" json:"gpu,omitempty"`
	// Hints say where it should run.
	Hints swire.Hints `cbor:"hints,omitzero" json:"hints,omitzero"`
	// Beside is the name of an actor to run with, where that runs; empty for none. (In
	// Hints, Colocate is a task.)
	Beside string `cbor:"beside,omitempty" json:"beside,omitempty"`
	// Creator is the node that it was created at, Created when, in milliseconds
	// since 1970.
	Creator NodeID `cbor:"creator" json:"creator"`
	Created int64  `cbor:"created" json:"created"`
	// Parent is the actor that spawned it, if any.
	Parent ActorID `cbor:"parent,omitzero" json:"parent,omitzero"`
}

// Validate checks every bound. Its errors wrap [ErrInvalid].
func (s *Spec) Validate() error {
	switch {
	case !s.Module.Defined():
		return fmt.Errorf("actor without a module: %w", ErrInvalid)
	case s.Replicas < 1 || s.Replicas > MaxReplicas:
		return fmt.Errorf("%d replicas, not 1 to %d: %w", s.Replicas, MaxReplicas, ErrInvalid)
	case s.Fuel == 0 || s.Fuel > 1<<62 || s.Memory == 0 || s.Memory > 4<<30:
		return fmt.Errorf("limits of %d fuel and %d bytes: %w", s.Fuel, s.Memory, ErrInvalid)
	case s.OnFailure != Restart && s.OnFailure != StopActor:
		return fmt.Errorf("on failure %.20q: %w", s.OnFailure, ErrInvalid)
	case s.Restarts < 1 || s.Restarts > 1000 || s.Within <= 0 || s.Within > MaxWithin:
		return fmt.Errorf("%d restarts in %v: %w", s.Restarts, s.Within, ErrInvalid)
	case s.Created < 0 || s.Created > maxMillis:
		return fmt.Errorf("created at %d: %w", s.Created, ErrInvalid)
	}
	return first(CheckName(s.Name), s.checkBeside(), checkNode(s.Creator), checkStrings("args", s.Args), checkStrings("env", s.Env),
		swire.Profile{GPU: s.GPU}.Validate(), s.Hints.Validate())
}

func (s *Spec) checkBeside() error {
	if s.Beside == "" {
		return nil
	}
	return CheckName(s.Beside)
}

// maxMillis is the year 9999, in milliseconds.
const maxMillis = 253402300799999

// CheckName tells whether an actor can have a name. Its errors wrap [ErrInvalid].
func CheckName(name string) error {
	if err := checkText("name", name, 1, MaxName); err != nil {
		return err
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("name %q with control characters: %w", name, ErrInvalid)
	}
	return nil
}

func checkText(what, s string, least, most int) error {
	if len(s) < least || len(s) > most || !utf8.ValidString(s) {
		return fmt.Errorf("%s of %d bytes, not UTF-8 of %d to %d: %w", what, len(s), least, most, ErrInvalid)
	}
	return nil
}

func checkStrings(what string, list []string) error {
	total := 0
	for _, s := range list {
		total += len(s)
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%s: not UTF-8, or with a zero byte: %w", what, ErrInvalid)
		}
	}
	if len(list) > MaxStrings || total > MaxText {
		return fmt.Errorf("%d %s of %d bytes: %w", len(list), what, total, ErrInvalid)
	}
	return nil
}

func checkNode(id NodeID) error {
	if err := id.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func checkActor(id ActorID) error {
	if id.IsZero() {
		return fmt.Errorf("no actor: %w", ErrInvalid)
	}
	return nil
}
