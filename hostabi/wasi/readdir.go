package wasi

// direntSize is the size of a dirent, which a name follows.
const direntSize = 24

// fdReaddir is fd_readdir(fd, buf, buf_len, cookie, result *size): as many
// entries as fit, the last one cut off; a buffer that is not filled means the
// end. A cookie is a position (see Entries), so that reading goes on rightly
// in a directory that changes. What is no directory is EBADF here, as in other
// runtimes. Price: the bytes.
func (c call) fdReaddir(a []uint64) errno {
	_, dir, e := c.directory(uint32(a[0]), rightFdReaddir)
	if e == enotdir {
		e = ebadf
	}
	if e != success {
		return e
	}
	buf, e := c.mem.bytes(uint32(a[1]), uint32(a[2]))
	if e != success {
		return e
	}
	if _, e := c.mem.bytes(uint32(a[4]), 4); e != success {
		return e
	}
	r := dirents{call: c, left: buf}
	if dir.Links > 0 { // a removed directory has not even "." and ".."
		c.readInput(dir)
		r.list(dir, a[3])
	}
	return c.mem.put32(uint32(a[4]), uint32(len(buf)-len(r.left)))
}

// dirents is a buffer being filled with entries.
type dirents struct {
	call
	left []byte
}

// list adds the entries whose position is beyond cookie.
func (r *dirents) list(dir *Node, cookie uint64) {
	if cookie < positionSelf && !r.add(Entry{".", dir.Inode, positionSelf}) {
		return
	}
	if cookie < positionParent && !r.add(Entry{"..", dir.Dir.Parent, positionParent}) {
		return
	}
	if cookie >= dir.Dir.Last {
		return
	}
	list := dir.Dir.List
	for i, entry := range list[dir.Dir.from(cookie+1):] {
		if entry.Inode != 0 && !r.add(entry) || i%1024 == 1023 && r.ctx.Err() != nil {
			return
		}
	}
}

// add appends what fits of an entry, and reports whether there is room for more.
func (r *dirents) add(entry Entry) bool {
	var header [direntSize]byte
	le.PutUint64(header[0:], entry.Position)
	le.PutUint64(header[8:], entry.Inode)
	le.PutUint32(header[16:], uint32(len(entry.Name)))
	header[20] = byte(r.node(entry.Inode).Type)
	r.charge(uint64(min(len(r.left), direntSize+len(entry.Name))))
	r.left = r.left[copy(r.left, header[:]):]
	r.left = r.left[copy(r.left, entry.Name):]
	return len(r.left) > 0
}
