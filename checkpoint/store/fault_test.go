package store

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
)

// syncCost makes it likely enough that all is written, but not synced.
const syncCost = 500

var errCrashed = errors.New("the machine has crashed")

// faultFS is a directory in memory that forgets, when it crashes, what was not
// synced: some unsynced writes are there, whole or in part, and some are not,
// in any combination, and the same goes for unsynced creations and removals.
type faultFS struct {
	mu      sync.Mutex
	files   map[string]*faultFile
	durable map[string]*faultFile // as of the last Sync
	// budget is how many more bytes and operations there are until the crash;
	// negative for no end. The write that crosses it may be done in part.
	budget int
	// full makes writes fail, badSync syncs, once each time.
	full, badSync int
	locked        bool
}

type faultFile struct {
	fs      *faultFS
	data    []byte // as reads see it
	durable []byte
	pending []faultWrite
}

type faultWrite struct {
	off  int64
	data []byte
}

func newFaultFS() *faultFS {
	return &faultFS{files: map[string]*faultFile{}, durable: map[string]*faultFile{}, budget: -1}
}

// spend takes n from the budget and returns how much of it there was.
func (f *faultFS) spend(n int) (int, error) {
	if f.budget < 0 {
		return n, nil
	}
	got := min(n, f.budget)
	f.budget -= got
	if got < n || f.budget == 0 {
		f.budget = 0
		return got, errCrashed
	}
	return got, nil
}

func (f *faultFS) Create(name string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.spend(1); err != nil {
		return nil, err
	}
	if f.files[name] != nil {
		return nil, fs.ErrExist
	}
	f.files[name] = &faultFile{fs: f}
	return f.files[name], nil
}

func (f *faultFS) Open(name string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[name] == nil {
		return nil, fs.ErrNotExist
	}
	return f.files[name], nil
}

func (f *faultFS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.spend(1); err != nil {
		return err
	}
	delete(f.files, name)
	return nil
}

func (f *faultFS) List() ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := []string{"lost+found"}
	for name := range f.files {
		names = append(names, name)
	}
	return names, nil
}

func (f *faultFS) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.spend(1); err != nil {
		return err
	}
	f.durable = map[string]*faultFile{}
	for name, file := range f.files {
		f.durable[name] = file
	}
	return nil
}

func (f *faultFS) Lock() (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked {
		return nil, ErrInUse
	}
	f.locked = true
	return unlocker{f}, nil
}

type unlocker struct{ f *faultFS }

func (u unlocker) Close() error {
	u.f.mu.Lock()
	defer u.f.mu.Unlock()
	u.f.locked = false
	return nil
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return bytes.NewReader(f.data).ReadAt(p, off)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.full > 0 {
		f.fs.full--
		p = p[:len(p)/2]
		f.data = writeAt(f.data, off, p)
		f.pending = append(f.pending, faultWrite{off, bytes.Clone(p)})
		return len(p), errors.New("no space left on device")
	}
	n, err := f.fs.spend(len(p))
	f.data = writeAt(f.data, off, p[:n])
	f.pending = append(f.pending, faultWrite{off, bytes.Clone(p[:n])})
	return n, err
}

func (f *faultFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.badSync > 0 {
		f.fs.badSync--
		return errors.New("input/output error")
	}
	if _, err := f.fs.spend(syncCost); err != nil {
		return err
	}
	f.durable, f.pending = bytes.Clone(f.data), nil
	return nil
}

func (f *faultFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *faultFile) Close() error { return nil }

func writeAt(b []byte, off int64, p []byte) []byte {
	if end := int(off) + len(p); end > len(b) {
		b = append(b, make([]byte, end-len(b))...)
	}
	copy(b[off:], p)
	return b
}

// kill is what another process finds after this one was killed: all that was
// written, synced or not.
func (f *faultFS) kill() *faultFS {
	after := newFaultFS()
	for name, file := range f.files {
		after.files[name] = &faultFile{fs: after, data: file.data, durable: file.durable, pending: file.pending}
	}
	for name, file := range f.durable {
		if after.files[name] == nil {
			after.durable[name] = &faultFile{fs: after, data: file.data, durable: file.durable, pending: file.pending}
		} else {
			after.durable[name] = after.files[name]
		}
	}
	return after
}

// crash is the directory as it is found after a power failure.
func (f *faultFS) crash(rng *rand.Rand) *faultFS {
	after := newFaultFS()
	names := map[string]*faultFile{}
	for name, file := range f.durable {
		if f.files[name] != nil || rng.IntN(2) == 0 { // removed, not synced
			names[name] = file
		}
	}
	for name, file := range f.files {
		if f.durable[name] != nil || rng.IntN(2) == 0 { // created, not synced
			names[name] = file
		}
	}
	for name, file := range names {
		data := file.survivor(rng)
		after.files[name] = &faultFile{fs: after, data: data, durable: bytes.Clone(data)}
		after.durable[name] = after.files[name]
	}
	return after
}

// survivor is a file's content: what was synced, and of the rest some sectors.
func (f *faultFile) survivor(rng *rand.Rand) []byte {
	data := bytes.Clone(f.durable)
	for _, w := range f.pending {
		switch rng.IntN(4) {
		case 0: // lost
		case 1: // cut at any byte
			data = writeAt(data, w.off, w.data[:rng.IntN(len(w.data)+1)])
		case 2: // some sectors, in any order
			for i, sector := range slices.Collect(slices.Chunk(w.data, 512)) {
				if rng.IntN(2) == 0 {
					data = writeAt(data, w.off+int64(i)*512, sector)
				}
			}
		default:
			data = writeAt(data, w.off, w.data)
		}
	}
	return data
}
