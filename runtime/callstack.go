package runtime

import _ "unsafe" // for go:linkname

// interpreterFrames is the most frames that wazero's interpreter nests before
// it reports a stack overflow: a variable there, 2000 by default, meant to be
// set at link time. Call depth is limited by the meter, the same on every
// engine, so this must only be beyond what it admits.
//
//go:linkname interpreterFrames github.com/tetratelabs/wazero/internal/engine/interpreter.callStackCeiling
var interpreterFrames int

func init() { interpreterFrames = 2 * MaxCallDepth }
