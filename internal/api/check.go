package api

import (
	"fmt"
	"strings"

	"github.com/ipfs/go-cid"
)

// check finds what the schema cannot say, and settles what can be said in two
// ways: gpu_required becomes gpu: required.
func (r *TaskRequest) check() error {
	switch {
	case (r.Module == "") == (r.Model == ""):
		return fmt.Errorf("%w: name either a module or a model", ErrInvalid)
	case r.Input != "" && r.Stdin != "":
		return fmt.Errorf("%w: input and stdin are both the guest's standard input", ErrInvalid)
	case r.Model != "" && r.Invoke != "":
		return fmt.Errorf("%w: a model's module chooses what to invoke", ErrInvalid)
	}
	if err := r.Requirements.check(); err != nil {
		return err
	}
	for field, id := range map[string]string{"module": r.Module, "stdin": r.Stdin} {
		if err := checkCID(field, id); err != nil {
			return err
		}
	}
	if err := r.Hints.check(); err != nil {
		return err
	}
	return checkCommon(r.Env, r.Inputs)
}

// check finds in a model what the schema cannot say.
func (m *ModelSpec) check() error {
	if err := checkCID("module", m.Module); err != nil {
		return err
	}
	if err := m.Requirements.check(); err != nil {
		return err
	}
	return checkCommon(m.Env, m.Inputs)
}

func (r *Requirements) check() error {
	if r.GPURequired {
		if r.GPU != "" && r.GPU != "required" {
			return fmt.Errorf("%w: gpu_required contradicts gpu: %s", ErrInvalid, r.GPU)
		}
		r.GPU = "required"
	}
	return checkLabels(r.RequireLabels)
}

func (h *Hints) check() error {
	for _, id := range h.Near {
		if err := checkCID("hints.near", strings.TrimPrefix(id, Require)); err != nil {
			return err
		}
	}
	return checkLabels(h.Labels)
}

func checkLabels(list []string) error {
	for _, l := range list {
		if strings.IndexByte(strings.TrimPrefix(l, Require), '=') < 1 {
			return fmt.Errorf("%w: label %q is not K=V", ErrInvalid, clip(l))
		}
	}
	return nil
}

func checkCommon(env []string, inputs []Input) error {
	for _, kv := range env {
		if strings.IndexByte(kv, '=') < 1 || strings.IndexByte(kv, 0) >= 0 {
			return fmt.Errorf("%w: environment variable %q is not K=V", ErrInvalid, clip(kv))
		}
	}
	seen := map[string]bool{}
	for _, in := range inputs {
		switch {
		case in.Name == "." || in.Name == ".." || strings.ContainsAny(in.Name, "/\x00"):
			return fmt.Errorf("%w: %q cannot be the name of an input", ErrInvalid, clip(in.Name))
		case seen[in.Name]:
			return fmt.Errorf("%w: two inputs are called %q", ErrInvalid, clip(in.Name))
		}
		seen[in.Name] = true
		if err := checkCID("inputs."+clip(in.Name), in.CID); err != nil {
			return err
		}
	}
	return nil
}

// checkCID accepts "" too: the schema says what must be there.
func checkCID(field, id string) error {
	if id == "" {
		return nil
	}
	if _, err := cid.Decode(id); err != nil {
		return fmt.Errorf("%w: %s: %q is not a CID: %w", ErrInvalid, field, clip(id), err)
	}
	return nil
}
