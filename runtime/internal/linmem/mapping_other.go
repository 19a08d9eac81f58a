//go:build !unix

package linmem

// defaultReserve is small: here a reservation is memory of the Go heap.
const defaultReserve = 1 << 20

// mapping is a Go slice where there is no mmap.
type mapping struct {
	mem       []byte
	committed int
}

func reserve(n int) (*mapping, error) { return &mapping{mem: make([]byte, n)}, nil }

func (m *mapping) commit(n int) error {
	m.committed = max(m.committed, n)
	return nil
}

func (m *mapping) reset() error {
	clear(m.mem)
	m.committed = 0
	return nil
}

func discard(mem []byte) error {
	clear(mem)
	return nil
}

func (m *mapping) release() error {
	m.mem, m.committed = nil, 0
	return nil
}
