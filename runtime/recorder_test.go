package runtime

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/runtime/internal/linmem"
)

// TestOverlay compares pieces laid over each other with a plain copy.
func TestOverlay(t *testing.T) {
	const pages, page = 24, 4
	rapid.Check(t, func(t *rapid.T) {
		var arena []byte
		var pieces []piece
		want := make([]byte, pages*page)
		rounds := rapid.IntRange(1, 6).Draw(t, "rounds")
		for round := range rounds {
			var ranges []linmem.Range
			for at := uint64(0); at < pages; {
				at += uint64(rapid.IntRange(0, 6).Draw(t, "gap"))
				end := min(at+uint64(rapid.IntRange(1, 5).Draw(t, "length")), pages)
				if at < end {
					ranges = append(ranges, linmem.Range{Start: at * page, End: end * page})
				}
				at = end + 1
			}
			var fresh []piece
			for _, g := range ranges {
				fresh = append(fresh, piece{g.Start, g.End, len(arena)})
				arena = append(arena, bytes.Repeat([]byte{byte(round + 1)}, int(g.End-g.Start))...)
				copy(want[g.Start:], arena[len(arena)-int(g.End-g.Start):])
			}
			pieces = overlay(pieces, fresh)
		}
		got, end := make([]byte, len(want)), uint64(0)
		for _, p := range pieces {
			if p.start < end || p.start >= p.end {
				t.Fatalf("pieces %v out of order", pieces)
			}
			end = p.end
			copy(got[p.start:p.end], arena[p.off:])
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("pieces %v make\n%v, want\n%v", pieces, got, want)
		}
	})
}

// However often memory is copied ahead of a capture, the copies stay in bounds.
func TestPrecopyIsBounded(t *testing.T) {
	const size = 1 << 20
	i, err := load(t, newEngine(t, Config{}), touchModule(size)).Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for n := range uint64(50) {
		if _, err := i.Call(t.Context(), "touch", n, 300); err != nil {
			t.Fatal(err)
		}
		if err := i.Precopy(); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, size)
	for _, r := range capture(t, i).Dirty {
		copy(got[r.Start:], r.Bytes)
	}
	if !bytes.Equal(got, i.Memory()) {
		t.Error("captures do not make up the memory")
	}
	if n := len(i.recorder.last.arena); n > 2*size+size {
		t.Errorf("%d bytes of copies of %d", n, size)
	}
}

// TestTakenBack captures, copies ahead and takes captures back in any order: those
// that stay make up the memory, and each is as it was until the second after it.
func TestTakenBack(t *testing.T) {
	const size = 1 << 18
	m := load(t, newEngine(t, Config{}), touchModule(size))
	rapid.Check(t, func(t *rapid.T) {
		i, err := m.Instantiate(context.Background(), Task{})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		got := make([]byte, size)
		var last []checkpoint.Run // being written, while the next is taken
		var seed uint64
		ahead := func() {
			seed++
			if _, err := i.Call(context.Background(), "touch", seed, 3); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "ahead") {
				if err := i.Precopy(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "captures") {
			ahead()
			c, err := i.Capture()
			if err != nil {
				t.Fatal(err)
			}
			ahead()
			if rapid.Bool().Draw(t, "refused") {
				i.Uncapture()
				continue
			}
			for _, r := range last {
				copy(got[r.Start:], r.Bytes)
			}
			last = c.Dirty
		}
		c, err := i.Capture()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range slices.Concat(last, c.Dirty) {
			copy(got[r.Start:], r.Bytes)
		}
		if !bytes.Equal(got, i.Memory()) {
			t.Fatal("captures do not make up the memory")
		}
	})
}

// TestClosedWhileCopied frees an instance whose memory is being copied ahead.
func TestClosedWhileCopied(t *testing.T) {
	m := load(t, newEngine(t, Config{}), touchModule(1<<18))
	for range 2000 {
		i, err := m.Instantiate(t.Context(), Task{})
		if err != nil {
			t.Fatal(err)
		}
		begun, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			close(begun)
			for range 3 {
				_ = i.Precopy() // fails once the memory is gone
			}
		}()
		<-begun
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
		<-done
	}
}
