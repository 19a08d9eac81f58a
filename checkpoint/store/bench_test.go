package store

import (
	"context"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/checkpoint"
)

func benchConfig(b *testing.B) Config {
	cfg := testConfig(Dir(b.TempDir()))
	cfg.SegmentBytes = 0
	return cfg
}

// scatter rewrites pages all over the memory, with noise.
func (a *actor) scatter(rng *mathrand.Rand, pages int) {
	for range pages {
		page := rng.IntN(len(a.mem) / checkpoint.PageSize)
		a.dirty[page] = true
		p := a.mem[page*checkpoint.PageSize:][:checkpoint.PageSize]
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
	}
}

func (a *actor) start(b *testing.B, s *Store, mib int) {
	b.Helper()
	if err := a.begin(s); err != nil {
		b.Fatal(err)
	}
	a.mem = make([]byte, mib<<20)
	for page := range len(a.mem) / checkpoint.PageSize {
		copy(a.mem[page*checkpoint.PageSize:], fmt.Sprintf("%s %d", a.name, page))
		a.dirty[page] = true
	}
}

// 64 MiB with 1 % dirty, from the capture until it is on disk: none of it is
// part of the pause.
func BenchmarkSave(b *testing.B) {
	s := open(b, benchConfig(b))
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	a.start(b, s, 64)
	save := func(c checkpoint.Capture) {
		r, err := a.chain.Update(c)
		if err == nil {
			err = s.Save(r)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	save(a.capture())
	for b.Loop() {
		b.StopTimer()
		a.scatter(rng, 164)
		c := a.capture()
		b.StartTimer()
		save(c)
	}
}

// A thousand instances, each with some dirty pages, as fast as it goes: ten
// times a second means 10,000 checkpoints/s. Each is captured again as soon as
// it is stored and its turn has come; writing the pages and capturing them is
// part of the time.
func BenchmarkThousandChains(b *testing.B) {
	for _, pages := range []int{1, 4} {
		b.Run(fmt.Sprintf("pages=%d", pages), func(b *testing.B) { benchThousand(b, pages) })
	}
}

func benchThousand(b *testing.B, pages int) {
	s := open(b, benchConfig(b))
	w, err := NewWriter(s, WriterConfig{Workers: 256})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	actors, streams := make([]*actor, 1000), make([]*Stream, 1000)
	for i := range actors {
		actors[i] = newActor(fmt.Sprint("actor-", i))
		actors[i].start(b, s, 1)
		streams[i] = w.Stream(actors[i].chain)
	}
	n := newNoise()
	round := func(pages int) {
		for i, a := range actors {
			if err := streams[i].Wait(ctx); err != nil {
				b.Fatal(err)
			}
			n.write(a, pages)
			if err := streams[i].Submit(a.capture()); err != nil {
				b.Fatal(err)
			}
		}
	}
	wait := func() {
		for _, s := range streams {
			if err := s.Wait(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	round(0)
	wait()
	cpu := cpuTime(b)
	for b.Loop() {
		round(pages)
	}
	wait()
	stored := float64(b.N * len(actors))
	b.ReportMetric(stored/b.Elapsed().Seconds(), "checkpoints/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/stored, "cpu-µs/checkpoint")
	cancel()
	running.Wait()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// cpuTime is what this process has used of all processors: other than the time
// that passes, it does not depend on what else the machine does.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// noise fills pages with bytes that do not compress, no two pages the same, for
// little more than it takes to copy them.
type noise struct {
	rng   *mathrand.Rand
	bytes [16 * checkpoint.PageSize]byte
	count uint64
}

func newNoise() *noise {
	n := &noise{rng: mathrand.New(mathrand.NewPCG(1, 1))}
	for i := range n.bytes {
		n.bytes[i] = byte(n.rng.Uint32())
	}
	return n
}

func (n *noise) write(a *actor, pages int) {
	for range pages {
		page := n.rng.IntN(len(a.mem) / checkpoint.PageSize)
		a.dirty[page] = true
		p := a.mem[page*checkpoint.PageSize:][:checkpoint.PageSize]
		copy(p, n.bytes[n.rng.IntN(len(n.bytes)-len(p)):])
		n.count++
		binary.LittleEndian.PutUint64(p, n.count)
	}
}

// A 64 MiB memory as a file that can be mapped: cold, from the store's objects;
// warm, made before.
func BenchmarkImage(b *testing.B) {
	s := open(b, benchConfig(b))
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	a.start(b, s, 64)
	a.scatter(rng, 8000)
	if err := a.save(s); err != nil {
		b.Fatal(err)
	}
	m := a.chain.Last().Memory
	for _, warm := range []bool{false, true} {
		b.Run(fmt.Sprintf("warm=%v", warm), func(b *testing.B) {
			dir := b.TempDir()
			images, err := NewImages(dir, 1<<30)
			if err != nil {
				b.Fatal(err)
			}
			if warm {
				openImage(b, images, m, s)
			}
			for b.Loop() {
				openImage(b, images, m, s)
				if warm {
					continue
				}
				if images, err = NewImages(dir, 1<<30); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func openImage(b *testing.B, images *Images, m checkpoint.Memory, s *Store) {
	b.Helper()
	f, err := images.Open(m, s)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// Opening a store again: headers only.
func BenchmarkOpen(b *testing.B) {
	cfg := benchConfig(b)
	s := open(b, cfg)
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	a.start(b, s, 16)
	for range 500 {
		a.scatter(rng, 20)
		if err := a.save(s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(s.Usage().Bytes)/(1<<20), "MiB")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
