package driver

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

const structures = `
typedef struct { char c; int a[2]; } three;
struct tagged { float4 v; char tail; };
enum color { red, green = 7 };
typedef uint number;
kernel void sum(global int *x, three t, struct tagged s, enum color e, number n, float3 f) {
	x[0] = t.c + t.a[0] + t.a[1] + s.tail + e + n + (int)f.y;
}`

// Values of types that the source has made must be as large as these.
func TestSizesOfStructures(t *testing.T) {
	d := open(t, Config{})
	for range 2 { // the second time it comes from the cache
		s := begin(t, d, device.Limits{})
		k := find(t, build(t, s, structures), "sum")
		var sizes []uint64
		for _, a := range k.Signature().Args[1:] {
			sizes = append(sizes, a.Size)
		}
		if want := []uint64{12, 32, 4, 4, 16}; !slices.Equal(sizes, want) {
			t.Errorf("sizes %v, want %v", sizes, want)
		}
		b := buffer1(t, s, 128)
		args := func(first int) []device.Value {
			bytes := func(n int, v byte) device.Value { return device.ByBytes(append([]byte{v}, make([]byte, n-1)...)) }
			return []device.Value{device.Whole(b), bytes(first, 1), bytes(32, 0), bytes(4, 7), bytes(4, 20), bytes(16, 0)}
		}
		for _, n := range []int{11, 13, 8} {
			_, err := k.Launch(t.Context(), items(1), args(n)...)
			wantErr(t, err, device.ErrArgument)
		}
		e, err := k.Launch(t.Context(), items(1), args(12)...)
		must(t, err)
		must(t, device.Wait(soon(t), e))
		if got := readInts(t, b, 1); got[0] != 28 {
			t.Errorf("sum %v", got)
		}
		must(t, s.Close())
	}
}

// Where nobody knows the size, what a kernel reads beyond a value is zero.
func TestValuesOfUnknownSize(t *testing.T) {
	s := begin(t, open(t, Config{}), device.Limits{})
	k := find(t, build(t, s, `
		#define reqd_work_group_size(a, b, c) aligned(16)
		typedef struct { int a[256]; } large;
		kernel void look(global int *x, large l) { for (int i = 0; i < 256; i++) x[i] = l.a[i]; }`), "look")
	if a := k.Signature().Args[1]; a.Kind != device.ByValue || a.Size != 0 {
		t.Fatalf("%+v", a)
	}
	b := buffer1(t, s, 1024)
	for range 3 {
		e, err := k.Launch(t.Context(), items(1), device.Whole(b), device.ByBytes([]byte{1, 0, 0, 0, 2}))
		must(t, err)
		must(t, device.Wait(soon(t), e))
		want := make([]int32, 256)
		want[0], want[1] = 1, 2
		if got := readInts(t, b, 256); !slices.Equal(got, want) {
			t.Errorf("read %v", got)
		}
	}
}

func readInts(t *testing.T, b device.Buffer, n int) []int32 {
	t.Helper()
	got := make([]byte, 4*n)
	must(t, b.Read(soon(t), 0, got))
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(binary.LittleEndian.Uint32(got[4*i:]))
	}
	return list
}
