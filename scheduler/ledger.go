package scheduler

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Ledger tells what of a node's capacity is free. What is reserved is given back
// by the allotment's id, which names the devices too: so no task can free
// another's GPU.
type Ledger struct {
	total, free wire.Capacity
	allotments  map[uint64]Allotment
	last        uint64
}

// Allotment is a part of a node's capacity that one run has.
type Allotment struct {
	// ID is the handle to release it by.
	ID uint64
	// CPU in thousandths of a core; Memory and Storage in bytes; Network in bit/s.
	CPU                      uint32
	Memory, Storage, Network uint64
	// GPUs are its devices; none if a GPU was only preferred and is not to be had.
	GPUs []GPUShare
}

// GPUShare is what a run has of a GPU. Nobody else has any of that device meanwhile:
// what the others did to its time and its memory's bandwidth could not be bounded.
type GPUShare struct {
	// ID is the device's, of wire.GPUDevice.
	ID string
	// Memory is how many bytes of its memory the run may take: what it asked for, or
	// all.
	Memory uint64
}

// has tells whether a device is among those of an allotment.
func (a *Allotment) has(id string) bool {
	return slices.ContainsFunc(a.GPUs, func(g GPUShare) bool { return g.ID == id })
}

// ShortageError says what there is too little of. It wraps [ErrNoCapacity].
type ShortageError struct{ Of wire.Refusal }

func (e *ShortageError) Error() string { return e.Of.String() }

// Unwrap is ErrNoCapacity.
func (e *ShortageError) Unwrap() error { return ErrNoCapacity }

// NewLedger makes a ledger of which everything is free.
func NewLedger(total wire.Capacity) *Ledger {
	total = total.AllFree()
	return &Ledger{total: total, free: total.Clone(), allotments: make(map[uint64]Allotment)}
}

// Total is what there is in all.
func (l *Ledger) Total() wire.Capacity { return l.total.Clone() }

// Free is what is left.
func (l *Ledger) Free() wire.Capacity { return l.free.Clone() }

// Ratio is from 0, full, to 1, empty: see wire.Capacity.Ratio.
func (l *Ledger) Ratio() float64 { return l.free.Ratio(l.total) }

// CanFit tells whether Reserve would succeed.
func (l *Ledger) CanFit(p wire.Profile) bool { return l.free.CanFit(p) }

// Reserve takes what a profile asks for, or returns a *ShortageError. Of the
// GPUs that will do, the smallest are taken, and processors that are driven like GPUs
// after all others.
func (l *Ledger) Reserve(p wire.Profile) (Allotment, error) {
	if short := l.free.Shortage(p); short != "" {
		return Allotment{}, &ShortageError{short}
	}
	l.last++
	a := Allotment{ID: l.last, CPU: p.CPU, Memory: p.Memory, Storage: p.Storage, Network: p.Network, GPUs: l.takeGPUs(p.GPU)}
	l.free.CPU -= a.CPU
	l.free.Memory -= a.Memory
	l.free.Storage -= a.Storage
	l.free.Network -= a.Network
	l.allotments[a.ID] = a
	return a, nil
}

// takeGPUs takes as many devices as asked for, or none.
func (l *Ledger) takeGPUs(spec *wire.GPUSpec) []GPUShare {
	if spec == nil {
		return nil
	}
	var fit []*wire.GPUDevice
	for i := range l.free.GPUs {
		if g := &l.free.GPUs[i]; g.Available && g.Fits(spec) {
			fit = append(fit, g)
		}
	}
	if len(fit) < int(spec.Count) {
		return nil
	}
	slices.SortStableFunc(fit, func(a, b *wire.GPUDevice) int {
		return cmp.Or(compareBool(a.Processor, b.Processor), cmp.Compare(a.Memory, b.Memory))
	})
	var taken []GPUShare
	for _, g := range fit[:spec.Count] {
		g.Available = false
		taken = append(taken, GPUShare{g.ID, cmp.Or(spec.Memory, g.Memory)})
	}
	return taken
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Release gives an allotment back. Its error wraps [ErrUnknownAllotment]; then
// nothing has changed.
func (l *Ledger) Release(id uint64) error {
	a, ok := l.allotments[id]
	if !ok {
		return fmt.Errorf("allotment %d: %w", id, ErrUnknownAllotment)
	}
	delete(l.allotments, id)
	l.free.CPU += a.CPU
	l.free.Memory += a.Memory
	l.free.Storage += a.Storage
	l.free.Network += a.Network
	for i := range l.free.GPUs {
		if g := &l.free.GPUs[i]; a.has(g.ID) {
			g.Available = true
		}
	}
	return nil
}
