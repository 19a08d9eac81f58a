package runtime

import (
	"math/bits"
	_ "unsafe" // for go:linkname
)

// interpreterFrames is the most frames that wazero's interpreter nests before
// it reports a stack overflow: a variable there, 2000 by default, meant to be
// set at link time. Call depth is limited by the meter, the same on every
// engine; this is a backstop beyond what it admits, and within what Go's stack
// can hold.
//
//go:linkname interpreterFrames github.com/tetratelabs/wazero/internal/engine/interpreter.callStackCeiling
var interpreterFrames int

func init() {
	const spare, gated = 4096, 2 // a call through a gate nests two frames (see internal/suspend)
	interpreterFrames = gated*maxCallDepth() + spare
}

// maxCallDepth is the largest call depth limit on this machine.
func maxCallDepth() int {
	if bits.UintSize == 32 {
		return DefaultCallDepth
	}
	return MaxCallDepth
}
