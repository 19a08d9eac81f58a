package linmem

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// source is what a memory was loaded with: n bytes at off of file.
type source struct {
	file *os.File
	off  int64
	n    int

	copied bool // the bytes were read, not mapped
}

// Load replaces the memory's contents by n bytes of file at off, and zeroes
// above. Where the file can be mapped (Unix, off a multiple of the system's
// page) its pages are private copies made at the first write, so loading costs
// microseconds whatever n is; the file may be closed, renamed or removed
// afterwards, but for as long as the memory lives nobody may write to it or
// shorten it: the guest would see the one and the process die of the other.
// Otherwise the bytes are read. n is a multiple of PageSize, at most the length.
// After an error the contents are undefined.
func (m *Memory) Load(file *os.File, off int64, n uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.load(file, off, n)
	return err
}

// Restore is Load and Track in one: what was loaded does not count as written.
func (m *Memory) Restore(file *os.File, off int64, n uint64) (*Tracker, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	src, err := m.load(file, off, n)
	if err != nil {
		return nil, err
	}
	return m.track(src)
}

func (m *Memory) load(file *os.File, off int64, n uint64) (*source, error) {
	size := m.size.Load()
	switch {
	case m.mapping == nil:
		return nil, ErrFreed
	case m.watcher != nil:
		return nil, errTracked
	case n > size || n%PageSize != 0 || off < 0:
		return nil, errRange
	}
	src := &source{file: file, off: off, n: int(n)}
	err := src.check()
	if err != nil {
		return nil, err
	}
	m.dirtyMapping = true
	if err := discard(m.mapping.mem[n:size]); err != nil {
		return nil, err
	}
	if src.copied, err = src.into(m.mapping.mem); err != nil {
		return nil, err
	}
	return src, nil
}

// check refuses a file that is too short: touching a mapping beyond its end
// kills the process.
func (s *source) check() error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("load linear memory: %w", err)
	}
	if info.Size() < s.off || info.Size()-s.off < int64(s.n) {
		return fmt.Errorf("load %d bytes at %d of %s: %w", s.n, s.off, s.file.Name(), io.ErrUnexpectedEOF)
	}
	return nil
}

// into puts the bytes at the start of mem, which is readable and writable
// there, and tells whether it had to copy them.
func (s *source) into(mem []byte) (copied bool, err error) {
	if s.n == 0 {
		return false, nil
	}
	err = mapFile(mem[:s.n], s.file, s.off)
	if !errors.Is(err, errors.ErrUnsupported) {
		return false, err
	}
	if _, err := s.file.ReadAt(mem[:s.n], s.off); err != nil {
		return true, fmt.Errorf("load linear memory: %w", err)
	}
	return true, nil
}
