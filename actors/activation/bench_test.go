package activation

import (
	"encoding/binary"
	"fmt"
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
)

// median and 99th percentile, in milliseconds.
func quantiles(d []time.Duration) (p50, p99 float64) {
	slices.Sort(d)
	ms := func(i int) float64 { return float64(d[i].Nanoseconds()) / 1e6 }
	return ms(len(d) / 2), ms(len(d) * 99 / 100)
}

// BenchmarkDeliver is asks that the counter answers, in entries of so many, and a
// checkpoint every 100 ms: without raft and journal.
func BenchmarkDeliver(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			lib := &library{all: map[cid.Cid][]byte{}}
			n := newNode(b, lib, func(c *Config) { c.Checkpoint = 100 * time.Millisecond })
			s := newScript(b, lib.example(b, "counter/counter.wasm"))
			a, w := n.activate(s.start(nil))
			w.executed(1)
			b.ResetTimer()
			for sent := 0; sent < b.N; sent += batch {
				var items []wire.Item
				for range batch {
					items = append(items, s.ask("inc"))
					m := items[len(items)-1].Message
					m.Floor = m.ID.Seq()
				}
				e := s.add(items...)
				a.Apply([]wire.Committed{e})
				s.entries = s.entries[:0:0]
				s.base = e.Index
				if (sent/batch)%64 == 0 {
					w.executed(e.Index)
				}
			}
			w.executed(s.base)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "asks/s")
		})
	}
}

// BenchmarkActivate is from Activate of an idle actor to the answer of its first
// message, its checkpoint on disk and its module compiled. Target: 2 ms in the median.
func BenchmarkActivate(b *testing.B) {
	for _, c := range []struct {
		pages int
		cold  bool // the memory's image is not ready
	}{{0, true}, {256, true}, {12 << 10, true}, {0, false}, {256, false}, {12 << 10, false}} {
		pages := c.pages
		b.Run(fmt.Sprintf("touched=%dKiB/cold=%t", pages*4, c.cold), func(b *testing.B) {
			cold := c.cold
			lib := &library{all: map[cid.Cid][]byte{}}
			n := newNode(b, lib)
			s := newScript(b, lib.guest(b, "probe"))
			a, w := n.activate(s.start(nil))
			s.add(s.ask(fmt.Sprintf("touch %d", pages)))
			a.Apply(s.entries[1:])
			c := w.checkpoint(a, 2)
			if err := a.Halt(); err != nil {
				b.Fatal(err)
			}
			s.add(s.ask("inc"))
			var took []time.Duration
			for b.Loop() {
				if cold {
					if err := n.images.forget(a.file); err != nil {
						b.Fatal(err)
					}
				}
				begun := time.Now()
				a, w := n.activate(s.start(&c))
				w.until(func() bool { return w.last.Index >= 3 })
				took = append(took, time.Since(begun))
				if err := a.Halt(); err != nil {
					b.Fatal(err)
				}
			}
			p50, p99 := quantiles(took)
			b.ReportMetric(p50, "p50-ms")
			b.ReportMetric(p99, "p99-ms")
		})
	}
}

// BenchmarkMigrate is the pause of an actor with 64 MiB of memory, of which it writes
// to a hundredth between two checkpoints, from its last capture until it has answered
// the next message on another node: without raft. Target: 10 ms in the median.
func BenchmarkMigrate(b *testing.B) {
	lib := &library{all: map[cid.Cid][]byte{}}
	nodes := [2]*node{newNode(b, lib), newNode(b, lib)}
	s := newScript(b, lib.guest(b, "probe"))
	s.spec.Memory = 128 << 20
	at := 0
	a, w := nodes[at].activate(s.start(nil))
	e := s.add(s.ask("touch 16384"))
	a.Apply(s.entries[e.Index-1:])
	c := w.checkpoint(a, e.Index)
	nodes[0].push(s.actor, c, nodes[1])
	var took []time.Duration
	for b.Loop() {
		to := nodes[1-at]
		for range 3 { // rounds ahead, while it runs
			e := s.add(s.ask("touch 160"))
			a.Apply(s.entries[e.Index-1:])
			c = w.checkpoint(a, e.Index)
			nodes[at].push(s.actor, c, to)
		}
		if err := to.prepare(s.actor, memoryAt(b, to, c)); err != nil {
			b.Fatal(err)
		}
		e := s.add(s.ask("touch 160"))
		a.Apply(s.entries[e.Index-1:])
		w.executed(e.Index)
		if err := a.Precopy(); err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		c = w.checkpoint(a, e.Index)
		nodes[at].push(s.actor, c, to)
		old := a
		s.epoch++
		e = s.activate()
		e = s.add(s.ask("inc"))
		a, w = to.activate(s.start(&c))
		w.executed(e.Index)
		took = append(took, time.Since(begun))
		if err := old.Halt(); err != nil {
			b.Fatal(err)
		}
		at = 1 - at
	}
	p50, p99 := quantiles(took)
	b.ReportMetric(p50, "p50-ms")
	b.ReportMetric(p99, "p99-ms")
}

// BenchmarkIdle is what an actor costs here while it is idle, in bytes of heap: its
// checkpoint is in the store, and nothing else is left. Target, with all the rest: 2 KiB.
func BenchmarkIdle(b *testing.B) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(b, lib)
	module := lib.example(b, "counter/counter.wasm")
	heap := func() int64 {
		goruntime.GC()
		goruntime.GC()
		var m goruntime.MemStats
		goruntime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	made := uint64(0)
	one := func() {
		s := newScript(b, module)
		made++
		binary.BigEndian.PutUint64(s.actor[:], made)
		w := newWatcher(b)
		a, err := n.Activate(s.start(nil), w)
		if err != nil {
			b.Fatal(err)
		}
		w.checkpoint(a, 1)
		if err := a.Halt(); err != nil {
			b.Fatal(err)
		}
	}
	for range 300 { // the images that are kept
		one()
	}
	const actors = 2000
	for b.Loop() {
		before := heap()
		for range actors {
			one()
		}
		b.ReportMetric(float64(heap()-before)/actors, "B/actor")
	}
}
