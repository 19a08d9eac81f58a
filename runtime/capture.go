package runtime

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/runtime/internal/linmem"
	"github.com/godwit-run/godwit/runtime/internal/meter"
)

var (
	// ErrInCall: the instance is in a call.
	ErrInCall = errors.New("instance is in a call")
	// ErrNotCapturable is wrapped when an instance holds what cannot be written
	// down.
	ErrNotCapturable = errors.New("instance cannot be captured")
)

// Sections of a capture's state.
const (
	sectionRuntime = "runtime"
	sectionWASI    = "wasi"
	sectionCall    = "call"  // a suspended one
	sectionHost    = "host:" // and the module's name
)

// HostState is what Task.State holds for a host module whose guests can be
// captured. A host module whose state is of another kind than this makes Capture
// fail with ErrNotCapturable, unless the state is nil.
type HostState interface {
	// Capture returns the state as bytes. The guest is not running.
	Capture() ([]byte, error)
	// Restore sets the state to what Capture returned. The bytes come from a
	// checkpoint and may be of another version of the host module.
	Restore(saved []byte) error
}

// Capture copies the state of the instance. It may be called from any goroutine. A guest
// that runs is stopped at its next safepoint, captured in the middle of its call, and goes
// on; if it cannot be (see Config.Suspend), or is in a host function that takes longer than
// 100 ms and does not suspend it, the error is ErrInCall. The first capture has all memory that is not zero, or that differs from what the
// instance was restored from; each later one has what was written since the one
// before. Time, epoch and sequence are the caller's to fill in.
//
// The copies stay as they are until the second call of Capture from now on, so
// one capture can be written while the next is taken. One that will not be used
// must be taken back with Uncapture before the guest's next capture.
//
// Entries of tables that have not changed are shared by captures: they must not be
// written to.
//
// Beside linear memory a capture costs what the guest has in files under /out and /tmp,
// which are copied whole, and, if code has changed a table since the last one, some
// dozens of nanoseconds (hundreds on the interpreter) for each entry.
//
// The error wraps ErrInCall, ErrEnded, ErrClosed or ErrNotCapturable.
func (i *Instance) Capture() (checkpoint.Capture, error) {
	if !i.busy.CompareAndSwap(false, true) {
		r, err := i.captureRunning()
		if err != nil {
			return checkpoint.Capture{}, err
		}
		return r.capture, nil
	}
	defer i.busy.Store(false)
	return i.capture()
}

// capture captures a guest that stands still.
func (i *Instance) capture() (checkpoint.Capture, error) {
	if err := i.usable(); err != nil {
		return checkpoint.Capture{}, err
	}
	c := checkpoint.Capture{Fuel: i.savedFuel()}
	var err error
	if c.State, err = i.savedState(); err != nil {
		return checkpoint.Capture{}, fmt.Errorf("%w: %w", ErrNotCapturable, err)
	}
	if i.memory != nil {
		c.Size = i.memory.Size()
		c.Dirty, err = i.captureMemory()
	}
	return c, err
}

// usable tells why the instance takes no calls, if so.
func (i *Instance) usable() error {
	switch {
	case i.closed:
		return fmt.Errorf("instance: %w", ErrClosed)
	case i.end != nil:
		return fmt.Errorf("%w: %w", ErrEnded, i.end)
	}
	return nil
}

func (i *Instance) savedFuel() checkpoint.Fuel {
	return checkpoint.Fuel{Version: meter.Version, Used: i.FuelUsed(), Limit: i.limits.Fuel}
}

func (i *Instance) captureMemory() ([]checkpoint.Run, error) {
	r, err := i.record()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.take(); err != nil {
		return nil, err
	}
	return r.handOut(), nil
}

// record starts to look out for writes, if that has not begun. It returns nil if
// there is no memory, or none any more.
func (i *Instance) record() (*recorder, error) {
	i.recordMu.Lock()
	defer i.recordMu.Unlock()
	if i.recorder == nil && i.memory != nil {
		tracker, err := i.memory.Track()
		if err != nil {
			return nil, err
		}
		i.recorder = &recorder{mem: i.memory.Memory, tracker: tracker}
	}
	return i.recorder, nil
}

// Precopy copies memory that has been written, so that the next Capture has less
// to copy. It may be called from any goroutine, also while the guest runs or the
// instance is closed; where the system cannot tell writes apart while they are made
// (see Tracking) it does nothing. It takes nothing away from what the next Capture
// has, nor from what Uncapture takes back.
func (i *Instance) Precopy() error {
	r, err := i.record()
	if err != nil || r == nil || !r.tracker.Live() {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take()
}

// Uncapture takes the last capture back: its pages will be in the next.
func (i *Instance) Uncapture() {
	if i.recorder != nil {
		i.recorder.mu.Lock()
		defer i.recorder.mu.Unlock()
		i.recorder.takeBack()
	}
}

// Recapture puts pages into the next capture whether they are written or not:
// those that checkpoint.Chain.Lost tells.
func (i *Instance) Recapture(pages []checkpoint.PageRange) error {
	if i.memory == nil || len(pages) == 0 {
		return nil
	}
	r, err := i.record()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range pages {
		start := uint64(p.First) * checkpoint.PageSize
		r.again = union(r.again, []linmem.Range{{Start: start, End: start + uint64(p.Count)*checkpoint.PageSize}})
	}
	return nil
}

// savedState is all but linear memory and fuel.
func (i *Instance) savedState() (s checkpoint.State, err error) {
	p, err := i.reach()
	if err != nil {
		return s, err
	}
	if s, err = p.read(); err != nil {
		return s, err
	}
	s.Sections = map[string][]byte{sectionRuntime: i.savedRuntime()}
	if c := i.suspension.saved; c != nil {
		s.Sections[sectionCall] = c.encode(i.module.clones.hash)
	}
	if i.system != nil {
		w, err := i.system.Snapshot()
		if err != nil {
			return s, err
		}
		if s.Sections[sectionWASI], err = w.Encode(); err != nil {
			return s, err
		}
	}
	for name, value := range i.state {
		if value == nil {
			continue
		}
		h, ok := value.(HostState)
		if !ok {
			return s, fmt.Errorf("the state of host module %s has no Capture", name)
		}
		if s.Sections[sectionHost+name], err = h.Capture(); err != nil {
			return s, fmt.Errorf("host module %s: %w", name, err)
		}
	}
	return s, nil
}

const runtimeVersion = 1

// savedRuntime is what this package remembers of the guest: a version, and whether
// growth has been refused.
func (i *Instance) savedRuntime() []byte {
	b := []byte{runtimeVersion, 0}
	if i.budget.refused {
		b[1] = 1
	}
	return b
}

// StateHash is a SHA-256 over all that the instance is (see checkpoint.HashState):
// equal before a capture and after a restore, on every engine and machine. The time
// that the guest's clock shows is left out, since it goes on meanwhile, unless the
// run is deterministic. It reads all memory. The errors are those of Capture.
func (i *Instance) StateHash() ([32]byte, error) {
	if !i.busy.CompareAndSwap(false, true) {
		return [32]byte{}, ErrInCall
	}
	defer i.busy.Store(false)
	if err := i.usable(); err != nil {
		return [32]byte{}, err
	}
	s, err := i.savedState()
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: %w", ErrNotCapturable, err)
	}
	if i.system != nil {
		if s.Sections[sectionWASI], err = i.timeless(); err != nil {
			return [32]byte{}, fmt.Errorf("%w: %w", ErrNotCapturable, err)
		}
	}
	mem := i.Memory()
	return checkpoint.HashState(i.FuelUsed(), &s, uint64(len(mem)), bytes.NewReader(mem))
}

// timeless is the state of WASI but for the time that it is.
func (i *Instance) timeless() ([]byte, error) {
	w, err := i.system.Snapshot()
	if err != nil {
		return nil, err
	}
	w.Clock.Monotonic, w.Clock.Offset = 0, 0
	return w.Encode()
}
