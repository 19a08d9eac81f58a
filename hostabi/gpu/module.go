package gpu

import (
	"context"
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Module is the host module. It is stateless: a function finds the State of its caller by
// Caller.State(ModuleName), and answers ENOSYS if there is none.
func Module() hostabi.Module {
	m := hostabi.Module{Name: ModuleName}
	for _, f := range functions {
		m.Funcs = append(m.Funcs, f.hostFunc())
	}
	return m
}

// function is an entry of the table: params has one letter for each parameter, i for i32 and l
// for i64. All results are errnos, but that of mode.
type function struct {
	name   string
	params string
	call   func(c call, a []uint64) errno
	waits  bool // and may be suspended meanwhile
}

// functions are all that the package documentation lists.
var functions = []function{
	{name: "mode"},
	{name: "devices", params: "i", call: call.countDevices},
	{name: "device", params: "ii", call: call.device},
	{name: "device_text", params: "iiiii", call: call.deviceText},
	{name: "memory", params: "ii", call: call.memory},
	{name: "buffer", params: "ili", call: call.buffer},
	{name: "size", params: "li", call: call.size},
	{name: "write", params: "llii", call: call.write, waits: true},
	{name: "read", params: "llii", call: call.read, waits: true},
	{name: "copy", params: "lllll", call: call.copy, waits: true},
	{name: "free", params: "l", call: call.free},
	{name: "build", params: "iiiiiii", call: call.build},
	{name: "build_log", params: "iii", call: call.buildLog},
	{name: "kernel", params: "liii", call: call.kernel},
	{name: "ready", params: "iiii", call: call.ready},
	{name: "parameters", params: "li", call: call.parameters},
	{name: "parameter", params: "liiiii", call: call.parameter},
	{name: "set_buffer", params: "lilll", call: call.setBuffer},
	{name: "set_value", params: "liiii", call: call.setValue},
	{name: "set_local", params: "lii", call: call.setLocal},
	{name: "launch", params: "lii", call: call.launch, waits: true},
	{name: "wait", params: "l", call: call.wait, waits: true},
	{name: "done", params: "li", call: call.done, waits: true},
	{name: "times", params: "li", call: call.times, waits: true},
}

func (f function) hostFunc() hostabi.Func {
	params := make([]api.ValueType, len(f.params))
	for i, letter := range f.params {
		params[i] = api.ValueTypeI32
		if letter == 'l' {
			params[i] = api.ValueTypeI64
		}
	}
	results := []api.ValueType{api.ValueTypeI32}
	return hostabi.Func{Name: f.name, Params: params, Results: results, Call: f.dispatch, Suspends: f.waits}
}

func (f function) dispatch(ctx context.Context, caller hostabi.Caller, stack []uint64) {
	s, ok := caller.State(ModuleName).(*State)
	none := !ok || s == nil || s.cfg.Mode == None
	switch {
	case f.call == nil && none:
		stack[0] = uint64(None)
	case f.call == nil:
		stack[0] = uint64(s.cfg.Mode)
	case none:
		stack[0] = uint64(enosys)
	default:
		stack[0] = uint64(f.call(call{s, ctx, caller, caller.Memory()}, stack))
	}
}

// call is one call of a host function.
type call struct {
	*State
	ctx    context.Context
	caller hostabi.Caller
	mem    []byte
}

var le = binary.LittleEndian

// bytes is the part [ptr, ptr+n) of guest memory.
func (c call) bytes(ptr, n uint64) ([]byte, errno) {
	ptr, n = uint64(uint32(ptr)), uint64(uint32(n))
	if ptr+n > uint64(len(c.mem)) {
		return nil, efault
	}
	return c.mem[ptr : ptr+n : ptr+n], success
}

// in is what the guest hands over: at most so many bytes, which it pays for.
func (c call) in(ptr, n uint64, most int) ([]byte, errno) {
	b, e := c.bytes(ptr, n)
	if e != success {
		return nil, e
	}
	if len(b) > most {
		return nil, e2big
	}
	c.caller.Charge(hostabi.UnitsFor(uint64(len(b))))
	return b, success
}

// maxName is the longest name of a kernel, in bytes.
const maxName = 255

func (c call) text(ptr, n uint64, most int) (string, errno) {
	b, e := c.in(ptr, n, most)
	if e == success && !utf8.Valid(b) {
		e = eilseq
	}
	return string(b), e
}

// out copies as much of text as fits into [ptr, ptr+n), and its whole length to count unless
// that is null.
func (c call) out(text string, ptr, n, count uint64) errno {
	to, e := c.bytes(ptr, n)
	if e != success {
		return e
	}
	if uint32(count) != 0 {
		num, e := c.bytes(count, 4)
		if e != success {
			return e
		}
		le.PutUint32(num, uint32(len(text)))
	}
	c.caller.Charge(hostabi.UnitsFor(uint64(min(len(text), len(to)))))
	copy(to, text)
	return success
}

// failed is what becomes of an error of a session: an errno, or the guest's end if the devices
// are gone.
func (c call) failed(err error) errno {
	if c.ctx.Err() != nil {
		return eintr // nobody sees it: the guest is stopped
	}
	if errors.Is(err, device.ErrLost) {
		c.State.lost = err
		if device.Retryable(err) {
			panic(hostabi.Fault{Err: err})
		}
		panic(hostabi.Trap{Message: "GPU: " + err.Error()})
	}
	return errnoOf(err)
}
