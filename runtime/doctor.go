package runtime

import (
	"errors"
	"fmt"

	"github.com/godwit-run/godwit/runtime/internal/linmem"
)

// Tracking is a way of finding the pages that a guest has written, and whether
// it works in this process.
type Tracking struct {
	// Name of the way, best first: see internal/linmem.
	Name string
	// Err is why it does not work, nil if it does.
	Err error
}

// ProveTracking tries every way of finding written pages on a small memory, in
// about a millisecond: kernels answer without telling the truth. Engines take
// the first that works.
func ProveTracking() []Tracking {
	var all []Tracking
	for _, p := range linmem.Prove() {
		all = append(all, Tracking{p.Rung.String(), p.Err})
	}
	return all
}

// ProveReservation tries to set aside address space for a memory of so many
// bytes and to make all of it accessible, without touching it. Where that fails
// large memories move as they grow, or cannot.
func ProveReservation(bytes uint64) (err error) {
	pool, err := linmem.New(linmem.Config{MaxIdle: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	memories := pool.NewAllocator(linmem.Options{})
	defer func() { err = errors.Join(err, memories.Close()) }()
	m := memories.Allocate(0, bytes)
	if err := m.Err(); err != nil {
		return err
	}
	if m.Reallocate(bytes) == nil {
		return fmt.Errorf("a memory of %d bytes cannot grow in place: address space or memory is limited", bytes)
	}
	return nil
}
