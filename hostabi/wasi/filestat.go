package wasi

// Flags of the set_times functions (witx typename $fstflags).
const (
	timesAccessed = 1 << iota
	timesAccessedNow
	timesModified
	timesModifiedNow

	timesAll = timesModifiedNow<<1 - 1
)

// fdFilestatGet is fd_filestat_get(fd, result *filestat). No price.
func (c call) fdFilestatGet(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), rightFdFilestatGet)
	if e != success {
		return e
	}
	if d.Kind == File {
		return c.putFilestat(a[1], c.nodeOf(d))
	}
	return c.putFilestat(a[1], &Node{Inode: 0, Type: c.fileType(d), Links: 1})
}

// pathFilestatGet is path_filestat_get(fd, flags, path, path_len, result
// *filestat). Price: the path and its components.
func (c call) pathFilestatGet(a []uint64) errno {
	p, e := c.existing(a, rightPathFilestatGet)
	if e != success {
		return e
	}
	return c.putFilestat(a[4], p.node)
}

// existing looks up the (fd, lookupflags, path, path_len) that arguments start
// with; something must be there.
func (c call) existing(a []uint64, rights uint64) (place, errno) {
	flags := uint32(a[1])
	if flags&^lookupFollow != 0 {
		return place{}, einval
	}
	p, e := c.at(a[0], a[2], a[3], rights, flags&lookupFollow != 0)
	if e == success && p.node == nil {
		e = enoent
	}
	return p, e
}

// device is the device number of every node: there is one file system.
const device = 1

func (c call) putFilestat(ptr uint64, n *Node) errno {
	b, e := c.mem.bytes(uint32(ptr), uint32(c.abi.filestat))
	if e != success {
		return e
	}
	clear(b)
	le.PutUint64(b[0:], device)
	le.PutUint64(b[8:], n.Inode)
	b[16] = byte(n.Type)
	tail := b[len(b)-32:] // the same in either ABI; the links before it are not
	le.PutUint32(b[c.abi.links:], n.Links)
	le.PutUint64(tail[0:], n.size())
	le.PutUint64(tail[8:], n.Accessed)
	le.PutUint64(tail[16:], n.Modified)
	le.PutUint64(tail[24:], n.Changed)
	return success
}

// fdFilestatSetTimes is fd_filestat_set_times(fd, accessed, modified, flags).
// No price.
func (c call) fdFilestatSetTimes(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), rightFdFilestatSetTimes)
	switch {
	case e != success:
		return e
	case d.Kind != File:
		return einval
	}
	return c.setTimes(c.nodeOf(d), a[1], a[2], uint32(a[3]))
}

// pathFilestatSetTimes is path_filestat_set_times(fd, flags, path, path_len,
// accessed, modified, fstflags). Price: the path and its components.
func (c call) pathFilestatSetTimes(a []uint64) errno {
	if e := checkTimes(uint32(a[6])); e != success {
		return e
	}
	p, e := c.existing(a, rightPathFilestatSetTimes)
	if e != success {
		return e
	}
	return c.setTimes(p.node, a[4], a[5], uint32(a[6]))
}

func checkTimes(flags uint32) errno {
	const accessed, modified = timesAccessed | timesAccessedNow, timesModified | timesModifiedNow
	if flags&^timesAll != 0 || flags&accessed == accessed || flags&modified == modified {
		return einval
	}
	return success
}

func (c call) setTimes(n *Node, accessed, modified uint64, flags uint32) errno {
	if e := checkTimes(flags); e != success {
		return e
	}
	if n.ReadOnly {
		return erofs
	}
	now := c.now()
	n.Changed = now
	if flags&timesAccessedNow != 0 {
		accessed = now
	}
	if flags&(timesAccessed|timesAccessedNow) != 0 {
		n.Accessed = accessed
	}
	if flags&timesModifiedNow != 0 {
		modified = now
	}
	if flags&(timesModified|timesModifiedNow) != 0 {
		n.Modified = modified
	}
	return success
}
