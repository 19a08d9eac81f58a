package opencl

import (
	"time"
	"unsafe"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

const (
	eventStatus = 0x11D3

	profilingQueued = 0x1280
	profilingSubmit = 0x1281
	profilingStart  = 0x1282
	profilingEnd    = 0x1283

	statusRunning Code = 1
)

// Wait waits until the command has ended, however long that takes, and returns what it
// ended with.
func (e Event) Wait() error {
	if code := e.lib.functions.WaitForEvents(1, &e.id); code != success {
		if status := e.status(); status < 0 {
			return status
		}
		return code
	}
	return nil
}

// Running tells whether the device is at it now.
func (e Event) Running() bool { return e.status() == statusRunning }

func (e Event) status() Code {
	return value[Code](func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
		return e.lib.functions.GetEventInfo(e.id, what, size, to, length)
	}, eventStatus)
}

// Times are those of a command that has ended without error.
func (e Event) Times() device.Times {
	at := func(station uint32) time.Duration {
		return time.Duration(value[int64](func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
			return e.lib.functions.GetProfilingInfo(e.id, what, size, to, length)
		}, station))
	}
	return device.Times{Queued: at(profilingQueued), Submitted: at(profilingSubmit), Started: at(profilingStart), Ended: at(profilingEnd)}
}

// Release gives the event back.
func (e Event) Release() error { return e.lib.functions.ReleaseEvent(e.id).err() }
