package linmem

import (
	"errors"
	"fmt"
	goruntime "runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// userfaultfd: include/uapi/linux/userfaultfd.h and
// Documentation/admin-guide/mm/userfaultfd.rst.
const (
	uffdUserModeOnly = 1 // UFFD_USER_MODE_ONLY: all that the unprivileged may have

	ioctlUffdAPI      = 0xc018aa3f // UFFDIO_API
	ioctlUffdRegister = 0xc020aa00 // UFFDIO_REGISTER

	uffdAPI           = 0xaa
	uffdWPUnpopulated = 1 << 13 // UFFD_FEATURE_WP_UNPOPULATED, which WP_ASYNC implies
	uffdWPAsync       = 1 << 15 // UFFD_FEATURE_WP_ASYNC: the kernel lifts protection by itself
	uffdModeWP        = 1 << 1  // UFFDIO_REGISTER_MODE_WP
)

type uffdioAPI struct{ api, features, ioctls uint64 }
type uffdioRegister struct{ start, len, mode, ioctls uint64 }

// writeProtect is one userfaultfd for all memories of a pool. No fault is ever
// delivered to it: with WP_ASYNC the kernel lifts the protection at the first
// write, and a page without protection is a written one.
type writeProtect struct {
	fd    int
	pages *pagemap
}

func newWriteProtect() (method, error) {
	pages, err := openPagemap()
	if err != nil {
		return nil, err
	}
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK|uffdUserModeOnly, 0, 0)
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("userfaultfd: %w", errno), pages.close())
	}
	w := &writeProtect{fd: int(fd), pages: pages}
	api := uffdioAPI{api: uffdAPI, features: uffdWPAsync | uffdWPUnpopulated}
	if err := w.ioctl(ioctlUffdAPI, unsafe.Pointer(&api)); err != nil {
		return nil, errors.Join(fmt.Errorf("userfaultfd features: %w", err), w.close())
	}
	return w, nil
}

func (w *writeProtect) close() error { return errors.Join(unix.Close(w.fd), w.pages.close()) }

func (w *writeProtect) ioctl(request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.fd), request, uintptr(arg))
		goruntime.KeepAlive(w)
		switch errno {
		case 0:
			return nil
		case unix.EINTR, unix.EAGAIN:
		default:
			return errno
		}
	}
}

// watch registers the whole reservation, so growth needs nothing more: a page
// that appears later appears unprotected, that is written.
func (w *writeProtect) watch(m *mapping, src *source) (watcher, error) {
	reg := uffdioRegister{
		start: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(m.mem)))),
		len:   uint64(len(m.mem)),
		mode:  uffdModeWP,
	}
	if err := w.ioctl(ioctlUffdRegister, unsafe.Pointer(&reg)); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	p := &writeProtected{pages: w.pages}
	if src != nil && !src.copied {
		p.loaded = src.n
	}
	return p, nil
}

type writeProtected struct {
	pages  *pagemap
	loaded int // prefix mapped from a file, of which no page is protected yet
}

// close has nothing to do: the registration ends with the mapping.
func (*writeProtected) close() error { return nil }

// scan asks for pages without protection that hold bytes. Pages never touched
// have none either but hold what they always did, so nothing needs protecting
// at the start. Protecting what is reported is one step with reporting it, so
// that no write of a running guest falls between.
func (w *writeProtected) scan(dst []Range, mem []byte, rearm bool) ([]Range, error) {
	query := scanArg{mask: pageIsWritten, anyOf: pageTouched, wants: pageIsWritten, flags: scanCheckAsync}
	if rearm {
		query.flags |= scanProtect
	}
	n := min(w.loaded, len(mem))
	dst, err := w.scanLoaded(dst, mem[:n], query)
	if err != nil {
		return dst, err
	}
	err = w.pages.scan(mem[n:], query, func(start, end uint64) bool {
		dst = addRange(dst, uint64(n)+start, uint64(n)+end)
		return true
	})
	return dst, err
}

// scanLoaded scans what was mapped from a file and never protected: there the
// pages no longer the file's are the written ones. The kernel looks at each
// page to tell, which takes ten times as long, so the first scan that re-arms
// protects the others too: a load costs nothing until then.
func (w *writeProtected) scanLoaded(dst []Range, mem []byte, query scanArg) ([]Range, error) {
	if len(mem) == 0 {
		return dst, nil
	}
	query.mask, query.inverted = pageIsWritten|pageIsFile, pageIsFile
	err := w.pages.scan(mem, query, func(start, end uint64) bool {
		dst = addRange(dst, start, end)
		return true
	})
	if err != nil || query.flags&scanProtect == 0 {
		return dst, err
	}
	for _, rest := range []scanArg{
		{mask: pageIsFile},                         // read
		{mask: pageTouched, inverted: pageTouched}, // not touched
	} {
		rest.flags, rest.wants = query.flags, pageIsPresent
		if err := w.pages.scan(mem, rest, func(_, _ uint64) bool { return true }); err != nil {
			return dst, err
		}
	}
	w.loaded = 0
	return dst, nil
}
