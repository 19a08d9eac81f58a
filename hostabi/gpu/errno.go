package gpu

import (
	"errors"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// errno is an error number, as in WASI preview 1.
type errno uint32

const (
	success   errno = 0
	e2big     errno = 1
	eagain    errno = 6
	ebadf     errno = 8
	edquot    errno = 19
	efault    errno = 21
	eilseq    errno = 25
	eintr     errno = 27
	einval    errno = 28
	eio       errno = 29
	emfile    errno = 33
	enodev    errno = 43
	enoent    errno = 44
	enoexec   errno = 45
	enomem    errno = 48
	enosys    errno = 52
	enotsup   errno = 58
	erange    errno = 68
	etimedout errno = 73
)

// errnos maps what a session returns to what the guest gets.
var errnos = []struct {
	err error
	e   errno
}{
	{device.ErrDevice, enodev},
	{device.ErrArgument, einval},
	{device.ErrShape, einval},
	{device.ErrRange, erange},
	{device.ErrForm, enotsup},
	{device.ErrBuild, enoexec},
	{device.ErrTimeout, etimedout},
	{device.ErrMemory, enomem},
	{device.ErrQuota, enomem},
	{device.ErrClosed, ebadf},
	{device.ErrLaunch, eio},
}

func errnoOf(err error) errno {
	if err == nil {
		return success
	}
	for _, m := range errnos {
		if errors.Is(err, m.err) {
			return m.e
		}
	}
	return eio
}
