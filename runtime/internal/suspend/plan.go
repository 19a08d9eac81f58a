package suspend

// Version of continuations: what a frame holds, and in which order.
const Version = 3

// Revision of what Rewrite makes of a module. It changes with every change of that, so
// that caches of rewritten modules are not mixed up.
const Revision = 9

// HostLoad () -> (i64 × 8) is what clones import beside what the module does, from the
// meter's host module: the next eight words of the frames, outermost first. A frame's
// first word is the place of the next inner frame's clone in the table, 0 if there is
// none; each frame begins with a new call.
const HostLoad = "load"

// HostDeref (i32) -> (funcref) is what clones import likewise: the reference that the meter's
// HostRef gave the number.
const HostDeref = "deref"

// GuestModule is the module name under which clones import from the instance that
// they go on in.
const GuestModule = "godwit:guest"

// Chunk is how many words HostSave takes and HostLoad gives at once.
const Chunk = 8

// Code is what the rewriter must be told of a metered module.
type Code struct {
	// Added is how many function imports the meter has added: functions are named without
	// them.
	Added uint32
	// Save (i64 × 8) -> (): function import that takes the words of the frames; see
	// Saved.
	Save uint32
	// Ref (funcref) -> (i32): function import that numbers references; 0 if the guest has none.
	Ref uint32 `json:",omitempty"`
	// Check (i64) -> (): function import where unwinding may begin.
	Check uint32
	// Fuel is the global that charges are taken from.
	Fuel uint32
	// Pauses are functions that do no more than to call Check, and return all of
	// their arguments but the last, or what else is right whether the stack unwinds or not.
	Pauses []uint32 `json:",omitempty"`
	// Blocking are function imports that may begin to unwind: they are called again when
	// the guest goes on.
	Blocking []uint32 `json:",omitempty"`
}

// Plan tells the host how to suspend a rewritten module.
type Plan struct {
	// Refused is why the module has been left as it was; empty if it has not.
	Refused string `json:",omitempty"`
	// Flag is an exported i32 global: not 0 while the stack unwinds.
	Flag string `json:",omitempty"`
	// Prefix is what the names of all other exports that were added begin with.
	Prefix string `json:",omitempty"`
	Code   Code
}

// Point names a place where a frame can be: a function of the module and the
// number of the place within it.
type Point uint64

// pointBits is how many bits number the points of one function.
const pointBits = 16

func pointOf(function uint32, ordinal int) Point {
	return Point(function)<<pointBits | Point(ordinal)
}

// Function is the index of the function, in the rewritten module.
func (p Point) Function() uint32 { return uint32(p >> pointBits) }

func (p Point) ordinal() int { return int(p % (1 << pointBits)) }
