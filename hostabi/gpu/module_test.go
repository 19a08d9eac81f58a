package gpu

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

func TestReadyMadeSaxpy(t *testing.T) {
	g := builtin(t)
	x, y := g.floats(1, 2, 3), g.floats(10, 20, 30)
	k := g.ready("saxpy")
	g.set(k, 3, float32(2), x, y)
	event := g.launch(k)
	g.must("wait", event)
	equal(t, g.read(y, 3), 12, 24, 36)
	g.launch(k) // the arguments are still there
	equal(t, g.read(y, 3), 14, 28, 42)
	g.must("times", event, atOut)
	if queued, ended := g.out(), le.Uint64(g.mem[atOut+24:]); ended < queued {
		t.Errorf("queued at %d, ended at %d", queued, ended)
	}
}

func TestWhatGuestsSee(t *testing.T) {
	g := builtin(t)
	if mode := g.call("mode"); mode != errno(Preferred) {
		t.Errorf("mode %d", mode)
	}
	g.must("devices", atOut)
	if n := u32(g.mem[atOut:]); n != 1 {
		t.Fatalf("%d devices", n)
	}
	g.must("device", 0, atOut)
	b := g.mem[atOut:]
	if memory, kind, flags := le.Uint64(b), u32(b[32:]), u32(b[36:]); memory != 1<<30 || kind != 0 || flags != flagUnified {
		t.Errorf("%d bytes, kind %d, flags %d", memory, kind, flags)
	}
	for what, want := range []string{"ready-made kernels in Go", "Godwit", "go", "go_1", "1", "cpu-go"} {
		g.must("device_text", 0, uint64(what), atData, 100, atOut)
		if got := string(g.mem[atData:][:u32(g.mem[atOut:])]); got != want {
			t.Errorf("text %d: %q", what, got)
		}
	}
	g.must("device_text", 0, 0, atData, 5, 0)
	g.buffer(1000)
	g.must("memory", atOut, atOut+8)
	if used, most := g.out(), le.Uint64(g.mem[atOut+8:]); used != 1000 || most != 1<<30 {
		t.Errorf("%d of %d bytes", used, most)
	}
	k := g.ready("saxpy")
	g.must("parameters", k, atOut)
	if n := u32(g.mem[atOut:]); n != 4 {
		t.Errorf("%d parameters", n)
	}
	for i, want := range []struct {
		space, code uint32
		name        string
	}{{0, codeInt | 1<<8, "int"}, {0, codeFloat | 1<<8, "float"}, {1, 0, "float*"}, {1, 0, "float*"}} {
		g.must("parameter", k, uint64(i), atOut, atData, 100, atOut+12)
		b := g.mem[atOut:]
		if got := string(g.mem[atData:][:u32(b[12:])]); u32(b) != want.space || u32(b[4:]) != want.code || got != want.name {
			t.Errorf("parameter %d: space %d, type %#x, %q", i, u32(b), u32(b[4:]), got)
		}
	}
}

func TestBuffers(t *testing.T) {
	g := builtin(t)
	a, b := g.floats(1, 2, 3, 4), g.buffer(16)
	equal(t, g.read(b, 4), 0, 0, 0, 0)
	g.must("copy", a, 4, b, 8, 8)
	equal(t, g.read(b, 4), 0, 0, 2, 3)
	g.must("copy", a, 0, a, 8, 8)
	equal(t, g.read(a, 4), 1, 2, 1, 2)
	g.put([]float32{9})
	g.must("write", a, 4, atData, 4)
	equal(t, g.read(a, 4), 1, 9, 1, 2)
	g.must("size", a, atOut)
	if g.out() != 16 {
		t.Errorf("size %d", g.out())
	}
	g.must("write", a, 16, atData, 0) // nothing, at the end
	g.must("free", a)
	if e := g.call("read", a, 0, atData, 4); e != ebadf {
		t.Errorf("freed buffer: errno %d", e)
	}
}

// TestErrnos has what guests do wrong: each is refused and nothing else happens.
func TestErrnos(t *testing.T) {
	g := builtin(t)
	x, k := g.floats(1, 2, 3, 4), g.ready("saxpy")
	g.set(k, 4, float32(1), x, x)
	event := g.launch(k)
	g.must("wait", event)
	unset := g.ready("softmax")
	freed := g.buffer(64)
	onFreed := g.ready("saxpy")
	g.set(onFreed, 4, float32(1), freed, freed)
	g.must("free", freed)
	short := g.ready("saxpy")
	g.set(short, 5, float32(1), x, x)
	const end = memorySize
	huge := uint64(math.MaxUint64)
	for _, c := range []struct {
		name string
		args []uint64
		want errno
	}{
		{"device", []uint64{1, atOut}, enodev},
		{"device", []uint64{0, end - 55}, efault},
		{"device_text", []uint64{0, 6, atOut, 1, 0}, einval},
		{"device_text", []uint64{0, 0, end, 1, 0}, efault},
		{"device_text", []uint64{0, 0, atOut, 1, end - 3}, efault},
		{"memory", []uint64{atOut, end - 7}, efault},
		{"buffer", []uint64{0, 0, atOut}, einval},
		{"buffer", []uint64{0, 1<<30 + 1, atOut}, enomem},
		{"buffer", []uint64{0, huge, atOut}, enomem},
		{"buffer", []uint64{7, 64, atOut}, enodev},
		{"buffer", []uint64{0, 64, end - 7}, efault},
		{"size", []uint64{x + 1, atOut}, ebadf},
		{"size", []uint64{k, atOut}, ebadf},
		{"size", []uint64{x, huge}, efault},
		{"write", []uint64{x, 0, atData, 17}, erange},
		{"write", []uint64{x, 16, atData, 1}, erange},
		{"write", []uint64{x, huge, atData, 1}, erange},
		{"write", []uint64{x, 0, end, 1}, efault},
		{"read", []uint64{x, huge - 3, atData, 8}, erange},
		{"read", []uint64{x, 0, 1<<32 - 1, 8}, efault},
		{"read", []uint64{event, 0, atData, 8}, ebadf},
		{"read", []uint64{0, 0, atData, 8}, ebadf},
		{"copy", []uint64{x, 0, x, 8, 9}, erange},
		{"copy", []uint64{x, 0, x, 4, 8}, einval},
		{"copy", []uint64{x, huge, x, 0, 2}, erange},
		{"copy", []uint64{x, 0, k, 0, 2}, ebadf},
		{"free", []uint64{0}, ebadf},
		{"free", []uint64{freed}, ebadf},
		{"build", []uint64{0, 0, atText, 4, atText, 0, atOut}, enotsup},
		{"build", []uint64{0, 2, atText, 4, atText, 0, atOut}, einval},
		{"build", []uint64{0, 0, 0, 4<<20 + 1, atText, 0, atOut}, efault},
		{"build", []uint64{0, 0, atText, 4, 0, 4<<10 + 1, atOut}, e2big},
		{"build", []uint64{0, 0, atText, 4, 0, 0, end}, efault},
		{"kernel", []uint64{x, atText, 4, atOut}, ebadf},
		{"ready", []uint64{0, atText, 0, atOut}, enoent},
		{"ready", []uint64{0, atText, 256, atOut}, e2big},
		{"ready", []uint64{0, end - 1, 2, atOut}, efault},
		{"parameters", []uint64{x, atOut}, ebadf},
		{"parameter", []uint64{k, 4, atOut, atOut, 0, 0}, enoent},
		{"parameter", []uint64{k, huge, atOut, atOut, 0, 0}, enoent},
		{"set_buffer", []uint64{k, 0, x, 0, 0}, einval},
		{"set_buffer", []uint64{k, 4, x, 0, 0}, enoent},
		{"set_buffer", []uint64{k, 2, freed, 0, 0}, ebadf},
		{"set_buffer", []uint64{k, 2, x, 16, 0}, erange},
		{"set_buffer", []uint64{k, 2, x, 4, huge}, erange},
		{"set_buffer", []uint64{k, 2, x, 2, 4}, einval},
		{"set_value", []uint64{k, 0, codeFloat, atText, 4}, einval},
		{"set_value", []uint64{k, 0, codeInt | 2<<8, atText, 8}, einval},
		{"set_value", []uint64{k, 0, 0, atText, 4}, einval},
		{"set_value", []uint64{k, 0, codeInt, atText, 8}, einval},
		{"set_value", []uint64{k, 2, codeInt, atText, 4}, einval},
		{"set_value", []uint64{k, 0, codeInt, atText, 1025}, e2big},
		{"set_local", []uint64{k, 0, 64}, einval},
		{"launch", []uint64{k, end - 79, 0}, efault},
		{"launch", []uint64{k, g.shape(0), end - 7}, efault},
		{"launch", []uint64{x, g.shape(0), 0}, ebadf},
		{"launch", []uint64{unset, g.shape(0), 0}, einval},
		{"launch", []uint64{onFreed, g.shape(0), 0}, ebadf},
		{"launch", []uint64{short, g.shape(0), 0}, erange},
		{"wait", []uint64{x}, ebadf},
		{"wait", []uint64{huge}, ebadf},
		{"done", []uint64{k, atOut}, ebadf},
		{"times", []uint64{event, end - 31}, efault},
	} {
		if got := g.call(c.name, c.args...); got != c.want {
			t.Errorf("%s%v: errno %d, want %d", c.name, c.args, got, c.want)
		}
	}
	if e := g.call("launch", k, g.shape(1, 64), 0); e != einval {
		t.Errorf("a shape for a ready-made kernel: errno %d", e)
	}
	equal(t, g.read(x, 4), 2, 4, 6, 8)
}

func TestHandlesRunOut(t *testing.T) {
	g := builtin(t)
	var last uint64
	for range maxHandles {
		last = g.buffer(8)
	}
	if e := g.call("buffer", 0, 8, atOut); e != emfile {
		t.Errorf("errno %d", e)
	}
	g.must("free", last)
	g.buffer(8)
}

// TestHandlesMeanNothingElsewhere tries one guest's handles in another.
func TestHandlesMeanNothingElsewhere(t *testing.T) {
	a, b := builtin(t), builtin(t)
	x := a.buffer(64)
	if y := b.buffer(64); x == y {
		t.Error("two guests have the same handle")
	}
	if e := b.call("read", x, 0, atData, 4); e != ebadf {
		t.Errorf("errno %d", e)
	}
}

func TestSeededHandles(t *testing.T) {
	seeded := Config{Mode: Preferred, Seed: []byte("seed")}
	a, b := newGuest(t, seeded), newGuest(t, seeded)
	for range 3 {
		if x, y := a.buffer(8), b.buffer(8); x != y {
			t.Errorf("%x and %x", x, y)
		}
	}
}

func TestNone(t *testing.T) {
	for name, state := range map[string]any{"no state": nil, "mode none": newGuest(t, Config{}).state} {
		g := &guest{t: t, ctx: t.Context(), mem: make([]byte, memorySize), state: state}
		for f := range table() {
			want := enosys
			if f == "mode" {
				want = 0
			}
			if e := g.call(f); e != want {
				t.Errorf("%s: %s: errno %d", name, f, e)
			}
		}
	}
}

func TestRequired(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no backend": {Mode: Required},
		"another id": {Mode: Required, Backend: newRig(), Devices: []Share{{ID: "gpu-7"}}},
	} {
		if _, err := New(t.Context(), cfg); !errors.Is(err, ErrNoDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := New(t.Context(), Config{Mode: Preferred})
	if err != nil || !errors.Is(s.Fallback(), ErrNoDevice) || s.Use().Backend != "" {
		t.Errorf("%v, fallback for %v, used %+v", err, s.Fallback(), s.Use())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestQuota(t *testing.T) {
	g := newGuest(t, Config{Mode: Required, Backend: newRig(), Devices: []Share{{"cpu-go", 100}}})
	b := g.buffer(60)
	if e := g.call("buffer", 0, 41, atOut); e != enomem {
		t.Errorf("errno %d", e)
	}
	g.must("free", b)
	g.buffer(100)
	if u := g.state.(*State).Use(); u.Backend != "cpu-go" || u.Peak != 100 {
		t.Errorf("%+v", u)
	}
}

// saxpyOn is a guest with a kernel that is ready to launch.
func saxpyOn(t testing.TB, r *rig, cfg Config) (g *guest, kernel, y uint64) {
	cfg.Mode, cfg.Backend = Required, r
	g = newGuest(t, cfg)
	kernel, y = g.ready("saxpy"), g.floats(1, 2)
	g.set(kernel, 2, float32(1), y, y)
	return g, kernel, y
}

func TestFuel(t *testing.T) {
	r := newRig()
	r.busy = 5000
	g, k, y := saxpyOn(t, r, Config{})
	for _, c := range []struct {
		what string
		want uint64
		do   func()
	}{
		{"launch", 1000 + 1, func() { g.launch(k) }},
		{"read, and the launch's time", 1 + 5000 - 1, func() { g.read(y, 2) }},
		{"read", 1, func() { g.read(y, 2) }},
		{"buffer", 256 + 2, func() { g.buffer(100) }},
		{"argument", 8, func() { g.must("set_buffer", k, 2, y, 0, 0) }},
		{"ready", 1000 + 1, func() { g.ready("sgemm") }},
	} {
		g.fuel = 0
		if c.do(); g.fuel != c.want {
			t.Errorf("%s: %d units, want %d", c.what, g.fuel, c.want)
		}
	}
	if u := g.state.(*State).Use(); u.DeviceTime != 5000 {
		t.Errorf("device time %v", u.DeviceTime)
	}
}

func TestDeterministicFuel(t *testing.T) {
	r := newRig()
	r.busy = 5000
	g, k, y := saxpyOn(t, r, Config{Deterministic: true})
	g.fuel = 0
	event := g.launch(k)
	g.read(y, 2)
	g.must("times", event, atOut)
	if ended := le.Uint64(g.mem[atOut+24:]); g.fuel != 1002 || ended != 0 {
		t.Errorf("%d units, ended at %d", g.fuel, ended)
	}
}

func TestDeviceTime(t *testing.T) {
	r := newRig()
	r.busy = time.Second
	g, k, y := saxpyOn(t, r, Config{DeviceTime: time.Second})
	g.launch(k)
	g.read(y, 2)
	if e := g.call("launch", k, g.shape(0), 0); e != edquot {
		t.Errorf("errno %d", e)
	}
}

// TestFailedLaunch: whoever waits is told, or else the next who looks, once.
func TestFailedLaunch(t *testing.T) {
	r := newRig()
	r.err = device.ErrLaunch
	g, k, y := saxpyOn(t, r, Config{})
	event := g.launch(k)
	if e := g.call("wait", event); e != eio {
		t.Errorf("wait: errno %d", e)
	}
	g.read(y, 2)
	g.must("launch", k, g.shape(0), 0)
	if e := g.call("read", y, 0, atData, 4); e != eio {
		t.Errorf("read: errno %d", e)
	}
	g.read(y, 2)
}

// TestLost: the guest whose doing it was traps, the run of another fails, to be tried again.
func TestLost(t *testing.T) {
	for _, blamed := range []bool{true, false} {
		r := newRig()
		r.err = &device.LostError{Reason: "the driver ended", Blamed: blamed}
		g, k, y := saxpyOn(t, r, Config{})
		g.launch(k)
		end := caught(func() { g.call("read", y, 0, atData, 4) })
		switch end := end.(type) {
		case hostabi.Trap:
			if !blamed || end.Message != "GPU: device lost: the driver ended" {
				t.Errorf("blamed %v: %v", blamed, end)
			}
		case hostabi.Fault:
			if blamed || !errors.Is(end, device.ErrLost) {
				t.Errorf("blamed %v: %v", blamed, end)
			}
		default:
			t.Errorf("blamed %v: %v", blamed, end)
		}
		s := g.state.(*State)
		if _, err := s.Capture(); !errors.Is(s.Lost(), device.ErrLost) || !errors.Is(err, device.ErrLost) {
			t.Errorf("lost %v, capture %v", s.Lost(), err)
		}
	}
}

// TestWaiting: a guest that waits can be stopped and suspended, and pays when it goes on.
func TestWaiting(t *testing.T) {
	r := newRig()
	r.launched = make(chan *rigged, 2)
	r.busy = 700
	g, k, y := saxpyOn(t, r, Config{})
	event := g.launch(k)
	g.must("done", event, atOut)
	if e := g.call("times", event, atOut); e != eagain || u32(g.mem[atOut:]) != 0 {
		t.Errorf("done %d, times: errno %d", u32(g.mem[atOut:]), e)
	}
	g.fuel = 0
	stopped, stop := context.WithCancel(t.Context())
	stop()
	g.ctx = stopped
	if e := g.call("wait", event); e != eintr {
		t.Errorf("stopped: errno %d", e)
	}
	g.ctx, g.wanted = t.Context(), make(chan struct{})
	close(g.wanted)
	for _, wait := range [][]uint64{{event}, {0}} {
		if end := caught(func() { g.call("wait", wait...) }); end != (hostabi.Suspend{}) || g.fuel != 0 {
			t.Errorf("suspended: %v, %d units", end, g.fuel)
		}
	}
	close((<-r.launched).done)
	g.must("wait", event)
	if g.fuel != 699 {
		t.Errorf("%d units", g.fuel)
	}
	equal(t, g.read(y, 2), 2, 4)
}

// TestFullQueue: launch waits for room.
func TestFullQueue(t *testing.T) {
	r := newRig()
	r.launched = make(chan *rigged, maxPending+1)
	g, k, _ := saxpyOn(t, r, Config{})
	for range maxPending {
		g.must("launch", k, g.shape(0), 0)
	}
	go func() { close((<-r.launched).done) }()
	g.must("launch", k, g.shape(0), 0)
	for range maxPending {
		close((<-r.launched).done)
	}
	g.must("wait", 0)
}
