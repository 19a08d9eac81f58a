package blobs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/ipfs/go-cid"
)

// FS shows the folder under id as a read-only file system, of permissions 0555
// and no times; missing blocks are fetched as they are reached. Symbolic links
// are shown, not followed. Its use ends with ctx, until when nothing of it is
// collected. Errors: those of ReadDir.
func (s *Store) FS(ctx context.Context, id cid.Cid) (fs.FS, error) {
	h := s.hold(id)
	context.AfterFunc(ctx, func() { s.unhold(h) })
	g := s.getter(ctx, h)
	if _, _, err := g.folder(ctx, id); err != nil {
		return nil, err
	}
	return &folderFS{g, ctx, id}, nil
}

// folderFS keeps the context that it was made with: fs.FS has none to pass.
type folderFS struct {
	getter *getter
	ctx    context.Context
	root   cid.Cid
}

var _ interface {
	fs.ReadDirFS
	fs.ReadLinkFS
} = (*folderFS)(nil)

// at finds what a name is.
func (f *folderFS) at(op, name string) (cid.Cid, entryInfo, error) {
	if !fs.ValidPath(name) {
		return cid.Undef, entryInfo{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	id, err := f.getter.resolve(f.ctx, f.root, name)
	var top content
	if err == nil {
		top, err = f.getter.top(f.ctx, id)
	}
	if errors.Is(err, ErrNotFolder) {
		err = fs.ErrNotExist // a/b where a is a file
	}
	if err != nil {
		return cid.Undef, entryInfo{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return id, entryInfo{path.Base(name), top}, nil
}

func (f *folderFS) Open(name string) (fs.File, error) {
	id, info, err := f.at("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &openFolder{fsys: f, name: name, info: info}, nil
	}
	if info.top.Kind != KindFile {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotFile}
	}
	file, err := openFile(f.ctx, f.getter, id)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	file.release = func() {} // the file system holds it
	return &openEntry{file, info}, nil
}

func (f *folderFS) ReadDir(name string) ([]fs.DirEntry, error) {
	id, _, err := f.at("readdir", name)
	if err != nil {
		return nil, err
	}
	entries, err := f.getter.readDir(f.ctx, id)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	list := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		list[i] = fs.FileInfoToDirEntry(entryInfo{e.Name, content{Kind: e.Kind, Size: e.Size}})
	}
	return list, nil
}

func (f *folderFS) ReadLink(name string) (string, error) {
	_, info, err := f.at("readlink", name)
	if err == nil && info.top.Kind != KindSymlink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return info.top.target, err
}

func (f *folderFS) Lstat(name string) (fs.FileInfo, error) {
	_, info, err := f.at("lstat", name)
	return info, err
}

// entryInfo is a fs.FileInfo.
type entryInfo struct {
	name string
	top  content
}

func (i entryInfo) Name() string       { return i.name }
func (i entryInfo) Size() int64        { return i.top.Size }
func (i entryInfo) ModTime() time.Time { return time.Time{} }
func (i entryInfo) IsDir() bool        { return i.top.Kind == KindFolder }
func (i entryInfo) Sys() any           { return nil }

func (i entryInfo) Mode() fs.FileMode {
	switch i.top.Kind {
	case KindFolder:
		return fs.ModeDir | 0o555
	case KindSymlink:
		return fs.ModeSymlink | 0o777
	case KindFile:
		return 0o444
	}
	return fs.ModeIrregular | 0o444
}

type openEntry struct {
	*File
	info entryInfo
}

func (o *openEntry) Stat() (fs.FileInfo, error) { return o.info, nil }

// openFolder reads its entries at the first ReadDir.
type openFolder struct {
	fsys *folderFS
	name string
	info entryInfo
	list []fs.DirEntry
	read bool
}

func (o *openFolder) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openFolder) Close() error               { return nil }
func (o *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: o.name, Err: ErrNotFile}
}

func (o *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if !o.read {
		list, err := o.fsys.ReadDir(o.name)
		if err != nil {
			return nil, err
		}
		o.list, o.read = list, true
	}
	if n <= 0 {
		n = len(o.list)
	} else if len(o.list) == 0 {
		return nil, io.EOF
	}
	list := o.list[:min(n, len(o.list))]
	o.list = o.list[len(list):]
	return list, nil
}
