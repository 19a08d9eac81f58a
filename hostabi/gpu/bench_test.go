package gpu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/opencl"
)

// BenchmarkCopies moves 64 MiB between guest memory and a device, against a copy within this
// process (metrics: of its speed, 1 being as fast). The least of all rounds counts.
func BenchmarkCopies(b *testing.B) {
	const size = 64 << 20
	g := onOpenCL(b, Config{})
	g.mem = make([]byte, atData+size)
	for i := range g.mem {
		g.mem[i] = byte(i)
	}
	local := make([]byte, size)
	buffer := g.buffer(size)
	least := map[string]time.Duration{}
	round := func(what string, f func()) {
		begun := time.Now()
		f()
		if took := time.Since(begun); least[what] == 0 || took < least[what] {
			least[what] = took
		}
	}
	b.SetBytes(2 * size)
	for b.Loop() {
		round("memcpy", func() { copy(local, g.mem[atData:]) })
		round("write", func() { g.must("write", buffer, 0, atData, size) })
		round("read", func() { g.must("read", buffer, 0, atData, size) })
	}
	for _, what := range []string{"write", "read"} {
		b.ReportMetric(float64(least["memcpy"])/float64(least[what]), what+"/memcpy")
	}
}

// spin is a kernel that takes a time in proportion to n.
const spin = `
kernel void spin(uint n, global uint *out) {
	uint x = get_global_id(0);
	for (uint i = 0; i < n; i++) x = x*1664525u + 1013904223u;
	out[get_global_id(0)] = x;
}`

const (
	spinItems = 64
	codeUint  = 6
)

// BenchmarkLaunch compares setting an argument, a launch and the wait for it by the functions that guests
// call with the same calls of the binding in this process, for a kernel of no time and for one of about a
// millisecond. Both are measured in turns of twenty; the medians are told.
func BenchmarkLaunch(b *testing.B) {
	for _, n := range []uint32{0, 30_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			guest, plain := launchAsGuest(b, n), launchPlain(b, n)
			var asGuest, without []time.Duration
			for b.Loop() {
				for range 20 {
					asGuest = append(asGuest, timed(guest))
				}
				for range 20 {
					without = append(without, timed(plain))
				}
			}
			mine, theirs := median(asGuest), median(without)
			b.ReportMetric(0, "ns/op") // of both together it says nothing
			b.ReportMetric(mine, "guest-µs")
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

func launchAsGuest(b *testing.B, n uint32) func() {
	g := onOpenCL(b, Config{})
	p, e := g.build(spin)
	if e != success {
		b.Fatal(g.log())
	}
	k := g.kernel(p, "spin")
	g.must("set_buffer", k, 1, g.buffer(4*spinItems), 0, 0)
	at := g.shape(1, spinItems)
	le.PutUint32(g.mem[atData:], n)
	return func() {
		g.must("set_value", k, 0, codeUint, atData, 4)
		g.must("launch", k, at, 0)
		g.must("wait", 0)
	}
}

func launchPlain(b *testing.B, n uint32) func() {
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	lib, err := opencl.Load()
	must(err)
	devices, err := lib.Devices()
	must(err)
	c, err := devices[0].NewContext()
	must(err)
	q, err := c.NewQueue()
	must(err)
	p, err := c.FromSource([]byte(spin))
	must(err)
	must(p.Build(""))
	k, err := p.Kernel("spin")
	must(err)
	out, err := c.NewMemory(4 * spinItems)
	must(err)
	must(k.SetMemory(1, out))
	return func() {
		must(k.SetBytes(0, device.Scalar(n).Bytes))
		e, err := q.Launch(k, device.Range{Dims: 1, Global: [3]uint64{spinItems}})
		must(err)
		must(q.Flush())
		must(e.Wait())
		_ = e.Times()
		must(e.Release())
	}
}
