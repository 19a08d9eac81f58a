package opencl

import (
	"fmt"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Code is what a function of OpenCL returns: 0 or a negative error. It wraps the error of
// package device that it comes to.
type Code int32

// The codes that are looked at (OpenCL 3.0, cl.h).
const (
	success              Code = 0
	deviceNotFound       Code = -1
	allocationFailed     Code = -4
	outOfResources       Code = -5
	outOfHostMemory      Code = -6
	profilingUnavailable Code = -7
	buildFailed          Code = -11
	misaligned           Code = -13
	eventFailed          Code = -14
	platformNotFound     Code = -1001
)

// meaning is a code's name, and the error it comes to.
type meaning struct {
	name string
	err  error
}

func (c Code) meaning() meaning {
	switch c {
	case deviceNotFound, platformNotFound, -2, -3, -33, -32:
		return meaning{"device not found or not available", device.ErrDevice}
	case allocationFailed, outOfResources, outOfHostMemory:
		return meaning{"out of memory or resources", device.ErrMemory}
	case buildFailed, -15, -17, -45:
		return meaning{"program does not build", device.ErrBuild}
	case misaligned:
		return meaning{"misaligned part of a buffer", device.ErrArgument}
	case eventFailed:
		return meaning{"a command in the queue failed", device.ErrLaunch}
	case -43, -42:
		return meaning{"option or form not taken", device.ErrForm}
	case -46:
		return meaning{"no kernel of that name", device.ErrArgument}
	case -49, -50, -51, -52:
		return meaning{"wrong arguments of a kernel", device.ErrArgument}
	case -53, -54, -55, -56, -63:
		return meaning{"wrong shape of a launch", device.ErrShape}
	case -61:
		return meaning{"buffer of a size that is not taken", device.ErrMemory}
	}
	return meaning{"failed", device.ErrLaunch}
}

func (c Code) Error() string { return fmt.Sprintf("OpenCL: %s (%d)", c.meaning().name, int32(c)) }

// Unwrap returns the error of package device.
func (c Code) Unwrap() error { return c.meaning().err }

// err is nil for success.
func (c Code) err() error {
	if c >= success {
		return nil
	}
	return c
}
