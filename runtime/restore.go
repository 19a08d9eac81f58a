package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/runtime/internal/linmem"
	"github.com/godwit-run/godwit/runtime/internal/meter"
)

// errMemoryLimit is why a saved instance is not restored under a lower limit.
var errMemoryLimit = errors.New("more than the limit on memory")

// Saved is what an instance is restored from.
type Saved struct {
	// Module is the module that the instance was of.
	Module cid.Cid
	// Fuel is what had been used; of its limit, that of the task counts.
	Fuel checkpoint.Fuel
	// State is all but linear memory.
	State *checkpoint.State
	// Size is the length of the linear memory in bytes.
	Size uint64
	// Memory holds the linear memory at its beginning. If it is an *os.File it is
	// mapped where the system can: then what is not touched is not read; the file
	// may be closed and removed once the instance is there, but must not change
	// for as long as it lives. Anything else is read.
	Memory io.ReaderAt
}

// inCall tells whether a call had been suspended.
func (s *Saved) inCall() bool { return s.State != nil && s.State.Sections[sectionCall] != nil }

// Restore makes an instance that goes on where a captured one stood. No start
// function and no segment is run. The task is the one that the captured instance
// was made with: arguments, environment and inputs in the same order and with the
// same content; its streams and limits are those from now on, and wall time is
// counted anew. Its State must have a HostState for each host module that had one.
//
// What a capture of the new instance has is counted from Memory. The error wraps
// ErrSaved if what was saved is not of this module, of another version of fuel, or
// not whole; then there is no instance.
func (m *Module) Restore(ctx context.Context, task Task, saved Saved) (*Instance, error) {
	switch {
	case !saved.Module.Equals(m.id):
		return nil, fmt.Errorf("%w: it is of module %s", ErrSaved, saved.Module)
	case saved.Fuel.Version != meter.Version:
		return nil, fmt.Errorf("%w: fuel of version %d, not %d", ErrSaved, saved.Fuel.Version, meter.Version)
	case saved.Fuel.Used > MaxFuel || saved.State == nil:
		return nil, fmt.Errorf("%w: fuel or state missing", ErrSaved)
	}
	i, err := m.prepare(task)
	if err != nil {
		return nil, err
	}
	if err := i.restore(ctx, task, &saved); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func (i *Instance) restore(ctx context.Context, task Task, saved *Saved) error {
	if i.module.loaded.memory > i.limits.Memory {
		return fmt.Errorf("%d bytes: %w", i.module.loaded.memory, errMemoryLimit)
	}
	if i.module.whole {
		return errWhole
	}
	i.budget.tables(i.module.elements)
	if err := i.instantiate(ctx); err != nil {
		return err
	}
	if err := i.restoreMemory(saved); err != nil {
		return err
	}
	p, err := i.reach()
	if err != nil {
		return err
	}
	if err := p.write(saved.State, i.budget.tables); err != nil {
		return err
	}
	i.tank.resume(saved.Fuel.Used)
	if call, ok := saved.State.Sections[sectionCall]; ok {
		if err := i.restoreCall(ctx, call); err != nil {
			return err
		}
	}
	return i.restoreSections(task, saved.State.Sections)
}

func (i *Instance) restoreMemory(saved *Saved) error {
	if i.memory == nil {
		if saved.Size > 0 {
			return fmt.Errorf("%w: %d bytes of memory for a module without", ErrSaved, saved.Size)
		}
		return nil
	}
	have := i.memory.Size()
	if saved.Size < have || saved.Size%linmem.PageSize != 0 {
		return fmt.Errorf("%w: %d bytes of memory, when it has %d to begin with", ErrSaved, saved.Size, have)
	}
	if more := (saved.Size - have) / linmem.PageSize; more > 0 {
		if more > 1<<16 {
			return fmt.Errorf("%w: %d bytes of memory", ErrSaved, saved.Size)
		}
		if _, ok := i.guest.Memory().Grow(uint32(more)); !ok {
			return i.refusedMemory(saved.Size)
		}
	}
	return i.loadMemory(saved)
}

// refusedMemory says why the memory could not grow to what it was.
func (i *Instance) refusedMemory(size uint64) error {
	if i.budget.refused {
		return fmt.Errorf("%d bytes of memory: %w", size, errMemoryLimit)
	}
	return fmt.Errorf("%w: %d bytes of memory are more than it may have, or than there are", ErrSaved, size)
}

// loadMemory fills the memory, and has writes to it counted from there.
func (i *Instance) loadMemory(saved *Saved) error {
	r := &recorder{mem: i.memory.Memory}
	var err error
	if f, ok := saved.Memory.(*os.File); ok {
		r.tracker, err = i.memory.Restore(f, 0, saved.Size)
	} else if r.tracker, err = i.readMemory(saved); err == nil {
		_, err = r.tracker.Collect(nil)
	}
	if err != nil {
		return fmt.Errorf("restore memory: %w", err)
	}
	i.recorder = r
	return nil
}

func (i *Instance) readMemory(saved *Saved) (*linmem.Tracker, error) {
	if saved.Size > 0 && saved.Memory == nil {
		return nil, fmt.Errorf("%w: no memory", ErrSaved)
	}
	if saved.Size > 0 {
		n, err := saved.Memory.ReadAt(i.memory.bytes[:saved.Size], 0)
		if uint64(n) < saved.Size {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	return i.memory.Track()
}

// restoreSections restores what host modules keep.
func (i *Instance) restoreSections(task Task, sections map[string][]byte) error {
	r := sections[sectionRuntime]
	if len(r) != 2 || r[0] != runtimeVersion {
		return fmt.Errorf("%w: section %s is not of version %d", ErrSaved, sectionRuntime, runtimeVersion)
	}
	i.budget.refused = r[1] != 0
	w, has := sections[sectionWASI]
	if has != i.module.wasi {
		return fmt.Errorf("%w: section %s", ErrSaved, sectionWASI)
	}
	if has {
		if err := i.restoreWASI(task, w); err != nil {
			return fmt.Errorf("%w: %w", ErrSaved, err)
		}
	}
	for name, value := range i.state {
		h, ok := value.(HostState)
		if !ok {
			continue
		}
		b, ok := sections[sectionHost+name]
		if !ok {
			return fmt.Errorf("%w: no section for host module %s", ErrSaved, name)
		}
		if err := h.Restore(b); err != nil {
			return fmt.Errorf("host module %s: %w: %w", name, ErrSaved, err)
		}
	}
	return nil
}

func (i *Instance) restoreWASI(task Task, encoded []byte) error {
	s, err := wasi.DecodeState(encoded)
	if err != nil {
		return err
	}
	i.system, err = wasi.Restore(i.wasiConfig(task), s)
	return err
}
