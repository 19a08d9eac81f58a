package device

import (
	"errors"
	"fmt"
)

// What errors wrap. Those of guests' mistakes say what was wrong; nothing was done.
var (
	// ErrDevice is a device that is not there, not allowed or not usable.
	ErrDevice = errors.New("no such device")
	// ErrArgument is an argument of the wrong kind, number or size, or somebody else's.
	ErrArgument = errors.New("bad argument")
	// ErrRange is an offset or size outside of a buffer.
	ErrRange = errors.New("out of range")
	// ErrShape is a launch that kernel or device cannot take.
	ErrShape = errors.New("bad shape of a launch")
	// ErrForm is a form of source, or an option, that is not taken.
	ErrForm = errors.New("not supported by the device")
	// ErrBuild is source that does not compile.
	ErrBuild = errors.New("program does not build")
	// ErrTimeout is a build that took too long.
	ErrTimeout = errors.New("took too long")
	// ErrMemory is too little memory on the device.
	ErrMemory = errors.New("out of device memory")
	// ErrQuota is more memory or queue time than the session's Limits.
	ErrQuota = errors.New("over the session's limits")
	// ErrLaunch is a launch that the device refused or gave up.
	ErrLaunch = errors.New("launch failed")
	// ErrClosed is something that was freed or closed before.
	ErrClosed = errors.New("closed")
	// ErrLost is a device, or its driver, that went away: what the session had is gone.
	ErrLost = errors.New("device lost")
)

// BuildError is source that does not compile. It wraps ErrBuild.
type BuildError struct {
	// Log is what the compiler said, at most MaxLog bytes.
	Log string
}

func (e *BuildError) Error() string { return ErrBuild.Error() }

// Unwrap returns ErrBuild.
func (e *BuildError) Unwrap() error { return ErrBuild }

// LostError is a device or driver that went away. It wraps ErrLost.
type LostError struct {
	// Reason is for people: "the driver ended with SIGSEGV", "a kernel ran for more
	// than 10s".
	Reason string
	// Blamed is true for the session whose own work was the reason, as far as can be
	// told: the same again would end the same way. The others should be tried again.
	Blamed bool
}

func (e *LostError) Error() string { return fmt.Sprintf("%v: %s", ErrLost, e.Reason) }

// Unwrap returns ErrLost.
func (e *LostError) Unwrap() error { return ErrLost }

// Retryable tells whether the same work may well succeed in another session: a device
// was lost, and it was not this session's doing.
func Retryable(err error) bool {
	var lost *LostError
	return errors.As(err, &lost) && !lost.Blamed
}
