package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// maxDepth bounds how deep folders may be nested.
const maxDepth = 256

// Export writes the file or folder under id to a path that must not exist yet,
// fetching what is missing. What a failed export has written is removed.
// Whatever the folder says, nothing is written outside of path. Errors:
// ErrDiskFull, fs.ErrExist, ErrMalformed, those of a block.
func (s *Store) Export(ctx context.Context, id cid.Cid, name string, progress Progress) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := s.hold(id)
	defer s.unhold(h)
	if _, err := os.Lstat(name); err == nil {
		return &fs.PathError{Op: "export", Path: name, Err: fs.ErrExist}
	}
	dir, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	base := filepath.Base(name)
	defer func() {
		if err != nil {
			err = errors.Join(err, dir.RemoveAll(base))
		}
		err = errors.Join(err, dir.Close())
	}()
	e := &export{getter: s.getter(ctx, h), ctx: ctx, root: dir, progress: progress}
	return diskError(e.entry(id, base, 0))
}

// export writes below root, which does not let a path lead out of it, not even
// through symbolic links that the export has made itself.
type export struct {
	getter   *getter
	ctx      context.Context
	root     *os.Root
	progress Progress
	done     int64
}

func (e *export) entry(id cid.Cid, name string, depth int) error {
	top, err := e.getter.top(e.ctx, id)
	if err != nil {
		return err
	}
	switch top.Kind {
	case KindFolder:
		return e.folder(id, name, depth)
	case KindSymlink:
		return e.root.Symlink(top.target, name)
	case KindFile:
		return e.file(id, name)
	}
	return fmt.Errorf("%w: %s is neither file nor folder", ErrNotFile, id)
}

func (e *export) folder(id cid.Cid, name string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: folders nested deeper than %d", ErrTooLarge, maxDepth)
	}
	if err := e.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	links, err := e.getter.names(e.ctx, id)
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := e.entry(l.Cid, path.Join(name, l.Name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) file(id cid.Cid, name string) (err error) {
	from, err := openFile(e.ctx, e.getter, id)
	if err != nil {
		return err
	}
	to, err := e.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	_, err = io.Copy(io.MultiWriter(to, (*exported)(e)), from)
	return err
}

// exported counts what was written.
type exported export

func (e *exported) Write(p []byte) (int, error) {
	e.done += int64(len(p))
	if e.progress != nil {
		e.progress(e.done)
	}
	return len(p), nil
}
