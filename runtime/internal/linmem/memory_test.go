package linmem

import (
	"errors"
	"io"
	"slices"
	"testing"
	"unsafe"
)

func TestGrowIsAsked(t *testing.T) {
	type ask struct{ have, want uint64 }
	var asked []ask
	var total uint64
	grow := func(have, want uint64) bool {
		asked = append(asked, ask{have, want})
		if total+want-have > 3*PageSize {
			return false
		}
		total += want - have
		return true
	}
	a := newPool(t, Config{}).NewAllocator(Options{Grow: grow})
	defer a.Close()
	one, two := a.Allocate(0, 4<<30), a.Allocate(0, 4<<30)
	for i, step := range []struct {
		mem  *Memory
		size uint64
		ok   bool
	}{
		{one, 0, true},
		{one, PageSize, true},
		{two, 2 * PageSize, true},
		{one, 2 * PageSize, false}, // the sum over both is reached
		{one, PageSize, true},      // no growth, not asked
		{two, 1 << 30, false},
	} {
		if buf := step.mem.Reallocate(step.size); (buf != nil) != step.ok || buf != nil && len(buf) != int(step.size) {
			t.Errorf("step %d: Reallocate(%d) has length %d", i, step.size, len(buf))
		}
	}
	want := []ask{{0, PageSize}, {0, 2 * PageSize}, {PageSize, 2 * PageSize}, {2 * PageSize, 1 << 30}}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if one.Size() != PageSize || two.Size() != 2*PageSize || a.Peak() != 3*PageSize {
		t.Errorf("sizes %d and %d, peak %d", one.Size(), two.Size(), a.Peak())
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if one.Size() != 0 || a.Peak() != 3*PageSize {
		t.Errorf("after Close: size %d, peak %d", one.Size(), a.Peak())
	}
}

// TestGrowRolledBack: what the system refuses is taken off the caller's count.
func TestGrowRolledBack(t *testing.T) {
	var total uint64
	grow := func(have, want uint64) bool { total += want - have; return true }
	m := newPool(t, Config{MaxReserve: PageSize}).NewAllocator(Options{Grow: grow}).Allocate(0, 1<<20)
	defer m.Free()
	if m.Reallocate(PageSize) == nil || m.Reallocate(2*PageSize) != nil {
		t.Fatal("want one page and no more")
	}
	if total != PageSize {
		t.Errorf("counted %d bytes, want %d", total, PageSize)
	}
}

func TestBaseNeverMoves(t *testing.T) {
	m := newPool(t, Config{}).NewAllocator(Options{}).Allocate(0, 64<<20)
	defer m.Free()
	base := unsafe.SliceData(m.Reallocate(0))
	for size := uint64(PageSize); size <= 64<<20; size *= 2 {
		buf := m.Reallocate(size)
		if unsafe.SliceData(buf) != base {
			t.Fatalf("moved at %d bytes", size)
		}
		buf[size-1] = 1
	}
}

func TestMoveKeepsStaleViewsMapped(t *testing.T) {
	m := newPool(t, Config{MaxReserve: PageSize}).NewAllocator(Options{Movable: true}).Allocate(0, 1<<20)
	defer m.Free()
	stale := m.Reallocate(PageSize)
	stale[7] = 42
	buf := m.Reallocate(5 * PageSize)
	if buf == nil || buf[7] != 42 {
		t.Fatal("the move lost a byte")
	}
	if stale[7] != 0 && stale[7] != 42 { // must not fault
		t.Errorf("stale view reads %d", stale[7])
	}
}

func TestFourGiB(t *testing.T) {
	if maxInt < 4<<30 {
		t.Skip("a slice cannot be that long here")
	}
	p := newPool(t, Config{})
	m := p.NewAllocator(Options{}).Allocate(4<<30, 4<<30)
	buf := m.Reallocate(4 << 30)
	if uint64(len(buf)) != 4<<30 {
		t.Fatalf("length %d", len(buf))
	}
	end := uint64(4<<30 - 1)
	buf[0], buf[end] = 1, 1
	if m.Reallocate(4<<30+1) != nil {
		t.Error("grew above its maximum")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	again := p.NewAllocator(Options{}).Allocate(0, 4<<30)
	defer again.Free()
	if buf := again.Reallocate(4 << 30); buf[0] != 0 || buf[end] != 0 {
		t.Error("foreign bytes")
	}
}

func TestFreed(t *testing.T) {
	p := newPool(t, Config{})
	m := p.NewAllocator(Options{}).Allocate(0, 1<<20)
	m.Reallocate(PageSize)
	m.Free()
	m.Free()
	if p.Idle() != 1 {
		t.Errorf("%d idle mappings after freeing one twice", p.Idle())
	}
	if m.Reallocate(PageSize) != nil {
		t.Error("a freed memory grew")
	}
	if _, err := m.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrFreed) {
		t.Errorf("ReadAt: %v", err)
	}
}

func TestReadAt(t *testing.T) {
	m := newPool(t, Config{}).NewAllocator(Options{}).Allocate(0, 1<<20)
	defer m.Free()
	copy(m.Reallocate(PageSize)[PageSize-3:], "abc")
	got, err := io.ReadAll(io.NewSectionReader(m, PageSize-3, 10))
	if string(got) != "abc" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	for _, off := range []int64{-1, PageSize, 1 << 62} {
		if n, err := m.ReadAt(make([]byte, 1), off); n != 0 || err == nil {
			t.Errorf("ReadAt(%d) = %d, %v", off, n, err)
		}
	}
}
