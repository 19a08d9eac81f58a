package activation

import (
	"container/list"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// images keeps linear memories as plain files that follow the checkpoints of their
// actors, so that restoring an actor is mapping one. While a file is mapped it stays
// as it is. The files have no names: they are gone with the process.
type images struct {
	dir      string
	get      checkpoint.Getter
	maxBytes int64
	maxFiles int

	mu    sync.Mutex
	files map[string]*image
	order list.List // of *image, the one used last in front
	bytes int64     // of all files, as of when they were last written to
}

// image is the file of one actor.
type image struct {
	name  string
	place *list.Element
	bytes int64 // as counted in images.bytes

	mu     sync.Mutex // held while the file is written to
	file   *os.File   // nil until there is one, and again when it was dropped
	memory checkpoint.Memory
	pages  *checkpoint.Image // where the file's pages are from
	nodes  *nodes            // that pages were read from
	mapped bool
	gone   bool // from images
}

func newImages(dir string, get checkpoint.Getter, maxBytes int64, maxFiles int) *images {
	return &images{dir: dir, get: get, maxBytes: maxBytes, maxFiles: maxFiles, files: map[string]*image{}}
}

// follow brings an actor's file to a checkpoint's memory, unless it is mapped.
func (c *images) follow(name string, m checkpoint.Memory) error {
	im := c.lock(name)
	defer im.mu.Unlock()
	if im.mapped {
		return nil
	}
	return c.bring(im, m)
}

// take returns an image whose file holds the memory, and stays as it is until it is
// released.
func (c *images) take(name string, m checkpoint.Memory) (*image, error) {
	im := c.lock(name)
	defer im.mu.Unlock()
	if im.mapped {
		return nil, fmt.Errorf("the memory of %s is in use", name)
	}
	if err := c.bring(im, m); err != nil {
		return nil, err
	}
	im.mapped = true
	return im, nil
}

// release says that the file is not mapped any more.
func (im *image) release() {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.mapped = false
}

// forget drops the file of an actor.
func (c *images) forget(name string) error {
	im := c.lock(name)
	defer im.mu.Unlock()
	c.mu.Lock()
	c.remove(im)
	c.mu.Unlock()
	return im.drop()
}

// close drops all files.
func (c *images) close() error {
	c.mu.Lock()
	names := slices.Collect(maps.Keys(c.files))
	c.mu.Unlock()
	var errs []error
	for _, name := range names {
		errs = append(errs, c.forget(name))
	}
	return errors.Join(errs...)
}

// lock finds the image of an actor and locks it.
func (c *images) lock(name string) *image {
	for {
		im := c.use(name)
		im.mu.Lock()
		if !im.gone {
			return im
		}
		im.mu.Unlock()
	}
}

func (c *images) use(name string) *image {
	c.mu.Lock()
	defer c.mu.Unlock()
	im := c.files[name]
	if im == nil {
		im = &image{name: name}
		im.place = c.order.PushFront(im)
		c.files[name] = im
	}
	c.order.MoveToFront(im.place)
	return im
}

// bring makes the file hold m. What it holds after an error nobody knows, so it goes.
func (c *images) bring(im *image, m checkpoint.Memory) error {
	if im.file != nil && im.memory == m {
		return nil
	}
	err := c.write(im, m)
	if err != nil {
		err = errors.Join(err, im.drop())
	}
	return errors.Join(err, c.account(im))
}

func (c *images) write(im *image, m checkpoint.Memory) error {
	n := &nodes{get: c.get, before: im.nodes, all: map[cid.Cid][]byte{}}
	to, err := checkpoint.LoadImage(m, n)
	if err != nil {
		return err
	}
	n.before = nil
	if im.file == nil || m.Size < im.memory.Size {
		if err := im.create(c.dir); err != nil {
			return err
		}
	}
	if err := im.file.Truncate(int64(m.Size)); err != nil {
		return fmt.Errorf("memory image: %w", err)
	}
	if err := to.Change(im.file, c.get, im.pages); err != nil {
		return err
	}
	im.memory, im.pages, im.nodes = m, to, n
	return nil
}

// nodes are the objects that say where a memory's pages are. Most of them are those of
// the checkpoint before: they need not be read and checked again.
type nodes struct {
	get    checkpoint.Getter
	before *nodes
	all    map[cid.Cid][]byte
}

// Get implements checkpoint.Getter.
func (n *nodes) Get(id cid.Cid) ([]byte, error) {
	var b []byte
	if n.before != nil {
		b = n.before.all[id]
	}
	if b == nil {
		var err error
		if b, err = n.get.Get(id); err != nil {
			return nil, err
		}
	}
	n.all[id] = b
	return b, nil
}

// create makes a new file, which holds nothing.
func (im *image) create(dir string) error {
	if err := im.drop(); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "memory-*")
	if err != nil {
		return fmt.Errorf("memory image: %w", err)
	}
	im.file, im.pages = f, &checkpoint.Image{}
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("memory image: %w", err)
	}
	return nil
}

func (im *image) drop() error {
	f := im.file
	im.file, im.pages, im.nodes, im.memory = nil, nil, nil, checkpoint.Memory{}
	if f == nil {
		return nil
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("memory image: %w", err)
	}
	return nil
}

// account counts what the file takes, and drops those of others that have not been
// used for long. im is locked.
func (c *images) account(im *image) error {
	bytes := int64(0)
	if im.pages != nil {
		bytes = int64(im.pages.NonZero()) * checkpoint.PageSize
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += bytes - im.bytes
	im.bytes = bytes
	var errs []error
	for e := c.order.Back(); e != nil && (c.bytes > c.maxBytes || len(c.files) > c.maxFiles); {
		victim := e.Value.(*image)
		e = e.Prev()
		if victim == im || !victim.mu.TryLock() {
			continue
		}
		if !victim.mapped {
			errs = append(errs, victim.drop())
			c.remove(victim)
		}
		victim.mu.Unlock()
	}
	return errors.Join(errs...)
}

// remove takes a locked image out; c is locked too.
func (c *images) remove(im *image) {
	delete(c.files, im.name)
	c.order.Remove(im.place)
	c.bytes -= im.bytes
	im.gone = true
}
