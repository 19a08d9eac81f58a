package device

import (
	"context"
	"errors"
	"math"
	"testing"
)

// block is a buffer that is only as large as it says.
type block uint64

func (b block) Size() uint64                              { return uint64(b) }
func (block) Read(context.Context, uint64, []byte) error  { return ErrClosed }
func (block) Write(context.Context, uint64, []byte) error { return ErrClosed }
func (block) Free() error                                 { return ErrClosed }

var (
	cpu   = Info{Align: 128, LocalMemory: 1 << 20, MaxGroup: 4096, MaxItems: [3]uint64{4096, 4096, 64}}
	saxpy = Signature{Name: "saxpy", MaxGroup: 1024, Args: []Arg{
		{Kind: ByValue, Type: "float", Size: 4}, {Kind: InBuffer, Type: "float*"}, {Kind: InLocal, Type: "float*"},
	}}
)

func TestCheckArgs(t *testing.T) {
	for _, c := range []struct {
		name string
		args []Value
		want error
	}{
		{"right", []Value{Scalar(float32(2)), Whole(block(64)), Local(16)}, nil},
		{"a part", []Value{Scalar(float32(2)), Part(block(512), 128, 384), Local(16)}, nil},
		{"null", []Value{Scalar(float32(2)), Whole(nil), Local(16)}, nil},
		{"too few", []Value{Scalar(float32(2)), Whole(block(64))}, ErrArgument},
		{"too many", make([]Value, 4), ErrArgument},
		{"none of them said", make([]Value, 3), ErrArgument},
		{"a double", []Value{Scalar(2.0), Whole(block(64)), Local(16)}, ErrArgument},
		{"nothing", []Value{ByBytes(nil), Whole(block(64)), Local(16)}, ErrArgument},
		{"swapped", []Value{Whole(block(64)), Scalar(float32(2)), Local(16)}, ErrArgument},
		{"part beyond the end", []Value{Scalar(float32(2)), Part(block(512), 384, 129), Local(16)}, ErrRange},
		{"part that wraps", []Value{Scalar(float32(2)), Part(block(512), 128, math.MaxUint64-64), Local(16)}, ErrRange},
		{"empty part", []Value{Scalar(float32(2)), Part(block(512), 128, 0), Local(16)}, ErrRange},
		{"crooked part", []Value{Scalar(float32(2)), Part(block(512), 4, 8), Local(16)}, ErrArgument},
		{"no local memory", []Value{Scalar(float32(2)), Whole(block(64)), Local(0)}, ErrArgument},
		{"much local memory", []Value{Scalar(float32(2)), Whole(block(64)), Local(math.MaxUint64)}, ErrShape},
	} {
		if err := saxpy.CheckArgs(cpu, c.args); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestLocalMemoryIsCountedTogether(t *testing.T) {
	s := Signature{LocalMemory: 1 << 18, Args: []Arg{{Kind: InLocal}, {Kind: InLocal}}}
	if err := s.CheckArgs(cpu, []Value{Local(1 << 19), Local(1 << 18)}); err != nil {
		t.Error(err)
	}
	if err := s.CheckArgs(cpu, []Value{Local(1 << 19), Local(1<<18 + 1)}); !errors.Is(err, ErrShape) {
		t.Errorf("%v, want %v", err, ErrShape)
	}
}

func TestCheckShape(t *testing.T) {
	fixed := Signature{MaxGroup: 1024, Required: [3]uint64{8, 8, 1}}
	for _, c := range []struct {
		name   string
		kernel Signature
		shape  Range
		want   error
	}{
		{"one dimension", saxpy, Range{Dims: 1, Global: [3]uint64{1000}}, nil},
		{"what is beyond the dimensions is not looked at", saxpy, Range{Dims: 1, Global: [3]uint64{8, 0, 7}, Local: [3]uint64{4, 5}}, nil},
		{"groups", saxpy, Range{Dims: 2, Global: [3]uint64{64, 64}, Local: [3]uint64{32, 32}}, nil},
		{"no dimension", saxpy, Range{Global: [3]uint64{1}}, ErrShape},
		{"four dimensions", saxpy, Range{Dims: 4, Global: [3]uint64{1, 1, 1}}, ErrShape},
		{"negative", saxpy, Range{Dims: -1, Global: [3]uint64{1, 1, 1}}, ErrShape},
		{"nothing", saxpy, Range{Dims: 2, Global: [3]uint64{5}}, ErrShape},
		{"too many items", saxpy, Range{Dims: 3, Global: [3]uint64{1 << 32, 1 << 32, 1 << 32}}, ErrShape},
		{"offset that wraps", saxpy, Range{Dims: 1, Global: [3]uint64{8}, Offset: [3]uint64{math.MaxUint64 - 3}}, ErrShape},
		{"groups that do not fit", saxpy, Range{Dims: 1, Global: [3]uint64{100}, Local: [3]uint64{64}}, ErrShape},
		{"groups above the kernel's", saxpy, Range{Dims: 1, Global: [3]uint64{4096}, Local: [3]uint64{2048}}, ErrShape},
		{"groups above the device's", saxpy, Range{Dims: 3, Global: [3]uint64{1, 1, 128}, Local: [3]uint64{1, 1, 128}}, ErrShape},
		{"half a group", saxpy, Range{Dims: 2, Global: [3]uint64{8, 8}, Local: [3]uint64{8}}, ErrShape},
		{"required", fixed, Range{Dims: 2, Global: [3]uint64{64, 64}, Local: [3]uint64{8, 8}}, nil},
		{"another than required", fixed, Range{Dims: 2, Global: [3]uint64{64, 64}, Local: [3]uint64{8, 4}}, ErrShape},
		{"automatic where one is required", fixed, Range{Dims: 2, Global: [3]uint64{64, 64}}, ErrShape},
	} {
		if err := c.kernel.CheckShape(cpu, c.shape); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	for options, ok := range map[string]bool{
		"": true, "-cl-fast-relaxed-math -DN=16 -D M=(1+2)": true, "-cl-std=CL3.0 -w": true, "-D X": true,
		"-I/etc": false, "-include x": false, "-D": false, "-cl-std=CL9": false, "-D N=`id`": false,
		"-D N=\"a": false, "x": false, "-Wl,-rpath": false, "-DN=$(id)": false, "@file": false, "-D N=1;2": false,
	} {
		if err := CheckOptions(options); (err == nil) != ok || err != nil && !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", options, err)
		}
	}
}

func TestItemsDoesNotWrap(t *testing.T) {
	for want, r := range map[uint64]Range{
		0:              {Dims: 2, Global: [3]uint64{4}},
		60:             {Dims: 3, Global: [3]uint64{3, 4, 5}},
		math.MaxUint64: {Dims: 2, Global: [3]uint64{1 << 33, 1 << 33}},
		1:              {Dims: -7},
	} {
		if got := r.Items(); got != want {
			t.Errorf("%v: %d, want %d", r, got, want)
		}
	}
}

func TestRetryable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&LostError{Reason: "killed"}, true},
		{&LostError{Reason: "SIGSEGV", Blamed: true}, false},
		{ErrQuota, false},
		{nil, false},
	} {
		if got := Retryable(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
	if !errors.Is(&LostError{}, ErrLost) || !errors.Is(&BuildError{}, ErrBuild) {
		t.Error("typed errors do not wrap their sentinels")
	}
}
