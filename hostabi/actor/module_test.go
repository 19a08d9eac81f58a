package actor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi"
)

// desk is an Activation that writes down what is asked of it.
type desk struct {
	current *Message
	answer  []byte
	err     error // of whatever can fail
	done    []string
}

func (d *desk) note(format string, args ...any) error {
	d.done = append(d.done, fmt.Sprintf(format, args...))
	return d.err
}

func (d *desk) Message() *Message { return d.current }
func (d *desk) Receive(_ context.Context, wait time.Duration) (*Message, error) {
	return d.current, d.note("receive %d", wait)
}
func (d *desk) Reply(id MessageID, p []byte, failed bool) error {
	return d.note("reply %x %s %v", id[0], p, failed)
}
func (d *desk) Send(to string, p []byte) error { return d.note("send %s %s", to, p) }
func (d *desk) Ask(to string, p []byte, wait time.Duration, async bool) (uint64, error) {
	return 7, d.note("ask %s %s %d %v", to, p, wait, async)
}
func (d *desk) Await(_ context.Context, ask uint64) error { return d.note("await %d", ask) }
func (d *desk) Answer() []byte                            { return d.answer }
func (d *desk) SetTimer(delay time.Duration, token uint64) (uint64, error) {
	return 9, d.note("timer %d %d", delay, token)
}
func (d *desk) CancelTimer(id uint64) error     { return d.note("cancel %d", id) }
func (d *desk) Spawn(name, module string) error { return d.note("spawn %s %s", name, module) }
func (d *desk) Stop(reason string)              { d.note("stop %s", reason) }
func (d *desk) Save(p []byte) error             { return d.note("save %s", p) }
func (d *desk) Name() string                    { return "me" }
func (d *desk) Epoch() uint64                   { return 3 }
func (d *desk) Now() int64                      { return 1000 }
func (d *desk) Random(p []byte)                 { copy(p, bytes.Repeat([]byte{5}, len(p))) }
func (d *desk) Log(level Level, text string)    { d.note("log %d %s", level, text) }

// guest calls host functions with a memory of its own.
type guest struct {
	mem   []byte
	fuel  uint64
	state any
}

func (g *guest) Memory() []byte      { return g.mem }
func (g *guest) Charge(units uint64) { g.fuel += units }
func (g *guest) State(string) any    { return g.state }

func (g *guest) call(name string, args ...uint64) uint64 {
	m := Module()
	i := slices.IndexFunc(m.Funcs, func(f hostabi.Func) bool { return f.Name == name })
	stack := make([]uint64, max(len(m.Funcs[i].Params), len(m.Funcs[i].Results)))
	copy(stack, args)
	m.Funcs[i].Call(context.Background(), g, stack)
	return stack[0]
}

func newGuest(d *desk) *guest { return &guest{mem: make([]byte, 4<<20), state: d} }

const (
	atText  = 0x100 // "bob" and "hello" lie here
	atHello = atText + 3
	atID    = 0x200
	atOut   = 0x400
	atCount = 0x300
	end     = 4 << 20
)

func (g *guest) fill() *guest {
	copy(g.mem[atText:], "bobhello")
	g.mem[atID] = 0xee
	return g
}

func TestCalls(t *testing.T) {
	ask := &Message{Kind: KindAsk, ID: MessageID{1}, Sender: "eve", Payload: []byte("payload")}
	for _, c := range []struct {
		name string
		args []uint64
		err  error
		want errno
		done string
		fuel uint64
	}{
		{"send", []uint64{atText, 3, atHello, 5}, nil, success, "send bob hello", 66},
		{"send", []uint64{atText, 3, atHello, 0}, nil, success, "send bob ", 65},
		{"send", []uint64{atText, 0, atHello, 5}, nil, einval, "", 0},
		{"send", []uint64{atText, 256, atHello, 5}, nil, e2big, "", 0},
		{"send", []uint64{atText, 3, 16, MaxPayload + 1}, nil, e2big, "", 1},
		{"send", []uint64{atText, 3, end - 1, 2}, nil, efault, "", 1},
		{"send", []uint64{1<<32 - 1, 3, atHello, 5}, nil, efault, "", 0},
		{"send", []uint64{atText, 3, atHello, 5}, ErrFull, eagain, "send bob hello", 66},
		{"send", []uint64{atID, 1, atHello, 5}, nil, eilseq, "", 1},
		{"ask", []uint64{atText, 3, atHello, 5, 12, 0, atCount}, nil, success, "ask bob hello 12 false", 66},
		{"ask", []uint64{atText, 3, atHello, 5, 0, 1, atCount}, nil, success, "ask bob hello 0 true", 66},
		{"ask", []uint64{atText, 3, atHello, 5, 0, 2, atCount}, nil, einval, "", 0},
		{"ask", []uint64{atText, 3, atHello, 5, 1 << 63, 0, atCount}, nil, einval, "", 0},
		{"ask", []uint64{atText, 3, atHello, 5, 0, 0, end - 7}, nil, efault, "", 0},
		{"reply", []uint64{0, atHello, 5}, nil, success, "reply 1 hello false", 65},
		{"reply", []uint64{atID, atHello, 5}, nil, success, "reply ee hello false", 65},
		{"refuse", []uint64{0, atHello, 5}, nil, success, "reply 1 hello true", 65},
		{"reply", []uint64{end - 8, atHello, 5}, nil, efault, "", 0},
		{"reply", []uint64{0, atHello, 5}, ErrNoMessage, enomsg, "reply 1 hello false", 65},
		{"receive", []uint64{1<<64 - 1, atOut}, nil, success, "receive -1", 64},
		{"receive", []uint64{0, atOut}, ErrTimeout, etimedout, "receive 0", 64},
		{"receive", []uint64{0, atOut}, ErrNotAllowed, enotsup, "receive 0", 64},
		{"receive", []uint64{0, end - 47}, nil, efault, "", 0},
		{"await", []uint64{7, atCount}, nil, success, "await 7", 64},
		{"await", []uint64{7, atCount}, ErrFailed, econnrefused, "await 7", 64},
		{"await", []uint64{7, atCount}, ErrNoActor, enoent, "await 7", 64},
		{"await", []uint64{7, end}, nil, efault, "", 0},
		{"timer", []uint64{5, 6, atCount}, nil, success, "timer 5 6", 64},
		{"timer", []uint64{1 << 63, 6, atCount}, nil, success, "timer 0 6", 64},
		{"cancel", []uint64{9}, ErrNoMessage, enomsg, "cancel 9", 64},
		{"spawn", []uint64{atText, 3, atHello, 0}, nil, success, "spawn bob ", 4097},
		{"stop", []uint64{atHello, 5}, nil, success, "stop hello", 65},
		{"log", []uint64{1, atHello, 5}, nil, success, "log 1 hello", 65},
		{"log", []uint64{4, atHello, 5}, nil, einval, "", 65},
		{"log", []uint64{1, 0, MaxLog + 1}, nil, e2big, "", 0},
		{"save", []uint64{atHello, 5}, nil, success, "save hello", 1},
		{"save", []uint64{atHello, 5}, errors.New("disk"), eio, "save hello", 1},
		{"random", []uint64{end, 1}, nil, efault, "", 0},
	} {
		d := &desk{current: ask, answer: []byte("answer"), err: c.err}
		g := newGuest(d).fill()
		got := errno(g.call(c.name, c.args...))
		if done := strings.Join(d.done, "; "); got != c.want || done != c.done || g.fuel != c.fuel {
			t.Errorf("%s%v: errno %d, %q, %d units; want %d, %q, %d", c.name, c.args, got, done, g.fuel, c.want, c.done, c.fuel)
		}
	}
}

func TestOutputs(t *testing.T) {
	d := &desk{current: &Message{Kind: KindReply, ID: MessageID{1, 2}, Sender: "eve", Token: 77, Failed: true, Payload: []byte("payload")}, answer: []byte("answer")}
	g := newGuest(d)
	if e := g.call("message", atOut); e != 0 {
		t.Fatal(e)
	}
	b := g.mem[atOut:]
	if kind, length, sender, failed := le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:]); kind != 3 || length != 7 || sender != 3 || failed != 1 {
		t.Error(kind, length, sender, failed)
	}
	if id, token, now := b[16:18], le.Uint64(b[32:]), le.Uint64(b[40:]); !bytes.Equal(id, []byte{1, 2}) || token != 77 || now != 1000 {
		t.Error(id, token, now)
	}
	for _, c := range []struct {
		name string
		args []uint64
		want string
	}{
		{"payload", []uint64{atOut, 100, 0, atCount}, "payload"},
		{"payload", []uint64{atOut, 3, 3, atCount}, "loa"},
		{"payload", []uint64{atOut, 100, 8, atCount}, ""},
		{"sender", []uint64{atOut, 2, atCount}, "ev"},
		{"answer", []uint64{atOut, 100, 1, atCount}, "nswer"},
		{"name", []uint64{atOut, 100, atCount}, "me"},
	} {
		if e := g.call(c.name, c.args...); e != 0 {
			t.Errorf("%s: errno %d", c.name, e)
		}
		if got := string(g.mem[atOut:][:le.Uint32(g.mem[atCount:])]); got != c.want {
			t.Errorf("%s%v: %q, want %q", c.name, c.args, got, c.want)
		}
	}
	if e, n := g.call("epoch"), g.call("now"); e != 3 || n != 1000 {
		t.Error(e, n)
	}
	if d.current = nil; errno(g.call("message", atOut)) != enomsg || errno(g.call("payload", atOut, 1, 0, atCount)) != enomsg {
		t.Error("there is a message")
	}
}

// TestNoActor runs every function in a guest that is no actor.
func TestNoActor(t *testing.T) {
	for _, f := range Module().Funcs {
		got := (&guest{mem: make([]byte, 1<<16)}).call(f.Name)
		if want := map[bool]uint64{true: 0, false: uint64(enosys)}[f.Name == "epoch" || f.Name == "now"]; got != want {
			t.Errorf("%s: %d", f.Name, got)
		}
	}
}

// TestSuspend: a guest that waits is suspended before it has been charged.
func TestSuspend(t *testing.T) {
	for _, name := range []string{"receive", "await"} {
		g := newGuest(&desk{err: ErrSuspend})
		func() {
			defer func() {
				if r := recover(); r != (hostabi.Suspend{}) || g.fuel != 0 {
					t.Errorf("%s: %v after %d units", name, r, g.fuel)
				}
			}()
			g.call(name, 0, atOut)
		}()
	}
}

// FuzzCalls: no argument makes a function panic or work unpaid.
func FuzzCalls(f *testing.F) {
	f.Add(uint8(3), uint64(atText), uint64(3), uint64(1<<32-1), uint64(1<<63), uint64(1), uint64(9))
	f.Fuzz(func(t *testing.T, which uint8, a, b, c, d, e, n uint64) {
		g := newGuest(&desk{current: &Message{Payload: []byte("x")}})
		funcs := Module().Funcs
		fn := funcs[int(which)%len(funcs)]
		stack := []uint64{a, b, c, d, e, n, a ^ b}[:max(len(fn.Params), 1)]
		if fn.Name == "random" {
			stack[1] %= 1 << 16
		}
		fn.Call(context.Background(), g, stack)
	})
}
