package wasi

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// MaxOutputDepth is how many directories deep WriteOutputs goes: it keeps one
// open at each level.
const MaxOutputDepth = 128

// ErrOutputDepth is wrapped by the error of WriteOutputs for a tree that is
// deeper than MaxOutputDepth.
var ErrOutputDepth = errors.New("outputs are nested too deep")

// WriteOutputs copies what the guest left under /out into a directory of the
// host, made if need be, and never writes outside of it, whatever is in it.
// Files that are there are replaced. The names of one file become links of one
// file. A symbolic link is written if it leads to something under /out without
// ever leaving it; any other is left out. It stops at the first error, and what
// was written stays. To be used only while the guest does not run.
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
	if err := w.writeTree(root, s.node(inodeOut), ".", 0); err != nil {
		return fmt.Errorf("write outputs: %w", err)
	}
	return nil
}

// outputWriter is a copy under way.
type outputWriter struct {
	outputs
	top     *os.Root
	written map[uint64]string // paths of regular files by inode
}

// writeTree writes the entries of a directory, whose path is at, into dir.
func (w outputWriter) writeTree(dir *os.Root, n *Node, at string, depth int) error {
	if depth > MaxOutputDepth {
		return fmt.Errorf("%w: %s", ErrOutputDepth, at)
	}
	for _, entry := range w.entries(n) {
		child, name := w.s.node(n.Dir.lookup(entry.Name())), path.Join(at, entry.Name())
		var err error
		switch child.Type {
		case Directory:
			err = w.writeDir(dir, child, name, depth)
		case SymbolicLink:
			err = w.writeLink(dir, child, name)
		default:
			err = w.writeFile(dir, child, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeDir makes a directory, or takes one that is there; anything else that is
// there is replaced.
func (w outputWriter) writeDir(dir *os.Root, n *Node, at string, depth int) (err error) {
	name := path.Base(at)
	if info, err := dir.Lstat(name); err != nil || !info.IsDir() {
		if err := replace(dir, name); err != nil {
			return err
		}
		if err := dir.Mkdir(name, 0o755); err != nil {
			return err
		}
	}
	sub, err := dir.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	return w.writeTree(sub, n, at, depth+1)
}

// replace makes room for a name.
func replace(dir *os.Root, name string) error {
	if err := dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (w outputWriter) writeLink(dir *os.Root, n *Node, at string) error {
	if _, err := w.lookup("follow", at, true); err != nil {
		return nil // leads out, or nowhere
	}
	if err := replace(dir, path.Base(at)); err != nil {
		return err
	}
	return dir.Symlink(n.Target, path.Base(at))
}

func (w outputWriter) writeFile(dir *os.Root, n *Node, at string) (err error) {
	if err := replace(dir, path.Base(at)); err != nil {
		return err
	}
	if first, ok := w.written[n.Inode]; ok {
		return w.top.Link(first, at)
	}
	w.written[n.Inode] = at
	f, err := dir.OpenFile(path.Base(at), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(f, io.NewSectionReader(nodeReader{n}, 0, int64(n.Content.Size)))
	return err
}
