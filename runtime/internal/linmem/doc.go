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
//   - written (dirty) page: one whose bytes may have changed since the last Collect
//   - re-arm: to start looking out for writes anew
//   - rung: one of the ways of finding written pages, best first
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
//   - Where address space is limited (RLIMIT_AS, 32 bits), reservations get
//     smaller but always leave some for the Go heap, whose failure to grow would
//     end the process.
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
// mapping fresh pages over it). Since no byte may pass from one memory to the
// next, New lets the ioctl prove itself before it is trusted.
//
// Writing pages of a 16 MiB memory and zeroing it, µs a round
// (go test -bench BenchmarkZero -benchtime 5000x):
//
//	touched pages     1    16   256
//	clear touched   2.0   8.2    39
//	give all back   5.6    56   491
//
// Taking and freeing a pooled memory with pages written
// (-bench BenchmarkAllocate -benchtime 5000x), µs:
//
//	touched pages     1     4    16   256
//	64 KiB          1.3   1.2   1.2
//	16 MiB          2.7   4.3     8    37
//
// Without a pool, 16 MiB and 4 pages: 29–36 µs. New takes 26 µs. All figures
// here: 2 cores of a shared AMD EPYC virtual machine, Linux 6.18; the same run
// differs by up to a factor of two with what else the machine does.
//
// # Written pages
//
// Memory.Track or Memory.Restore give a Tracker, whose Collect returns what was
// written since the last one. The first Collect counts from the beginning: from
// zeroes, or from what Restore loaded. So the initial contents and all Collects,
// applied in order, are the memory; that is how the tests check it.
//
//	tracker, err := memory.Restore(file, offset, n) // or memory.Track()
//	...
//	ranges, err = tracker.Collect(ranges[:0]) // on the guest's goroutine, between calls
//	memory.View(func(mem []byte) error { ... copy mem[r.Start:r.End] ... })
//
// The rungs:
//
//   - WriteProtect: the reservation is registered with a userfaultfd in
//     asynchronous write-protect mode. The kernel lifts a page's protection at
//     its first write, by the guest or by a system call, and PAGEMAP_SCAN reports
//     unprotected pages and protects them again in one step: the guest may run
//     meanwhile (Tracker.Live). One descriptor for all memories of a pool.
//   - PrivateMapping: the memory is mapped privately from a memfd that holds
//     its last collected state; pages that are the process's own are written
//     ones. Collect writes them to the memfd and drops them. Costs RAM for a
//     second copy of what was ever written, and a copy and a fault a page. For
//     containers whose seccomp profile forbids userfaultfd, and old kernels. The
//     first Collect after a Restore copies all that was loaded.
//   - Compare: against a copy, in 4 KiB steps. Reads everything each time; never
//     wrong, works everywhere, slow for large memories, 4 GiB ones above all.
//
// Kernels and emulators answer without telling the truth (soft-dirty compiled
// out flags nothing; an emulator that shifts addresses reports other pages), so
// a rung is used only after a self-test in this process: earlier writes, none,
// reads of loaded pages, writes by the guest and by read(2), growth. Prove runs
// all of them, 1.2 ms, and gives the reasons; a pool tests at its first Track
// only. Config.Tracking forces a rung.
//
// Pages may be reported that were not written: a fresh one that was only read,
// a huge page as a whole the first time, all of them after a move. Pages in
// swap are asked for too. Tests ran without swap, on 4 KiB pages and, but for
// emulation of arm, arm64 and riscv64, on amd64.
//
// Pause: Collect and a copy of what it reports, median µs, scattered pages
// (-bench BenchmarkPause -benchtime 60x), at 0.1 / 1 / 10 / 100 % written:
//
//	                 16 MiB                64 MiB                   256 MiB
//	WriteProtect     13/18/80/1894         74/113/823/5745          182/491/4569/19008
//	PrivateMapping   32/262/2060/7654      120/1035/10725/37695     507/5711/47214/160387
//	Compare          2117/1753/1934/2679   9373/9555/12496/13599    39452/34598/41150/50832
//
// On a quieter machine WriteProtect takes 45/72/1170/4853 for 64 MiB. The first
// write to a page after Collect costs the guest 0.8–0.9 µs, 2.8–3.7 µs and
// nothing (-bench BenchmarkFirstWrite). Taking a memory, restoring 64 MiB
// into it, tracked, writing one page and freeing it: 30, 30 and 46 µs (-bench
// BenchmarkRestore). Protecting what was loaded is put off to the first Collect:
// done at once it made that 574 µs.
package linmem
