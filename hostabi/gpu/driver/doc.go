// Package driver is the device.Backend of OpenCL: a process of its own in which the
// devices' drivers live, and this process's side of it.
//
//	d, err := driver.New(driver.Config{CacheDir: dir})   // starts nothing yet
//	defer d.Close()
//	infos, err := d.Devices(ctx)                         // starts the process
//	session, err := d.Open(ctx, device.Limits{Devices: []int{0}, Memory: 1 << 30})
//
// # Why a process
//
// A driver is native code of many megabytes, a compiler included, that gets its input
// from guests. It crashes, it hangs, and a kernel that never ends cannot be taken
// back. On a CPU the kernels themselves are native code that may write anywhere in the process
// they run in. So that process is not the node's. It can be killed at any time: the
// node starts the next one when somebody asks, and sessions that were in the old one
// end with device.ErrLost.
//
// # Glossary
//
//   - driver process: the program godwit-gpu (cmd/godwit-gpu, package serve), one a
//     Driver at a time, and some more for sessions that have survived one. This package needs no libOpenCL and links none.
//   - control connection: a socket pair, over which sessions are opened and asked what
//     they are doing.
//   - session: a socket pair of its own; see internal/wire for what is said.
//   - shared: a buffer's memory is a sealed memfd (elsewhere a file without a name) that both
//     processes have mapped. On a CPU it is the device's memory as well: a write is one
//     copy and nothing is said. On other devices it is where copies come from and go to.
//   - blamed: the session whose work was why the process ended, as far as can be told.
//
// # What becomes of whom
//
//   - A session that is closed with work under way has Config.Grace; then the process is
//     killed, unless the device is at somebody else's work. That one has its own limits.
//   - A kernel that runs for longer than what is left of Limits.QueueTime, and a build
//     for longer than Config.BuildTimeout: the process is killed. The session is lost and
//     blamed, all others are lost and may be retried.
//   - The process ends by itself, by a signal say: the only session that had something
//     under way is blamed. If there were several, or if it was SIGKILL or SIGTERM, nobody is:
//   - Who was in a process that ended like that, and comes back (by Limits.Label), gets a driver process
//     of its own until it has done well. So a session that crashes its driver does that once to others,
//     however often it is tried again, and nobody suffers twice from what others do.
//   - Nothing is lost that was read before; and all else is, buffers too.
//
// # What is contained, and what is not
//
// The driver process inherits no descriptor but its connection and of the environment only what
// loaders and drivers look at; it gets no core dumps, is the first to go when memory is
// short, has a process group of its own, and dies with the thread that started it. On
// Linux with Landlock it can write nowhere but in a temporary folder of its own and
// to devices, and reads only what programs and drivers are made of: nothing of users, of other processes
// or of its own environment, whether a compiler is told to or a kernel does it itself. In OpenCL C
// #include is an error besides (device.WithoutFiles). Root's capabilities are
// dropped. A filter of system calls keeps it from sockets, from other processes (signals,
// limits, memory, scheduling), from what Landlock does not know of files (modes, owners, times,
// attributes), from System V's shared memory and queues, and in its process group, so that
// what a kernel has started ends with it; and it can gain no privileges. It may have half of the machine's
// memory, beside buffers, and write files of 256 MiB; and it is replaced once it has built many programs
// and nobody uses it, as compilers lose some memory with each and leave files, which go with the
// process. What it says is
// checked like a stranger's: sizes before anything is allocated, texts before they are shown.
//
// Not contained: sessions from each other, where a kernel can write past its buffers. On a
// CPU that is everywhere: a hostile kernel may read and change what other sessions
// have there, and the binaries that the process hands out to be cached. GPUs keep
// contexts apart, and each session has its own. Who needs more gives each its own Driver.
//
// # Waiting
//
// Waking a thread takes longer than a short kernel. So both sides look for messages, in memory that they
// share, for a while before they sleep: the driver process for 100 µs after each, and Watch for 200 µs
// unless what ended last took longer than that. That is processor time that others may have: each
// look is followed by a yield. A long kernel on a CPU has the processors for itself.
//
// For the next 5 ms a side sleeps at its mailbox (futex(2); on other systems than Linux it does not). To wake
// it there takes half as long as to wake it by the socket, since no other thread has to hear the message and
// pass it on; and the driver process wakes the node's thread as soon as it is awake itself, before it has made
// the answer. Who sleeps so keeps a thread, so no more than 32 do at a time; and does not see meanwhile that
// its context has ended. What takes longer than 5 ms is waited for by the socket: nothing is gained there.
//
// What the other side writes to the mailbox can wake a thread too often or not at all, for those 5 ms.
//
// # Figures
//
// With pocl 3.1 on a virtual machine with two EPYC cores whose other processes stood still, mostly
// (nice -n -19 go test -run xxx -bench LaunchAndWait ./hostabi/gpu/driver):
//
//   - launch, wait and times of an empty kernel: 2 to 18 µs more, seldom 40, than the same calls of the
//     binding in one process, which take 40 to 60 µs themselves
//   - of a kernel of 1.2 ms: 1.04 to 1.07 times as long, 45 to 80 µs more. (1.09 to 1.13 if both sides
//     wait by the socket)
//   - of that, medians in µs: 3 until the message is written, 6 until the driver has seen it, 5 to decode it
//     and set the arguments, which the binding does in 2; the kernel itself about 10, as four threads that
//     begin and end share two processors; 4 to read the times; 12 to 20 to make the answer and until the node's
//     thread, which wakes meanwhile, has it; 4 until the guest goes on
//   - after 0.3 ms in which the guest did something else: 35 µs more for an empty kernel, 2 ms: 60
//   - a bare exchange of messages: 11 µs where both sides look for them (-bench RoundTrip)
//
// Under a load average of 10 to 25 of other work (go test -run xxx -bench . ./hostabi/gpu/driver):
//
//   - copies of 1 MiB and more: 0.84 to 1.0 of the speed of a copy between two pieces of memory;
//     of 4 KiB 0.2 to 0.3 µs more
//   - start of the process, a build from the cache and a launch: 0.6 to 0.9 s
package driver
