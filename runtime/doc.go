// Package runtime runs WebAssembly guests under exact fuel and hard limits, in
// this process.
//
// An engine loads modules, and runs them as tasks:
//
//	e, err := runtime.New(runtime.Config{})
//	...
//	defer e.Close()
//	m, err := e.Load(ctx, binary)
//	...
//	defer m.Close()
//	result, err := e.Run(ctx, m, runtime.Task{
//		Args:   []string{"program", "argument"},
//		Stdout: os.Stdout,
//		Limits: runtime.Limits{Fuel: 1_000_000_000, Memory: 64 << 20, WallTime: time.Minute},
//	})
//
// An error is the system's or the caller's. What becomes of the guest is in the
// Result: how it ended and why, its exit code, and exactly what it used. For calls
// one by one there are Module.Instantiate and Instance.Call.
//
// # Glossary
//
//   - engine: compiler or interpreter, caches, pooled memories; one a process.
//   - module: compiled code, named by the CID of its bytes.
//   - instance: a module in the middle of its life: memory, globals, tables, and
//     the state that host modules keep for it.
//   - task: one run of a module to completion.
//   - fuel: the unit of work, the same number on every machine and engine. What
//     costs what is in internal/meter: one unit an instruction, and one for each
//     64 bytes that bulk instructions and host functions move.
//   - slice: the fuel that a guest gets at once, about a quarter of a
//     millisecond's worth.
//
// # How it works
//
// The engine is wazero, which has no fuel: a module is validated and rewritten
// before it is compiled (internal/wasm, internal/meter), so that it counts its
// fuel in a global of its own and calls the host when that falls below zero. The
// host then grants the next slice, or ends the guest: for want of fuel, since its
// time is up, or since its context was cancelled. So nothing a guest does keeps the
// Go scheduler and the garbage collector waiting for longer than a slice, and the
// same check serves every limit; wazero's WithCloseOnContextDone, which costs
// several times the run time, is not used.
//
// Modules that catch exceptions are interpreted, on every machine: wazero 1.12's
// compiler runs them wrongly. So are modules with a function of so many branches
// that compiling it would take minutes, and those that the compiler panics at (see
// Engine.compile).
//
// Linear memory is a mapping of our own outside the Go heap (internal/linmem). The
// host modules that a guest may import are WASI preview 1 (hostabi/wasi) and those
// of Config.HostModules; a module that wants more is refused when it is loaded.
//
// # Invariants
//
//   - A run whose total is within its fuel limit succeeds; one whose total is above
//     it ends out_of_fuel. FuelUsed is exact at normal ends, and deterministic and
//     close to exact at traps and when fuel runs out: internal/meter has the bounds.
//     The bits of a NaN that an operation makes are the processor's choice
//     (specification 2.0, section 4.3.3): a guest that looks at them may take
//     another way, and use other fuel, elsewhere.
//   - A guest's own unreachable is a trap, never mistaken for want of fuel.
//   - Memories and tables together never take more than Limits.Memory, and all
//     tables together never more than 2^20 elements.
//   - Nested calls end with a trap at Limits.CallDepth, the same on every engine.
//   - Whatever a module contains, Load returns an error or a module that keeps its
//     limits; no input panics.
//   - A guest sees its host only through what it imports. It has no access to the
//     host's files, network, environment or clock beyond what the Task gives it.
//
// # Host functions
//
// A host function (package hostabi) runs on the guest's goroutine. It charges for
// the bytes it moves before it moves them, and returns soon after its context is
// done. What it keeps between calls belongs to the instance: Task.State.
//
// # Captures
//
// Between two calls an instance can be captured and, from what was captured, restored:
// in another process, on another engine or architecture. It then is, to the guest, the
// same instance; Instance.StateHash is equal before and after.
//
//	i, err := module.Instantiate(ctx, task)
//	...
//	c, err := i.Capture()                     // a checkpoint.Capture
//	ready, err := chain.Update(c)             // outside the pause; see package checkpoint
//	...
//	i, err = module.Restore(ctx, task, runtime.Saved{Module: ..., Memory: file, ...})
//
// Written pages of linear memory are found by the kernel (internal/linmem), so for it
// a capture costs what was written since the one before. The files of WASI are copied
// anew each time: with 300 MiB of them the pause is half a second and more. Precopy
// copies pages while the guest runs. What wazero's interface leaves out, unexported
// globals, the halves of vectors, tables, dropped segments, is made reachable when the
// module is rewritten (internal/state), without fuel. A restore maps the memory from a file and runs
// neither start function nor segments. Of host modules, WASI's state is captured, and
// that of others which implement HostState; what cannot be written down is refused
// with ErrNotCapturable.
//
// # Suspension
//
// With Config.Suspend modules get a save path (internal/suspend): a guest can be stopped at
// any safepoint, which it passes at least once a slice, its call stack becomes part of
// the instance's state, and Instance.Resume goes on with the call, there or where the instance
// has been restored. Results, fuel and traps are those of a run that was never stopped.
//
//	_, err := i.Call(ctx, "run")
//	for errors.Is(err, runtime.ErrSuspended) {     // someone called i.Suspend()
//		c, err := i.Capture()                      // holds the call, too
//		...
//		i, err = module.Restore(ctx, task, saved)  // perhaps elsewhere
//		...
//		_, err = i.Resume(ctx)
//	}
//
// Instance.Capture does all of this by itself if the guest is in a call: the guest stops, is
// captured, and goes on. A host function that waits may suspend the guest as well, instead
// (hostabi.Suspend): poll_oneoff and reads of standard input do if somebody wants the
// guest to stop. The call then returns ErrSuspended, no goroutine is needed while the guest
// waits, and Resume calls the host function again.
//
// Task.Captures has Engine.Run do so again and again while a task goes on, and hands the captures
// to whoever keeps them: with the last of them and Task.From the task is finished in another
// process. Its Stop suspends the guest for good.
//
// A continuation names the version and the hash of the code that it is of; any other is
// refused. What goes on does so in functions made for the places on its stack, which
// takes some milliseconds the first time. Module.Unsuspendable says if a module cannot be
// suspended: its guests are captured between calls then, and ErrInCall is what captures in
// calls return.
//
// # Caches
//
// Modules of the same bytes are compiled once while they are in use. With
// Config.CacheDir, rewritten modules and machine code are kept on disk as well,
// keyed by CID, the meter's version and wazero's. A damaged entry counts as absent. What
// suspended calls go on in is not kept: it is removed when the module is loaded again.
//
// # Figures
//
// On a virtual machine with two EPYC cores, shared with other work:
//
//   - run time, metered exactly and in slices, over plain wazero with the same
//     memory, 31 programs: geometric mean 1.00 of the least and of the medians of
//     interleaved rounds, by the thread's processor time (1.01 and 1.03 of the medians beside
//     other work); most between 0.80 and 1.10, the worst 1.12 to 1.14 (branch_json, go_maps,
//     mem_list), and more beside much other work: short loops, plain ones too, take up to 30 %
//     more or less when their code is shifted by 16 bytes, and mem_list, whose memory is where the
//     system put it, took 0.77 to 1.75 of what it took plain
//     (go test -run xxx -bench Overhead -benchtime 9x ./runtime)
//   - rewriting and compiling over plain compiling, medians of two runs: 1.25 to 1.37 for primes,
//     wordcount and mandelbrot, 1.35 and 1.39 for sha256sum, 1.26 and 1.27 for json, 1.31 and 1.32
//     in the geometric mean, of which rewriting is 0.07 to 0.09; in instructions executed (see
//     internal/suspend for how they are counted), which vary by nothing, 1.29 to 1.31 for the first
//     four and 1.24 for json; code sections 1.28 to 1.33 times as large
//     (-bench Compile -benchtime 21x ./runtime)
//   - the pause of a capture of 64 MiB with 1 % of its pages written 125 to 175 µs in
//     the median and 0.2 to 0.6 ms in 99 of 100, 95 µs and 0.2 ms when most was copied
//     ahead; 40 µs with nothing written (-bench Pause ./runtime; the range is that of
//     the machine's moods)
//   - captures ten times a second slow a guest that writes to 1 % of 64 MiB between
//     them by 0.2 %, one that writes to 12 % by 2.7 % (-bench Slowdown)
//   - from 64 MiB in a file to the first instruction of the restored, tracked instance,
//     and its end: 40 to 55 µs (-bench BenchmarkRestore)
//   - 1,000 instances that write to one page, are captured and have their checkpoints
//     made, signed, written and synced: 18,000 checkpoints a second in all, 11,700 with
//     four pages; 12,000 and 6,800 on a busy machine (-bench Thousand)
//   - on an engine with Config.Suspend: see package internal/suspend, "What it costs"
//     (-bench Suspend); to stop a guest with 100 frames and let it go on
//     25 to 44 µs, with one 2 to 4 µs (-bench UnwindRewind); to capture a guest that runs,
//     from another goroutine, the wait for its safepoint included, 130 to 160 µs (-bench
//     CaptureRunning)
//   - from a compiled module with 16 MiB of memory to its first instruction 13 µs;
//     61,000 runs of nothing a second; runtime.GC beside a busy guest 0.2 ms in the
//     median, 0.7 ms on a loaded machine; from cancelling to the guest's end 0.03 to
//     0.7 ms in the median, 4.4 ms at worst (start_bench_test.go)
package runtime
