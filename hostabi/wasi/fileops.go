package wasi

import "math"

// Whence of fd_seek (witx typename $whence).
const (
	whenceSet = iota
	whenceCurrent
	whenceEnd
	whenceCount
)

// fdSeek is fd_seek(fd, offset, whence, result *filesize). ESPIPE on a standard
// stream. No price.
func (c call) fdSeek(a []uint64) errno {
	offset, whence := int64(a[1]), uint32(a[2])
	if whence >= whenceCount {
		return einval
	}
	whence = c.abi.whence[whence]
	needs := rightFdSeek
	if offset == 0 && whence == whenceCurrent {
		needs = rightFdTell
	}
	d, e := c.offsetOf(a[0], needs)
	if e != success {
		return e
	}
	from := uint64(0)
	switch whence {
	case whenceCurrent:
		from = d.Offset
	case whenceEnd:
		from = c.nodeOf(d).size()
	}
	to := int64(from) + offset
	if to < 0 {
		return einval // before the start, or past the last offset there is
	}
	if e := c.mem.put64(uint32(a[3]), uint64(to)); e != success {
		return e
	}
	d.Offset = uint64(to)
	return success
}

// fdTell is fd_tell(fd, result *filesize). No price.
func (c call) fdTell(a []uint64) errno {
	d, e := c.offsetOf(a[0], rightFdTell)
	if e != success {
		return e
	}
	return c.mem.put64(uint32(a[1]), d.Offset)
}

// offsetOf is a descriptor that has an offset. A right to seek is also one to
// tell.
func (c call) offsetOf(fd, rights uint64) (*Descriptor, errno) {
	d, e := c.descriptor(uint32(fd), 0)
	switch {
	case e != success:
		return nil, e
	case d.Kind != File:
		return nil, espipe
	case c.nodeOf(d).Type == Directory:
		return nil, eisdir
	case d.Rights&rights == 0 && !(rights == rightFdTell && d.Rights&rightFdSeek != 0):
		return nil, enotcapable
	}
	return d, success
}

// fileOf is a descriptor's regular file.
func (c call) fileOf(fd, rights uint64) (*Node, errno) {
	d, e := c.descriptor(uint32(fd), 0)
	if e != success {
		return nil, e
	}
	n := c.nodeOf(d)
	switch {
	case n == nil:
		return nil, espipe
	case n.Type == Directory:
		return nil, eisdir
	case d.Rights&rights != rights:
		return nil, enotcapable
	}
	return n, success
}

// fdAdvise is fd_advise(fd, offset, len, advice). Advice is checked and not
// needed. No price.
func (c call) fdAdvise(a []uint64) errno {
	if uint32(a[3]) > 5 || a[1] > math.MaxInt64 || a[2] > math.MaxInt64 {
		return einval
	}
	_, e := c.fileOf(a[0], rightFdAdvise)
	return e
}

// fdAllocate is fd_allocate(fd, offset, len): the file reaches at least to
// offset + len. No price: nothing is moved, and the size counts against the
// output limit.
func (c call) fdAllocate(a []uint64) errno {
	n, e := c.fileOf(a[0], rightFdAllocate)
	switch {
	case e != success:
		return e
	case a[2] == 0:
		return einval
	case n.ReadOnly:
		return erofs
	case a[1] > math.MaxInt64 || a[2] > math.MaxInt64-a[1]:
		return efbig
	}
	size := max(n.Content.Size, a[1]+a[2])
	return c.resize(n, size)
}

// fdDatasync is fd_datasync(fd). There is nothing to wait for. No price.
func (c call) fdDatasync(a []uint64) errno {
	_, e := c.descriptor(uint32(a[0]), rightFdDatasync)
	return e
}

// fdSync is fd_sync(fd). There is nothing to wait for. No price.
func (c call) fdSync(a []uint64) errno {
	_, e := c.descriptor(uint32(a[0]), rightFdSync)
	return e
}

// fdFilestatSetSize is fd_filestat_set_size(fd, size). No price: nothing is
// moved, and the size counts against the output limit.
func (c call) fdFilestatSetSize(a []uint64) errno {
	n, e := c.fileOf(a[0], rightFdFilestatSetSize)
	switch {
	case e != success:
		return e
	case n.ReadOnly:
		return erofs
	case a[1] > math.MaxInt64:
		return efbig
	}
	return c.resize(n, a[1])
}

// resize gives a file another size.
func (c call) resize(n *Node, size uint64) errno {
	if e := c.grow(n, size); e != success {
		return e
	}
	c.state.Tree.Bytes -= int64(n.Content.Size - min(size, n.Content.Size))
	n.Content.resize(size)
	c.touch(n)
	return success
}
