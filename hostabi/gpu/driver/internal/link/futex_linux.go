package link

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The operations of futex(2). They are not the private ones: the other side is another process.
const (
	futexWait = 0
	futexWake = 1
)

// sleep sleeps while a word of shared memory has that value, until wake, or for that long at most;
// perhaps for less. It is false where it cannot.
func sleep(word *atomic.Uint32, value uint32, most time.Duration) bool {
	timeout := unix.NsecToTimespec(int64(most))
	_, _, err := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value),
		uintptr(unsafe.Pointer(&timeout)), 0, 0)
	return err == 0 || err == unix.EAGAIN || err == unix.EINTR || err == unix.ETIMEDOUT
}

// wake wakes all that sleep because of the word.
func wake(word *atomic.Uint32) {
	_, _, _ = unix.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1<<30) // it does not wait
}
