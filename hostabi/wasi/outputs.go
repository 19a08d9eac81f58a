package wasi

import (
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Outputs is what the guest left under /out, at the time of each call: regular
// files, directories, and symbolic links, which are followed only within /out.
// It implements fs.ReadDirFS and fs.ReadLinkFS; its files are io.ReaderAt and
// io.Seeker too. A FileInfo's Sys is the *Node, by whose Inode the names of one
// file are known. To be used only while the guest does not run; Close leaves
// it usable.
func (s *System) Outputs() fs.FS { return outputs{s} }

type outputs struct{ s *System }

// unmetered is the caller of lookups that are not the guest's.
type unmetered struct{}

func (unmetered) Memory() []byte   { return nil }
func (unmetered) Charge(uint64)    {}
func (unmetered) State(string) any { return nil }

// lookup is the node of a path below /out.
func (o outputs) lookup(op, name string, follow bool) (*Node, error) {
	if !fs.ValidPath(name) || len(name) > pathMax {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	out := o.s.node(inodeOut)
	p, e := call{System: o.s, caller: unmetered{}}.walk(out, name, follow)
	if e != success || p.node == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return p.node, nil
}

// Open implements fs.FS.
func (o outputs) Open(name string) (fs.File, error) {
	n, err := o.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	info := fileInfo{baseName(name), n}
	if n.Type == Directory {
		return &outputDir{fileInfo: info, entries: o.entries(n)}, nil
	}
	return outputFile{io.NewSectionReader(nodeReader{n}, 0, int64(n.size())), info}, nil
}

// ReadDir implements fs.ReadDirFS.
func (o outputs) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := o.lookup("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if n.Type != Directory {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	return o.entries(n), nil
}

// ReadLink implements fs.ReadLinkFS.
func (o outputs) ReadLink(name string) (string, error) {
	n, err := o.lookup("readlink", name, false)
	if err == nil && n.Type != SymbolicLink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return n.Target, nil
}

// Lstat implements fs.ReadLinkFS.
func (o outputs) Lstat(name string) (fs.FileInfo, error) {
	n, err := o.lookup("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return fileInfo{baseName(name), n}, nil
}

// entries are the entries of a directory by name.
func (o outputs) entries(dir *Node) []fs.DirEntry {
	list := make([]fs.DirEntry, 0, len(dir.Dir.List))
	for _, e := range dir.Dir.List {
		if e.Inode != 0 {
			list = append(list, fs.FileInfoToDirEntry(fileInfo{e.Name, o.s.node(e.Inode)}))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

func baseName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// fileInfo is the fs.FileInfo of a node under a name.
type fileInfo struct {
	name string
	node *Node
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return int64(i.node.size()) }
func (i fileInfo) ModTime() time.Time { return time.Unix(0, int64(i.node.Modified)) }
func (i fileInfo) IsDir() bool        { return i.node.Type == Directory }
func (i fileInfo) Sys() any           { return i.node }

func (i fileInfo) Mode() fs.FileMode {
	switch i.node.Type {
	case Directory:
		return fs.ModeDir | 0o755
	case SymbolicLink:
		return fs.ModeSymlink | 0o777
	}
	return 0o644
}

// nodeReader reads the content of a regular file.
type nodeReader struct{ node *Node }

func (r nodeReader) ReadAt(p []byte, off int64) (int, error) {
	n := r.node.Content.readAt(p, uint64(off))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// outputFile is an open regular file.
type outputFile struct {
	*io.SectionReader
	info fileInfo
}

func (f outputFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f outputFile) Close() error               { return nil }

// outputDir is an open directory.
type outputDir struct {
	fileInfo
	entries []fs.DirEntry
}

func (d *outputDir) Stat() (fs.FileInfo, error) { return d.fileInfo, nil }
func (d *outputDir) Close() error               { return nil }

func (d *outputDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

// ReadDir implements fs.ReadDirFile.
func (d *outputDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	list := d.entries[:n:n]
	d.entries = d.entries[n:]
	return list, nil
}
