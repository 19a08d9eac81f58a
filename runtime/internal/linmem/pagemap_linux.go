package linmem

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The PAGEMAP_SCAN ioctl of Linux 6.7: include/uapi/linux/fs.h and
// Documentation/admin-guide/mm/pagemap.rst.
const (
	ioctlPagemapScan = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg)

	pageIsWritten = 1 << 1 // not write-protected by userfaultfd since it was armed
	pageIsFile    = 1 << 2 // still the file's page, not a copy of our own
	pageIsPresent = 1 << 3
	pageIsSwapped = 1 << 4

	scanProtect    = 1 << 0 // PM_SCAN_WP_MATCHING: write-protect what is reported
	scanCheckAsync = 1 << 1 // PM_SCAN_CHECK_WPASYNC: fail unless armed with WP_ASYNC
)

// pageTouched selects pages that hold bytes: pages in RAM, and pages swapped
// out, which "present" alone would lose.
const pageTouched = pageIsPresent | pageIsSwapped

// pageRegion is struct page_region.
type pageRegion struct {
	start, end uint64 // addresses
	_          uint64 // categories
}

// scanArg is struct pm_scan_arg.
type scanArg struct {
	size, flags                  uint64
	start, end, walkEnd          uint64
	vec, vecLen, maxPages        uint64
	inverted, mask, anyOf, wants uint64
}

// pagemap asks the kernel about this process's pages.
type pagemap struct {
	file    *os.File
	buffers sync.Pool // *[regionBatch]pageRegion
}

const regionBatch = 256

// openPagemap opens /proc/self/pagemap and fails if the kernel cannot scan it
// or does not answer the truth, as under an emulator that moves addresses.
func openPagemap() (*pagemap, error) {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil, fmt.Errorf("open pagemap: %w", err)
	}
	p := &pagemap{file: f}
	p.buffers.New = func() any { return new([regionBatch]pageRegion) }
	if err := p.prove(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// prove has touched pages found: that no byte passes from one memory to the
// next depends on it.
func (p *pagemap) prove() (err error) {
	area, err := reserve(4 * PageSize)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, area.release()) }()
	if err := area.commit(len(area.mem)); err != nil {
		return err
	}
	want := []uint64{0, PageSize, 4*PageSize - TrackSize}
	for _, at := range want {
		area.mem[at] = 1
	}
	var got []Range
	err = p.scan(area.mem, touchedQuery(), func(start, end uint64) bool {
		got = addRange(got, start, end)
		return true
	})
	if err != nil {
		return err
	}
	return checkFound(got, want)
}

func (p *pagemap) close() error { return p.file.Close() }

// scan calls found with the offsets into mem of each run of pages that query
// selects, in order, until found returns false. The query's maxPages bounds
// the pages of one batch, 0 means no bound.
func (p *pagemap) scan(mem []byte, query scanArg, found func(start, end uint64) bool) error {
	buf := p.buffers.Get().(*[regionBatch]pageRegion) // on the heap: the kernel gets its address as a number
	defer p.buffers.Put(buf)
	base := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
	query.size, query.vec, query.vecLen = uint64(unsafe.Sizeof(query)), uint64(uintptr(unsafe.Pointer(buf))), regionBatch
	query.start, query.end = base, base+uint64(len(mem))
	for {
		n, err := p.ioctl(&query)
		if err != nil {
			return err
		}
		for _, r := range buf[:n] {
			if !found(r.start-base, r.end-base) {
				return nil
			}
		}
		if query.walkEnd >= query.end {
			return nil
		}
		if query.walkEnd <= query.start {
			return errors.New("scan pagemap: no progress")
		}
		query.start = query.walkEnd
	}
}

func (p *pagemap) ioctl(query *scanArg) (regions int, err error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, p.file.Fd(), ioctlPagemapScan, uintptr(unsafe.Pointer(query)))
		goruntime.KeepAlive(p)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, fmt.Errorf("scan pagemap: %w", errno)
		}
	}
}

// touchedQuery selects pages that hold bytes.
func touchedQuery() scanArg { return scanArg{anyOf: pageTouched, wants: pageIsPresent} }

// clearTouched clears the pages of mem that hold anything and leaves them in
// RAM. It gives up, and says so, above limit bytes of them.
func (p *pagemap) clearTouched(mem []byte, limit uint64) bool {
	var sum uint64
	query := touchedQuery()
	query.maxPages = limit/uint64(os.Getpagesize()) + 1
	err := p.scan(mem, query, func(start, end uint64) bool {
		if sum += end - start; sum <= limit {
			clear(mem[start:end])
		}
		return sum <= limit
	})
	return err == nil && sum <= limit
}
