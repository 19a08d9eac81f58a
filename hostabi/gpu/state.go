package gpu

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
)

const (
	maxHandles = 4096
	maxPending = 256 // launches that have not ended
)

// State is what an instance has: a runtime.HostState, for Task.State under ModuleName. It
// is used by one goroutine at a time, but for Use and Lost.
type State struct {
	cfg     Config
	own     *kernels.Backend // if it stands in for the configured one
	missing error            // why it does
	devices []slot
	session device.Session // nil until something needs it

	kept      kept
	objects   map[uint64]object
	readyMade map[readyKey]*program
	pending   []*launch // in order; those that have ended are taken off when somebody looks
	observed  uint64
	launches  uint64
	lost      error
}

// slot is a device that the guest sees.
type slot struct {
	device.Info
	number     int     // as the guest and the session count
	index      int     // in the backend's list
	used, most uint64  // bytes
	last       *launch // that was put into the queue
}

// kept is what is the same in every process that the instance is in.
type kept struct {
	Seed    []byte        `cbor:"1,keyasint"`
	Handles uint64        `cbor:"2,keyasint"` // that were given out
	Busy    time.Duration `cbor:"3,keyasint"` // of devices
	Peak    uint64        `cbor:"4,keyasint"` // bytes of buffers
	Log     string        `cbor:"5,keyasint"` // of the last build
	Failed  bool          `cbor:"6,keyasint"` // a launch, and nobody knows
	Debt    uint64        `cbor:"7,keyasint"` // units, for launches that Capture waited for
}

// object is what a handle stands for.
type object interface{ free() error }

type readyKey struct {
	device int
	name   string
}

// Use is what an instance has used.
type Use struct {
	// Backend is its name, or empty if no device was used.
	Backend string
	// Devices are those that the guest could see, if it used any.
	Devices []device.Info
	// DeviceTime is how long they worked.
	DeviceTime time.Duration
	// Launches of kernels that were queued in this process.
	Launches uint64
	// Peak is the most that all buffers had together, in bytes.
	Peak uint64
}

// Use tells what the instance has used so far. It may be called after Close.
func (s *State) Use() Use {
	u := Use{DeviceTime: s.kept.Busy, Launches: s.launches, Peak: s.kept.Peak}
	if s.session != nil {
		u.Backend = s.cfg.Backend.Name()
		u.Devices = s.Devices()
	}
	return u
}

// Devices are those that the guest sees; their memory is what it may have of it.
func (s *State) Devices() []device.Info {
	var list []device.Info
	for _, d := range s.devices {
		info := d.Info
		info.Memory = d.most
		list = append(list, info)
	}
	return list
}

// Fallback is why the guest has no device but the Go code in this process, if so.
func (s *State) Fallback() error { return s.missing }

// Lost is why the instance's devices are gone, if they are: it wraps device.ErrLost, and
// device.Retryable tells whether the same may go well another time.
func (s *State) Lost() error { return s.lost }

// Observed counts what the guest has got that may be other on another device: facts,
// contents, times. As long as it stays the same, so does what the guest does.
func (s *State) Observed() uint64 { return s.observed }

// Close frees all that the instance has, and ends what is still running.
func (s *State) Close() error {
	var errs []error
	if s.session != nil {
		for _, l := range s.pending {
			s.settle(l, func(uint64) {})
		}
		errs = append(errs, s.session.Close())
	}
	if s.own != nil {
		errs = append(errs, s.own.Close())
	}
	return errors.Join(errs...)
}

// open begins the session, once.
func (s *State) open(ctx context.Context) error {
	if s.lost != nil {
		return s.lost
	}
	if s.session != nil {
		return nil
	}
	limits := device.Limits{Label: s.cfg.Label}
	for _, d := range s.devices {
		limits.Devices = append(limits.Devices, d.index)
		limits.Memory += d.most
	}
	if s.cfg.DeviceTime > 0 {
		limits.QueueTime = max(1, s.cfg.DeviceTime-s.kept.Busy)
	}
	var err error
	if s.session, err = s.cfg.Backend.Open(ctx, limits); err != nil {
		s.session = nil
		return fmt.Errorf("GPU: %w", err)
	}
	return nil
}

// put gives an object a handle.
func (s *State) put(o object) uint64 {
	for {
		s.kept.Handles++
		h := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("handle "+string(s.kept.Seed)), s.kept.Handles))
		handle := binary.LittleEndian.Uint64(h[:])
		if _, taken := s.objects[handle]; handle != 0 && !taken {
			s.objects[handle] = o
			return handle
		}
	}
}

// find is the object of a handle.
func find[T object](s *State, handle uint64) (T, errno) {
	o, ok := s.objects[handle].(T)
	if !ok {
		return o, ebadf
	}
	return o, success
}
