package device

import (
	"context"
	"time"
)

// Backend is a way to devices.
type Backend interface {
	// Name is short: "opencl", "cpu-go".
	Name() string

	// Devices lists all there are, the unusable ones too; the position in the list is
	// the device's index. Without a driver there are none and no error. The
	// list is the same for as long as the backend lives.
	Devices(ctx context.Context) ([]Info, error)

	// Open begins a session. Its errors wrap ErrDevice if limits name a device that is
	// not there or not usable, and ErrLost if the backend cannot be started.
	Open(ctx context.Context, limits Limits) (Session, error)

	// Close ends the backend and all its sessions.
	Close() error
}

// Limits are what a session may use.
type Limits struct {
	// Devices are indexes in the backend's list. The session counts its own devices
	// from 0 in this order.
	Devices []int

	// Memory is how many bytes the session's buffers may have together, over all its
	// devices; 0 means as many as the devices have.
	Memory uint64

	// QueueTime is how long kernels of the session may run, all together; 0 means
	// without limit. A kernel that runs longer than what is left is ended by force,
	// and the session is lost with it.
	QueueTime time.Duration

	// Label names the session in errors and logs: an instance's id.
	Label string
}

// Session is what one instance has of a backend.
type Session interface {
	// Devices are those of the session, which the other methods count from 0.
	Devices() []Info

	// NewBuffer makes a buffer of size bytes, all zero. Its errors wrap ErrArgument (no
	// such device, size 0), ErrQuota or ErrMemory.
	NewBuffer(ctx context.Context, device int, size uint64) (Buffer, error)

	// Copy queues the copying of size bytes from one buffer to another of the
	// session, or inside one if the ranges do not overlap. Its errors wrap ErrRange or
	// ErrArgument.
	Copy(ctx context.Context, dst Buffer, dstOffset uint64, src Buffer, srcOffset, size uint64) (Event, error)

	// Build makes a program, which may take seconds, or comes from a cache. Its errors
	// wrap ErrBuild (a *BuildError), ErrForm or ErrTimeout.
	Build(ctx context.Context, device int, source Source) (Program, error)

	// Usage is what the session has used so far.
	Usage() Usage

	// Close frees everything. What is still running is given a moment, then ended by
	// force; the sessions that suffer from it are told with ErrLost.
	Close() error
}

// Buffer is memory of a device.
type Buffer interface {
	Size() uint64

	// Read copies len(to) bytes from offset on into to. It waits for what was queued
	// before. Its errors wrap ErrRange.
	Read(ctx context.Context, offset uint64, to []byte) error

	// Write copies from into the buffer at offset. It waits for what was queued before.
	// Its errors wrap ErrRange.
	Write(ctx context.Context, offset uint64, from []byte) error

	// Free gives the memory back. A second one gives ErrClosed.
	Free() error
}

// Program is a number of kernels, built for one device.
type Program interface {
	// Log is what the compiler said, at most MaxLog bytes.
	Log() string

	// Kernels are the signatures of all kernels, by name.
	Kernels() []Signature

	// Kernel finds a kernel. The error wraps ErrArgument.
	Kernel(name string) (Kernel, error)

	// Free gives the program back. A second one gives ErrClosed.
	Free() error
}

// Kernel is a function of a program. It needs no freeing.
type Kernel interface {
	Signature() Signature

	// Launch queues one run. What can be wrong with it is mostly found at once
	// (ErrArgument, ErrRange, ErrShape, ErrQuota), the rest with the event. It waits if
	// very many launches are queued already.
	Launch(ctx context.Context, shape Range, args ...Value) (Event, error)
}

// Event is what becomes of a launch or a copy.
type Event interface {
	// Done is closed when it has ended, one way or another, and when the session
	// is lost or closed.
	Done() <-chan struct{}

	// Err is nil until Done, and after it if all went well.
	Err() error

	// Times are known after Done, and zero if it failed.
	Times() Times
}

// Watch waits for e's end for a while, some milliseconds at most, if there is a faster way to hear of it
// than Done, and the end may be near: an event may have a method for it.
func Watch(e Event) {
	if own, ok := e.(interface{ Watch() }); ok {
		own.Watch()
	}
}

// Wait waits until e has ended, and returns its error, or the context's.
func Wait(ctx context.Context, e Event) error {
	Watch(e)
	select {
	case <-e.Done():
		return e.Err()
	default:
	}
	select {
	case <-e.Done():
		return e.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Times are the stations of a launch by the device's own clock, whose zero means
// nothing (OpenCL 3.0, table "clGetEventProfilingInfo").
type Times struct {
	Queued, Submitted, Started, Ended time.Duration
}

// Busy is how long the device worked at it.
func (t Times) Busy() time.Duration { return max(0, t.Ended-t.Started) }

// Usage is what a session has used.
type Usage struct {
	// Memory of the buffers that there are, in bytes, and the most there were.
	Memory, MemoryPeak uint64
	// Busy is how long kernels and copies ran.
	Busy time.Duration
	// Launches that were queued.
	Launches uint64
}
