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
	// GPUs are the ids of its devices; none if a GPU was only preferred and is not
	// to be had.
	GPUs []string
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
// GPUs that will do, the smallest are taken.
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
func (l *Ledger) takeGPUs(spec *wire.GPUSpec) []string {
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
	slices.SortStableFunc(fit, func(a, b *wire.GPUDevice) int { return cmp.Compare(a.Memory, b.Memory) })
	var ids []string
	for _, g := range fit[:spec.Count] {
		g.Available = false
		ids = append(ids, g.ID)
	}
	return ids
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
		if g := &l.free.GPUs[i]; slices.Contains(a.GPUs, g.ID) {
			g.Available = true
		}
	}
	return nil
}
