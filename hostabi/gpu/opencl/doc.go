// Package opencl is a thin binding of libOpenCL that needs neither cgo nor headers:
// the library is found when the program runs, and where there is none Load says so.
//
//	lib, err := opencl.Load()                  // ErrAbsent: no OpenCL on this machine
//	devices, err := lib.Devices()
//	context, err := devices[0].NewContext()
//	queue, err := context.NewQueue()
//	program, err := context.Compile(source, "-cl-fast-relaxed-math")
//	kernel, err := program.Kernel("saxpy")
//	err = kernel.SetBytes(0, a)
//	err = kernel.SetMemory(1, x)
//	event, err := queue.Launch(kernel, device.Range{Dims: 1, Global: [3]uint64{n}})
//	err = queue.Flush()
//	err = event.Wait()
//
// Names follow the specification (OpenCL 3.0, unified): what begins with New or
// returns an object gives the caller a reference to Release. Objects are handles and may
// be copied; nothing here looks after their lives, and a kernel's arguments are its
// own state: one goroutine at a time sets and launches it.
//
// # Where it is built
//
// purego links a program to the C library's loader even with CGO_ENABLED=0, so that it is
// no longer static. That is worth it where devices are: 64-bit Linux on amd64 and arm64,
// and macOS. Elsewhere, and with the build tag nogpu, Load returns ErrAbsent and
// nothing is linked.
//
// # What it does not do
//
// A driver is native code of somebody else's, in the process that loads it; and kernels for
// a CPU are native code of the guest's. A kernel that does not end cannot be cancelled,
// and one that writes where it should not brings its process down. So nothing but the
// helper process (hostabi/gpu/driver), plain benchmarks and tests should call Load.
package opencl
