package gpu

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
)

// ModuleName is the name that guests import.
const ModuleName = "godwit_gpu"

// Mode is how much a run wants a GPU; see the package documentation.
type Mode uint32

// The modes, as guests see them.
const (
	None Mode = iota
	Preferred
	Required
)

// ErrNoDevice: a device is required, and none will do.
var ErrNoDevice = errors.New("no GPU")

// DefaultMemory is what a run may have on a device unless its Share says otherwise, in
// bytes.
const DefaultMemory = 1 << 30

// Share is what a run gets of a device.
type Share struct {
	// ID is device.Info.ID.
	ID string
	// Memory is how many bytes of buffers it may have there. Default: DefaultMemory, or
	// what the device has if that is less.
	Memory uint64
}

// Config says what an instance gets.
type Config struct {
	// Mode: default None.
	Mode Mode

	// Backend has the devices; nil: there are none. It is the caller's to close, after the
	// State.
	Backend device.Backend

	// Devices are those that the guest sees, in that order. Default: all that are usable.
	Devices []Share

	// DeviceTime bounds how long devices work for the run, all together. Default: no limit.
	DeviceTime time.Duration

	// Deterministic makes what is charged, and all times, independent of how fast a device is.
	Deterministic bool

	// Portable refuses what could not be restored on another vendor's device.
	Portable bool

	// Seed is what handles derive from. Default: a random one.
	Seed []byte

	// Label names the instance in the backend's words.
	Label string
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	seen := make(map[string]bool)
	for _, d := range c.Devices {
		if d.ID == "" || seen[d.ID] {
			return fmt.Errorf("GPU %q is named twice, or not at all", d.ID)
		}
		seen[d.ID] = true
	}
	switch {
	case c.Mode > Required:
		return fmt.Errorf("GPU mode %d is unknown", c.Mode)
	case c.DeviceTime < 0:
		return fmt.Errorf("negative limit on device time %v", c.DeviceTime)
	}
	return nil
}

// New makes the State of an instance. The error wraps ErrNoDevice if a device is required and
// there is none that Config.Devices allows.
func New(ctx context.Context, cfg Config) (*State, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(cfg.Seed) == 0 {
		cfg.Seed = make([]byte, 32)
		rand.Read(cfg.Seed) // never fails
	}
	s := &State{cfg: cfg, objects: make(map[uint64]object), readyMade: make(map[readyKey]*program)}
	s.kept.Seed = cfg.Seed
	if cfg.Mode == None {
		return s, nil
	}
	err := s.choose(ctx)
	if err != nil && cfg.Mode == Preferred {
		own := kernels.New()
		s.own, s.cfg.Backend, s.cfg.Devices, s.missing = own, own, nil, err
		err = s.choose(ctx)
	}
	return s, err
}

// choose finds the devices that the guest will see.
func (s *State) choose(ctx context.Context) error {
	if s.cfg.Backend == nil {
		return fmt.Errorf("%w: this node has none", ErrNoDevice)
	}
	list, err := s.cfg.Backend.Devices(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	if len(s.cfg.Devices) > 0 {
		return s.chooseNamed(list)
	}
	var why string
	for i, d := range list {
		if d.Unusable != "" {
			why = fmt.Sprintf(": %s: %s", d.Name, d.Unusable)
			continue
		}
		s.add(i, d, 0)
	}
	if len(s.devices) == 0 {
		return fmt.Errorf("%w%s", ErrNoDevice, why)
	}
	return nil
}

func (s *State) chooseNamed(list []device.Info) error {
	s.devices = nil
	for _, want := range s.cfg.Devices {
		n := len(s.devices)
		for i, d := range list {
			switch {
			case d.ID != want.ID:
			case d.Unusable != "":
				return fmt.Errorf("%w: %s: %s", ErrNoDevice, d.Name, d.Unusable)
			default:
				s.add(i, d, want.Memory)
			}
		}
		if len(s.devices) == n {
			return fmt.Errorf("%w of id %q", ErrNoDevice, want.ID)
		}
	}
	return nil
}

func (s *State) add(index int, info device.Info, memory uint64) {
	if memory == 0 {
		memory = min(DefaultMemory, info.Memory)
	}
	s.devices = append(s.devices, slot{Info: info, number: len(s.devices), index: index, most: memory})
}
