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

// BytesPerUnit is how many bytes a host function moves for one unit of fuel
// (DESIGN §4.5).
const BytesPerUnit = 64

// UnitsFor is the fuel that moving n bytes costs: one unit for each
// BytesPerUnit bytes or part of them.
func UnitsFor(n uint64) uint64 {
	return n/BytesPerUnit + min(1, n%BytesPerUnit)
}
