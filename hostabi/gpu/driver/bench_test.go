package driver

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
	"github.com/godwit-run/godwit/hostabi/gpu/opencl"
)

// spin is a kernel that takes a time in proportion to n.
const spin = `
kernel void spin(uint n, global uint *out) {
	uint x = get_global_id(0);
	for (uint i = 0; i < n; i++) x = x*1664525u + 1013904223u;
	out[get_global_id(0)] = x;
}`

// spins are for nothing, and for about a millisecond.
var spins = []uint32{0, 30_000}

const spinItems = 64

// BenchmarkLaunchAndWait compares a launch, the wait for its end and its times with the same calls of
// the binding in this process. Both are measured in turns of twenty, as a guest would that waits for
// each launch; the medians are told: µs for each, what is added, and their ratio.
func BenchmarkLaunchAndWait(b *testing.B) {
	for _, n := range spins {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			here, there := launchHere(b, n), launchPlain(b, n)
			var withDriver, without []time.Duration
			for b.Loop() {
				for range 20 {
					withDriver = append(withDriver, timed(here))
				}
				for range 20 {
					without = append(without, timed(there))
				}
			}
			mine, theirs := median(withDriver), median(without)
			b.ReportMetric(0, "ns/op") // of both together it says nothing
			b.ReportMetric(mine, "driver-µs")
			b.ReportMetric(theirs, "plain-µs")
			b.ReportMetric(mine-theirs, "added-µs")
			b.ReportMetric(mine/theirs, "ratio")
		})
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// median in microseconds.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2]) / 1e3
}

func launchHere(b *testing.B, n uint32) func() {
	s := begin(b, open(b, Config{}), device.Limits{})
	k := find(b, build(b, s, spin), "spin")
	out := device.Whole(buffer1(b, s, 4*spinItems))
	return func() {
		e, err := k.Launch(b.Context(), items(spinItems), device.Scalar(n), out)
		must(b, err)
		must(b, device.Wait(b.Context(), e))
		_ = e.Times()
	}
}

func launchPlain(b *testing.B, n uint32) func() {
	c := plain(b)
	q, err := c.NewQueue()
	must(b, err)
	p, err := c.FromSource([]byte(spin))
	must(b, err)
	must(b, p.Build(""))
	k, err := p.Kernel("spin")
	must(b, err)
	out, err := c.NewMemory(4 * spinItems)
	must(b, err)
	return func() {
		must(b, k.SetBytes(0, device.Scalar(n).Bytes))
		must(b, k.SetMemory(1, out))
		e, err := q.Launch(k, items(spinItems))
		must(b, err)
		must(b, q.Flush())
		must(b, e.Wait())
		_ = e.Times()
		must(b, e.Release())
	}
}

// plain is a context of the binding in this process.
func plain(b *testing.B) opencl.Context {
	b.Helper()
	lib, err := opencl.Load()
	must(b, err)
	devices, err := lib.Devices()
	must(b, err)
	c, err := devices[0].NewContext()
	must(b, err)
	return c
}

// BenchmarkPipeline launches a hundred kernels before it waits.
func BenchmarkPipeline(b *testing.B) {
	s := begin(b, open(b, Config{}), device.Limits{})
	k := find(b, build(b, s, spin), "spin")
	out := device.Whole(buffer1(b, s, 4*spinItems))
	for b.Loop() {
		var last device.Event
		for range 100 {
			e, err := k.Launch(b.Context(), items(spinItems), device.Scalar(uint32(0)), out)
			must(b, err)
			last = e
		}
		must(b, device.Wait(b.Context(), last))
	}
}

// BenchmarkCopy compares writing to and reading from a buffer with a plain copy between two pieces of
// mapped memory.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20, 64 << 20} {
		mine, other := mapped(b, size), mapped(b, size)
		s := begin(b, open(b, Config{}), device.Limits{})
		buf := buffer1(b, s, uint64(size))
		b.Run(fmt.Sprintf("size=%d/write", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				must(b, buf.Write(b.Context(), 0, mine))
			}
		})
		b.Run(fmt.Sprintf("size=%d/read", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				must(b, buf.Read(b.Context(), 0, mine))
			}
		})
		b.Run(fmt.Sprintf("size=%d/memcpy", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(other, mine)
			}
		})
	}
}

// mapped is memory that is there: each page was written to.
func mapped(b *testing.B, size int) []byte {
	b.Helper()
	m, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	must(b, err)
	b.Cleanup(func() { must(b, unix.Munmap(m)) })
	for i := 0; i < size; i += 4096 {
		m[i] = 1
	}
	return m
}

// BenchmarkRoundTrip asks for something that the driver refuses at once: what is left are the
// messages.
func BenchmarkRoundTrip(b *testing.B) {
	s := begin(b, open(b, Config{}), device.Limits{}).(*session)
	for b.Loop() {
		e, err := s.ask(b.Context(), request{kind: wire.KindLaunch, queued: true, body: func(seq uint64) any {
			return wire.Launch{Seq: seq, Program: 1 << 40, Dims: 1, Args: make([]wire.Arg, 3)}
		}}, nil)
		must(b, err)
		wantErr(b, device.Wait(b.Context(), e), device.ErrClosed)
	}
}
