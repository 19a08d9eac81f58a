package link

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// NewMemory makes a file of size zero bytes that is memory and has no name, and
// that nobody can make shorter where the system knows seals. Errors wrap device.ErrMemory.
func NewMemory(size uint64) (*os.File, error) {
	if size == 0 || size > math.MaxInt {
		return nil, fmt.Errorf("%d bytes: %w", size, device.ErrMemory)
	}
	f, err := anonymous()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", device.ErrMemory, err)
	}
	if err := errors.Join(f.Truncate(int64(size)), seal(f)); err != nil {
		return nil, errors.Join(device.ErrMemory, err, f.Close())
	}
	return f, nil
}

// Map maps size bytes of such a file, which it checks to be that long and sealed: memory that
// gets shorter would bring down whoever looks at it.
func Map(f *os.File, size uint64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size == 0 || size > math.MaxInt || info.Size() < 0 || uint64(info.Size()) < size || !sealed(f) {
		return nil, fmt.Errorf("memory of %d bytes for %d: %w", info.Size(), size, device.ErrMemory)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", device.ErrMemory, err)
	}
	return b, nil
}

// Unmap is the end of what Map gave.
func Unmap(b []byte) error { return unix.Munmap(b) }
