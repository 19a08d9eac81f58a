package wasi

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// inputFile is an open file of an input. Its ReadAt is never called twice at once.
type inputFile struct {
	io.ReaderAt
	file fs.File // what to close; nil for an input that is one file
}

func (f *inputFile) close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// inputReader is the open file behind a node, opened when it is first read.
func (s *System) inputReader(n *Node) (*inputFile, error) {
	if f := s.files[n.Inode]; f != nil {
		return f, nil
	}
	if n.Input.Index >= len(s.inputs) { // closed
		return nil, os.ErrClosed
	}
	a := s.inputs[n.Input.Index]
	f := &inputFile{ReaderAt: a.File}
	if a.File == nil {
		file, err := a.Tree.Open(n.Input.Path)
		if err != nil {
			return nil, err
		}
		f.file = file
		f.ReaderAt = randomAccess(f, a.Tree, n.Input.Path)
	}
	if s.files == nil {
		s.files = make(map[uint64]*inputFile)
	}
	s.files[n.Inode] = f
	return f, nil
}

// closeFile closes the open file behind a node, if any. Nothing was written, so
// an error in closing loses nothing.
func (s *System) closeFile(n *Node) {
	if f := s.files[n.Inode]; f != nil {
		f.close()
		delete(s.files, n.Inode)
	}
}

// randomAccess is a ReaderAt of a file, by whatever means the file has.
func randomAccess(f *inputFile, tree fs.FS, name string) io.ReaderAt {
	switch file := f.file.(type) {
	case io.ReaderAt:
		return file
	case io.ReadSeeker:
		return seekReader{file}
	}
	return &streamReader{f: f, tree: tree, name: name}
}

// seekReader reads at an offset by seeking to it first.
type seekReader struct{ io.ReadSeeker }

func (r seekReader) ReadAt(p []byte, off int64) (int, error) {
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(r, p)
}

// streamReader reads at an offset by reading up to it, from the start again if
// the file is already past it.
type streamReader struct {
	f    *inputFile
	tree fs.FS
	name string
	at   int64
}

func (r *streamReader) ReadAt(p []byte, off int64) (int, error) {
	if off < r.at {
		if err := r.rewind(); err != nil {
			return 0, err
		}
	}
	skipped, err := io.CopyN(io.Discard, r.f.file, off-r.at)
	r.at += skipped
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r.f.file, p)
	r.at += int64(n)
	return n, err
}

func (r *streamReader) rewind() error {
	file, err := r.tree.Open(r.name)
	if err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	err = r.f.file.Close()
	r.f.file, r.at = file, 0
	return err
}

// readInputAt reads a file of an input. The end of the file is where it was
// when the guest first saw it.
func (s *System) readInputAt(n *Node, p []byte, off uint64) (int, errno) {
	if off >= uint64(n.Input.Size) {
		return 0, success
	}
	p = p[:min(uint64(len(p)), uint64(n.Input.Size)-off)]
	f, err := s.inputReader(n)
	if err != nil {
		return 0, eio
	}
	got, err := f.ReadAt(p, int64(off))
	got = min(max(got, 0), len(p))
	if got == 0 && err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, eio
	}
	return got, success
}
