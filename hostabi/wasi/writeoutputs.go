package wasi

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// WriteOutputs copies what the guest left under /out into a directory of the
// host, made if need be, and never writes outside of it, whatever is in it.
// Files that are there are replaced. The names of one file become links of one
// file. A symbolic link is written if it leads to something under /out without
// ever leaving it; any other is left out. To be used only while the guest does
// not run.
func (s *System) WriteOutputs(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write outputs: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write outputs: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	w := outputWriter{outputs{s}, root, make(map[uint64]string)}
	if err := fs.WalkDir(w.outputs, ".", w.write); err != nil {
		return fmt.Errorf("write outputs: %w", err)
	}
	return nil
}

// outputWriter is a copy under way.
type outputWriter struct {
	outputs
	root    *os.Root
	written map[uint64]string // names of regular files by inode
}

func (w outputWriter) write(name string, entry fs.DirEntry, err error) error {
	if err != nil || name == "." {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	node := info.Sys().(*Node)
	if node.Type == Directory {
		return w.writeDir(name)
	}
	if node.Type == SymbolicLink {
		if _, err := w.lookup("follow", name, true); err != nil {
			return nil // leads out, or nowhere
		}
	}
	if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if node.Type == SymbolicLink {
		return w.root.Symlink(node.Target, name)
	}
	return w.writeFile(name, node)
}

// writeDir makes a directory, or takes one that is there; a symbolic link that
// is there is replaced.
func (w outputWriter) writeDir(name string) error {
	info, err := w.root.Lstat(name)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		err = w.root.Remove(name)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return err
	}
	return w.root.Mkdir(name, 0o755)
}

func (w outputWriter) writeFile(name string, node *Node) (err error) {
	if first, ok := w.written[node.Inode]; ok {
		return w.root.Link(first, name)
	}
	w.written[node.Inode] = name
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(f, io.NewSectionReader(nodeReader{node}, 0, int64(node.Content.Size)))
	return err
}
