// Package gpu lets guests compute on GPUs, and on whatever else has an OpenCL driver
// (module godwit_gpu): devices, buffers, programs from source, kernels, launches and
// events. The SDKs are thin covers over it: hostabi/include/godwit_gpu.h for C,
// hostabi/rust/godwit_gpu.rs for Rust, hostabi/guest/gpu for Go.
//
// # Glossary
//
//   - device: something of a backend that runs kernels; a guest sees those that it was
//     given, numbered from 0.
//   - backend: what devices belong to (package device): OpenCL drivers, in a process of
//     their own (package driver), or cpu-go, which is Go code in this process and has the
//     ready-made kernels alone (package kernels).
//   - program: kernels that were built together for one device.
//   - kernel: a function that a launch runs once for each work-item; with its arguments.
//   - ready-made kernel: one of package kernels, by name: there on every device.
//   - queue: the order of what a guest has a device do. There is one for each device; what
//     is put into it is done in that order.
//   - handle: a number of 64 bits that stands for a buffer, program, kernel or event.
//   - State: what an instance has of all this. It travels in the instance's checkpoint.
//
// # Modes
//
// A run has GPU mode required, preferred or none. Required: there is a device, or the run
// is refused. Preferred: if there is none, the guest finds one of kind builtin, which is
// cpu-go: a guest that keeps to ready-made kernels runs anywhere, and is told so. None: all
// functions answer ENOSYS, and so they do in runs that know nothing of GPUs.
//
// # Calls
//
// All functions return an errno, i32, but mode. Pointers, lengths, indexes and codes are
// i32; handles, sizes and offsets in device memory are i64; "in" is a pointer and a length of
// bytes that the host reads; "out" is a pointer and a capacity: as many bytes as fit are
// written, and n, which may be null, is the whole length. Numbers are little-endian.
//
//	mode() i32                             0 none, 1 preferred, 2 required
//	devices(n *u32)                        how many there are
//	device(index i32, facts *device)
//	device_text(index i32, what i32, out, n *u32)
//	                                       what: 0 name, 1 vendor, 2 family, 3 capability, 4 driver, 5 id
//	memory(used *u64, most *u64)           bytes of all buffers of the run, and how many there may be
//
//	buffer(device i32, size i64, buffer *u64)
//	                                       all zero
//	size(buffer i64, size *u64)
//	write(buffer i64, offset i64, in)      into [offset, offset+length) of the buffer
//	read(buffer i64, offset i64, out)      fills the whole of out, or fails
//	copy(from i64, from_offset i64, to i64, to_offset i64, size i64)
//	                                       between devices, too. Ranges of one buffer must not overlap
//	free(handle i64)                       of any kind. What was launched with it goes on
//
//	build(device i32, kind i32, code in, options in, program *u64)
//	                                       kind: 0 OpenCL C, 1 SPIR-V; options as of clBuildProgram.
//	                                       ENOEXEC if it does not compile, #include among the reasons:
//	                                       there are no files
//	build_log(out, n *u32)                 what the compiler said at the last build
//	kernel(program i64, name in, kernel *u64)
//	ready(device i32, name in, kernel *u64)
//	                                       a ready-made kernel
//	parameters(kernel i64, n *u32)
//	parameter(kernel i64, index i32, facts *parameter, out, n *u32)
//	                                       out gets the type as it is in the source, such as float*
//
//	set_buffer(kernel i64, index i32, buffer i64, offset i64, size i64)
//	                                       a part of a buffer; size 0 is all there is from offset on. Buffer 0
//	                                       is the null pointer
//	set_value(kernel i64, index i32, type i32, in)
//	set_local(kernel i64, index i32, size i32)
//	                                       so many bytes of local memory, for a work-group
//	launch(kernel i64, range *range, event *u64)
//	                                       puts it into the queue, with the arguments of now; event may be null
//	wait(event i64)                        until the launch has ended; EIO if it failed. Event 0: all launches
//	done(event i64, ended *u32)            1 if the launch has ended, well or not
//	times(event i64, times *times)         of a launch that has ended; else EAGAIN
//
//	struct device {                        56 bytes
//		u64 memory        bytes that the run may have there
//		u64 largest       bytes of the largest buffer
//		u64 local         bytes of local memory for a work-group
//		u32 units         compute units
//		u32 group         work-items of the largest work-group
//		u32 kind          0 builtin (cpu-go), 1 CPU, 2 GPU, 3 accelerator
//		u32 flags         1: builds OpenCL C; 2: takes SPIR-V; 4: has double; 8: has half;
//		                  16: its memory is the host's
//		u32 version       of OpenCL: major times 256 plus minor; 0 if it has none
//		u32 align         what the offset in set_buffer must be a multiple of, in bytes
//		u32 clock         MHz
//		u32 zero
//	}
//	struct parameter {                     12 bytes
//		u32 space         0 value, 1 global, 2 constant, 3 local
//		u32 type          of a value: see below
//		u32 size          of a value: bytes
//	}
//	struct range {                         80 bytes
//		u32 dimensions    1 to 3; 0 for a ready-made kernel, whose arguments say how much there is
//		u32 zero
//		u64 offset[3]     added to the global ids
//		u64 global[3]     work-items; those beyond the dimensions are of no account
//		u64 local[3]      work-items of a group; all 0: the device chooses
//	}
//	struct times {                         32 bytes; nanoseconds of the device's clock
//		u64 queued, submitted, started, ended
//	}
//
// A type is one of these, plus 256 times the lanes of a vector (1 if left out): 1 char, 2 uchar,
// 3 short, 4 ushort, 5 int, 6 uint, 7 long, 8 ulong, 9 half, 10 float, 11 double. Type 0 is
// so many bytes, whatever they are: for structures and other types that the source has made, which have
// no other but may be set as any that is as large. Their size is what the compiler says (package
// serve asks it, as OpenCL does not tell); should it not be known, parameter says 0, as many bytes are
// taken as there are, and up to 4 KiB beyond them read as zero. A vector of 3 lanes takes as much room as
// one of 4.
//
// Read, write and copy take part in the queue: they see what was launched before has done, so
// that they wait for it. Events and wait are there to overlap work, to find errors, and for
// times. A launch that fails spoils nothing but what it was to write; whoever waits for it
// gets EIO, and so does the next read, write, copy or wait for all, once, if nobody has.
//
// # Errno
//
// Numbers are WASI's, so that C's strerror knows them.
//
//	0 success
//	1 E2BIG       source over 4 MiB, options over 4 KiB, a name over 255 bytes
//	6 EAGAIN      times of a launch that has not ended
//	8 EBADF       no such handle, or not of that kind, or freed
//	19 EDQUOT     the run's device time is used up
//	21 EFAULT     guest memory out of bounds
//	25 EILSEQ     a name or options that are not UTF-8
//	28 EINVAL     an unknown code; a type that is not the parameter's; an argument that is missing, or of
//	              another device; sizes that the kernel cannot be launched with
//	29 EIO        a launch failed on the device
//	33 EMFILE     more than 4096 handles
//	43 ENODEV     no such device
//	44 ENOENT     no kernel of that name, no such parameter
//	45 ENOEXEC    it does not compile: see build_log
//	48 ENOMEM     more than the run, or the device, has
//	52 ENOSYS     this run has no GPU
//	58 ENOTSUP    not on this device: building on one that has ready-made kernels alone, SPIR-V,
//	              kernels that take images, samplers or pipes; options that are not OpenCL's
//	68 ERANGE     beyond a buffer; a ready-made kernel would leave its buffers
//	73 ETIMEDOUT  a build took too long
//
// If the driver goes away under a guest, the guest is stopped: what it had on its devices is
// gone. A guest whose own launch or build is to blame fails with a trap that says so; the
// others' runs fail through no fault of theirs, with an error that is device.ErrLost, and can be
// tried again.
//
// # Fuel
//
// Beside the instruction:
//
//	read, write, copy      hostabi.UnitsFor of the bytes
//	buffer                 256, and UnitsFor of its size
//	build                  1,000,000, and 64 for each byte of source and options
//	kernel, ready          1000, and UnitsFor of the name
//	set_*                  8, and UnitsFor of the bytes
//	launch                 1000, and 1 for each 8 work-items, or 8 operations of a ready-made kernel
//	  when it has ended    device time beyond that: 1 for each nanosecond
//	all others             UnitsFor of the bytes
//
// Device time is charged when the guest learns that a launch has ended: by read, write, copy, wait,
// done, times, or a launch that must wait for room in the queue. A deterministic run (and an actor) is
// not charged device time: its fuel is by work-items alone, and times are all 0. Results of
// floating-point kernels may still differ between devices, in the last bits.
//
// # Limits
//
//   - Bytes of all buffers: Config.Devices, ENOMEM. Handles: 4096.
//   - Launches that have not ended: 256; launch waits for room.
//   - Device time of the run: Config.DeviceTime, EDQUOT for launches after it; a kernel that runs on when it is
//     used up is ended with the driver process, and the guest is to blame.
//   - A run's own time-out, and its being cancelled, end whatever it waits for; Close ends what is
//     still on the device.
//
// # Checkpoints
//
// State is a runtime.HostState. Capture waits for the queues to become empty and reads the buffers;
// Restore makes them again, builds the programs from their source and gives kernels their arguments,
// on devices of the same numbers, of whatever vendor. Handles stay the same. Of events only
// their times go along, for all have ended. What another device might not be able to do is
// refused when it is made (Config.Portable): SPIR-V, double and half, and OpenCL options that
// name one vendor's extensions.
//
// # Why
//
//   - Handles are random, and are looked up in a table of the instance: those of one instance mean
//     nothing in another. They derive from Config.Seed, so that a replay gets the same.
//   - Buffers are shared memory between this process and the driver's, so a write is one copy
//     out of linear memory and no more, and on devices that share the host's memory the kernel works on
//     those very bytes. Linear memory itself cannot be given to the driver: it is private to this
//     process so that no driver's fault reaches it.
//   - Arguments live here, and go along with each launch: what is on the other side has no
//     state that a crash could lose, but buffers.
//
// # Figures
//
// On a virtual machine with two EPYC cores and pocl, shared with much other work; ratios within one run:
//
//   - a product of matrices of 512 by 512 by sgemm, copies to and from the device included, in 8 ms: a 69th
//     of what the same guest's own loop takes, in C (go test -bench GuestSgemm ./cmd/godwit)
//   - reads at 0.93 of the speed of memcpy within one process, writes at 1.3 (-bench Copies .)
//   - a launch of a kernel that does nothing and the wait for it, where nothing else ran: 4 to 25 µs more than
//     the same calls of the binding, which take 40 to 60 µs; of a kernel of 1.2 ms, 57 to 100 µs more, which is
//     1.05 to 1.08 times as long (nice -n -19 go test -run xxx -bench Launch ./hostabi/gpu)
//   - State goes from a driver to Go code in this process and back with the same contents, in a few
//     milliseconds and the time of building programs
//
// # Invariants
//
//   - No argument makes a function panic, but to stop the guest.
//   - Everything is charged before it is done; device time, which nobody knows before, after.
//   - A guest reaches the devices of its State alone, and of those no memory but its own buffers'
//     (package driver says how far that holds for kernels).
package gpu
