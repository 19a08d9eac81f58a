package linmem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// privateMapping keeps the last collected state of every memory in one sparse
// memfd, each at the offset that is its own address, and maps it privately: a
// page that is the process's own, not the file's, has been written since.
type privateMapping struct {
	image   *os.File
	pagemap *os.File
	pages   *pagemap // nil before Linux 6.7: read entry by entry
}

func newPrivateMapping() (method, error) {
	pagemap, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil, fmt.Errorf("open pagemap: %w", err)
	}
	image, err := anonymousFile("godwit-memories")
	if err != nil {
		return nil, errors.Join(err, pagemap.Close())
	}
	p := &privateMapping{image: image, pagemap: pagemap}
	if pages, err := openPagemap(); err == nil {
		p.pages = pages
	}
	return p, nil
}

func (p *privateMapping) close() error {
	errs := []error{p.image.Close(), p.pagemap.Close()}
	if p.pages != nil {
		errs = append(errs, p.pages.close())
	}
	return errors.Join(errs...)
}

func (p *privateMapping) watch(m *mapping, src *source) (watcher, error) {
	w := &privatelyMapped{method: p, at: int64(uintptr(unsafe.Pointer(unsafe.SliceData(m.mem))))}
	if src != nil && !src.copied {
		w.loaded = src.n
	}
	return w, nil
}

type privatelyMapped struct {
	method *privateMapping
	at     int64 // offset in the image
	loaded int   // prefix mapped from elsewhere until the first scan that re-arms
	mapped int   // prefix mapped from the image
}

// close gives the image's pages back.
func (w *privatelyMapped) close() error {
	if w.mapped == 0 {
		return nil
	}
	return unix.Fallocate(int(w.method.image.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, w.at, int64(w.mapped))
}

func (w *privatelyMapped) scan(dst []Range, mem []byte, rearm bool) ([]Range, error) {
	first := len(dst)
	dst, err := w.method.own(dst, mem)
	if err != nil || !rearm {
		return dst, err
	}
	return dst, w.rearm(mem, dst[first:])
}

// rearm writes what was found to the image and makes those pages the image's
// again. Reading the memory meanwhile is harmless, writing it is not.
func (w *privatelyMapped) rearm(mem []byte, found []Range) error {
	if err := w.store(mem, 0, w.loaded); err != nil {
		return err
	}
	for _, r := range found {
		if err := w.store(mem, max(int(r.Start), w.loaded), int(r.End)); err != nil {
			return err
		}
	}
	w.loaded = 0
	for _, r := range found {
		if start, end := int(r.Start), min(int(r.End), w.mapped); start < end {
			if err := unix.Madvise(mem[start:end], unix.MADV_DONTNEED); err != nil {
				return fmt.Errorf("drop private pages: %w", err)
			}
		}
	}
	return w.extend(mem)
}

func (w *privatelyMapped) store(mem []byte, start, end int) error {
	if start >= end {
		return nil
	}
	if _, err := w.method.image.WriteAt(mem[start:end], w.at+int64(start)); err != nil {
		return fmt.Errorf("write memory image: %w", err)
	}
	return nil
}

// extend maps from the image what has been added since the last time.
func (w *privatelyMapped) extend(mem []byte) error {
	if len(mem) <= w.mapped {
		return nil
	}
	end := w.at + int64(len(mem))
	if info, err := w.method.image.Stat(); err != nil {
		return err
	} else if info.Size() < end {
		if err := w.method.image.Truncate(end); err != nil {
			return fmt.Errorf("extend memory image: %w", err)
		}
	}
	if err := mapFile(mem[w.mapped:], w.method.image, w.at+int64(w.mapped)); err != nil {
		return err
	}
	w.mapped = len(mem)
	return nil
}

// own appends the pages of mem that are the process's own.
func (p *privateMapping) own(dst []Range, mem []byte) ([]Range, error) {
	if p.pages == nil {
		return readOwn(dst, p.pagemap, mem)
	}
	query := scanArg{mask: pageIsFile, inverted: pageIsFile, anyOf: pageTouched, wants: pageIsPresent}
	err := p.pages.scan(mem, query, func(start, end uint64) bool {
		dst = addRange(dst, start, end)
		return true
	})
	return dst, err
}

// Bits of a pagemap entry: Documentation/admin-guide/mm/pagemap.rst.
const (
	entryFile    = 1 << 61
	entrySwapped = 1 << 62
	entryPresent = 1 << 63
)

// readOwn is own for kernels that cannot scan: it reads 8 bytes a page.
func readOwn(dst []Range, pagemap *os.File, mem []byte) ([]Range, error) {
	page := uint64(os.Getpagesize())
	base := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
	buf := make([]byte, 64<<10)
	for at := uint64(0); at < uint64(len(mem)); at += uint64(len(buf)) / 8 * page {
		n := min((uint64(len(mem))-at+page-1)/page*8, uint64(len(buf)))
		if _, err := pagemap.ReadAt(buf[:n], int64((base+at)/page*8)); err != nil {
			return dst, fmt.Errorf("read pagemap: %w", err)
		}
		for i := uint64(0); i < n; i += 8 {
			entry := binary.NativeEndian.Uint64(buf[i:])
			if entry&(entryPresent|entrySwapped) != 0 && entry&entryFile == 0 {
				dst = addRange(dst, at+i/8*page, at+(i/8+1)*page)
			}
		}
	}
	return dst, nil
}
