package store

import (
	"bytes"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestImages(t *testing.T) {
	s := open(t, testConfig(newFaultFS()))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "left.image"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	images, err := NewImages(dir, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		a.live(rng, 10)
		if err := a.save(s); err != nil {
			t.Fatal(err)
		}
	}
	var readers sync.WaitGroup
	for range 4 { // all of them at once, and more than may stay
		readers.Go(func() {
			for _, ref := range s.List("a") {
				signed, err := s.Load(ref.ID)
				if err != nil {
					t.Error(err)
					return
				}
				f, err := images.Open(signed.Memory, s)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(f)
				if err != nil || !bytes.Equal(got, a.saved[ref.Order]) {
					t.Errorf("image of %s: %d bytes, %v", ref.Order, len(got), err)
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Wait()
	left, err := filepath.Glob(filepath.Join(dir, "*.image"))
	if err != nil || len(left) == 0 || len(left) > 8 || len(left) != len(images.files) {
		t.Errorf("%d images left, %d known, %v", len(left), len(images.files), err)
	}
}
