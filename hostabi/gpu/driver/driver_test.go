package driver

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/serve"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == liar {
		fmt.Fprintln(os.Stderr, lie())
		os.Exit(1)
	}
	serve.Main()
	dir, err := os.MkdirTemp("", "godwit-gpu-cache-*")
	if err != nil {
		panic(err)
	}
	cacheDir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// cacheDir is one for all tests that want none of their own: compiling takes most of
// their time.
var cacheDir string

// kernels are what the tests run.
const kernels = `
kernel void saxpy(float a, global const float *x, global float *y) {
	size_t i = get_global_id(0);
	y[i] = a*x[i] + y[i];
}
kernel void empty() {}
kernel void fill(global uint *x, uint v) { x[get_global_id(0)] = v; }
kernel void endless(global volatile int *x) { while (x[0] != 42) x[1]++; }
kernel void wild(ulong at) { *(global volatile int *)at = 1; }
`

// open is a driver whose process is this test's program. Without a device the
// test is skipped, but where GODWIT_CI is set it fails.
func open(t testing.TB, config Config) *Driver {
	t.Helper()
	own, err := os.Executable()
	must(t, err)
	config.Command = []string{own}
	config.CacheDir = cmp.Or(config.CacheDir, cacheDir)
	d, err := New(config)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	infos, err := d.Devices(t.Context())
	must(t, err)
	if !slices.ContainsFunc(infos, func(i device.Info) bool { return i.Unusable == "" }) {
		if os.Getenv("GODWIT_CI") != "" {
			t.Fatal("no usable device")
		}
		t.Skip("no usable device")
	}
	return d
}

// session is one on the first usable device. It is closed at the end.
func begin(t testing.TB, d *Driver, limits device.Limits) device.Session {
	t.Helper()
	infos, err := d.Devices(t.Context())
	must(t, err)
	usable := func(i device.Info) bool { return i.Unusable == "" }
	limits.Devices = []int{slices.IndexFunc(infos, usable)}
	s, err := d.Open(t.Context(), limits)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, device.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func build(t testing.TB, s device.Session, source string) device.Program {
	t.Helper()
	p, err := s.Build(t.Context(), 0, device.Source{Form: device.OpenCLC, Text: []byte(source)})
	must(t, err)
	return p
}

func find(t testing.TB, p device.Program, name string) device.Kernel {
	t.Helper()
	k, err := p.Kernel(name)
	must(t, err)
	return k
}

func buffer1(t testing.TB, s device.Session, size uint64) device.Buffer {
	t.Helper()
	b, err := s.NewBuffer(t.Context(), 0, size)
	must(t, err)
	return b
}

// items is a shape of one dimension.
func items(n uint64) device.Range { return device.Range{Dims: 1, Global: [3]uint64{n}} }

func floats(n int, of func(i int) float32) []byte {
	b := make([]byte, 0, 4*n)
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(of(i)))
	}
	return b
}

func TestSaxpy(t *testing.T) {
	for name, config := range map[string]Config{"shared": {}, "staged": {Staged: true}} {
		t.Run(name, func(t *testing.T) { saxpy(t, open(t, config)) })
	}
}

func saxpy(t *testing.T, d *Driver) {
	const n = 1 << 16
	s := begin(t, d, device.Limits{})
	x, y := buffer1(t, s, 4*n), buffer1(t, s, 4*n)
	must(t, x.Write(t.Context(), 0, floats(n, func(i int) float32 { return float32(i) })))
	must(t, y.Write(t.Context(), 0, floats(n, func(int) float32 { return 1 })))
	p := build(t, s, kernels)
	e, err := find(t, p, "saxpy").Launch(t.Context(), items(n), device.Scalar(float32(2)), device.Whole(x), device.Whole(y))
	must(t, err)
	got := make([]byte, 4*n)
	must(t, y.Read(t.Context(), 0, got)) // waits for the launch
	must(t, device.Wait(t.Context(), e))
	if want := floats(n, func(i int) float32 { return float32(2*i + 1) }); !slices.Equal(got, want) {
		t.Error("wrong result")
	}
	if e.Times().Busy() <= 0 || s.Usage().Busy != e.Times().Busy() && s.Usage().Busy <= 0 {
		t.Errorf("times %+v, usage %+v", e.Times(), s.Usage())
	}
	must(t, p.Free())
	wantErr(t, p.Free(), device.ErrClosed)
	must(t, x.Free())
	wantErr(t, x.Free(), device.ErrClosed)
	wantErr(t, x.Read(t.Context(), 0, got), device.ErrClosed)
	must(t, s.Close())
	wantErr(t, s.Close(), device.ErrClosed)
	wantErr(t, y.Read(t.Context(), 0, got), device.ErrClosed)
}

func TestDevicesSayWhatTheyAre(t *testing.T) {
	infos, err := open(t, Config{}).Devices(t.Context())
	must(t, err)
	for _, i := range infos {
		if i.ID == "" || i.Name == "" || i.Capability == "" {
			t.Errorf("%+v", i)
		}
	}
}

// soon is a context for what must not take long.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
