package opencl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

const source = `
typedef struct { float a; int n; } scale;
kernel void saxpy(float a, global const float *x, global float *y) {
	size_t i = get_global_id(0);
	y[i] = a*x[i] + y[i];
}
kernel __attribute__((reqd_work_group_size(8, 1, 1)))
void odd(scale s, float3 v, local int *scratch, constant uchar *c, read_only image2d_t image) {}
`

// first is a context on the first usable device. Without one the test is
// skipped, but where GODWIT_CI is set it fails.
func first(t testing.TB) (Device, Context) {
	t.Helper()
	lib, err := Load()
	if err != nil {
		absent(t, err)
	}
	devices, err := lib.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		if d.Info().Unusable == "" {
			c, err := d.NewContext()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { must(t, c.Release()) })
			return d, c
		}
	}
	absent(t, errors.New("no usable device"))
	return Device{}, Context{}
}

func absent(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("GODWIT_CI") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func build(t testing.TB, c Context, text string) Program {
	t.Helper()
	p, err := c.FromSource([]byte(text))
	must(t, err)
	t.Cleanup(func() { must(t, p.Release()) })
	if err := p.Build("-cl-kernel-arg-info"); err != nil {
		t.Fatalf("%v\n%s", err, p.Log())
	}
	return p
}

// floats are n of them in memory outside of the Go heap.
func floats(t testing.TB, n int, of func(i int) float32) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, 4*n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	must(t, err)
	t.Cleanup(func() { must(t, unix.Munmap(b)) })
	for i := range n {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(of(i)))
	}
	return b
}

func TestSaxpyInSharedMemory(t *testing.T) {
	const n = 1 << 16
	_, c := first(t)
	x := floats(t, n, func(i int) float32 { return float32(i) })
	y := floats(t, n, func(int) float32 { return 1 })
	mx, err := c.ShareMemory(x)
	must(t, err)
	my, err := c.ShareMemory(y)
	must(t, err)
	q, err := c.NewQueue()
	must(t, err)
	k, err := build(t, c, source).Kernel("saxpy")
	must(t, err)
	must(t, k.SetBytes(0, binary.LittleEndian.AppendUint32(nil, math.Float32bits(2))))
	must(t, k.SetMemory(1, mx))
	must(t, k.SetMemory(2, my))
	e, err := q.Launch(k, device.Range{Dims: 1, Global: [3]uint64{n}})
	must(t, err)
	must(t, q.Flush())
	must(t, e.Wait())
	if times := e.Times(); times.Busy() <= 0 || times.Queued > times.Started {
		t.Errorf("times %+v", times)
	}
	got := make([]byte, len(y))
	read, err := q.Read(my, 0, y)
	must(t, err)
	must(t, q.Finish())
	copy(got, y)
	for i := range n {
		if f := math.Float32frombits(binary.LittleEndian.Uint32(got[4*i:])); f != float32(2*i+1) {
			t.Fatalf("y[%d] = %v", i, f)
		}
	}
	for _, release := range []func() error{read.Release, e.Release, k.Release, q.Release, mx.Release, my.Release} {
		must(t, release())
	}
}

func TestSignatures(t *testing.T) {
	_, c := first(t)
	kernels, err := build(t, c, source).Kernels()
	must(t, err)
	got := map[string]device.Signature{}
	for _, k := range kernels {
		got[k.Signature().Name] = k.Signature()
		must(t, k.Release())
	}
	for name, want := range map[string][]device.Arg{
		"saxpy": {{Kind: device.ByValue, Size: 4}, {Kind: device.InBuffer, ReadOnly: true}, {Kind: device.InBuffer}},
		"odd": {{Kind: device.ByValue}, {Kind: device.ByValue, Size: 16}, {Kind: device.InLocal},
			{Kind: device.InBuffer, ReadOnly: true}, {Kind: device.Unsupported}},
	} {
		args := got[name].Args
		if len(args) != len(want) {
			t.Errorf("%s: %+v", name, got[name])
			continue
		}
		for i, w := range want {
			if a := args[i]; a.Kind != w.Kind || a.Size != w.Size || a.ReadOnly != w.ReadOnly {
				t.Errorf("%s, argument %d: %+v, want %+v", name, i, a, w)
			}
		}
	}
	if r := got["odd"].Required; r != [3]uint64{8, 1, 1} {
		t.Errorf("required %v", r)
	}
}

func TestBadSourceHasALog(t *testing.T) {
	_, c := first(t)
	p, err := c.FromSource([]byte("kernel void k() { no_such_thing(); }"))
	must(t, err)
	err = p.Build("")
	if !errors.Is(err, device.ErrBuild) || !strings.Contains(p.Log(), "no_such_thing") {
		t.Errorf("%v, log %q", err, p.Log())
	}
	must(t, p.Release())
}

func TestBinaryBuildsAgain(t *testing.T) {
	_, c := first(t)
	binary := build(t, c, source).Binary()
	if len(binary) == 0 {
		t.Fatal("no binary")
	}
	p, err := c.FromBinary(bytes.Clone(binary))
	must(t, err)
	must(t, p.Build("-cl-kernel-arg-info"))
	kernels, err := p.Kernels()
	must(t, err)
	if len(kernels) != 2 || len(kernels[0].Signature().Args) == 0 {
		t.Errorf("%d kernels", len(kernels))
	}
}

func TestInfoOfDevices(t *testing.T) {
	d, _ := first(t)
	infos := []device.Info{d.Info(), d.Info()}
	Identify(infos)
	a, b := infos[0], infos[1]
	if a.ID == b.ID || a.ID == "" {
		t.Errorf("ids %q and %q", a.ID, b.ID)
	}
	if a.Name == "" || a.Capability == "" || a.Memory == 0 || a.MaxBuffer == 0 || a.Align == 0 || a.ComputeUnits == 0 {
		t.Errorf("%+v", a)
	}
	t.Logf("%+v", a)
}

func TestSizeOf(t *testing.T) {
	for kind, want := range map[string]uint64{
		"float": 4, "float3": 16, "uchar16": 16, "double2": 16, "unsigned int": 4, "scale": 0, "int5": 0, "4": 0, "": 0, "long8": 64,
	} {
		if got := sizeOf(kind); got != want {
			t.Errorf("%q: %d, want %d", kind, got, want)
		}
	}
}

func TestCodesAreErrorsOfTheContract(t *testing.T) {
	for code, want := range map[Code]error{
		-4: device.ErrMemory, -11: device.ErrBuild, -14: device.ErrLaunch, -51: device.ErrArgument, -54: device.ErrShape, -9999: device.ErrLaunch,
	} {
		if !errors.Is(code, want) {
			t.Errorf("%v is not %v", code, want)
		}
	}
	if Code(0).err() != nil || Code(-1).err() == nil {
		t.Error("err")
	}
}
