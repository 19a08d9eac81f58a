package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// Images keeps linear memories as plain files, ready to be mapped. A file holds
// one memory's bytes and never changes; where the memory is zero it has holes.
// They are copies of what the store holds and do not outlast the process.
type Images struct {
	dir string
	max int64

	mu    sync.Mutex
	files map[imageKey]*image
	order []imageKey // least recently used first
	bytes int64
}

// imageKey names a memory's content.
type imageKey struct {
	pages, packs cid.Cid
	size         uint64
}

type image struct {
	ready chan struct{} // closed when made
	path  string
	bytes int64
	err   error
}

// NewImages keeps images in dir, which must exist and is emptied of those of
// earlier processes, as long as together they take at most maxBytes of what is
// not zero. The one asked for last is always kept.
func NewImages(dir string, maxBytes int64) (*Images, error) {
	old, err := filepath.Glob(filepath.Join(dir, "*.image"))
	if err != nil {
		return nil, fmt.Errorf("memory images: %w", err)
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("memory images: %w", err)
		}
	}
	return &Images{dir: dir, max: maxBytes, files: map[imageKey]*image{}}, nil
}

// Open returns a file whose first m.Size bytes are the memory, made from g's
// objects if it is not there yet. The file stays as it is for as long as it is
// open or mapped, whatever becomes of its name; it must be closed and not
// written to.
func (c *Images) Open(m checkpoint.Memory, g checkpoint.Getter) (*os.File, error) {
	key := imageKey{m.Map, m.Packs, m.Size}
	for {
		im, mine := c.claim(key)
		if mine {
			c.made(key, im, c.write(im, m, g))
		}
		<-im.ready
		if im.err != nil {
			return nil, im.err
		}
		f, err := os.Open(im.path)
		if !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
		c.lost(key, im) // evicted just now
	}
}

// claim finds the image, or makes it the caller's to write.
func (c *Images) claim(key imageKey) (im *image, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if im, ok := c.files[key]; ok {
		c.use(key)
		return im, false
	}
	im = &image{ready: make(chan struct{})}
	c.files[key] = im
	return im, true
}

// use makes key the most recently used.
func (c *Images) use(key imageKey) {
	for i, k := range c.order {
		if k == key {
			copy(c.order[i:], c.order[i+1:])
			c.order[len(c.order)-1] = key
			return
		}
	}
}

func (c *Images) write(im *image, m checkpoint.Memory, g checkpoint.Getter) error {
	loaded, err := checkpoint.LoadImage(m, g)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(c.dir, "*.image")
	if err != nil {
		return fmt.Errorf("memory image: %w", err)
	}
	im.path = f.Name()
	err = f.Truncate(int64(m.Size))
	if err == nil {
		err = loaded.WriteTo(f, g)
	}
	for _, e := range loaded.Extents() {
		im.bytes += int64(e.Count) * checkpoint.PageSize
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(im.path))
	}
	return nil
}

// made publishes an image, or that it could not be made, and removes others.
func (c *Images) made(key imageKey, im *image, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	im.err = err
	close(im.ready)
	if err != nil {
		delete(c.files, key)
		return
	}
	c.order = append(c.order, key)
	c.bytes += im.bytes
	for c.bytes > c.max && len(c.order) > 1 {
		c.drop(c.order[0])
	}
}

// drop removes an image; that its file stays behind would not matter.
func (c *Images) drop(key imageKey) {
	im := c.files[key]
	_ = os.Remove(im.path)
	delete(c.files, key)
	c.order = c.order[1:]
	c.bytes -= im.bytes
}

// lost forgets an image whose file is gone.
func (c *Images) lost(key imageKey, im *image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files[key] != im {
		return
	}
	delete(c.files, key)
	c.bytes -= im.bytes
	for i, k := range c.order {
		if k == key {
			c.order = append(c.order[:i], c.order[i+1:]...)
			return
		}
	}
}
