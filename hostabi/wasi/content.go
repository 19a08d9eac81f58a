package wasi

import "slices"

// Content is the content of a regular file: a size, and chunks of chunkSize
// bytes. A chunk may be shorter, and stands for zeros from its end on; the
// bytes of a chunk beyond Size are zeros.
type Content struct {
	Size   uint64
	Chunks [][]byte
}

const chunkSize = 64 << 10

// readAt copies what is at off into p and returns how much that was: less than
// len(p) only at the end of the file.
func (c *Content) readAt(p []byte, off uint64) int {
	if off >= c.Size {
		return 0
	}
	p = p[:min(uint64(len(p)), c.Size-off)]
	for done := 0; done < len(p); {
		part := p[done:min(len(p), done+chunkSize-int(off%chunkSize))]
		done += c.readChunk(part, int(off/chunkSize), int(off%chunkSize))
		off += uint64(len(part))
	}
	return len(p)
}

// readChunk fills p from chunk i at off.
func (c *Content) readChunk(p []byte, i, off int) int {
	n := 0
	if i < len(c.Chunks) && off < len(c.Chunks[i]) {
		n = copy(p, c.Chunks[i][off:])
	}
	clear(p[n:])
	return len(p)
}

// writeAt copies p to off, growing the file as needed.
func (c *Content) writeAt(p []byte, off uint64) {
	c.Size = max(c.Size, off+uint64(len(p)))
	for len(p) > 0 {
		i, at := int(off/chunkSize), int(off%chunkSize)
		n := min(len(p), chunkSize-at)
		copy(c.chunk(i, at+n)[at:], p[:n])
		p, off = p[n:], off+uint64(n)
	}
}

// chunk is chunk i, at least n bytes long.
func (c *Content) chunk(i, n int) []byte {
	if i >= len(c.Chunks) {
		c.Chunks = append(c.Chunks, make([][]byte, i+1-len(c.Chunks))...)
	}
	if b := c.Chunks[i]; n > len(b) {
		if n > cap(b) {
			grown := make([]byte, len(b), min(chunkSize, max(2*cap(b), n, 64)))
			copy(grown, b)
			b = grown
		}
		c.Chunks[i] = b[:n]
	}
	return c.Chunks[i]
}

// resize cuts the file off at size, or extends it with zeros.
func (c *Content) resize(size uint64) {
	if size < c.Size {
		c.cut(size)
	}
	c.Size = size
}

func (c *Content) cut(size uint64) {
	keep := int((size + chunkSize - 1) / chunkSize)
	if keep < len(c.Chunks) {
		c.Chunks = slices.Delete(c.Chunks, keep, len(c.Chunks))
	}
	if at := int(size % chunkSize); at != 0 && keep == len(c.Chunks) && len(c.Chunks[keep-1]) > at {
		b := c.Chunks[keep-1]
		clear(b[at:])
		c.Chunks[keep-1] = b[:at]
	}
}
