package activation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/hostabi/gpu"
)

// held is what may leave when the group has agreed on a checkpoint: the one of number
// after, or a later one.
type held struct {
	after uint64
	out   []mailbox.Output
}

// devices gives a new instance what the actor has of GPUs, if it has asked. They make
// the same handles, and charge the same fuel, wherever it lives.
func (r *run) openDevices() error {
	spec := r.state.Spec()
	if spec.GPU == nil {
		return nil
	}
	if why := r.module.code.Unsuspendable(); why != "" && r.module.process {
		return &unfitError{"a process that cannot be suspended cannot have GPUs, since their contents could not be kept: " + why}
	}
	var cfg gpu.Config
	if r.engine.cfg.GPU != nil {
		cfg = r.engine.cfg.GPU(spec.GPU)
	}
	cfg.Mode = gpu.Preferred
	if spec.GPU.Required {
		cfg.Mode = gpu.Required
	}
	cfg.Deterministic, cfg.Portable = true, true
	cfg.Seed, cfg.Label = r.start.Actor[:], "actor "+spec.Name
	devices, err := gpu.New(r.ctx, cfg)
	if err != nil {
		return fmt.Errorf("devices of %s: %w", spec.Name, err)
	}
	r.devices, r.covered = devices, 0
	return nil
}

func (r *run) closeDevices() error {
	if r.devices == nil {
		return nil
	}
	lost := r.devices.Lost() != nil
	err := r.devices.Close()
	r.devices = nil
	if lost {
		return nil // whoever was told of it knows
	}
	return err
}

// hostState is what the host modules keep for the instance.
func (r *run) hostState() map[string]any {
	all := map[string]any{actor.ModuleName: &r.guest}
	if r.devices != nil {
		all[gpu.ModuleName] = r.devices
	}
	return all
}

// unseen is no number of what a guest has seen of its devices.
const unseen = math.MaxUint64

// bounded is the context of a call of the guest, whose time is bounded if it has devices.
func (r *run) bounded() (context.Context, context.CancelFunc) {
	if r.devices == nil {
		return r.ctx, func() {}
	}
	r.called = time.Now()
	return context.WithTimeout(r.ctx, r.engine.cfg.DeviceTime)
}

// overdue tells whether a process had better be suspended between two messages: its time
// is that of a call, and it begins anew then.
func (r *run) overdue() bool {
	return r.devices != nil && time.Since(r.called) > r.engine.cfg.DeviceTime/8
}

// observing tells whether the guest has seen of its devices what no capture covers, or
// failed after that: whoever replays its log may see something else.
func (r *run) observing() bool {
	return r.depends > r.sequence || r.devices != nil && r.devices.Observed() != r.covered
}

// covering notes that the capture with the present number covers what was seen.
func (r *run) covering() {
	r.depends = r.sequence
	if r.devices != nil {
		r.covered = r.devices.Observed()
	}
}

// hold keeps outputs back that depend on what was seen of devices, until a checkpoint
// that covers it is agreed on; and all that follow them, so that order is kept.
func (r *run) hold(out []mailbox.Output) bool {
	after := r.depends
	if r.observing() {
		after = r.sequence + 1 // the next capture
	}
	if n := len(r.held); n > 0 {
		after = max(after, r.held[n-1].after)
	} else if after <= r.agreedOn() {
		return false
	}
	r.held = append(r.held, held{after, out})
	return true
}

// unhold moves what has waited for long enough to what leaves next.
func (r *run) unhold() {
	if len(r.held) == 0 {
		return
	}
	agreed := r.agreedOn()
	for len(r.held) > 0 && r.held[0].after <= agreed {
		r.out = append(r.out, r.held[0].out...)
		r.held = r.held[1:]
	}
}

// holding tells whether outputs wait for a capture that was not made yet.
func (r *run) holding() bool {
	n := len(r.held)
	return n > 0 && r.held[n-1].after > r.sequence
}

func (a *Activation) agreedOn() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.agreed
}

// Agreed says that the group has agreed on a checkpoint of this epoch: what the actor
// does from there on, it does the same wherever it lives.
func (a *Activation) Agreed(sequence uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if sequence <= a.agreed {
		return
	}
	a.agreed = sequence
	if a.start.Spec.GPU != nil {
		a.nudge()
	}
}

// cover makes a capture before the next delivery, if the guest has seen anything of its
// devices: a delivery may wait for others, in which no capture is possible, and what it
// sends them must not have to wait for one.
func (r *run) cover() error {
	for r.observing() {
		r.mu.Lock()
		possible := r.storing || r.capturable() && r.quiet == 0
		r.mu.Unlock()
		if !possible {
			return nil // it is a replay, whose outputs do not leave
		}
		if err := r.captureIfDue(); err != nil || !r.observing() {
			return err
		}
		if err := r.await(r.ctx); err != nil {
			return errors.Join(ErrHalted, err)
		}
	}
	return nil
}
