package runtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

// BenchmarkThousand keeps 1,000 instances of 1 MiB: each writes to some pages, is
// captured, and its checkpoint made, signed, written and synced, round after round.
// Ten rounds a second are what is wanted of two cores.
func BenchmarkThousand(b *testing.B) {
	for _, pages := range []int{1, 4} {
		b.Run(fmt.Sprintf("dirty=%d", pages), func(b *testing.B) {
			h := newHerd(b, 1000)
			for b.Loop() {
				h.round(b, pages)
			}
			h.settle(b)
			b.ReportMetric(float64(b.N*len(h.animals))/b.Elapsed().Seconds(), "checkpoints/s")
			b.ReportMetric(median(h.pauses), "µs-pause-p50")
		})
	}
}

// herd is many instances whose checkpoints go to one store.
type herd struct {
	animals []*animal
	pauses  []time.Duration
}

type animal struct {
	at     *Instance
	stream *store.Stream
	next   uint64
}

func newHerd(b *testing.B, n int) *herd {
	m := loadTouch(b, 1<<20)
	s, err := store.Open(store.Config{FS: store.Dir(b.TempDir()), Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	w, err := store.NewWriter(s, store.WriterConfig{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
	})
	b.Cleanup(func() { stop(); running.Wait() })
	h := &herd{}
	for range n {
		i, err := m.Instantiate(ctx, Task{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { i.Close() })
		chain, err := checkpoint.NewChain(checkpoint.Config{Name: fmt.Sprint("animal ", n, len(h.animals)), Module: m.CID(), Owner: testOwner(), Old: s})
		if err != nil {
			b.Fatal(err)
		}
		h.animals = append(h.animals, &animal{at: i, stream: w.Stream(chain)})
	}
	return h
}

// round lets each run, and captures it; when the checkpoint before is not stored yet
// it waits for that.
func (h *herd) round(b *testing.B, pages int) {
	for _, a := range h.animals {
		touch(b, a.at, pages)
		if err := a.stream.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		c := capture(b, a.at)
		h.pauses = append(h.pauses, time.Since(begun))
		a.next++
		c.Epoch, c.Sequence, c.Time = 1, a.next, time.Now()
		if err := a.stream.Submit(c); err != nil {
			b.Fatal(err)
		}
	}
}

func (h *herd) settle(b *testing.B) {
	for _, a := range h.animals {
		if err := a.stream.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
