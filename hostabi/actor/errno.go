package actor

import "errors"

// errno is an error number, as in WASI preview 1.
type errno uint32

const (
	success      errno = 0
	e2big        errno = 1
	eagain       errno = 6
	econnrefused errno = 14
	eexist       errno = 20
	efault       errno = 21
	eilseq       errno = 25
	einval       errno = 28
	eio          errno = 29
	enoent       errno = 44
	enomsg       errno = 49
	enosys       errno = 52
	enotsup      errno = 58
	etimedout    errno = 73
)

// errnos maps what an Activation returns to what the guest gets.
var errnos = []struct {
	err error
	e   errno
}{
	{ErrNoMessage, enomsg},
	{ErrNoActor, enoent},
	{ErrTimeout, etimedout},
	{ErrFailed, econnrefused},
	{ErrFull, eagain},
	{ErrExists, eexist},
	{ErrNotAllowed, enotsup},
	{ErrInvalid, einval},
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
