//go:build unix

package linmem

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFile puts a private mapping of file at off in the place of mem, which
// starts and ends between pages of a mapping. It returns errors.ErrUnsupported
// if off lies within a page.
func mapFile(mem []byte, file *os.File, off int64) error {
	if off%int64(os.Getpagesize()) != 0 {
		return errors.ErrUnsupported
	}
	_, err := unix.MmapPtr(int(file.Fd()), off, unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED|mapFileFlags)
	if err != nil {
		return fmt.Errorf("map %d bytes of %s: %w", len(mem), file.Name(), err)
	}
	return nil
}
