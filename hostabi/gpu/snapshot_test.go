package gpu

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// moved is a guest that goes on with what another has, somewhere else.
func moved(t testing.TB, from *guest, cfg Config) *guest {
	t.Helper()
	b, err := from.state.(*State).Capture()
	if err != nil {
		t.Fatal(err)
	}
	to := newGuest(t, cfg)
	copy(to.mem, from.mem)
	if err := to.state.(*State).Restore(b); err != nil {
		t.Fatal(err)
	}
	again, err := to.state.(*State).Capture()
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("captured again: %d bytes, then %d, %v", len(b), len(again), err)
	}
	return to
}

// TestMove: a guest goes on elsewhere with the same handles, contents and arguments.
func TestMove(t *testing.T) {
	a := newGuest(t, Config{Mode: Preferred, Seed: []byte("a")})
	x, y, freed := a.floats(1, 2, 3), a.floats(10, 20, 30), a.buffer(64)
	k, bad, unset := a.ready("saxpy"), a.ready("saxpy"), a.ready("softmax")
	a.set(k, 3, float32(2), x, y)
	a.set(bad, 3, float32(2), x, freed)
	a.must("free", freed)
	event := a.launch(k)

	b := moved(t, a, Config{Mode: Preferred})
	equal(t, b.read(y, 3), 12, 24, 36)
	b.must("wait", event)
	b.must("times", event, atOut)
	b.launch(k)
	equal(t, b.read(y, 3), 14, 28, 42)
	if e := b.call("launch", bad, b.shape(0), 0); e != ebadf {
		t.Errorf("launch with a buffer that was freed: errno %d", e)
	}
	if e := b.call("launch", unset, b.shape(0), 0); e != einval {
		t.Errorf("launch without arguments: errno %d", e)
	}
	equal(t, a.read(y, 3), 12, 24, 36)
	a.launch(k)
	if p, q := a.buffer(8), b.buffer(8); p != q {
		t.Errorf("the next handle is %x here and %x there", p, q)
	}
}

// TestDebt: what a capture waited for is paid for by whoever goes on, once.
func TestDebt(t *testing.T) {
	r := newRig()
	r.busy = 5000
	g, k, y := saxpyOn(t, r, Config{})
	g.launch(k)
	b := moved(t, g, Config{Mode: Required, Backend: newRig()})
	for _, g := range []*guest{g, b} {
		for _, want := range []uint64{1 + 5000 - 1, 1} {
			g.fuel = 0
			if g.read(y, 2); g.fuel != want {
				t.Errorf("%d units, want %d", g.fuel, want)
			}
		}
	}
}

// TestRestoreRefuses has states that are not whole, or too much for where they come to.
func TestRestoreRefuses(t *testing.T) {
	small := Config{Mode: Required, Backend: newRig(), Devices: []Share{{"cpu-go", 8}}}
	encode := func(v saved) []byte {
		b, err := stateEncoding.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{stateVersion}, b...)
	}
	buffers := func(list ...savedBuffer) []byte { return encode(saved{Devices: 1, Buffers: list}) }
	ready := []savedProgram{{Form: device.Named, Text: []byte("saxpy")}}
	for name, c := range map[string]struct {
		state []byte
		cfg   Config
		want  string
	}{
		"nothing":             {nil, Config{Mode: Preferred}, "version"},
		"another version":     {[]byte{9}, Config{Mode: Preferred}, "version"},
		"no CBOR":             {[]byte{stateVersion, 0xff}, Config{Mode: Preferred}, "cbor"},
		"more devices":        {encode(saved{Devices: 2, Events: []savedEvent{{Handle: 1}}}), Config{Mode: Preferred}, "2 devices"},
		"no such device":      {buffers(savedBuffer{1, 3, make([]byte, 8)}), Config{Mode: Preferred}, "no device 3"},
		"more memory":         {buffers(savedBuffer{1, 0, make([]byte, 9)}), small, "8 bytes"},
		"handle of two":       {buffers(savedBuffer{1, 0, []byte{1}}, savedBuffer{1, 0, []byte{1}}), Config{Mode: Preferred}, "of two"},
		"handle 0":            {buffers(savedBuffer{0, 0, []byte{1}}), Config{Mode: Preferred}, "handle 0"},
		"empty buffer":        {buffers(savedBuffer{1, 0, nil}), Config{Mode: Preferred}, "bad argument"},
		"source":              {encode(saved{Devices: 1, Programs: []savedProgram{{1, 0, device.OpenCLC, []byte("x"), ""}}}), Config{Mode: Preferred}, "cannot be built"},
		"unknown ready-made":  {encode(saved{Devices: 1, Programs: []savedProgram{{Form: device.Named, Text: []byte("fft")}}}), Config{Mode: Preferred}, "fft"},
		"kernel of nothing":   {encode(saved{Devices: 1, Kernels: []savedKernel{{Handle: 1, Program: 4}}}), Config{Mode: Preferred}, "program 4"},
		"arguments":           {encode(saved{Devices: 1, Programs: ready, Kernels: []savedKernel{{1, 0, "saxpy", nil}}}), Config{Mode: Preferred}, "0 arguments of 4"},
		"argument of nothing": {encode(saved{Devices: 1, Programs: ready, Kernels: []savedKernel{{1, 0, "saxpy", []savedArgument{{}, {}, {Kind: device.InBuffer, Buffer: 5}, {}}}}}), Config{Mode: Preferred}, "buffer 5"},
	} {
		s := newGuest(t, c.cfg).state.(*State)
		if err := s.Restore(c.state); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRestore: whatever a checkpoint holds, there is a state that can be used, or an error.
func FuzzRestore(f *testing.F) {
	g := builtin(f)
	x, k := g.floats(1, 2), g.ready("saxpy")
	g.set(k, 2, float32(1), x, x)
	g.launch(k)
	b, err := g.state.(*State).Capture()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		g := newGuest(t, Config{Mode: Preferred})
		if g.state.(*State).Restore(b) != nil {
			return
		}
		for handle := range g.state.(*State).objects {
			g.call("launch", handle, g.shape(0), 0)
			g.call("read", handle, 0, atData, 8)
		}
		if _, err := g.state.(*State).Capture(); err != nil {
			t.Error(err)
		}
	})
}
