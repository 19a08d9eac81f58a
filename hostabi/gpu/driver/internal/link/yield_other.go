//go:build !linux

package link

import goruntime "runtime"

// yield lets others have the processor if they want it.
func yield() { goruntime.Gosched() }
