package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/godwit-run/godwit/internal/filelock"
)

// FS is the directory that a store lives in. What is created, removed or
// written may be lost or half done after a crash, until it was synced.
type FS interface {
	// Create makes a new file. It fails if there is one of that name.
	Create(name string) (File, error)
	// Open opens a file for reading and syncing.
	Open(name string) (File, error)
	Remove(name string) error
	// List returns the names of all files, in any order.
	List() ([]string, error)
	// Lock keeps others from using the directory until closed.
	Lock() (io.Closer, error)
	// Sync makes all that was created and removed before outlast a crash.
	Sync() error
}

// File is a file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes all that was written before outlast a crash.
	Sync() error
	Size() (int64, error)
}

// Dir is a directory of the operating system as an FS. It must exist.
type Dir string

// Create implements FS.
func (d Dir) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open implements FS.
func (d Dir) Open(name string) (File, error) { return d.open(name, os.O_RDONLY) }

func (d Dir) open(name string, flag int) (File, error) {
	f, err := os.OpenFile(d.path(name), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// Remove implements FS.
func (d Dir) Remove(name string) error { return os.Remove(d.path(name)) }

// List implements FS.
func (d Dir) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Sync implements FS.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", string(d), err)
	}
	return nil
}

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// Lock implements FS with an advisory lock on a file, which goes with the
// process.
func (d Dir) Lock() (io.Closer, error) {
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = filelock.Lock(f)
	if errors.Is(err, filelock.ErrHeld) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return lockedFile{f}, nil
}

// lockedFile is a lock that is held until it is closed.
type lockedFile struct{ *os.File }

// Close lets go of the lock.
func (l lockedFile) Close() error { return errors.Join(filelock.Unlock(l.File), l.File.Close()) }

type file struct{ *os.File }

// Size implements File.
func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
