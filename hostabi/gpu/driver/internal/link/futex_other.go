//go:build !linux

package link

import (
	"sync/atomic"
	"time"
)

// sleep is false: nothing here waits for a word of memory that processes share.
func sleep(*atomic.Uint32, uint32, time.Duration) bool { return false }

func wake(*atomic.Uint32) {}
