package runtime

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/suspend"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
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
		used := inst.tank.used()
		defer func() { inst.guard(name, &f, used, recover()) }()
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
// it is one of the ways to end a guest, or to suspend it.
func (i *Instance) guard(function string, f *hostabi.Func, used int64, panicked any) {
	switch r := panicked.(type) {
	case nil:
	case hostabi.Suspend:
		i.suspendIn(function, f, used)
	case *GuestError:
		panic(r)
	case hostabi.Exit:
		panic(exitError(r.Code))
	case hostabi.Trap:
		panic(&GuestError{Status: StatusFailed, Reason: ReasonTrap, Message: r.Message})
	case hostabi.Fault:
		panic(r)
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
	chunk := slices.Repeat(i64, suspend.Chunk)
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(hostSave), chunk, nil).Export(meter.HostSave)
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(hostLoad), nil, chunk).Export(suspend.HostLoad)
	funcref := []api.ValueType{api.ValueType(wasm.FuncRef)}
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(hostRef), funcref, i32).Export(meter.HostRef)
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(hostDeref), i32, funcref).Export(suspend.HostDeref)
	_, err := b.Instantiate(ctx)
	return err
}

// hostCheck is a safepoint: here the guest is suspended.
func hostCheck(ctx context.Context, stack []uint64) {
	i := instanceOf(ctx)
	i.check(ctx, int64(stack[0]))
	if i.wants() {
		i.unwind()
	}
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
