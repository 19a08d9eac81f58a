//go:build !linux

package runtime

import "time"

var clockStart = time.Now()

// clock reads the wall clock, for want of a thread's.
func clock() time.Duration { return time.Since(clockStart) }
