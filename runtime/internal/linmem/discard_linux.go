package linmem

import "golang.org/x/sys/unix"

const reserveFlags = unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_NORESERVE

const mapFileFlags = unix.MAP_NORESERVE

// discard gives the pages of mem back; they read as zero afterwards, which
// Linux promises for private anonymous mappings (madvise(2), MADV_DONTNEED).
// It refuses locked pages (mlockall): those are cleared.
func discard(mem []byte) error {
	if len(mem) == 0 {
		return nil
	}
	mem = mem[:min(pageCeil(len(mem)), cap(mem))]
	if unix.Madvise(mem, unix.MADV_DONTNEED) != nil {
		clear(mem)
	}
	return nil
}
