package linmem

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// ErrFreed is returned by what reads a memory that has been freed.
var ErrFreed = errors.New("linear memory is freed")

// Memory is one linear memory: the experimental.LinearMemory of wazero.
// Reallocate belongs to the instance's goroutine; everything else may be called
// from any.
type Memory struct {
	pool *Pool
	opts Options
	max  uint64 // bytes it may ever have

	size, peak atomic.Uint64

	mu         sync.RWMutex // write: change or give back mapping; read: keep it
	mapping    *mapping     // nil when freed or never had
	reserveErr error        // why it never had one
	retired    []*mapping   // left behind by moves, kept for stale views
	err        error        // what went wrong on freeing

	watcher      watcher // nil unless tracked
	dirtyMapping bool    // more was done to mapping than committing and writing
}

// Size returns the length in bytes, 0 when freed.
func (m *Memory) Size() uint64 { return m.size.Load() }

// Peak returns the largest length it ever had, in bytes. It outlives Free.
func (m *Memory) Peak() uint64 { return m.peak.Load() }

// Err returns why the memory could not be reserved, if so.
func (m *Memory) Err() error { return m.reserveErr }

// Reallocate sets the length to size bytes and returns the memory, whose new
// bytes are zero, or nil if the Grow callback or the operating system refuses,
// if size is above the maximum, or if the memory is freed: then nothing has
// changed. Size 0 returns an empty slice that has the base address.
func (m *Memory) Reallocate(size uint64) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mapping == nil || size > m.max || size > maxInt {
		return nil
	}
	have := m.size.Load()
	if size > have && !m.grow(have, size) {
		return nil
	}
	if size < have { // wasm never shrinks; whoever does finds zeroes on growing again
		clear(m.mapping.mem[size:have])
	}
	m.size.Store(size)
	m.peak.Store(max(size, m.peak.Load()))
	return m.mapping.mem[:size:size]
}

// grow makes want bytes accessible, after asking.
func (m *Memory) grow(have, want uint64) bool {
	if m.opts.Grow != nil && !m.opts.Grow(have, want) {
		return false
	}
	if m.extend(have, want) == nil {
		return true
	}
	if m.opts.Grow != nil {
		m.opts.Grow(want, have)
	}
	return false
}

var errFixed = errors.New("reservation exhausted and the memory may not move")

func (m *Memory) extend(have, want uint64) error {
	if want <= uint64(len(m.mapping.mem)) {
		return m.mapping.commit(int(want))
	}
	if !m.opts.Movable {
		return errFixed
	}
	return m.move(have, want)
}

// move copies the memory into a larger reservation. The old addresses stay
// mapped until Free, since a host function may still hold a view of them: it
// finds stale bytes or zeroes, not a fault that ends the process.
func (m *Memory) move(have, want uint64) error {
	next, err := m.pool.reserve(want, int(min(powerOfTwo(want), m.max, maxInt)))
	if err != nil {
		return err
	}
	if err := next.commit(int(want)); err != nil {
		return errors.Join(err, next.release())
	}
	copy(next.mem, m.mapping.mem[:have])
	if err := m.rewatch(next); err != nil {
		return errors.Join(err, next.release())
	}
	old := m.mapping
	m.mapping, m.retired = next, append(m.retired, old)
	return discard(old.mem[:m.peak.Load()])
}

// rewatch moves tracking to next, where everything counts as written.
func (m *Memory) rewatch(next *mapping) error {
	if m.watcher == nil {
		return nil
	}
	if _, ok := m.watcher.(mover); ok {
		return nil
	}
	method, _, err := m.pool.tracking()
	if err != nil {
		return err
	}
	w, err := method.watch(next, nil)
	if err != nil {
		return err
	}
	old := m.watcher
	m.watcher = w
	return old.close()
}

// Free gives the memory back. Slices of it must not be used any more: the next
// instance writes there. Freeing twice is harmless.
func (m *Memory) Free() { _ = m.Close() } // Close remembers its error for whoever asks

// Close is Free for those who want to know whether it worked. It waits for
// View and ReadAt to return.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mapping == nil {
		return m.err
	}
	errs := []error{m.giveBack()}
	for _, old := range m.retired {
		errs = append(errs, old.release())
	}
	m.mapping, m.retired, m.err = nil, nil, errors.Join(errs...)
	m.pool.dismiss()
	m.size.Store(0)
	return m.err
}

// giveBack returns the mapping to the pool in the state the pool wants.
func (m *Memory) giveBack() error {
	if !m.dirtyMapping {
		return m.pool.give(m.mapping, int(m.peak.Load()))
	}
	var err error
	if m.watcher != nil {
		err = m.watcher.close()
		m.watcher = nil
	}
	if err := errors.Join(err, m.mapping.reset()); err != nil {
		return errors.Join(err, m.mapping.release())
	}
	return m.pool.give(m.mapping, 0)
}

// View calls f with the memory's bytes, which stay mapped, and at this address,
// until f returns: meanwhile Reallocate and Free wait. The guest may be writing.
func (m *Memory) View(f func(mem []byte) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.mapping == nil {
		return ErrFreed
	}
	return f(m.mapping.mem[:m.size.Load()])
}

// ReadAt implements io.ReaderAt over the memory's bytes.
func (m *Memory) ReadAt(dst []byte, off int64) (n int, err error) {
	err = m.View(func(mem []byte) error {
		if off < 0 {
			return errors.New("negative offset into linear memory")
		}
		if uint64(off) < uint64(len(mem)) {
			n = copy(dst, mem[off:])
		}
		if n < len(dst) {
			return io.EOF
		}
		return nil
	})
	return n, err
}
