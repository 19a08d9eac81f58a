package driver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// cache keeps binaries of programs in a folder, each in a file of its own with its hash
// before it. It is a help, no more: what cannot be read, or is damaged, is not there,
// and what cannot be written is not kept.
type cache struct {
	dir  string // empty for none
	size uint64
	mu   sync.Mutex // held to write
}

func newCache(dir string, size uint64) *cache { return &cache{dir: dir, size: size} }

// cacheMagic is what a file of the cache begins with.
const cacheMagic = "godwit-gpu 1\n"

// keyOf is what a binary depends on.
func keyOf(info device.Info, source device.Source) string {
	h := sha256.New()
	for _, part := range []string{
		info.Platform, info.Vendor, info.Name, info.Version, info.Driver, string(source.Form), source.Options, string(source.Text),
	} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (c *cache) path(key string) string { return filepath.Join(c.dir, key+".bin") }

// safe tells whether there is a folder that nobody else can put anything into.
func (c *cache) safe() bool {
	info, err := os.Stat(c.dir)
	return err == nil && info.IsDir() && info.Mode().Perm()&0o022 == 0
}

// get is the binary, or nil.
func (c *cache) get(key string) []byte {
	if c.dir == "" || !c.safe() {
		return nil
	}
	path := c.path(key)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > wire.MaxBinary+1<<10 {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	rest, ok := bytes.CutPrefix(text, []byte(cacheMagic))
	if !ok || len(rest) < sha256.Size {
		return nil
	}
	if sum := sha256.Sum256(rest[sha256.Size:]); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // it only goes the sooner
	return rest[sha256.Size:]
}

// put keeps a binary, and drops the oldest if there are too many.
func (c *cache) put(key string, binary []byte) {
	if c.dir == "" || uint64(len(binary)) > c.size {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.write(key, binary) == nil {
		c.shrink()
	}
}

func (c *cache) write(key string, binary []byte) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(binary)
	_, err = f.Write(slices.Concat([]byte(cacheMagic), sum[:], binary))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path(key))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// shrink drops what was used least recently.
func (c *cache) shrink() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	var total uint64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
			total += uint64(info.Size())
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, f := range files {
		if total <= c.size {
			return
		}
		if os.Remove(filepath.Join(c.dir, f.Name())) == nil {
			total -= uint64(f.Size())
		}
	}
}
