//go:build wasip1

package gpu

import (
	"fmt"
	"structs"
	"unsafe"
)

// Errno is an error number of the host: see package hostabi/gpu.
type Errno uint32

// The error numbers.
const (
	TooLong    Errno = 1
	NotEnded   Errno = 6
	NoHandle   Errno = 8
	TimeUsedUp Errno = 19
	BadMemory  Errno = 21
	BadText    Errno = 25
	Invalid    Errno = 28
	Failed     Errno = 29
	TooMany    Errno = 33
	NoDevice   Errno = 43
	NotFound   Errno = 44
	NoBuild    Errno = 45
	NoMemory   Errno = 48
	NoGPU      Errno = 52
	NoSupport  Errno = 58
	OutOfRange Errno = 68
	TimedOut   Errno = 73
)

// Error is what the number means.
func (e Errno) Error() string {
	words := map[Errno]string{
		TooLong: "too long", NotEnded: "has not ended", NoHandle: "no such handle", TimeUsedUp: "device time is used up",
		BadMemory: "out of the guest's memory", BadText: "text is not UTF-8", Invalid: "invalid argument",
		Failed: "launch failed", TooMany: "too many handles", NoDevice: "no such device", NotFound: "not found",
		NoBuild: "does not compile", NoMemory: "out of device memory", NoGPU: "this run has no GPU: see --gpu",
		NoSupport: "not supported by the device", OutOfRange: "out of range", TimedOut: "took too long",
	}
	if w := words[e]; w != "" {
		return w
	}
	return fmt.Sprintf("GPU errno %d", uint32(e))
}

func check(e uint32) error {
	if e == 0 {
		return nil
	}
	return Errno(e)
}

// BuildError is source that does not compile.
type BuildError struct {
	// Log is what the compiler said.
	Log string
}

func (e *BuildError) Error() string { return "program does not build:\n" + e.Log }

// Is tells that the error is NoBuild.
func (e *BuildError) Is(target error) bool { return target == NoBuild }

// Mode is how much the run wants a GPU.
type Mode uint32

// The modes.
const (
	None Mode = iota
	Preferred
	Required
)

// ModeOfRun is the mode of this run.
func ModeOfRun() Mode { return Mode(hostMode()) }

// Kind is what sort of device it is.
type Kind uint32

// The kinds.
const (
	Builtin Kind = iota // Go code in the host, with the ready-made kernels alone
	CPU
	GPU
	Accelerator
)

// Facts are those of a device.
type Facts struct {
	_ structs.HostLayout
	// Memory is how many bytes this run may have there, Largest those of the largest
	// buffer, Local what a work-group shares.
	Memory, Largest, Local uint64
	// Units are compute units, Group the work-items of the largest work-group.
	Units, Group uint32
	Kind         Kind
	flags        uint32
	// Version of OpenCL: major times 256 plus minor.
	Version uint32
	// Align is what the offset of a Part must be a multiple of.
	Align uint32
	Clock uint32 // MHz
	_     uint32
}

// Compiles tells whether the device builds OpenCL C.
func (f Facts) Compiles() bool { return f.flags&1 != 0 }

// TakesSPIRV tells whether the device builds SPIR-V.
func (f Facts) TakesSPIRV() bool { return f.flags&2 != 0 }

// HasDouble and HasHalf tell whether kernels can compute with these.
func (f Facts) HasDouble() bool { return f.flags&4 != 0 }

// HasHalf is described with HasDouble.
func (f Facts) HasHalf() bool { return f.flags&8 != 0 }

// Unified tells whether the device's memory is the host's.
func (f Facts) Unified() bool { return f.flags&16 != 0 }

// Device is a device of this run, by its number.
type Device uint32

// Devices counts the devices.
func Devices() (int, error) {
	var n uint32
	err := check(hostDevices(&n))
	return int(n), err
}

// Facts tells about the device.
func (d Device) Facts() (Facts, error) {
	var f Facts
	err := check(hostDevice(uint32(d), &f))
	return f, err
}

// Name is the device's name.
func (d Device) Name() string { return d.text(0) }

// Vendor is who made it.
func (d Device) Vendor() string { return d.text(1) }

// Family is the part of the capability before the number: sm, gfx or opencl.
func (d Device) Family() string { return d.text(2) }

// Capability is its compute capability, such as sm_80.
func (d Device) Capability() string { return d.text(3) }

// Driver is the version of its driver.
func (d Device) Driver() string { return d.text(4) }

// ID is what it is called on its machine, each time.
func (d Device) ID() string { return d.text(5) }

func (d Device) text(what uint32) string {
	b := make([]byte, 256)
	var n uint32
	if hostDeviceText(uint32(d), what, unsafe.Pointer(&b[0]), uint32(len(b)), &n) != 0 {
		return ""
	}
	return string(b[:min(int(n), len(b))])
}

// Buffer is memory of a device.
type Buffer uint64

// Buffer makes one of size bytes, all zero.
func (d Device) Buffer(size int) (Buffer, error) {
	var b uint64
	err := check(hostBuffer(uint32(d), uint64(size), &b))
	return Buffer(b), err
}

// Size is how many bytes it has.
func (b Buffer) Size() (int, error) {
	var n uint64
	err := check(hostSize(uint64(b), &n))
	return int(n), err
}

// Floats makes a buffer of these.
func (d Device) Floats(values []float32) (Buffer, error) {
	b, err := d.Buffer(4 * len(values))
	if err == nil {
		err = b.WriteFloats(0, values)
	}
	return b, err
}

// Write copies bytes into the buffer from an offset on.
func (b Buffer) Write(offset int, from []byte) error {
	return check(hostWrite(uint64(b), uint64(offset), unsafe.Pointer(unsafe.SliceData(from)), uint32(len(from))))
}

// Read fills to with bytes from an offset on. It waits for what was launched before.
func (b Buffer) Read(offset int, to []byte) error {
	return check(hostRead(uint64(b), uint64(offset), unsafe.Pointer(unsafe.SliceData(to)), uint32(len(to))))
}

// WriteFloats is Write for elements; the offset counts those.
func (b Buffer) WriteFloats(offset int, from []float32) error {
	return b.Write(4*offset, bytesOf(from))
}

// ReadFloats is Read for elements; the offset counts those.
func (b Buffer) ReadFloats(offset int, to []float32) error { return b.Read(4*offset, bytesOf(to)) }

// CopyTo copies size bytes to another buffer, or to another place.
func (b Buffer) CopyTo(to Buffer, toOffset, fromOffset, size int) error {
	return check(hostCopy(uint64(b), uint64(fromOffset), uint64(to), uint64(toOffset), uint64(size)))
}

// Free gives the memory back.
func (b Buffer) Free() error { return check(hostFree(uint64(b))) }

// Program is what was built.
type Program uint64

// Build builds OpenCL C, with options as of clBuildProgram. The error may be a *BuildError.
func (d Device) Build(source, options string) (Program, error) {
	return d.build(0, unsafe.Pointer(unsafe.StringData(source)), len(source), options)
}

// BuildSPIRV builds a module in SPIR-V, where Facts.TakesSPIRV. The error may be a *BuildError.
func (d Device) BuildSPIRV(module []byte, options string) (Program, error) {
	return d.build(1, unsafe.Pointer(unsafe.SliceData(module)), len(module), options)
}

func (d Device) build(kind uint32, code unsafe.Pointer, size int, options string) (Program, error) {
	var p uint64
	err := check(hostBuild(uint32(d), kind, code, uint32(size), options, &p))
	if err == NoBuild {
		err = &BuildError{BuildLog()}
	}
	return Program(p), err
}

// BuildLog is what the compiler said at the last build.
func BuildLog() string {
	b := make([]byte, 64<<10)
	var n uint32
	if hostBuildLog(unsafe.Pointer(&b[0]), uint32(len(b)), &n) != 0 {
		return ""
	}
	return string(b[:min(int(n), len(b))])
}

// Free gives the program back; its kernels stay.
func (p Program) Free() error { return check(hostFree(uint64(p))) }

// Kernel is a kernel with its arguments.
type Kernel uint64

// Kernel finds a kernel of the program.
func (p Program) Kernel(name string) (Kernel, error) {
	var k uint64
	err := check(hostKernel(uint64(p), name, &k))
	return Kernel(k), err
}

// Ready finds a ready-made kernel: see package hostabi/gpu/kernels.
func (d Device) Ready(name string) (Kernel, error) {
	var k uint64
	err := check(hostReady(uint32(d), name, &k))
	return Kernel(k), err
}

// Free gives the kernel back.
func (k Kernel) Free() error { return check(hostFree(uint64(k))) }

// Range is the shape of a launch.
type Range struct {
	_ structs.HostLayout
	// Dims is 1 to 3, and 0 for a ready-made kernel.
	Dims uint32
	_    uint32
	// Offset is added to the global ids, Global counts work-items, Local those of a group;
	// all 0: the device chooses.
	Offset, Global, Local [3]uint64
}

// Event is what becomes of a launch.
type Event uint64

// Launch puts the kernel into the queue, over so many work-items in one to three dimensions;
// without any, as a ready-made kernel takes it.
func (k Kernel) Launch(global ...int) (Event, error) {
	r := Range{Dims: uint32(len(global))}
	if len(global) > 3 {
		return 0, Invalid
	}
	for i, n := range global {
		r.Global[i] = uint64(n)
	}
	return k.LaunchRange(r)
}

// LaunchRange puts the kernel into the queue.
func (k Kernel) LaunchRange(r Range) (Event, error) {
	var e uint64
	err := check(hostLaunch(uint64(k), &r, &e))
	return Event(e), err
}

// Run is Launch without an event.
func (k Kernel) Run(global ...int) error {
	e, err := k.Launch(global...)
	if err != nil {
		return err
	}
	return e.Free()
}

// Wait waits until the launch has ended; Failed if it went wrong.
func (e Event) Wait() error { return check(hostWait(uint64(e))) }

// WaitAll waits for all launches.
func WaitAll() error { return check(hostWait(0)) }

// Done tells whether the launch has ended.
func (e Event) Done() (bool, error) {
	var ended uint32
	err := check(hostDone(uint64(e), &ended))
	return ended != 0, err
}

// Times are the stations of a launch in nanoseconds, by the device's clock.
type Times struct {
	_                                 structs.HostLayout
	Queued, Submitted, Started, Ended uint64
}

// Times are known when the launch has ended; NotEnded before.
func (e Event) Times() (Times, error) {
	var t Times
	err := check(hostTimes(uint64(e), &t))
	return t, err
}

// Free forgets the event; the launch goes on.
func (e Event) Free() error { return check(hostFree(uint64(e))) }

// Memory tells how many bytes the run's buffers have, and how many they may have.
func Memory() (used, most uint64, err error) {
	err = check(hostMemory(&used, &most))
	return used, most, err
}
