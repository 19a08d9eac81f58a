package driver

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/godwit-run/godwit/internal/filelock"
)

// folder is the temporary one of a driver process. It is locked for as long as this process
// lives, so that the next one knows which are left over.
type folder struct {
	path string
	lock *os.File
}

// folders is the pattern of their names.
const folders = "godwit-gpu-*"

func newFolder() (*folder, error) {
	sweep(filepath.Join(os.TempDir(), folders))
	path, err := os.MkdirTemp("", folders)
	if err != nil {
		return nil, err
	}
	lock, err := os.Open(path)
	if err == nil {
		err = filelock.Lock(lock)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return &folder{path: path, lock: lock}, nil
}

// remove removes the folder. What cannot be is left to the next sweep.
func (f *folder) remove() {
	_ = os.RemoveAll(f.path)
	_ = f.lock.Close()
}

// sweep removes what processes that were killed have left. Those that are very new may not
// have been locked yet.
func sweep(pattern string) {
	paths, _ := filepath.Glob(pattern) // the pattern is right
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		lock, err := os.Open(path)
		if err != nil {
			continue
		}
		f := folder{path: path, lock: lock}
		if filelock.Lock(lock) == nil {
			f.remove()
		} else {
			_ = lock.Close()
		}
	}
}
