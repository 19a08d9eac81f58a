package runtime

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/meter"
)

// callContext carries the instance to the host functions that its guest calls.
type callContext struct {
	context.Context
	inst *Instance
}

type instanceKey struct{}

func (c *callContext) Value(key any) any {
	if key == (instanceKey{}) {
		return c.inst
	}
	return c.Context.Value(key)
}

func instanceOf(ctx context.Context) *Instance { return ctx.Value(instanceKey{}).(*Instance) }

// hostFunction is f as wazero wants it. Nothing is done for a guest beyond its fuel:
// at host calls the count is exact. When the call is over the guest is stopped if
// its time is: a host function may have taken long.
func hostFunction(name string, f hostabi.Func) api.GoFunc {
	return func(ctx context.Context, stack []uint64) {
		inst := instanceOf(ctx)
		defer inst.guard(name)
		if int64(inst.tank.left.Get()) < 0 {
			inst.check(ctx, 0)
		}
		f.Call(ctx, inst, stack)
		inst.stopIfDone(ctx)
	}
}

// hostPanicError is a host function's bug.
type hostPanicError struct {
	function string
	value    any
}

func (e *hostPanicError) Error() string {
	return fmt.Sprintf("host function %s: panic: %v", e.function, e.value)
}

// guard turns what a host function panics with into an error of ours, unless
// it is one of the ways to end a guest.
func (i *Instance) guard(function string) {
	switch r := recover().(type) {
	case nil:
	case *GuestError:
		panic(r)
	case hostabi.Exit:
		panic(exitError(r.Code))
	default:
		panic(&hostPanicError{function, r})
	}
}

// registerMeter provides what the rewriter makes modules import.
func registerMeter(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(meter.HostModule)
	i64, i32 := []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI32}
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(hostCheck), i64, nil).Export(meter.HostCheck)
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(hostTableGrow), i64, i32).Export(meter.HostTableGrow)
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(hostWait), i64, nil).Export(meter.HostWait)
	_, err := b.Instantiate(ctx)
	return err
}

func hostCheck(ctx context.Context, stack []uint64) {
	instanceOf(ctx).check(ctx, int64(stack[0]))
}

// hostTableGrow reserves table elements, or gives them back.
func hostTableGrow(ctx context.Context, stack []uint64) {
	ok := instanceOf(ctx).budget.tables(int64(stack[0]))
	stack[0] = 0
	if ok {
		stack[0] = 1
	}
}

// hostWait sleeps as long as an atomic wait that nobody ends.
func hostWait(ctx context.Context, stack []uint64) {
	if ns := int64(stack[0]); ns >= 0 {
		t := time.NewTimer(time.Duration(ns))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	} else {
		<-ctx.Done()
	}
	instanceOf(ctx).stopIfDone(ctx)
}
