package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

// putFlags are the flags of `godwit blob put`.
type putFlags struct {
	name                  string
	noPin, hidden, idOnly bool
	format                render.Format
}

// put stores paths and prints what became of them.
func (s *session) put(f putFlags, paths []string) error {
	var list []api.Blob
	for _, p := range paths {
		b, err := s.upload(p, api.PutOptions{Pin: !f.noPin, Name: f.name}, f.hidden)
		if err != nil {
			return err
		}
		list = append(list, b)
	}
	if f.idOnly {
		for _, b := range list {
			fmt.Fprintln(s.out, b.CID)
		}
		return nil
	}
	return s.show(f.format, api.BlobList{Blobs: list}, func(w io.Writer) error {
		g := newGrid()
		for _, b := range list {
			g.row(b.CID, units.Size(b.Size).Approx(), b.Name)
		}
		return g.write(w)
	})
}

// upload stores a file, folder or standard input, and tells how far it is.
func (s *session) upload(path string, o api.PutOptions, hidden bool) (api.Blob, error) {
	if path == "-" {
		m := newMeter("put", 0)
		defer m.end()
		return s.PutFile(s.ctx, m.reads(os.Stdin), o)
	}
	info, err := os.Stat(path)
	if err != nil {
		return api.Blob{}, err
	}
	if o.Name == "" {
		if o.Name, err = baseName(path); err != nil {
			return api.Blob{}, err
		}
	}
	m := newMeter("put "+path, info.Size())
	defer m.end()
	switch {
	case info.IsDir():
		m.total = 0
		return s.PutTree(s.ctx, m.readsAll(api.Folder(path, hidden)), o)
	case !info.Mode().IsRegular(): // opening a pipe could wait for ever
		return api.Blob{}, fmt.Errorf("%s: neither a file nor a folder", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return api.Blob{}, err
	}
	defer f.Close() // read only
	return s.PutFile(s.ctx, m.reads(f), o)
}

// get fetches a file or folder to a path.
func (s *session) get(args []string) error {
	id, path := args[0], args[0]
	if len(args) > 1 {
		path = args[1]
	}
	if _, err := os.Lstat(path); path != "-" && err == nil {
		return hintedError{fmt.Errorf("%s: %w", path, fs.ErrExist), "name another path after the CID"}
	}
	f, size, err := s.OpenFile(s.ctx, id)
	if errors.Is(err, api.ErrIsDir) && path != "-" {
		return s.fetchFolder(id, path)
	}
	if err != nil {
		return err
	}
	defer f.Close() // read only
	m := newMeter("get "+id, max(size, 0))
	defer m.end()
	if path == "-" {
		_, err := io.Copy(s.out, m.reads(f))
		return err
	}
	return writeNew(path, m.reads(f))
}

// fetchFolder puts a folder at a path, whole or not at all.
func (s *session) fetchFolder(id, path string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // once it is renamed there is nothing left
	if err := s.extract(id, tmp); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// extract writes what a folder holds into a directory that is there.
func (s *session) extract(id, dir string) error {
	m := newMeter("get "+id, 0)
	defer m.end()
	return api.Extract(dir, m.readsAll(s.Tree(s.ctx, id)))
}

// writeNew writes a file whole or not at all.
func writeNew(path string, r io.Reader) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // once it is renamed there is nothing left
	_, err = io.Copy(tmp, r)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// meter counts the bytes of a transfer for people.
type meter struct {
	*progress
	start       time.Time
	done, total int64 // total 0 is unknown
}

func newMeter(what string, total int64) *meter {
	return &meter{progress: newProgress(render.Printable(what)), start: time.Now(), total: total}
}

func (m *meter) count(n int) {
	m.done += int64(n)
	m.report(func() string {
		rate := units.Size(float64(m.done) / max(time.Since(m.start).Seconds(), 0.001)).Approx()
		done := units.Size(m.done).Approx()
		if m.total <= 0 {
			return fmt.Sprintf("%s, %s/s", done, rate)
		}
		return fmt.Sprintf("%s %3d%%, %s of %s, %s/s", bar(m.done, m.total), 100*m.done/m.total, done, units.Size(m.total).Approx(), rate)
	})
}

// bar is a progress bar of fixed width.
func bar(done, total int64) string {
	const width = 20
	text := []byte("[....................]")
	for i := range min(width*done/total, width) {
		text[1+i] = '#'
	}
	return string(text)
}

func (m *meter) reads(r io.Reader) io.Reader { return &metered{r, m} }

type metered struct {
	io.Reader
	m *meter
}

func (r *metered) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.m.count(n)
	return n, err
}

func (m *meter) readsAll(entries iter.Seq2[api.TreeEntry, error]) iter.Seq2[api.TreeEntry, error] {
	return func(yield func(api.TreeEntry, error) bool) {
		for e, err := range entries {
			if e.Body != nil {
				e.Body = m.reads(e.Body)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
