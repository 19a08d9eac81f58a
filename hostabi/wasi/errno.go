package wasi

// errno is a WASI preview 1 error number (witx typename $errno).
type errno uint16

const (
	success     errno = 0
	e2big       errno = 1
	eacces      errno = 2
	eagain      errno = 6
	ebadf       errno = 8
	ebusy       errno = 10
	eexist      errno = 20
	efault      errno = 21
	efbig       errno = 22
	eilseq      errno = 25
	eintr       errno = 27
	einval      errno = 28
	eio         errno = 29
	eisdir      errno = 31
	eloop       errno = 32
	emfile      errno = 33
	emlink      errno = 34
	enametool   errno = 37
	enoent      errno = 44
	enospc      errno = 51
	enosys      errno = 52
	enotdir     errno = 54
	enotempty   errno = 55
	enotsock    errno = 57
	enotsup     errno = 58
	eoverflow   errno = 61
	eperm       errno = 63
	epipe       errno = 64
	erofs       errno = 69
	espipe      errno = 70
	enotcapable errno = 76

	errnoMax = enotcapable
)
