package wire

import (
	"fmt"
	"time"
)

// Model is a named program that tasks can ask for instead of a module, signed by
// the node that published it.
type Model struct {
	Name      string `cbor:"name" json:"name"`
	Publisher NodeID `cbor:"publisher" json:"publisher"`
	// Published orders versions of a publisher's model: the later one counts.
	Published int64 `cbor:"published" json:"published"` // milliseconds since 1970
	// Withdrawn models have only the fields above.
	Withdrawn bool `cbor:"withdrawn,omitempty" json:"withdrawn,omitempty"`

	Module Link `cbor:"module,omitzero" json:"module,omitzero"`
	// Args are the guest's arguments after its own name, before the task's.
	Args    []string `cbor:"args,omitempty" json:"args,omitempty"`
	Env     []string `cbor:"env,omitempty" json:"env,omitempty"`
	Inputs  []Input  `cbor:"inputs,omitempty" json:"inputs,omitempty"`
	Limits  Limits   `cbor:"limits" json:"limits"`
	Profile Profile  `cbor:"profile" json:"profile"`
}

// Signer implements Record.
func (m Model) Signer() NodeID { return m.Publisher }

// Validate implements Body.
func (m Model) Validate() error {
	if m.Publisher.Validate() != nil || m.Published < 0 {
		return fmt.Errorf("model: publisher or time: %w", ErrInvalid)
	}
	if err := checkText("name of a model", m.Name, 1, 128); err != nil {
		return err
	}
	if m.Withdrawn {
		if m.Module.Defined() || len(m.Args)+len(m.Env)+len(m.Inputs) > 0 {
			return fmt.Errorf("model %q is withdrawn and has content: %w", m.Name, ErrInvalid)
		}
		return nil
	}
	s := m.Spec()
	return s.Validate()
}

// PublishedAt is Published as a time.
func (m *Model) PublishedAt() time.Time { return time.UnixMilli(m.Published) }

// Spec is a task that runs the model. The caller sets the submitter and what is
// the task's own: input, requirements, hints.
func (m *Model) Spec() Spec {
	return Spec{
		Name: m.Name, Model: m.Name, Submitter: m.Publisher,
		Module: m.Module, Args: m.Args, Env: m.Env, Inputs: m.Inputs,
		Limits: m.Limits, Profile: m.Profile,
		Placement: PlaceAuto, Priority: PriorityNormal,
	}
}
