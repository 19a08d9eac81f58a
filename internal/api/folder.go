package api

import (
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Folder yields what a folder of this machine holds, parents first. Files whose
// names begin with a dot are left out unless hidden is set, as `ipfs add` does.
func Folder(dir string, hidden bool) iter.Seq2[TreeEntry, error] {
	return func(yield func(TreeEntry, error) bool) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			yield(TreeEntry{}, err)
			return
		}
		defer root.Close() // read only
		err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path == ".":
				return nil
			case !hidden && strings.HasPrefix(d.Name(), ".") && d.IsDir():
				return fs.SkipDir
			case !hidden && strings.HasPrefix(d.Name(), "."):
				return nil
			}
			return yieldFile(root, path, d, yield)
		})
		if err != nil && err != fs.SkipAll {
			yield(TreeEntry{}, err)
		}
	}
}

func yieldFile(root *os.Root, path string, d fs.DirEntry, yield func(TreeEntry, error) bool) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	e := TreeEntry{Path: path, Mode: info.Mode() & (fs.ModeType | 0o111)}
	switch {
	case d.IsDir():
	case d.Type() == fs.ModeSymlink:
		e.Target, err = root.Readlink(path)
	case d.Type().IsRegular():
		f, err := root.Open(path)
		if err != nil {
			return err
		}
		defer f.Close() // read only
		e.Size, e.Body = info.Size(), f
		return proceed(yield(e, nil))
	default:
		err = fmt.Errorf("%s: neither file, folder nor symbolic link", filepath.Join(root.Name(), path))
	}
	if err != nil {
		return err
	}
	return proceed(yield(e, nil))
}

func proceed(more bool) error {
	if more {
		return nil
	}
	return fs.SkipAll
}

// Extract writes a tree into a folder, which must exist. Nothing outside of it is
// touched, whatever the paths and links are; files that are there are not
// replaced.
func Extract(dir string, entries iter.Seq2[TreeEntry, error]) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() // nothing to lose: files are closed one by one
	for e, err := range entries {
		if err != nil {
			return err
		}
		if err := extract(root, e); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return nil
}

func extract(root *os.Root, e TreeEntry) error {
	path := filepath.FromSlash(e.Path)
	if e.Mode.IsDir() {
		return root.MkdirAll(path, 0o755)
	}
	if parent := filepath.Dir(path); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	if e.Mode&fs.ModeSymlink != 0 {
		return root.Symlink(e.Target, path)
	}
	f, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|e.Mode&0o111)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, e.Body)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
