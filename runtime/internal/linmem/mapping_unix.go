//go:build unix

package linmem

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// defaultReserve is 4 GiB where pointers have 64 bits, 256 MiB where they have 32.
const defaultReserve = 1 << (28 + 4*(^uintptr(0)>>63))

// mapping is reserved address space, of which a prefix is committed: readable
// and writable. The rest faults.
type mapping struct {
	mem       []byte // the whole reservation
	committed int
}

// reserve takes n bytes of address space, none of them accessible.
func reserve(n int) (*mapping, error) {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_NONE, reserveFlags)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of address space: %w", n, err)
	}
	return &mapping{mem: unsafe.Slice((*byte)(p), n)}, nil
}

// commit makes at least the first n bytes accessible. What was committed before
// stays so: a mapping from the pool that has been this large costs nothing.
func (m *mapping) commit(n int) error {
	if n <= m.committed {
		return nil
	}
	n = min(pageCeil(n), len(m.mem))
	if err := unix.Mprotect(m.mem[m.committed:n], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("commit %d bytes: %w", n, err)
	}
	m.committed = n
	return nil
}

// reset makes the mapping as new: whatever was mapped into it, registered on it
// and committed is gone.
func (m *mapping) reset() error {
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(m.mem)), uintptr(len(m.mem)),
		unix.PROT_NONE, reserveFlags|unix.MAP_FIXED)
	if err != nil {
		return fmt.Errorf("reset %d bytes: %w", len(m.mem), err)
	}
	m.committed = 0
	return nil
}

// release unmaps the whole reservation.
func (m *mapping) release() error {
	if err := unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(m.mem)), uintptr(len(m.mem))); err != nil {
		return fmt.Errorf("unmap %d bytes: %w", len(m.mem), err)
	}
	m.mem, m.committed = nil, 0
	return nil
}

// pageCeil rounds up to the operating system's pages, which may be as large as
// WebAssembly's.
func pageCeil(n int) int {
	page := os.Getpagesize()
	return (n + page - 1) &^ (page - 1)
}
