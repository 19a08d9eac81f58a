package linmem

import (
	"errors"
	"sync"
)

// Options say what one instance's memories may do.
type Options struct {
	// Grow is asked before a memory grows from have to want bytes (from 0 when
	// it is created). False refuses, and the guest's memory.grow yields -1.
	// Should the operating system then refuse what Grow allowed, Grow is
	// called once more with the two exchanged, so that `total += want - have`
	// stays right; the result of that call is ignored. It runs with the memory
	// locked and must not call its methods. nil allows everything.
	Grow func(have, want uint64) bool

	// Movable lets a memory move when it outgrows its reservation. It must be
	// false for shared memories, whose base may never change: growth beyond
	// the reservation then fails. With the default Config on 64 bits a
	// reservation is always as large as the memory may become.
	Movable bool
}

// Allocator makes the memories of one instance. Its Allocate is what
// experimental.MemoryAllocator of wazero wants, but for the result's type:
//
//	experimental.MemoryAllocatorFunc(func(cap, max uint64) experimental.LinearMemory {
//		return a.Allocate(cap, max)
//	})
type Allocator struct {
	pool *Pool
	opts Options

	mu       sync.Mutex
	memories []*Memory
}

// NewAllocator makes an allocator for one instance.
func (p *Pool) NewAllocator(opts Options) *Allocator {
	return &Allocator{pool: p, opts: opts}
}

// Allocate makes a memory of length 0 that may grow to max bytes. capacity is
// the length that is likely soon. It never returns nil: if no address space is
// left, the memory's Reallocate returns nil for whatever is asked.
func (a *Allocator) Allocate(capacity, max uint64) *Memory {
	m := &Memory{pool: a.pool, opts: a.opts, max: max}
	m.mapping, m.reserveErr = a.pool.take(min(capacity, max), max)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.memories = append(a.memories, m)
	return m
}

// Memories returns the memories made so far, freed ones too, in the order of
// their making.
func (a *Allocator) Memories() []*Memory {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*Memory(nil), a.memories...)
}

// Peak returns the sum of the memories' peak lengths in bytes.
func (a *Allocator) Peak() uint64 {
	var sum uint64
	for _, m := range a.Memories() {
		sum += m.Peak()
	}
	return sum
}

// Close frees every memory that is not freed yet: an engine that fails half
// way through an instantiation does not. It may be called more than once.
func (a *Allocator) Close() error {
	var errs []error
	for _, m := range a.Memories() {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
