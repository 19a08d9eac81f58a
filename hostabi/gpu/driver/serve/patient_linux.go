package serve

import (
	"time"

	"golang.org/x/sys/unix"
)

// patient makes the process's threads sleep a little longer than they ask for. Go has one that wakes
// every few dozen microseconds for as long as a call of the driver takes: on a CPU, a tenth of a core
// that kernels run on.
func patient() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(time.Millisecond), 0, 0, 0) // it is a wish
}
