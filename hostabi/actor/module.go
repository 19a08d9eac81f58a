package actor

import (
	"context"
	"encoding/binary"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
)

// Module is the host module. It is stateless: a function finds the Activation of
// its caller by Caller.State(ModuleName), and answers ENOSYS if there is none.
func Module() hostabi.Module {
	m := hostabi.Module{Name: ModuleName}
	for _, f := range functions {
		m.Funcs = append(m.Funcs, f.hostFunc())
	}
	return m
}

// function is an entry of the table: params has one letter for each parameter, i
// for i32 and l for i64. Those whose result is not an errno are of kind value.
type function struct {
	name   string
	params string
	value  func(c call) uint64
	call   func(c call, a []uint64) errno
	waits  bool // and may be suspended meanwhile
}

// functions are all that the package documentation lists.
var functions = []function{
	{name: "message", params: "i", call: call.message},
	{name: "receive", params: "li", call: call.receive, waits: true},
	{name: "payload", params: "iiii", call: call.payload},
	{name: "sender", params: "iii", call: call.sender},
	{name: "reply", params: "iii", call: call.reply},
	{name: "refuse", params: "iii", call: call.refuse},
	{name: "send", params: "iiii", call: call.send},
	{name: "ask", params: "iiiilii", call: call.ask},
	{name: "await", params: "li", call: call.await, waits: true},
	{name: "answer", params: "iiii", call: call.answer},
	{name: "timer", params: "lli", call: call.timer},
	{name: "cancel", params: "l", call: call.cancel},
	{name: "spawn", params: "iiii", call: call.spawn},
	{name: "stop", params: "ii", call: call.stop},
	{name: "name", params: "iii", call: call.ownName},
	{name: "epoch", value: func(c call) uint64 { return c.Epoch() }},
	{name: "now", value: func(c call) uint64 { return uint64(c.Now()) }},
	{name: "random", params: "ii", call: call.random},
	{name: "log", params: "iii", call: call.log},
	{name: "save", params: "ii", call: call.save},
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
	if f.value != nil {
		results[0] = api.ValueTypeI64
	}
	return hostabi.Func{Name: f.name, Params: params, Results: results, Call: f.dispatch, Suspends: f.waits}
}

func (f function) dispatch(ctx context.Context, caller hostabi.Caller, stack []uint64) {
	a, ok := caller.State(ModuleName).(Activation)
	switch {
	case f.value != nil && !ok:
		stack[0] = 0
	case f.value != nil:
		stack[0] = f.value(call{Activation: a})
	case !ok:
		stack[0] = uint64(enosys)
	default:
		stack[0] = uint64(f.call(call{a, ctx, caller, caller.Memory()}, stack))
	}
}

// call is one call of a host function.
type call struct {
	Activation
	ctx    context.Context
	caller hostabi.Caller
	mem    []byte
}

var le = binary.LittleEndian

const (
	eachCall  = 64   // units for a message, ask, reply, timer or log line
	eachSpawn = 4096 // units for an actor
	infoSize  = 48
	asyncFlag = 1
	// randomBlock is how much is filled between two looks at the context.
	randomBlock = 64 << 10
)

// bytes is the part [ptr, ptr+n) of memory.
func (c call) bytes(ptr, n uint64) ([]byte, errno) {
	ptr, n = uint64(uint32(ptr)), uint64(uint32(n))
	if ptr+n > uint64(len(c.mem)) {
		return nil, efault
	}
	return c.mem[ptr : ptr+n : ptr+n], success
}

// in is what the guest hands over: at most so many bytes, which it pays for.
func (c call) in(ptr, n uint64, most int, fee uint64) ([]byte, errno) {
	b, e := c.bytes(ptr, n)
	if e != success {
		return nil, e
	}
	if len(b) > most {
		return nil, e2big
	}
	c.caller.Charge(fee + hostabi.UnitsFor(uint64(len(b))))
	return b, success
}

// text is a string that the guest hands over.
func (c call) text(ptr, n uint64, most int, fee uint64) (string, errno) {
	b, e := c.in(ptr, n, most, fee)
	if e == success && !utf8.Valid(b) {
		e = eilseq
	}
	return string(b), e
}

func (c call) actor(ptr, n uint64) (string, errno) {
	s, e := c.text(ptr, n, MaxName, 0)
	if e == success && s == "" {
		e = einval
	}
	return s, e
}

// out copies as much of b as fits into [ptr, ptr+n), and its number to count.
func (c call) out(b []byte, ptr, n, count uint64) errno {
	to, e := c.bytes(ptr, n)
	if e != success {
		return e
	}
	num, e := c.bytes(count, 4)
	if e != success {
		return e
	}
	b = b[:min(len(b), len(to))]
	c.caller.Charge(hostabi.UnitsFor(uint64(len(b))))
	le.PutUint32(num, uint32(copy(to, b)))
	return success
}

// from is what is left of b from an offset on.
func from(b []byte, offset uint64) []byte {
	return b[min(uint64(len(b)), uint64(uint32(offset))):]
}

func (c call) message(a []uint64) errno {
	to, e := c.bytes(a[0], infoSize)
	if e != success {
		return e
	}
	m := c.Message()
	if m == nil {
		return enomsg
	}
	c.describe(to, m)
	return success
}

func (c call) describe(to []byte, m *Message) {
	le.PutUint32(to, uint32(m.Kind))
	le.PutUint32(to[4:], uint32(len(m.Payload)))
	le.PutUint32(to[8:], uint32(len(m.Sender)))
	le.PutUint32(to[12:], 0)
	if m.Failed {
		le.PutUint32(to[12:], 1)
	}
	copy(to[16:], m.ID[:])
	le.PutUint64(to[32:], m.Token)
	le.PutUint64(to[40:], uint64(c.Now()))
}

func (c call) receive(a []uint64) errno {
	if _, e := c.bytes(a[1], infoSize); e != success {
		return e
	}
	m, err := c.Receive(c.ctx, time.Duration(a[0]))
	suspend(err)
	c.caller.Charge(eachCall) // after the wait, which may be left and entered again
	if err != nil {
		return errnoOf(err)
	}
	to, e := c.bytes(a[1], infoSize)
	if e == success {
		c.describe(to, m)
	}
	return e
}

// suspend puts the guest to sleep if that is what the Activation wants.
func suspend(err error) {
	if errors.Is(err, ErrSuspend) {
		panic(hostabi.Suspend{})
	}
}

func (c call) payload(a []uint64) errno {
	m := c.Message()
	if m == nil {
		return enomsg
	}
	return c.out(from(m.Payload, a[2]), a[0], a[1], a[3])
}

func (c call) sender(a []uint64) errno {
	m := c.Message()
	if m == nil {
		return enomsg
	}
	return c.out([]byte(m.Sender), a[0], a[1], a[2])
}

func (c call) reply(a []uint64) errno  { return c.respond(a, false) }
func (c call) refuse(a []uint64) errno { return c.respond(a, true) }

func (c call) respond(a []uint64, failed bool) errno {
	id, e := c.id(a[0])
	if e != success {
		return e
	}
	b, e := c.in(a[1], a[2], MaxPayload, eachCall)
	if e != success {
		return e
	}
	return errnoOf(c.Reply(id, b, failed))
}

// id is the message that a pointer names; the null pointer is the current one.
func (c call) id(ptr uint64) (id MessageID, e errno) {
	if uint32(ptr) != 0 {
		b, e := c.bytes(ptr, uint64(len(id)))
		copy(id[:], b)
		return id, e
	}
	m := c.Message()
	if m == nil {
		return id, enomsg
	}
	return m.ID, success
}

func (c call) send(a []uint64) errno {
	to, e := c.actor(a[0], a[1])
	if e != success {
		return e
	}
	b, e := c.in(a[2], a[3], MaxPayload, eachCall)
	if e != success {
		return e
	}
	return errnoOf(c.Send(to, b))
}

func (c call) ask(a []uint64) errno {
	number, e := c.bytes(a[6], 8)
	if e != success {
		return e
	}
	flags := uint32(a[5])
	if flags&^asyncFlag != 0 || int64(a[4]) < 0 {
		return einval
	}
	to, e := c.actor(a[0], a[1])
	if e != success {
		return e
	}
	b, e := c.in(a[2], a[3], MaxPayload, eachCall)
	if e != success {
		return e
	}
	n, err := c.Ask(to, b, time.Duration(a[4]), flags&asyncFlag != 0)
	if err == nil {
		le.PutUint64(number, n)
	}
	return errnoOf(err)
}

func (c call) await(a []uint64) errno {
	if _, e := c.bytes(a[1], 4); e != success {
		return e
	}
	err := c.Await(c.ctx, a[0])
	suspend(err)
	c.caller.Charge(eachCall) // after the wait, as in receive
	if err != nil && !errors.Is(err, ErrFailed) {
		return errnoOf(err)
	}
	n, e := c.bytes(a[1], 4)
	if e != success {
		return e
	}
	le.PutUint32(n, uint32(len(c.Answer())))
	return errnoOf(err)
}

func (c call) answer(a []uint64) errno { return c.out(from(c.Answer(), a[2]), a[0], a[1], a[3]) }

func (c call) timer(a []uint64) errno {
	id, e := c.bytes(a[2], 8)
	if e != success {
		return e
	}
	c.caller.Charge(eachCall)
	n, err := c.SetTimer(time.Duration(max(0, int64(a[0]))), a[1])
	if err == nil {
		le.PutUint64(id, n)
	}
	return errnoOf(err)
}

func (c call) cancel(a []uint64) errno {
	c.caller.Charge(eachCall)
	return errnoOf(c.CancelTimer(a[0]))
}

func (c call) spawn(a []uint64) errno {
	name, e := c.actor(a[0], a[1])
	if e != success {
		return e
	}
	module, e := c.text(a[2], a[3], MaxName, eachSpawn)
	if e != success {
		return e
	}
	return errnoOf(c.Spawn(name, module))
}

func (c call) stop(a []uint64) errno {
	reason, e := c.text(a[0], a[1], MaxName, eachCall)
	if e != success {
		return e
	}
	c.Stop(reason)
	return success
}

func (c call) ownName(a []uint64) errno { return c.out([]byte(c.Name()), a[0], a[1], a[2]) }

func (c call) random(a []uint64) errno {
	b, e := c.bytes(a[0], a[1])
	if e != success {
		return e
	}
	c.caller.Charge(hostabi.UnitsFor(uint64(len(b))))
	for len(b) > 0 && c.ctx.Err() == nil {
		n := min(len(b), randomBlock)
		c.Random(b[:n])
		b = b[n:]
	}
	return success
}

func (c call) log(a []uint64) errno {
	text, e := c.text(a[1], a[2], MaxLog, eachCall)
	if e != success {
		return e
	}
	if uint32(a[0]) > uint32(Error) {
		return einval
	}
	c.Log(Level(uint32(a[0])), text)
	return success
}

func (c call) save(a []uint64) errno {
	b, e := c.in(a[0], a[1], MaxState, 0)
	if e != success {
		return e
	}
	return errnoOf(c.Save(b))
}
