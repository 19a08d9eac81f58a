package store

import (
	"errors"
	mathrand "math/rand/v2"
	"syscall"
	"testing"
)

// spyFS tells of the next read, and can make it fail.
type spyFS struct {
	FS
	read func() error
}

type spyFile struct {
	File
	fs *spyFS
}

func (s *spyFS) Create(name string) (File, error) {
	f, err := s.FS.Create(name)
	return spyFile{f, s}, err
}

func (s *spyFS) Open(name string) (File, error) {
	f, err := s.FS.Open(name)
	return spyFile{f, s}, err
}

func (f spyFile) ReadAt(p []byte, off int64) (int, error) {
	if then := f.fs.read; then != nil {
		f.fs.read = nil
		if err := then(); err != nil {
			return 0, err
		}
	}
	return f.File.ReadAt(p, off)
}

// While Collect marks, every checkpoint that it knows of is followed by another,
// which shares its pages, and removed.
func TestCollectSparesWhatFollows(t *testing.T) {
	fs := &spyFS{FS: newFaultFS()}
	s := open(t, testConfig(fs))
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	actors := []*actor{newActor("a"), newActor("b"), newActor("c")}
	for _, a := range actors {
		if err := a.begin(s); err != nil {
			t.Fatal(err)
		}
		a.live(rng, 100)
		if err := a.save(s); err != nil {
			t.Fatal(err)
		}
	}
	fs.read = func() error {
		for _, a := range actors {
			before := a.chain.Last().ID
			a.live(rng, 1)
			if err := a.save(s); err != nil {
				t.Fatal(err)
			}
			if err := s.Remove(before); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	}
	if _, err := s.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fs.read != nil {
		t.Fatal("nothing was read")
	}
	for _, a := range actors {
		for _, found := range s.Verify(a.chain.Last().ID) {
			t.Errorf("%s: %v", a.name, found)
		}
	}
}

// A disk that cannot be read for a moment is no reason to throw anything away.
func TestCollectSparesWhatCannotBeRead(t *testing.T) {
	fs := &spyFS{FS: newFaultFS()}
	s := open(t, testConfig(fs))
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	for range 5 {
		a.live(rng, 100)
		if err := a.save(s); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 8 { // the n-th read fails
		left := n
		var fail func() error
		fail = func() error {
			if left > 0 {
				left--
				fs.read = fail
				return nil
			}
			return syscall.EIO
		}
		fs.read = fail
		if _, err := s.Collect(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Errorf("read %d failed: %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, testConfig(fs))
		if err := a.check(s); err != nil {
			t.Fatalf("after read %d failed: %v", n, err)
		}
	}
}
