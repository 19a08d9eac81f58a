package linmem

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkPause is what a guest waits for a checkpoint: Collect and a copy of
// the pages it reports. The median is in µs; ns/op includes the dirtying.
func BenchmarkPause(b *testing.B) {
	for _, rung := range rungs(b) {
		for _, size := range []int{16 << 20, 64 << 20, 256 << 20} {
			for _, permille := range []int{1, 10, 100, 1000} {
				b.Run(fmt.Sprintf("%v/size=%dM/dirty=%.1f%%", rung, size>>20, float64(permille)/10), func(b *testing.B) {
					benchPause(b, rung, size, permille)
				})
			}
		}
	}
}

func benchPause(b *testing.B, rung Rung, size, permille int) {
	m := newPool(b, Config{Tracking: rung}).NewAllocator(Options{}).Allocate(0, 4<<30)
	defer m.Free()
	buf, out := m.Reallocate(uint64(size)), make([]byte, size)
	fill(buf, 1)
	fill(out, 1)
	tr, err := m.Track()
	if err != nil {
		b.Fatal(err)
	}
	ranges, err := tr.Collect(nil)
	if err != nil {
		b.Fatal(err)
	}
	pages := rand.New(rand.NewPCG(1, 2)).Perm(size / TrackSize)[:size/TrackSize*permille/1000]
	var pauses []time.Duration
	for b.Loop() {
		for _, page := range pages {
			buf[page*TrackSize]++
		}
		start := time.Now()
		if ranges, err = tr.Collect(ranges[:0]); err != nil {
			b.Fatal(err)
		}
		at := 0
		for _, r := range ranges {
			at += copy(out[at:], buf[r.Start:r.End])
		}
		pauses = append(pauses, time.Since(start))
		if at != len(pages)*TrackSize {
			b.Fatalf("collected %d bytes of %d pages", at, len(pages))
		}
	}
	slices.Sort(pauses)
	b.ReportMetric(float64(pauses[len(pauses)/2].Nanoseconds())/1000, "µs-pause")
}

func fill(mem []byte, with byte) {
	for i := range mem {
		mem[i] = with
	}
}

// BenchmarkFirstWrite is what tracking costs the guest: the first write to each
// page after a Collect, of 16 MiB.
func BenchmarkFirstWrite(b *testing.B) {
	for _, rung := range rungs(b) {
		b.Run(rung.String(), func(b *testing.B) {
			m := newPool(b, Config{Tracking: rung}).NewAllocator(Options{}).Allocate(0, 4<<30)
			defer m.Free()
			buf := m.Reallocate(16 << 20)
			fill(buf, 1)
			tr, err := m.Track()
			if err != nil {
				b.Fatal(err)
			}
			var spent time.Duration
			var ranges []Range
			for b.Loop() {
				if ranges, err = tr.Collect(ranges[:0]); err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				for at := 0; at < len(buf); at += TrackSize {
					buf[at]++
				}
				spent += time.Since(start)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*len(buf)/TrackSize), "ns/page")
		})
	}
}

// BenchmarkRestore takes a memory, restores 64 MiB into it, tracked, writes one
// page and frees it.
func BenchmarkRestore(b *testing.B) {
	ckpt := checkpoint(b, 0, 64<<20)
	for _, rung := range rungs(b) {
		b.Run(rung.String(), func(b *testing.B) {
			p := newPool(b, Config{Tracking: rung})
			for b.Loop() {
				m := p.NewAllocator(Options{}).Allocate(0, 4<<30)
				buf := m.Reallocate(64 << 20)
				if _, err := m.Restore(ckpt, 0, 64<<20); err != nil {
					b.Fatal(err)
				}
				buf[32<<20]++
				m.Free()
			}
		})
	}
}
