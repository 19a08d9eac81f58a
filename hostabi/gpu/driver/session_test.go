package driver

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

func TestMemoryIsLimited(t *testing.T) {
	s := begin(t, open(t, Config{}), device.Limits{Memory: 100})
	for _, c := range []struct {
		size uint64
		want error
	}{
		{101, device.ErrQuota}, {math.MaxUint64, device.ErrMemory}, {0, device.ErrArgument}, {60, nil}, {41, device.ErrQuota}, {40, nil}, {1, device.ErrQuota},
	} {
		_, err := s.NewBuffer(t.Context(), 0, c.size)
		wantErr(t, err, c.want)
	}
	if u := s.Usage(); u.Memory != 100 || u.MemoryPeak != 100 {
		t.Errorf("%+v", u)
	}
}

func TestFreedMemoryCanBeHadAgain(t *testing.T) {
	s := begin(t, open(t, Config{}), device.Limits{Memory: 4096})
	for range 100 {
		b := buffer1(t, s, 4096)
		got := make([]byte, 4096)
		must(t, b.Read(t.Context(), 0, got))
		if slices.Max(got) != 0 {
			t.Fatal("a new buffer is not zero")
		}
		must(t, b.Write(t.Context(), 0, slices.Repeat([]byte{7}, 4096)))
		must(t, b.Free())
	}
	if u := s.Usage(); u.Memory != 0 || u.MemoryPeak != 4096 {
		t.Errorf("%+v", u)
	}
}

func TestWrongCalls(t *testing.T) {
	d := open(t, Config{})
	s, other := begin(t, d, device.Limits{}), begin(t, d, device.Limits{})
	ctx := t.Context()
	b, foreign, freed := buffer1(t, s, 64), buffer1(t, other, 64), buffer1(t, s, 64)
	must(t, freed.Free())
	p := build(t, s, kernels)
	fill := find(t, p, "fill")
	one := device.Scalar(uint32(1))
	launch := func(r device.Range, args ...device.Value) error {
		_, err := fill.Launch(ctx, r, args...)
		return err
	}
	copied := func(to device.Buffer, toOffset uint64, from device.Buffer, fromOffset, n uint64) error {
		_, err := s.Copy(ctx, to, toOffset, from, fromOffset, n)
		return err
	}
	built := func(source device.Source) error {
		_, err := s.Build(ctx, 0, source)
		return err
	}
	kernel := func(name string) error { _, err := p.Kernel(name); return err }
	for what, c := range map[string]struct{ got, want error }{
		"read beyond":           {b.Read(ctx, 60, make([]byte, 5)), device.ErrRange},
		"read that wraps":       {b.Read(ctx, math.MaxUint64, make([]byte, 5)), device.ErrRange},
		"write beyond":          {b.Write(ctx, 65, nil), device.ErrRange},
		"read nothing":          {b.Read(ctx, 64, nil), nil},
		"write to what is free": {freed.Write(ctx, 0, []byte{1}), device.ErrClosed},
		"launch with it":        {launch(items(1), device.Whole(freed), one), device.ErrClosed},
		"somebody else's":       {launch(items(1), device.Whole(foreign), one), device.ErrArgument},
		"too few":               {launch(items(1), device.Whole(b)), device.ErrArgument},
		"of the wrong size":     {launch(items(1), device.Whole(b), device.Scalar(uint64(1))), device.ErrArgument},
		"no items":              {launch(items(0), device.Whole(b), one), device.ErrShape},
		"copy beyond":           {copied(b, 60, b, 0, 5), device.ErrRange},
		"copy onto itself":      {copied(b, 0, b, 4, 8), device.ErrRange},
		"copy beside itself":    {copied(b, 0, b, 8, 8), nil},
		"copy to a stranger":    {copied(foreign, 0, b, 0, 8), device.ErrArgument},
		"copy to nobody":        {copied(nil, 0, b, 0, 8), device.ErrArgument},
		"no such kernel":        {kernel("nope"), device.ErrArgument},
		"no source":             {built(device.Source{Form: device.OpenCLC}), device.ErrArgument},
		"named":                 {built(device.Source{Form: device.Named, Text: []byte("saxpy")}), device.ErrForm},
		"options":               {built(device.Source{Form: device.OpenCLC, Text: []byte("x"), Options: "-I/etc"}), device.ErrForm},
		"no program":            {built(device.Source{Form: device.OpenCLC, Text: []byte("kernel")}), device.ErrBuild},
		"no kernels":            {built(device.Source{Form: device.OpenCLC, Text: []byte("int f(void) { return 1; }")}), device.ErrBuild},
	} {
		if c.want == nil && c.got != nil {
			t.Errorf("%s: %v", what, c.got)
		} else {
			if c.want != nil {
				t.Log(what, ": ", c.got)
			}
			wantErr(t, c.got, c.want)
		}
	}
	must(t, b.Read(ctx, 0, make([]byte, 64))) // the session is as it was
}

func TestBuildErrorHasTheLog(t *testing.T) {
	s := begin(t, open(t, Config{}), device.Limits{})
	_, err := s.Build(t.Context(), 0, device.Source{Form: device.OpenCLC, Text: []byte("kernel void k() { no_such_thing(); }")})
	wantErr(t, err, device.ErrBuild)
	var b *device.BuildError
	if ok := asBuild(err, &b); !ok || !strings.Contains(b.Log, "no_such_thing") {
		t.Errorf("%+v", err)
	}
}

func TestCopiesAndPartsKeepTheOrder(t *testing.T) {
	for name, config := range map[string]Config{"shared": {}, "staged": {Staged: true}} {
		t.Run(name, func(t *testing.T) {
			d := open(t, config)
			s := begin(t, d, device.Limits{})
			align := s.Devices()[0].Align
			a, b := buffer1(t, s, 2*align), buffer1(t, s, 2*align)
			fill := find(t, build(t, s, kernels), "fill")
			for i := range uint32(50) {
				_, err := fill.Launch(t.Context(), items(align/4), device.Part(a, align, align), device.Scalar(i))
				must(t, err)
				_, err = s.Copy(t.Context(), b, 0, a, align, align)
				must(t, err)
			}
			got := make([]byte, 2*align)
			must(t, b.Read(t.Context(), 0, got))
			want := append(slices.Repeat([]byte{49, 0, 0, 0}, int(align/4)), make([]byte, align)...)
			if !slices.Equal(got, want) {
				t.Errorf("read %v", got)
			}
		})
	}
}

func TestContextEndsTheWaitOnly(t *testing.T) {
	s := begin(t, open(t, Config{}), device.Limits{})
	x := buffer1(t, s, 64)
	e := launchOn(t, s, "endless", device.Whole(x))
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantErr(t, device.Wait(short, e), context.DeadlineExceeded)
	wantErr(t, x.Read(short, 0, make([]byte, 1)), context.DeadlineExceeded)
	if e.Err() != nil {
		t.Errorf("the launch has ended: %v", e.Err())
	}
}

func TestSessionsAtTheSameTime(t *testing.T) {
	d := open(t, Config{})
	build(t, begin(t, d, device.Limits{}), kernels) // so that it is cached
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			s, err := d.Open(t.Context(), device.Limits{Devices: []int{0}})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close() //nolint:errcheck // the test has what it wants
			got, err := filled(t.Context(), s, uint32(i))
			if err != nil || !slices.Equal(got, slices.Repeat([]byte{byte(i), 0, 0, 0}, 256)) {
				t.Errorf("%x, %v", got[:min(len(got), 8)], err)
			}
		})
	}
	work.Wait()
}

// filled fills a buffer many times, last with v, and reads it.
func filled(ctx context.Context, s device.Session, v uint32) ([]byte, error) {
	b, err := s.NewBuffer(ctx, 0, 1024)
	if err != nil {
		return nil, err
	}
	p, err := s.Build(ctx, 0, device.Source{Form: device.OpenCLC, Text: []byte(kernels)})
	if err != nil {
		return nil, err
	}
	k, err := p.Kernel("fill")
	if err != nil {
		return nil, err
	}
	for n := range uint32(300) { // more than may be queued
		if _, err := k.Launch(ctx, items(256), device.Whole(b), device.Scalar(n+v-299)); err != nil {
			return nil, err
		}
	}
	got := make([]byte, 1024)
	return got, b.Read(ctx, 0, got)
}

func TestClosedDriver(t *testing.T) {
	d, err := New(Config{})
	must(t, err)
	must(t, d.Close())
	_, err = d.Open(t.Context(), device.Limits{})
	wantErr(t, err, device.ErrClosed)
	_, err = d.Devices(t.Context())
	wantErr(t, err, device.ErrClosed)
}

func TestDeviceThatIsNotThere(t *testing.T) {
	d := open(t, Config{})
	for _, i := range []int{-1, 99} {
		_, err := d.Open(t.Context(), device.Limits{Devices: []int{i}})
		wantErr(t, err, device.ErrDevice)
	}
}

// Whoever has no driver program has no devices; that is no error.
func TestNoDriverProgram(t *testing.T) {
	t.Setenv(Variable, "")
	t.Setenv("PATH", t.TempDir())
	d, err := New(Config{})
	must(t, err)
	infos, err := d.Devices(t.Context())
	if err != nil || len(infos) != 0 {
		t.Errorf("%v, %v", infos, err)
	}
	_, err = d.Open(t.Context(), device.Limits{Devices: []int{0}})
	wantErr(t, err, ErrNotFound)
	t.Setenv(Variable, "/nonexistent")
	_, err = Find()
	wantErr(t, err, ErrNotFound)
	must(t, d.Close())
}
