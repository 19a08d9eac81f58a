package linmem

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// rungs returns the rungs that work here.
func rungs(t testing.TB) []Rung {
	var works []Rung
	for _, proof := range Prove() {
		if proof.Err == nil {
			works = append(works, proof.Rung)
		} else {
			t.Logf("%v does not work here: %v", proof.Rung, proof.Err)
		}
	}
	return works
}

func forEachRung(t *testing.T, f func(t *testing.T, rung Rung)) {
	for _, rung := range rungs(t) {
		t.Run(rung.String(), func(t *testing.T) { f(t, rung) })
	}
}

// checkpoint is a file of n pseudo-random bytes with holes, after skip bytes.
func checkpoint(t testing.TB, skip int64, n int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	buf := make([]byte, n)
	for i := range buf {
		if i>>13&1 == 0 {
			buf[i] = byte(i*7 + i>>8)
		}
	}
	if _, err := f.WriteAt(buf, skip); err != nil {
		t.Fatal(err)
	}
	return f
}

func contents(t testing.TB, f *os.File, off int64, n uint64) []byte {
	t.Helper()
	buf := make([]byte, n)
	if _, err := f.ReadAt(buf, off); err != nil {
		t.Fatal(err)
	}
	return buf
}

// tracked is a memory under test: what it should hold, and the image that its
// Collects rebuild.
type tracked struct {
	mem     *Memory
	tracker *Tracker
	buf     []byte // the guest's view
	model   []byte
	image   []byte
	written map[uint64]bool // pages written since the last Collect
	exact   bool            // no page but these may be reported
}

func (x *tracked) grow(size int) error {
	if x.buf = x.mem.Reallocate(uint64(size)); x.buf == nil {
		return errors.New("refused")
	}
	x.model = append(x.model, make([]byte, size-len(x.model))...)
	x.image = append(x.image, make([]byte, size-len(x.image))...)
	return nil
}

// write puts data at off by the guest or, with a file, by the kernel.
func (x *tracked) write(off int, data []byte, by *os.File) error {
	copy(x.model[off:], data)
	for at := off / TrackSize; at <= (off+len(data)-1)/TrackSize; at++ {
		x.written[uint64(at)*TrackSize] = true
	}
	if by == nil {
		copy(x.buf[off:], data)
		return nil
	}
	if _, err := by.WriteAt(data, 0); err != nil {
		return err
	}
	_, err := by.ReadAt(x.buf[off:off+len(data)], 0)
	return err
}

// check verifies ranges reported by Collect or Peek against what was written.
func (x *tracked) check(got []Range) error {
	if x.exact {
		for i, r := range got {
			if r.Start >= r.End || r.End > uint64(len(x.buf)) || r.Start%TrackSize != 0 || i > 0 && r.Start <= got[i-1].End {
				return fmt.Errorf("range %d of %v is malformed", i, got)
			}
			for at := r.Start; at < r.End; at += TrackSize {
				if !x.written[at] {
					return fmt.Errorf("page %#x was never written", at)
				}
			}
		}
	}
	for at := range x.written {
		same := bytes.Equal(x.model[at:at+TrackSize], x.image[at:at+TrackSize])
		if !same && !contains(got, at) {
			return fmt.Errorf("page %#x was written and not found", at)
		}
	}
	return nil
}

func (x *tracked) collect() error {
	got, err := x.tracker.Collect(nil)
	if err != nil {
		return err
	}
	if err := x.check(got); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	for _, r := range got {
		copy(x.image[r.Start:r.End], x.buf[r.Start:r.End])
	}
	clear(x.written)
	return nil
}

func (x *tracked) finish() error {
	if err := x.collect(); err != nil {
		return err
	}
	if !bytes.Equal(x.image, x.buf) || !bytes.Equal(x.image, x.model) {
		return fmt.Errorf("image differs from memory at %#x, from the model at %#x", mismatch(x.image, x.buf), mismatch(x.image, x.model))
	}
	return x.mem.Close()
}

// TestCollectsRebuildMemory writes at random, as guest and as kernel, grows,
// peeks and collects, over fresh, late-tracked and restored memories: applying
// every Collect to an image must give the memory, and no page may be reported
// that was not written.
func TestCollectsRebuildMemory(t *testing.T) {
	scratch := checkpoint(t, 0, 0)
	const loaded = 8 * PageSize
	ckpt := checkpoint(t, PageSize, loaded)
	for _, cfg := range []Config{{}, {MaxReserve: 2 * PageSize}} {
		forEachRung(t, func(t *testing.T, rung Rung) {
			cfg.Tracking = rung
			p := newPool(t, cfg)
			rapid.Check(t, func(t *rapid.T) { collectsRebuild(t, p, scratch, ckpt, loaded) })
		})
	}
}

func collectsRebuild(t *rapid.T, p *Pool, scratch, ckpt *os.File, loaded int) {
	x := &tracked{written: map[uint64]bool{}}
	const limit = 24 * PageSize
	x.mem = p.NewAllocator(Options{Movable: true}).Allocate(0, limit)
	defer x.mem.Free()
	try := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	x.exact = p.cfg.MaxReserve > limit // a move reports everything
	try(x.grow(rapid.IntRange(1, 16).Draw(t, "pages") * PageSize))
	if rapid.Bool().Draw(t, "written before") {
		try(x.write(len(x.buf)/2, []byte("early"), nil))
	}
	var err error
	if rapid.Bool().Draw(t, "restored") && len(x.buf) >= loaded {
		clear(x.written)
		clear(x.model)
		_, err = ckpt.ReadAt(x.model[:loaded], PageSize)
		try(err)
		copy(x.image, x.model)
		x.tracker, err = x.mem.Restore(ckpt, PageSize, uint64(loaded))
	} else {
		x.tracker, err = x.mem.Track()
	}
	try(err)
	t.Repeat(map[string]func(*rapid.T){
		"write": func(t *rapid.T) {
			off := rapid.IntRange(0, len(x.buf)-1).Draw(t, "off")
			n := min(rapid.SampledFrom([]int{1, 8, 5000, 100000}).Draw(t, "n"), len(x.buf)-off)
			fill := rapid.Byte().Draw(t, "fill") // zero too
			by := rapid.SampledFrom([]*os.File{nil, nil, scratch}).Draw(t, "by")
			try(x.write(off, bytes.Repeat([]byte{fill}, n), by))
		},
		"grow":    func(t *rapid.T) { try(x.grow(min(limit, len(x.buf)+rapid.IntRange(1, 4).Draw(t, "by")*PageSize))) },
		"collect": func(*rapid.T) { try(x.collect()) },
		"peek": func(*rapid.T) {
			got, err := x.tracker.Peek(nil)
			try(err)
			try(x.check(got))
		},
	})
	try(x.finish())
}

func TestQuietMemoryReportsNothing(t *testing.T) {
	forEachRung(t, func(t *testing.T, rung Rung) {
		m := newPool(t, Config{Tracking: rung}).NewAllocator(Options{}).Allocate(0, 4<<20)
		defer m.Free()
		buf := m.Reallocate(1 << 20)
		tr, err := m.Track()
		if err != nil {
			t.Fatal(err)
		}
		buf[5*TrackSize] = 1
		for i, want := range []int{1, 0, 0} {
			if got, err := tr.Collect(nil); len(got) != want || err != nil {
				t.Errorf("collect %d: %v, %v", i, got, err)
			}
		}
	})
}

// TestRestoreReadsAreNotWrites: reading what was loaded reports nothing, before
// and after a write elsewhere.
func TestRestoreReadsAreNotWrites(t *testing.T) {
	ckpt := checkpoint(t, 0, 1<<20)
	forEachRung(t, func(t *testing.T, rung Rung) {
		m := newPool(t, Config{Tracking: rung}).NewAllocator(Options{}).Allocate(0, 4<<20)
		defer m.Free()
		buf := m.Reallocate(1 << 20)
		tr, err := m.Restore(ckpt, 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf, contents(t, ckpt, 0, 1<<20)) {
			t.Fatal("not what the file holds")
		}
		if got, err := tr.Collect(nil); len(got) != 0 || err != nil {
			t.Errorf("after reading: %v, %v", got, err)
		}
		buf[PageSize]++
		if got, err := tr.Collect(nil); len(got) != 1 || got[0].Start != PageSize || err != nil {
			t.Errorf("after writing: %v, %v", got, err)
		}
		if contents(t, ckpt, PageSize, 1)[0] == buf[PageSize] {
			t.Error("the write reached the file")
		}
	})
}

// TestTrackedMemoryLeavesNothing: the mapping of a restored, tracked memory is
// as new for its next user, who is not tracked.
func TestTrackedMemoryLeavesNothing(t *testing.T) {
	ckpt := checkpoint(t, 0, 1<<20)
	forEachRung(t, func(t *testing.T, rung Rung) {
		p := newPool(t, Config{Tracking: rung, MaxIdle: 1})
		for round := range 3 {
			m := p.NewAllocator(Options{}).Allocate(0, 4<<20)
			buf := m.Reallocate(2 << 20)
			if !bytes.Equal(buf, make([]byte, 2<<20)) {
				t.Fatalf("round %d: foreign bytes", round)
			}
			if round == 1 {
				if err := m.Load(ckpt, 0, 1<<20); err != nil {
					t.Fatal(err)
				}
			} else if tr, err := m.Restore(ckpt, 0, 1<<20); err != nil {
				t.Fatal(err)
			} else if buf[1<<20+5] = 1; round == 0 {
				if _, err := tr.Collect(nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			if p.Idle() != 1 {
				t.Fatalf("%d idle", p.Idle())
			}
		}
	})
}

func TestFourGiBTracked(t *testing.T) {
	if maxInt < 4<<30 {
		t.Skip("a slice cannot be that long here")
	}
	for _, rung := range rungs(t) {
		if rung == Compare {
			continue // reads all 8 GiB
		}
		t.Run(rung.String(), func(t *testing.T) {
			m := newPool(t, Config{Tracking: rung}).NewAllocator(Options{}).Allocate(0, 4<<30)
			defer m.Free()
			buf := m.Reallocate(4 << 30)
			tr, err := m.Track()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				want := []uint64{0, 3 << 30, 4<<30 - TrackSize}
				for _, at := range want {
					buf[at]++
				}
				if got, err := tr.Collect(nil); err != nil {
					t.Fatal(err)
				} else if err := checkFound(got, want); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	m := newPool(t, Config{}).NewAllocator(Options{}).Allocate(0, 4<<20)
	m.Reallocate(1 << 20)
	ckpt := checkpoint(t, 0, 1<<20)
	for name, c := range map[string]struct {
		off int64
		n   uint64
	}{
		"beyond the memory": {0, 2 << 20},
		"part of a page":    {0, 4096},
		"negative offset":   {-4096, PageSize},
		"beyond the file":   {PageSize, 1 << 20},
		"far beyond":        {1 << 62, PageSize},
	} {
		if err := m.Load(ckpt, c.off, c.n); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	if err := m.Load(ckpt, 3, PageSize); err != nil { // not mappable, so read
		t.Error("an odd offset:", err)
	}
	if _, err := m.Track(); err != nil {
		t.Fatal(err)
	}
	if err := m.Load(ckpt, 0, PageSize); !errors.Is(err, errTracked) {
		t.Error("loaded while tracked:", err)
	}
	m.Free()
	if err := m.Load(ckpt, 0, PageSize); !errors.Is(err, ErrFreed) {
		t.Error("loaded when freed:", err)
	}
	if _, err := m.Track(); !errors.Is(err, ErrFreed) {
		t.Error("tracked when freed:", err)
	}
}

// TestFreedWhileRead has readers and collectors at memories that are freed
// under them and whose mappings others take over at once.
func TestFreedWhileRead(t *testing.T) {
	forEachRung(t, func(t *testing.T, rung Rung) {
		p := newPool(t, Config{Tracking: rung, MaxIdle: 2})
		for round := range 20 {
			m := p.NewAllocator(Options{}).Allocate(0, 4<<20)
			mark := byte(round + 1)
			for i, buf := 0, m.Reallocate(1<<20); i < len(buf); i += TrackSize {
				buf[i] = mark
			}
			tr, err := m.Track()
			if err != nil {
				t.Fatal(err)
			}
			var wg, running sync.WaitGroup
			running.Add(2)
			wg.Go(func() { readUntilFreed(t, m, mark, running.Done) })
			wg.Go(func() { collectUntilFreed(t, tr, running.Done) })
			running.Wait()
			m.Free()
			wg.Wait()
		}
	})
}

func readUntilFreed(t *testing.T, m *Memory, mark byte, running func()) {
	once := sync.OnceFunc(running)
	defer once()
	var page [TrackSize]byte
	for {
		for off := int64(0); off < 1<<20; off += TrackSize {
			if _, err := m.ReadAt(page[:], off); errors.Is(err, ErrFreed) {
				return
			} else if err != nil || page[0] != mark {
				t.Errorf("read %d at %d, want %d, %v", page[0], off, mark, err)
				return
			}
			once()
		}
	}
}

func collectUntilFreed(t *testing.T, tr *Tracker, running func()) {
	once := sync.OnceFunc(running)
	defer once()
	for {
		if _, err := tr.Collect(nil); errors.Is(err, ErrFreed) {
			return
		} else if err != nil {
			t.Error(err)
			return
		}
		once()
	}
}

// TestLiveCollect collects beside a guest that never stops writing: no write
// may be lost between two Collects, nor in the first one after a restore.
func TestLiveCollect(t *testing.T) {
	ckpt := checkpoint(t, 0, 4<<20)
	forEachRung(t, func(t *testing.T, rung Rung) {
		for range 5 {
			m := newPool(t, Config{Tracking: rung}).NewAllocator(Options{}).Allocate(0, 4<<20)
			defer m.Free()
			buf := m.Reallocate(4 << 20)
			tr, err := m.Restore(ckpt, 0, 4<<20)
			if err != nil {
				t.Fatal(err)
			}
			if !tr.Live() {
				t.Skip("not meant to")
			}
			collectBeside(t, tr, buf, contents(t, ckpt, 0, 4<<20), func() {
				for i := range 1_000_000 {
					buf[i*7919&(4<<20-1)]++
				}
			})
		}
	})
}

// collectBeside runs the guest and keeps image up to date meanwhile.
func collectBeside(t *testing.T, tr *Tracker, buf, image []byte, run func()) {
	collect := func() {
		got, err := tr.Collect(nil)
		if err != nil {
			t.Error(err)
		}
		for _, r := range got {
			copy(image[r.Start:r.End], buf[r.Start:r.End])
		}
	}
	var guest sync.WaitGroup
	done := make(chan struct{})
	guest.Go(func() {
		defer close(done)
		run()
	})
	for running := true; running; {
		collect()
		select {
		case <-done:
			running = false
		default:
		}
	}
	guest.Wait()
	collect()
	if !bytes.Equal(image, buf) {
		t.Errorf("a write was lost at %#x", mismatch(image, buf))
	}
}
