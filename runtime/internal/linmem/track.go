package linmem

import (
	"errors"
	"fmt"
	"sync"
)

// TrackSize is the granularity of dirty tracking in bytes. Where the operating
// system's pages are larger, whole ones of those are reported.
const TrackSize = 4096

// Range is a run of bytes of a memory, [Start, End), both multiples of
// TrackSize.
type Range struct{ Start, End uint64 }

// addRange appends [start, end) to dst, joined with the last range if they touch.
func addRange(dst []Range, start, end uint64) []Range {
	if n := len(dst); n > 0 && dst[n-1].End == start {
		dst[n-1].End = end
		return dst
	}
	return append(dst, Range{start, end})
}

var (
	errTracked = errors.New("linear memory is tracked already")
	errRange   = errors.New("not a whole number of WebAssembly pages within the linear memory")
)

// Tracker tells which pages of one memory have been written. It ends when the
// memory is freed.
type Tracker struct {
	mem  *Memory
	rung Rung
	mu   sync.Mutex // one scan at a time
}

// Track starts tracking. What the memory holds already counts as written: the
// first Collect reports, counted from a memory of zeroes, all that differs.
func (m *Memory) Track() (*Tracker, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.track(nil)
}

// track makes the watcher. src is what the memory has just been loaded with,
// and does not count as written.
func (m *Memory) track(src *source) (*Tracker, error) {
	switch {
	case m.mapping == nil:
		return nil, ErrFreed
	case m.watcher != nil:
		return nil, errTracked
	}
	method, rung, err := m.pool.tracking()
	if err != nil {
		return nil, err
	}
	w, err := method.watch(m.mapping, src)
	if err == nil && src != nil && src.copied {
		_, err = w.scan(nil, m.mapping.mem[:m.size.Load()], true)
	}
	m.watcher, m.dirtyMapping = w, true
	if err != nil {
		return nil, fmt.Errorf("track linear memory by %v: %w", rung, err)
	}
	return &Tracker{mem: m, rung: rung}, nil
}

// Rung returns how the pages are found.
func (t *Tracker) Rung() Rung { return t.rung }

// Live tells whether Collect may run while the guest does. Where it may not,
// writes during a Collect can be lost.
func (t *Tracker) Live() bool { return t.rung == WriteProtect }

// Collect appends to dst the pages written since the last Collect (the first
// one: since the memory was all zero, or since Restore), in ascending order,
// and starts anew. It may report pages that were only read or were written
// with what they held, never too few. Read the pages after Collect, not before: with a
// running guest (see Live) a page may be newer than the Collect that reports
// it, and is then reported again. Must not be called from inside View.
func (t *Tracker) Collect(dst []Range) ([]Range, error) { return t.scan(dst, true) }

// Peek is Collect that changes nothing: the same pages will be reported again.
func (t *Tracker) Peek(dst []Range) ([]Range, error) { return t.scan(dst, false) }

func (t *Tracker) scan(dst []Range, rearm bool) (got []Range, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	got = dst
	err = t.mem.View(func(mem []byte) error {
		got, err = t.mem.watcher.scan(dst, mem, rearm)
		return err
	})
	return got, err
}
