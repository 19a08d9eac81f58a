package linmem

import (
	"bytes"
	"errors"
)

// comparing finds written pages by comparing with a copy of what was last
// collected. The copy doubles the memory and every scan reads all of both.
type comparing struct{}

func (comparing) close() error { return nil }

// watch starts with a copy of zeroes, or of src, which where possible is one
// more private mapping of the same file.
func (comparing) watch(m *mapping, src *source) (watcher, error) {
	shadow, err := reserve(len(m.mem))
	if err != nil {
		return nil, err
	}
	c := &comparison{shadow: shadow}
	if src == nil {
		return c, nil
	}
	if err = shadow.commit(src.n); err == nil {
		_, err = src.into(shadow.mem)
	}
	if err != nil {
		return nil, errors.Join(err, shadow.release())
	}
	return c, nil
}

type comparison struct{ shadow *mapping }

func (c *comparison) movable() {}

func (c *comparison) close() error { return c.shadow.release() }

func (c *comparison) scan(dst []Range, mem []byte, rearm bool) ([]Range, error) {
	if err := c.cover(len(mem)); err != nil {
		return dst, err
	}
	shadow := c.shadow.mem[:len(mem)]
	for at := 0; at < len(mem); at += TrackSize {
		end := min(at+TrackSize, len(mem))
		if bytes.Equal(mem[at:end], shadow[at:end]) {
			continue
		}
		if rearm {
			copy(shadow[at:end], mem[at:end])
		}
		dst = addRange(dst, uint64(at), uint64(end))
	}
	return dst, nil
}

// cover makes the copy n bytes long; after the memory moved it may have to
// move too.
func (c *comparison) cover(n int) error {
	if n <= len(c.shadow.mem) {
		return c.shadow.commit(n)
	}
	next, err := reserve(int(min(powerOfTwo(uint64(n)), maxInt)))
	if err != nil {
		return err
	}
	if err := next.commit(n); err != nil {
		return errors.Join(err, next.release())
	}
	copy(next.mem, c.shadow.mem[:c.shadow.committed])
	old := c.shadow
	c.shadow = next
	return old.release()
}
