package hostabi

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// Caller is the instance on whose behalf a host function runs. It is valid
// until the host function returns and only on the goroutine that called it.
type Caller interface {
	// Memory is the instance's first linear memory, or nil if it has none.
	// The slice aliases guest memory: it is valid until the host function
	// returns, and everything in it is under the guest's control.
	Memory() []byte

	// Charge takes units from the instance's fuel. If the fuel does not last
	// the guest is stopped with reason out_of_fuel and Charge does not return:
	// call it before the work it pays for.
	Charge(units uint64)

	// State is what the instance keeps for the host module of that name: the
	// value its creator supplied, or nil.
	State(module string) any
}

// Func is one host function.
//
// Call gets its arguments in stack, one value a slot (i32 and f32 in the low
// half; the upper half of an i32 argument is undefined, so convert with
// uint32(stack[i])), and leaves its results there from slot 0 on; the slice is
// as long as the longer of Params and Results. ctx is done when the instance
// is to stop, by cancellation or deadline: a function that blocks must return
// soon after, and its results are then of no account.
type Func struct {
	Name    string
	Params  []api.ValueType
	Results []api.ValueType
	Call    func(ctx context.Context, caller Caller, stack []uint64)

	// Suspends tells that Call may panic with Suspend. It is for functions that
	// wait for something: a call of one costs the guest a little more.
	Suspends bool
}

// Module is a named set of host functions, as a guest imports them.
type Module struct {
	Name  string
	Funcs []Func
}

// Exit ends the calling guest with an exit code. A host function panics with
// it (proc_exit does); the runtime recovers it and reports a normal end.
type Exit struct {
	Code uint32
}

func (e Exit) Error() string { return fmt.Sprintf("guest exited with code %d", e.Code) }

// Trap ends the calling guest like a trap of its own. A host function panics with it where
// the guest is to blame for what cannot be reported by a result.
type Trap struct {
	// Message is the reason, for people.
	Message string
}

func (t Trap) Error() string { return t.Message }

// Fault ends the run of the calling guest with an error that is not the guest's: a part
// of the system failed under it, and the same run may go well another time. A host function
// panics with it; what runs the guest returns an error that wraps Err.
type Fault struct{ Err error }

func (f Fault) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f Fault) Unwrap() error { return f.Err }

// Suspend puts the calling guest to sleep in the middle of its call. A host function
// that would have to wait panics with it, instead of waiting; the call into the guest then
// returns, and the instance can be captured. When the guest goes on, there or elsewhere, the
// host function is called again with the same arguments, as if for the first time:
// what it has charged is given back, and it must not have changed anything that the guest
// can see, or the guest would see it twice.
//
// Only a function with Func.Suspends may do so, and only where the caller is a Suspender
// that says MaySuspend; otherwise it has to wait.
type Suspend struct{}

func (Suspend) Error() string { return "guest is suspended" }

// Suspender is a Caller whose guest may be suspended in host functions.
type Suspender interface {
	// MaySuspend tells whether the guest can be suspended in this call.
	MaySuspend() bool
	// SuspendWanted is closed when someone wants the guest to be suspended: a function
	// that waits should then panic with Suspend.
	SuspendWanted() <-chan struct{}
}

// BytesPerUnit is how many bytes a host function moves for one unit of fuel
// (DESIGN §4.5).
const BytesPerUnit = 64

// UnitsFor is the fuel that moving n bytes costs: one unit for each
// BytesPerUnit bytes or part of them.
func UnitsFor(n uint64) uint64 {
	return n/BytesPerUnit + min(1, n%BytesPerUnit)
}
