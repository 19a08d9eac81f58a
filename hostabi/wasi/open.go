package wasi

// Flags of path_open (witx typename $oflags) and of lookups ($lookupflags).
const (
	openCreate = 1 << iota
	openDirectory
	openExclusive
	openTruncate

	openAll = openTruncate<<1 - 1

	lookupFollow = 1
)

// pathOpen is path_open(dirfd, lookupflags, path, path_len, oflags, base,
// inheriting, fdflags, result *fd). The new descriptor has the rights asked
// for as far as the node has a use for them; the directory must be able to hand
// on all that is asked for; bits that are no right are ignored. Price: the path, its components, and for a new file
// its name and NodeBytes.
func (c call) pathOpen(a []uint64) errno {
	o := opening{call: c, lookup: uint32(a[1]), oflags: uint32(a[4]), fdflags: uint32(a[7])}
	o.d.Rights, o.d.Inheriting = a[5]&rightsAll, a[6]&rightsAll
	if e := o.check(); e != success {
		return e
	}
	result := uint32(a[8])
	if _, e := c.mem.bytes(result, 4); e != success {
		return e
	}
	dir, base, e := c.directory(uint32(a[0]), o.needs())
	switch {
	case e != success:
		return e
	case (o.d.Rights|o.d.Inheriting)&^dir.Inheriting != 0:
		return enotcapable
	}
	path, e := c.path(uint32(a[2]), uint32(a[3]))
	if e != success {
		return e
	}
	n, e := o.find(base, path)
	if e != success {
		return e
	}
	fd, e := o.finish(n)
	if e != success {
		return e
	}
	return c.mem.put32(result, fd)
}

// opening is a path_open under way.
type opening struct {
	call
	lookup, oflags, fdflags uint32
	d                       Descriptor
}

func (o *opening) has(flag uint32) bool { return o.oflags&flag != 0 }

// check looks at the flags alone.
func (o *opening) check() errno {
	switch {
	case o.lookup&^lookupFollow != 0, o.oflags&^openAll != 0, o.fdflags&^uint32(flagsAll) != 0:
		return einval
	case o.has(openCreate) && o.has(openDirectory):
		return einval
	}
	o.d.Flags = uint16(o.fdflags)
	return success
}

// needs is what the directory must allow. Who may ask for a descriptor that can
// change the size may have the file cut off as well.
func (o *opening) needs() uint64 {
	rights := rightPathOpen
	if o.has(openCreate) {
		rights |= rightPathCreateFile
	}
	if o.has(openTruncate) && o.d.Rights&rightFdFilestatSetSize == 0 {
		rights |= rightPathFilestatSetSize
	}
	return rights
}

// find is the node to open, created if that is asked for.
func (o *opening) find(base *Node, path string) (*Node, errno) {
	follow := o.lookup&lookupFollow != 0 && !(o.has(openCreate) && o.has(openExclusive))
	p, e := o.walk(base, path, follow)
	switch {
	case e != success:
		return nil, e
	case p.node == nil:
		return o.makeFile(p)
	case o.has(openCreate) && o.has(openExclusive):
		return nil, eexist
	}
	return p.node, o.suits(p.node)
}

func (o *opening) makeFile(p place) (*Node, errno) {
	switch {
	case !o.has(openCreate):
		return nil, enoent
	case p.dirs:
		return nil, eisdir
	}
	if _, e := o.freeNumber(); e != success { // before anything is created
		return nil, e
	}
	return o.create(p.dir, p.name, RegularFile, "")
}

// suits reports whether a node that exists can be opened as asked.
func (o *opening) suits(n *Node) errno {
	writes := o.d.Rights&rightFdWrite != 0 || o.has(openTruncate)
	switch {
	case n.Type == SymbolicLink:
		return eloop
	case n.Type == Directory && (writes || o.has(openCreate)):
		return eisdir
	case n.Type != Directory && o.has(openDirectory):
		return enotdir
	case n.ReadOnly && writes && n.Type != Directory:
		return erofs
	}
	return success
}

// finish makes the descriptor, then truncates.
func (o *opening) finish(n *Node) (uint32, errno) {
	if n.Type == Directory {
		o.d.Rights &= rightsDirectory
	} else {
		o.d.Rights &= rightsFile
	}
	if n.ReadOnly && n.Type != Directory {
		o.d.Rights &^= rightFdAllocate | rightFdFilestatSetSize | rightFdFilestatSetTimes
	}
	fd, e := o.open(n, o.d)
	if e == success && o.has(openTruncate) {
		o.resize(n, 0)
	}
	return fd, e
}
