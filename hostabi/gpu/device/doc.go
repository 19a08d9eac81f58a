// Package device is the contract between what guests may do with devices
// (hostabi/gpu) and what does it (hostabi/gpu/driver, the backend of OpenCL, and
// hostabi/gpu/kernels, the one in Go). It is pure: types, checks and errors.
//
//	backend := driver.New(driver.Config{...})           // or kernels.New()
//	infos, err := backend.Devices(ctx)
//	session, err := backend.Open(ctx, device.Limits{Devices: []int{0}, Memory: 64 << 20})
//	defer session.Close()
//	x, err := session.NewBuffer(ctx, 0, 4*n)
//	err = x.Write(ctx, 0, bytes)
//	program, err := session.Build(ctx, 0, device.Source{Form: device.OpenCLC, Text: text})
//	saxpy, err := program.Kernel("saxpy")
//	event, err := saxpy.Launch(ctx, device.Range{Dims: 1, Global: [3]uint64{n}},
//		device.Scalar(a), device.Whole(x), device.Whole(y))
//	err = device.Wait(ctx, event)
//	spent := event.Times().Busy()
//	err = y.Read(ctx, 0, bytes)
//
// # Glossary
//
//   - backend: a way to devices. One a process (a node, an embedder); it may lose its
//     devices and find them again, its sessions may not.
//   - session: what one instance has of a backend: some devices, buffers, programs, a
//     quota. Sessions see nothing of each other.
//   - buffer: bytes that kernels read and write. It belongs to one device.
//   - program: kernels that were built for one device from one source.
//   - launch: one run of a kernel over a range of work-items.
//   - event: what becomes of a launch or a copy.
//
// # Order
//
// What a session does on one device happens in the order of the calls, as if each
// ended before the next began: launches and copies are queued and return at once,
// Buffer.Read and Buffer.Write wait for what was queued before them. Between
// devices there is no order but that a copy between two waits for both.
//
// # Contexts
//
// A context bounds the wait for an answer. When it ends, the call returns its error
// and what had been queued goes on: a launch cannot be taken back. Only Close ends
// what runs, by force if need be, soon after it is called.
//
// # Errors
//
// Each wraps one of the Err… values: branch on those with errors.Is. A *BuildError has
// the compiler's log and a *LostError says whether this session is to blame. After
// ErrLost and after Close a session answers everything with ErrLost or ErrClosed; open
// another. Nothing panics, whatever the arguments.
//
// # Concurrency
//
// A backend and its sessions may be used by several goroutines; the order between
// their calls is then theirs to keep. A Free waits for nothing: what is in use by
// queued launches is kept until they end.
package device
