package gpu

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
)

// guest calls host functions with a memory of its own.
type guest struct {
	t      testing.TB
	ctx    context.Context
	mem    []byte
	fuel   uint64
	state  any
	wanted chan struct{} // nil: it cannot be suspended
}

func (g *guest) Memory() []byte                 { return g.mem }
func (g *guest) Charge(units uint64)            { g.fuel += units }
func (g *guest) State(string) any               { return g.state }
func (g *guest) MaySuspend() bool               { return g.wanted != nil }
func (g *guest) SuspendWanted() <-chan struct{} { return g.wanted }

const (
	memorySize = 1 << 20
	atText     = 0x100 // names and sources
	atOut      = 0x8000
	atData     = 0x10000
)

var table = sync.OnceValue(func() map[string]hostabi.Func {
	m := make(map[string]hostabi.Func)
	for _, f := range Module().Funcs {
		m[f.Name] = f
	}
	return m
})

func newGuest(t testing.TB, cfg Config) *guest {
	t.Helper()
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, device.ErrLost) {
			t.Error(err)
		}
	})
	return &guest{t: t, ctx: t.Context(), mem: make([]byte, memorySize), state: s}
}

// builtin is a guest on the Go kernels.
func builtin(t testing.TB) *guest { return newGuest(t, Config{Mode: Preferred}) }

func (g *guest) call(name string, args ...uint64) errno {
	f := table()[name]
	stack := make([]uint64, max(len(f.Params), 1))
	copy(stack, args)
	f.Call(g.ctx, g, stack)
	return errno(uint32(stack[0]))
}

// must is a call that has to succeed.
func (g *guest) must(name string, args ...uint64) {
	g.t.Helper()
	if e := g.call(name, args...); e != success {
		g.t.Fatalf("%s%v: errno %d", name, args, e)
	}
}

// out is a number that the last call has left.
func (g *guest) out() uint64 { return le.Uint64(g.mem[atOut:]) }

// text puts a text into memory and returns it as arguments.
func (g *guest) text(at uint64, s string) (ptr, n uint64) {
	copy(g.mem[at:], s)
	return at, uint64(len(s))
}

func (g *guest) buffer(size uint64) uint64 {
	g.t.Helper()
	g.must("buffer", 0, size, atOut)
	return g.out()
}

// floats makes a buffer of those.
func (g *guest) floats(values ...float32) uint64 {
	g.t.Helper()
	b := g.buffer(4 * uint64(len(values)))
	g.put(values)
	g.must("write", b, 0, atData, 4*uint64(len(values)))
	return b
}

func (g *guest) put(values []float32) {
	for i, v := range values {
		le.PutUint32(g.mem[atData+4*i:], math.Float32bits(v))
	}
}

// read is what a buffer has.
func (g *guest) read(b uint64, n int) []float32 {
	g.t.Helper()
	g.must("read", b, 0, atData, 4*uint64(n))
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(le.Uint32(g.mem[atData+4*i:]))
	}
	return values
}

func (g *guest) ready(name string) uint64 {
	g.t.Helper()
	ptr, n := g.text(atText, name)
	g.must("ready", 0, ptr, n, atOut)
	return g.out()
}

// set sets arguments: int32 and float32 by value, uint64 are buffers.
func (g *guest) set(kernel uint64, args ...any) {
	g.t.Helper()
	for i, a := range args {
		switch v := a.(type) {
		case uint64:
			g.must("set_buffer", kernel, uint64(i), v, 0, 0)
		case int:
			le.PutUint32(g.mem[atText:], uint32(v))
			g.must("set_value", kernel, uint64(i), codeInt, atText, 4)
		case float32:
			le.PutUint32(g.mem[atText:], math.Float32bits(v))
			g.must("set_value", kernel, uint64(i), codeFloat, atText, 4)
		default:
			g.t.Fatalf("%T", a)
		}
	}
}

const codeInt, codeFloat = 5, 10

// shape puts a range into memory.
func (g *guest) shape(dims uint32, global ...uint64) uint64 {
	b := g.mem[atText:][:rangeSize]
	clear(b)
	le.PutUint32(b, dims)
	for i, n := range global {
		le.PutUint64(b[32+8*i:], n)
	}
	return atText
}

// launch launches a ready-made kernel, and returns the event.
func (g *guest) launch(kernel uint64) uint64 {
	g.t.Helper()
	g.must("launch", kernel, g.shape(0), atOut)
	return g.out()
}

func equal(t testing.TB, got []float32, want ...float32) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// rig is a backend whose launches end when, and how, a test says.
type rig struct {
	device.Backend
	launched chan *rigged // nil: they end at once
	err      error        // of all launches
	busy     time.Duration
}

func newRig() *rig { return &rig{Backend: kernels.New()} }

func (r *rig) Open(ctx context.Context, limits device.Limits) (device.Session, error) {
	s, err := r.Backend.Open(ctx, limits)
	return rigSession{s, r}, err
}

type rigSession struct {
	device.Session
	rig *rig
}

func (s rigSession) Build(ctx context.Context, dev int, source device.Source) (device.Program, error) {
	p, err := s.Session.Build(ctx, dev, source)
	if err != nil {
		return nil, err
	}
	return rigProgram{p, s.rig}, nil
}

type rigProgram struct {
	device.Program
	rig *rig
}

func (p rigProgram) Kernel(name string) (device.Kernel, error) {
	k, err := p.Program.Kernel(name)
	return rigKernel{k, p.rig}, err
}

type rigKernel struct {
	device.Kernel
	rig *rig
}

func (k rigKernel) Launch(ctx context.Context, shape device.Range, args ...device.Value) (device.Event, error) {
	e, err := k.Kernel.Launch(ctx, shape, args...)
	if err != nil {
		return nil, err
	}
	if err := device.Wait(ctx, e); err != nil {
		return nil, err
	}
	r := &rigged{done: make(chan struct{}), err: k.rig.err, busy: k.rig.busy}
	if k.rig.launched == nil {
		close(r.done)
	} else {
		k.rig.launched <- r
	}
	return r, nil
}

type rigged struct {
	done chan struct{}
	err  error
	busy time.Duration
}

func (r *rigged) Done() <-chan struct{} { return r.done }
func (r *rigged) Err() error            { return r.err }
func (r *rigged) Times() device.Times {
	return device.Times{Queued: 1, Submitted: 2, Started: 3, Ended: 3 + r.busy}
}

// caught is what f panics with.
func caught(f func()) (r any) {
	defer func() { r = recover() }()
	f()
	return nil
}

func u32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
