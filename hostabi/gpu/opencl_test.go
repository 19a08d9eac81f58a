package gpu

import (
	"os"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/serve"
)

func TestMain(m *testing.M) {
	serve.Main()
	os.Exit(m.Run())
}

const source = `
typedef struct { int a; float b; } pair;
// Half of what a work-group has in common is not much, and double is a word here.
kernel void scale(global float *x, float4 by, local float *shared, pair p) {
	size_t i = get_global_id(0), l = get_local_id(0);
	shared[l] = x[i];
	barrier(CLK_LOCAL_MEM_FENCE);
	x[i] = shared[l] * by.y + p.a + p.b;
}
kernel __attribute__((reqd_work_group_size(4, 1, 1))) void group(global uint *x) { x[get_global_id(0)] = get_local_size(0); }
kernel void plane(global uint *x) { x[get_global_id(1)*get_global_size(0) + get_global_id(0)] = get_global_id(0) + 10*get_global_id(1); }
kernel void bright(read_only image2d_t picture, global uint *x) { x[0] = get_image_width(picture); }
`

// onOpenCL is a guest on this machine's first device.
func onOpenCL(t testing.TB, cfg Config) *guest {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := driver.New(driver.Config{Command: []string{own}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	list, err := d.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if i.Unusable == "" && i.Takes(device.OpenCLC) {
			cfg.Mode, cfg.Backend, cfg.Devices = Required, d, []Share{{ID: i.ID, Memory: 1 << 28}}
			return newGuest(t, cfg)
		}
	}
	if os.Getenv("GODWIT_CI") != "" {
		t.Fatalf("no usable device: %+v", list)
	}
	t.Skip("no usable device")
	return nil
}

func (g *guest) build(text string) (program uint64, e errno) {
	ptr, n := g.text(atText, text)
	e = g.call("build", 0, 0, ptr, n, 0, 0, atOut)
	return g.out(), e
}

func (g *guest) kernel(program uint64, name string) uint64 {
	g.t.Helper()
	ptr, n := g.text(atText, name)
	g.must("kernel", program, ptr, n, atOut)
	return g.out()
}

func (g *guest) log() string {
	g.must("build_log", atData, 4096, atOut)
	return string(g.mem[atData:][:min(4096, u32(g.mem[atOut:]))])
}

// TestOpenCL builds and launches what a guest has written, and goes on with it elsewhere.
func TestOpenCL(t *testing.T) {
	g := onOpenCL(t, Config{})
	p, e := g.build(source)
	if e != success {
		t.Fatalf("build: errno %d: %s", e, g.log())
	}
	t.Run("types", func(t *testing.T) { testTypes(t, g, g.kernel(p, "scale")) })
	t.Run("shapes", func(t *testing.T) { testShapes(t, g, g.kernel(p, "plane"), g.kernel(p, "group")) })
	t.Run("errors", func(t *testing.T) { testBuildErrors(t, g, p) })
	t.Run("move", func(t *testing.T) { testMoveSource(t, g, g.kernel(p, "scale")) })
}

func testTypes(t *testing.T, g *guest, k uint64) {
	x := g.floats(1, 2, 3, 4)
	g.must("set_buffer", k, 0, x, 0, 0)
	const float4 = codeFloat | 4<<8
	g.put([]float32{0, 10, 0, 0})
	for code, want := range map[uint64]errno{float4: success, codeFloat: einval, codeFloat | 3<<8: einval, 0: einval, codeInt | 4<<8: einval} {
		if e := g.call("set_value", k, 1, code, atData, 16); e != want {
			t.Errorf("type %#x for float4: errno %d", code, e)
		}
	}
	if e := g.call("launch", k, g.shape(1, 4), 0); e != einval {
		t.Errorf("launch with two arguments of four: errno %d", e)
	}
	g.must("set_local", k, 2, 64)
	g.put([]float32{0, 0.5})
	le.PutUint32(g.mem[atData:], 100)
	for code, size := range map[uint64]uint64{0: 7, 1: 8, codeFloat: 4, codeInt | 2<<8: 16} { // of a pair
		if e := g.call("set_value", k, 3, code, atData, size); e != einval {
			t.Errorf("type %#x of %d bytes for a structure of 8: errno %d", code, size, e)
		}
	}
	g.must("set_value", k, 3, 0, atData, 8)
	g.must("parameter", k, 3, atOut, 0, 0, 0)
	if space, size := u32(g.mem[atOut:]), u32(g.mem[atOut+8:]); space != 0 || size != 8 {
		t.Errorf("space %d and %d bytes of a structure of 8", space, size)
	}
	g.must("launch", k, g.shape(1, 4), 0)
	equal(t, g.read(x, 4), 110.5, 120.5, 130.5, 140.5)
	g.must("parameter", k, 2, atOut, atData, 100, 0)
	if space := u32(g.mem[atOut:]); space != 3 {
		t.Errorf("space %d of a local parameter", space)
	}
}

func testShapes(t *testing.T, g *guest, plane, group uint64) {
	x := g.buffer(64)
	g.must("set_buffer", plane, 0, x, 0, 0)
	g.must("launch", plane, g.shape(2, 3, 2), 0)
	g.must("read", x, 0, atData, 24)
	for i, want := range []uint32{0, 1, 2, 10, 11, 12} {
		if got := u32(g.mem[atData+4*i:]); got != want {
			t.Errorf("item %d: %d, want %d", i, got, want)
		}
	}
	g.must("set_buffer", group, 0, x, 0, 0)
	g.must("launch", group, g.shape(1, 8), 0) // in groups as the kernel asks for
	g.must("read", x, 28, atData, 4)
	if got := u32(g.mem[atData:]); got != 4 {
		t.Errorf("groups of %d", got)
	}
	for _, c := range []struct {
		dims   uint32
		global []uint64
	}{{0, nil}, {4, []uint64{8}}, {1, []uint64{0}}, {1, []uint64{7}}, {3, []uint64{1 << 40, 1 << 40, 1 << 40}}} {
		if e := g.call("launch", group, g.shape(c.dims, c.global...), 0); e != einval {
			t.Errorf("%d dimensions of %v: errno %d", c.dims, c.global, e)
		}
	}
}

func testBuildErrors(t *testing.T, g *guest, p uint64) {
	for text, want := range map[string]struct {
		e   errno
		log string
	}{
		"kernel void f() { nonsense(); }":       {enoexec, "nonsense"},
		"#include \"/etc/passwd\"\n":            {enoexec, ""},
		strings.Repeat("(", 10_000):             {enoexec, ""},
		"kernel void f(global int *x) { *x+; }": {enoexec, "expected"},
	} {
		if _, e := g.build(text); e != want.e || !strings.Contains(g.log(), want.log) {
			t.Errorf("%.30q: errno %d: %s", text, e, g.log())
		}
		if strings.Contains(g.log(), "root:") {
			t.Errorf("%.30q shows a file of the host's", text)
		}
	}
	ptr, n := g.text(atText, "none")
	if e := g.call("kernel", p, ptr, n, atOut); e != enoent {
		t.Errorf("no such kernel: errno %d", e)
	}
	ptr, n = g.text(atText, "bright")
	if e := g.call("kernel", p, ptr, n, atOut); e != enotsup {
		t.Errorf("kernel of images: errno %d", e)
	}
	ptr, n = g.text(atText, "-I/etc")
	if e := g.call("build", 0, 0, ptr, 0, ptr, n, atOut); e != enotsup {
		t.Errorf("options: errno %d", e)
	}
}

// testMoveSource: a kernel goes on, with its arguments, in another driver process.
func testMoveSource(t *testing.T, g *guest, k uint64) {
	x := g.floats(1, 2, 3, 4)
	g.must("set_buffer", k, 0, x, 0, 0)
	g.put([]float32{0, 10, 0, 0})
	g.must("set_value", k, 1, codeFloat|4<<8, atData, 16)
	g.must("set_local", k, 2, 64)
	g.put([]float32{0, 0})
	g.must("set_value", k, 3, 0, atData, 8)
	g.must("launch", k, g.shape(1, 4), 0)
	to := onOpenCL(t, Config{})
	b, err := g.state.(*State).Capture()
	if err != nil {
		t.Fatal(err)
	}
	if err := to.state.(*State).Restore(b); err != nil {
		t.Fatal(err)
	}
	to.must("launch", k, to.shape(1, 4), 0)
	equal(t, to.read(x, 4), 100, 200, 300, 400)
	equal(t, g.read(x, 4), 10, 20, 30, 40)
}

// TestPortable: what could not move is refused by name when it is made.
func TestPortable(t *testing.T) {
	g := onOpenCL(t, Config{Portable: true})
	for text, word := range map[string]string{
		"kernel void f(global double *x) { *x = 1; }":                             "double",
		"#pragma OPENCL EXTENSION cl_khr_fp16 : enable\nkernel void f() {}":       "cl_khr_fp16",
		"/* double */ kernel void f(global half4 *x) {}":                          "half4",
		"// half\nkernel void doubled(global float *x) { *x *= 2; } /* double */": "",
	} {
		_, e := g.build(text)
		if want := map[bool]errno{true: success, false: enotsup}[word == ""]; e != want || !strings.Contains(g.log(), word) {
			t.Errorf("%q: errno %d: %s", text, e, g.log())
		}
	}
	g.must("device", 0, atOut)
	if align := u32(g.mem[atOut+44:]); align < portableAlign {
		t.Errorf("alignment %d", align)
	}
}
