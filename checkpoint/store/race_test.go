package store

import (
	mathrand "math/rand/v2"
	"testing"
)

// spyFS tells of the first read.
type spyFS struct {
	FS
	read func()
}

type spyFile struct {
	File
	fs *spyFS
}

func (s *spyFS) Create(name string) (File, error) {
	f, err := s.FS.Create(name)
	return spyFile{f, s}, err
}

func (f spyFile) ReadAt(p []byte, off int64) (int, error) {
	if then := f.fs.read; then != nil {
		f.fs.read = nil
		then()
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
	fs.read = func() {
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
