// Package linmem supplies WebAssembly linear memories that are mappings of our
// own, outside the Go heap, in the shape wazero's experimental.MemoryAllocator
// wants (it does not import wazero).
//
// # Glossary
//
//   - reservation: address space set aside for one memory, inaccessible
//   - committed: the readable and writable prefix of a reservation
//   - mapping: one reservation with its committed prefix
//   - idle: a mapping in the pool, all zero, waiting for its next memory
//
// # How it works
//
// A memory reserves the most it may become and grows in place with mprotect, so
// its base never moves, which shared memories require and views survive.
// Freed, its mapping goes back to the pool with protection and page tables as
// they are, so the next memory pays neither mmap nor mprotect nor, for pages
// that stayed in RAM, page faults.
//
//	pool, err := linmem.New(linmem.Config{})
//	...
//	a := pool.NewAllocator(linmem.Options{Grow: budget.Grow})
//	defer a.Close()
//	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
//		func(capacity, max uint64) experimental.LinearMemory { return a.Allocate(capacity, max) }))
//	mod, err := rt.InstantiateModule(ctx, compiled, config)
//
// wazero 1.12 panics during instantiation when the initial length is refused
// (internal/wasm/memory.go slices the nil): check a module's declared minimum
// against the limit first. An instantiation that fails does not free its
// memory: that is what Allocator.Close is for.
//
// # Invariants
//
//   - No byte of one memory is ever seen in another: idle mappings are all zero.
//     A memory is zeroed when it is freed, not when it is taken.
//   - Nothing above a memory's length is ever written, so only its peak length
//     needs zeroing. Committed bytes above the length are accessible all the
//     same: the engine's bounds checks, not page faults, confine a guest.
//   - Slices of a memory die with Free: the next instance writes there. View and
//     ReadAt hold it meanwhile.
//   - A memory that moves (Options.Movable, reservations cut short) leaves its
//     old addresses mapped until Free: a stale view is stale, not fatal.
//   - Nothing relies on finalizers.
//
// # Zeroing
//
// Page faults cost far more than clearing: on the reference machine (a virtual
// one) about 2 µs each, as long as clearing 150 KiB. So a freed memory's
// touched pages are found with PAGEMAP_SCAN (Linux 6.7) and cleared in place if
// they are at most Config.KeepResident together; otherwise, or without the
// ioctl, the first 64 KiB are cleared and the rest is given back with
// madvise(MADV_DONTNEED) (on other Unix systems, where that is only advice, by
// mapping fresh pages over it).
//
// Write some pages of a 16 MiB memory, zero it, µs a round, by
// go test -bench BenchmarkZero -benchtime 2000x:
//
//	touched pages     1    16   256
//	clear touched   2.9   7.7    34
//	give all back   4.0    57   534
//
// Taking and freeing a pooled memory with that many pages written
// (-bench BenchmarkAllocate): 2.7, 8.0 and 37 µs for 16 MiB, 1.1 µs for 64 KiB;
// without a pool and 4 pages 30 µs.
package linmem
