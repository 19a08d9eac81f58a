package store

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
)

// Many streams at once, with retention and collection going on beside them:
// each ends with its last memory, and nothing that is kept is damaged.
func TestWriterConcurrently(t *testing.T) {
	fs := newFaultFS()
	s := open(t, testConfig(fs))
	w, err := NewWriter(s, WriterConfig{Workers: 8})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running, guests sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	running.Go(func() { collectUntil(ctx, t, s) })
	actors := make([]*actor, 12)
	for i := range actors {
		a := newActor(fmt.Sprintf("actor-%d", i))
		actors[i] = a
		if err := a.begin(s); err != nil {
			t.Fatal(err)
		}
		guests.Go(func() { runGuest(t, w, s, a) })
	}
	guests.Wait()
	cancel()
	running.Wait()
	for _, a := range actors {
		refs := s.List(a.name)
		if err := a.compare(s, refs[len(refs)-1], a.mem); err != nil {
			t.Error(err)
		}
		for _, ref := range refs {
			if found := s.Verify(ref.ID); len(found) > 0 {
				t.Error(found[0])
			}
		}
	}
	if st := w.Stats(); st.Stored != 12*20 || st.Waiting != 0 || st.Failures != 0 {
		t.Errorf("%+v", st)
	}
}

func runGuest(t *testing.T, w *Writer, s *Store, a *actor) {
	rng := mathrand.New(mathrand.NewPCG(uint64(len(a.name)), 9))
	stream := w.Stream(a.chain)
	defer stream.Close()
	for i := range 20 {
		a.live(rng, 10)
		if err := stream.Submit(a.capture()); err != nil {
			t.Error(err)
		}
		if err := stream.Wait(t.Context()); err != nil {
			t.Error(err)
			return
		}
		if i%5 == 4 {
			if _, err := s.Retain(a.name, checkpoint.Policy{Last: 2}, testStart, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

func collectUntil(ctx context.Context, t *testing.T, s *Store) {
	for ctx.Err() == nil {
		if _, err := s.Collect(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}

// When the disk fails the interval stretches, a capture is refused meanwhile,
// and all is well again when the disk is. On a virtual clock.
func TestWriterFallsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFaultFS()
		s := open(t, testConfig(fs))
		w, err := NewWriter(s, WriterConfig{Workers: 2, Retry: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		a := newActor("a")
		if err := a.begin(s); err != nil {
			t.Fatal(err)
		}
		stream := w.Stream(a.chain)
		rng := mathrand.New(mathrand.NewPCG(1, 1))
		a.live(rng, 3)
		fs.full = 3
		if err := stream.Submit(a.capture()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := stream.Submit(checkpoint.Capture{}); !errors.Is(err, ErrBusy) {
			t.Errorf("submitted while one is waiting: %v", err)
		}
		if st := w.Stats(); st.Failures != 1 || st.Waiting != 1 || st.Stretched != 1 || st.Refused != 1 {
			t.Errorf("while the disk is full: %+v", st)
		}
		if err := stream.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		if got := stream.Interval(); got != 4*time.Second { // 4/3 of the three seconds it took
			t.Errorf("interval %v after three seconds", got)
		}
		for stream.Interval() > 100*time.Millisecond {
			a.live(rng, 3)
			if err := errors.Join(stream.Submit(a.capture()), stream.Wait(ctx)); err != nil {
				t.Fatal(err)
			}
		}
		if st := w.Stats(); st.Stretched != 0 || st.Failures != 3 || stream.Last().Sequence != st.Stored {
			t.Errorf("when the disk is well again: %+v", st)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A stream that cannot go on says so.
func TestWriterGivesUp(t *testing.T) {
	s := open(t, testConfig(newFaultFS()))
	w, err := NewWriter(s, WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	defer running.Wait()
	defer cancel()
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a, rival := newActor("a"), newActor("a")
	for _, x := range []*actor{a, rival} {
		if err := x.begin(s); err != nil {
			t.Fatal(err)
		}
		x.live(rng, 3)
	}
	stream, other := w.Stream(a.chain), w.Stream(rival.chain)
	if err := errors.Join(stream.Submit(a.capture()), stream.Wait(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Submit(rival.capture()), other.Wait(ctx)); !errors.Is(err, checkpoint.ErrStale) {
		t.Errorf("a rival: %v", err)
	}
	if err := other.Submit(rival.capture()); !errors.Is(err, checkpoint.ErrStale) {
		t.Errorf("a rival goes on: %v", err)
	}
}
