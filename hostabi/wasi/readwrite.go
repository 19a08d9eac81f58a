package wasi

import "math"

// fdRead is fd_read(fd, iovs *iovec, iovs_len, result *size). Price: the array
// of buffers and the bytes read.
func (c call) fdRead(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), rightFdRead)
	if e != success {
		return e
	}
	v, e := c.transferArgs(a[1], a[2], a[3])
	if e != success {
		return e
	}
	if d.Kind == Stdin {
		n, e := c.readStdin(d, v)
		return c.result(a[3], n, e)
	}
	n, e := c.readNode(c.nodeOf(d), v, d.Offset)
	d.Offset += uint64(n)
	return c.result(a[3], n, e)
}

// fdPread is fd_pread(fd, iovs *iovec, iovs_len, offset, result *size). Price:
// as fd_read.
func (c call) fdPread(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), rightFdRead|rightFdSeek)
	if e != success {
		return c.noSeek(a[0], e)
	}
	v, e := c.transferArgs(a[1], a[2], a[4])
	if e != success {
		return e
	}
	n, e := c.readNode(c.nodeOf(d), v, a[3])
	return c.result(a[4], n, e)
}

// noSeek is the error of an operation on offsets: ESPIPE on a standard stream.
func (c call) noSeek(fd uint64, e errno) errno {
	if d, bad := c.descriptor(uint32(fd), 0); bad == success && d.Kind != File {
		return espipe
	}
	return e
}

// transferArgs checks the buffers and the result pointer of a read or write,
// and takes the price of the array.
func (c call) transferArgs(ptr, size, result uint64) (iovec, errno) {
	v, e := c.mem.iovec(uint32(ptr), uint32(size))
	if e != success {
		return v, e
	}
	if _, e := c.mem.bytes(uint32(result), 4); e != success {
		return v, e
	}
	c.charge(uint64(len(v.array)))
	return v, success
}

// result stores how much was moved.
func (c call) result(ptr uint64, n uint32, e errno) errno {
	if e != success {
		return e
	}
	return c.mem.put32(uint32(ptr), n)
}

// readNode reads from off on. What will be delivered is paid for first.
func (c call) readNode(n *Node, v iovec, off uint64) (uint32, errno) {
	if n.Type != RegularFile {
		return 0, eisdir
	}
	size := n.size()
	if off >= size {
		return 0, success
	}
	total := min(v.total, size-off)
	c.charge(total)
	done := uint64(0)
	var e errno
	v.buffers(func(b []byte) bool {
		b = b[:min(uint64(len(b)), total-done)]
		var got uint64
		got, e = c.readAll(n, b, off+done)
		done += got
		return e == success && got == uint64(len(b)) && done < total
	})
	if done > 0 {
		e = success
	}
	return uint32(done), e
}

// moveBlock is how much is moved between two looks at the context: about a
// tenth of a millisecond's work.
const moveBlock = 1 << 20

func (c call) readAll(n *Node, b []byte, off uint64) (done uint64, e errno) {
	for len(b) > 0 {
		if c.ctx.Err() != nil {
			return done, eintr
		}
		part := b[:min(len(b), moveBlock)]
		got := 0
		if n.Input == nil {
			got = n.Content.readAt(part, off)
		} else if got, e = c.readInputAt(n, part, off); e != success {
			return done, e
		}
		done += uint64(got)
		off += uint64(got)
		b = b[got:]
		if got < len(part) {
			break
		}
	}
	return done, success
}

// size is the size of a node in bytes, as filestat has it.
func (n *Node) size() uint64 {
	switch {
	case n.Type == SymbolicLink:
		return uint64(len(n.Target))
	case n.Input != nil:
		return uint64(n.Input.Size)
	}
	return n.Content.Size
}

// fdWrite is fd_write(fd, iovs *ciovec, iovs_len, result *size). Price: the
// array of buffers and the bytes written.
func (c call) fdWrite(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), rightFdWrite)
	if e != success {
		return e
	}
	v, e := c.transferArgs(a[1], a[2], a[3])
	if e != success {
		return e
	}
	n, e := c.writeDescriptor(d, v)
	return c.result(a[3], n, e)
}

func (c call) writeDescriptor(d *Descriptor, v iovec) (uint32, errno) {
	switch d.Kind {
	case Stdout:
		return c.writeStream(&c.stdout, &c.state.Stdout, v)
	case Stderr:
		return c.writeStream(&c.stderr, &c.state.Stderr, v)
	}
	n := c.nodeOf(d)
	if d.Flags&flagAppend != 0 {
		d.Offset = n.size()
	}
	written, e := c.writeNode(n, v, d.Offset)
	d.Offset += uint64(written)
	return written, e
}

// fdPwrite is fd_pwrite(fd, iovs *ciovec, iovs_len, offset, result *size): at
// the end of the file, whatever the offset, if the descriptor appends, as
// Linux does. Price: as fd_write.
func (c call) fdPwrite(a []uint64) errno {
	d, e := c.descriptor(uint32(a[0]), rightFdWrite|rightFdSeek)
	if e != success {
		return c.noSeek(a[0], e)
	}
	v, e := c.transferArgs(a[1], a[2], a[4])
	if e != success {
		return e
	}
	n, off := c.nodeOf(d), a[3]
	if d.Flags&flagAppend != 0 {
		off = n.size()
	}
	written, e := c.writeNode(n, v, off)
	return c.result(a[4], written, e)
}

// writeNode writes at off, as far as the output limit goes.
func (c call) writeNode(n *Node, v iovec, off uint64) (uint32, errno) {
	switch {
	case n.Type != RegularFile:
		return 0, eisdir
	case n.ReadOnly:
		return 0, erofs
	case v.total == 0:
		return 0, success
	}
	total, e := c.room(n, off, v.total)
	if e != success {
		return 0, e
	}
	c.charge(total)
	if e := c.grow(n, off+total); e != success {
		return 0, e
	}
	done := uint64(0)
	v.buffers(func(b []byte) bool {
		for b = b[:min(uint64(len(b)), total-done)]; len(b) > 0 && c.ctx.Err() == nil; {
			part := b[:min(len(b), moveBlock)]
			n.Content.writeAt(part, off+done)
			done += uint64(len(part))
			b = b[len(part):]
		}
		return len(b) == 0 && done < total
	})
	c.touch(n)
	return uint32(done), success
}

// room is how much of a write of total bytes at off the output limit leaves.
func (c call) room(n *Node, off, total uint64) (uint64, errno) {
	left := uint64(max(0, c.cfg.MaxOutputBytes-c.state.Tree.Bytes))
	end := n.Content.Size + left // neither comes near 2⁶³
	switch {
	case off > math.MaxInt64-total:
		return 0, efbig
	case off >= end:
		return 0, c.full(off)
	}
	return min(total, end-off), success
}

// full is the error of a write at off for which there is no room: too far out
// for any file, or no space left.
func (c call) full(off uint64) errno {
	if off >= uint64(c.cfg.MaxOutputBytes) {
		return efbig
	}
	return enospc
}

// grow counts the growth of file n to size; it does not shrink it.
func (c call) grow(n *Node, size uint64) errno {
	if size <= n.Content.Size {
		return success
	}
	if size > uint64(c.cfg.MaxOutputBytes) {
		return efbig
	}
	return c.reserve(int64(size - n.Content.Size))
}
