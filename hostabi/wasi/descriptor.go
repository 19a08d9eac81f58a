package wasi

// Descriptor flags (witx typename $fdflags).
const (
	flagAppend uint16 = 1 << iota
	flagDsync
	flagNonblock
	flagRsync
	flagSync

	flagsAll = flagSync<<1 - 1
)

// descriptor is the open descriptor of that number, if it has the rights.
func (c call) descriptor(fd uint32, rights uint64) (*Descriptor, errno) {
	if uint64(fd) >= uint64(len(c.state.Descriptors)) {
		return nil, ebadf
	}
	d := &c.state.Descriptors[fd]
	switch {
	case d.Kind == Closed:
		return nil, ebadf
	case d.Rights&rights != rights:
		return nil, enotcapable
	}
	return d, success
}

// directory is the directory that descriptor fd refers to, if it has the rights.
// What is no directory is ENOTDIR, whatever its rights.
func (c call) directory(fd uint32, rights uint64) (*Descriptor, *Node, errno) {
	d, e := c.descriptor(fd, 0)
	if e != success {
		return nil, nil, e
	}
	n := c.nodeOf(d)
	switch {
	case n == nil || n.Type != Directory:
		return nil, nil, enotdir
	case d.Rights&rights != rights:
		return nil, nil, enotcapable
	}
	return d, n, success
}

// nodeOf is the node that a descriptor refers to; nil for a standard stream.
func (s *System) nodeOf(d *Descriptor) *Node {
	if d.Kind != File {
		return nil
	}
	return s.node(d.Inode)
}

// open puts a descriptor of node n into the table, at the lowest free number.
func (s *System) open(n *Node, d Descriptor) (uint32, errno) {
	fd, e := s.freeNumber()
	if e != success {
		return 0, e
	}
	d.Kind, d.Inode = File, n.Inode
	n.opens++
	s.state.Descriptors[fd] = d
	return uint32(fd), success
}

// freeNumber is the lowest number that is not open.
func (s *System) freeNumber() (int, errno) {
	for i := range s.state.Descriptors {
		if s.state.Descriptors[i].Kind == Closed {
			return i, success
		}
	}
	n := len(s.state.Descriptors)
	if n >= s.cfg.MaxOpenFiles {
		return 0, emfile
	}
	s.state.Descriptors = append(s.state.Descriptors, Descriptor{})
	return n, success
}

// closeDescriptor takes an open descriptor out of the table.
func (s *System) closeDescriptor(d *Descriptor) {
	n := s.nodeOf(d)
	*d = Descriptor{}
	if n == nil {
		return
	}
	n.opens--
	if n.opens == 0 {
		s.closeFile(n)
		s.release(n)
	}
}

// fdClose is fd_close(fd). No price.
func (c call) fdClose(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), 0)
	if e != success {
		return e
	}
	c.closeDescriptor(d)
	return success
}

// fdRenumber is fd_renumber(from, to): closes to and moves from there. Both
// must be open. No price.
func (c call) fdRenumber(a []uint64) errno {
	from, e := c.descriptor(uint32(a[0]), 0)
	if e != success {
		return e
	}
	to, e := c.descriptor(uint32(a[1]), 0)
	if e != success || from == to {
		return e
	}
	c.closeDescriptor(to)
	*to, *from = *from, Descriptor{}
	return success
}

// fdFdstatGet is fd_fdstat_get(fd, result *fdstat). No price.
func (c call) fdFdstatGet(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), 0)
	if e != success {
		return e
	}
	b, e := c.mem.bytes(uint32(a[1]), 24)
	if e != success {
		return e
	}
	clear(b)
	b[0] = byte(c.fileType(d))
	le.PutUint16(b[2:], d.Flags)
	le.PutUint64(b[8:], d.Rights)
	le.PutUint64(b[16:], d.Inheriting)
	return success
}

// fileType is what kind of file a descriptor refers to.
func (c call) fileType(d *Descriptor) FileType {
	if n := c.nodeOf(d); n != nil {
		return n.Type
	}
	if !c.cfg.Deterministic && isTerminal(c.attached(d.Kind)) {
		return CharacterDevice
	}
	return Unknown
}

// fdFdstatSetFlags is fd_fdstat_set_flags(fd, flags). Only append and nonblock
// can be set. Append matters to files, nonblock to standard input: reading it
// answers EAGAIN when nothing has come yet, unless the run is deterministic. No
// price.
func (c call) fdFdstatSetFlags(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), rightFdFdstatSetFlags)
	if e != success {
		return e
	}
	flags := uint32(a[1])
	switch {
	case flags&^uint32(flagsAll) != 0:
		return einval
	case flags&^uint32(flagAppend|flagNonblock) != uint32(d.Flags&^(flagAppend|flagNonblock)):
		return enotsup
	}
	d.Flags = uint16(flags)
	return success
}

// fdFdstatSetRights is fd_fdstat_set_rights(fd, base, inheriting). Rights can
// be dropped, not gained. No price.
func (c call) fdFdstatSetRights(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), 0)
	switch {
	case e != success:
		return e
	case a[1]&^d.Rights != 0 || a[2]&^d.Inheriting != 0:
		return enotcapable
	}
	d.Rights, d.Inheriting = a[1], a[2]
	return success
}

// fdPrestatGet is fd_prestat_get(fd, result *prestat). No price.
func (c call) fdPrestatGet(a []uint64) errno {
	d, e := c.preopen(uint32(a[0]))
	if e != success {
		return e
	}
	b, e := c.mem.bytes(uint32(a[1]), 8)
	if e != success {
		return e
	}
	clear(b) // tag 0: a directory
	le.PutUint32(b[4:], uint32(len(d.Name)))
	return success
}

// fdPrestatDirName is fd_prestat_dir_name(fd, path *u8, size). Price: the bytes.
func (c call) fdPrestatDirName(a []uint64) errno {
	d, e := c.preopen(uint32(a[0]))
	if e != success {
		return e
	}
	if uint64(uint32(a[2])) < uint64(len(d.Name)) {
		return enametool
	}
	b, e := c.mem.bytes(uint32(a[1]), uint32(len(d.Name)))
	if e != success {
		return e
	}
	c.charge(uint64(len(b)))
	copy(b, d.Name)
	return success
}

func (c call) preopen(fd uint32) (*Descriptor, errno) {
	d, e := c.descriptor(fd, 0)
	if e == success && !d.Preopen {
		return nil, ebadf
	}
	return d, e
}
