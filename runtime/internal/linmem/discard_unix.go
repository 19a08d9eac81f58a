//go:build unix && !linux

package linmem

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const reserveFlags = unix.MAP_ANON | unix.MAP_PRIVATE

const mapFileFlags = 0

// discard replaces the pages of mem by fresh ones. Outside Linux madvise is
// only advice: it may leave the old bytes.
func discard(mem []byte) error {
	if len(mem) == 0 {
		return nil
	}
	mem = mem[:min(pageCeil(len(mem)), cap(mem))]
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)),
		unix.PROT_READ|unix.PROT_WRITE, reserveFlags|unix.MAP_FIXED)
	if err != nil {
		return fmt.Errorf("replace %d bytes: %w", len(mem), err)
	}
	return nil
}
