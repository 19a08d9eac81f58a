package gpu

import (
	"testing"
	"time"
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

// BenchmarkLaunch is a launch and the wait for it, of a kernel that does nothing.
func BenchmarkLaunch(b *testing.B) {
	g := onOpenCL(b, Config{})
	p, e := g.build("kernel void empty() {}")
	if e != success {
		b.Fatal(g.log())
	}
	k := g.kernel(p, "empty")
	at := g.shape(1, 1)
	for b.Loop() {
		g.must("launch", k, at, 0)
		g.must("wait", 0)
	}
}
