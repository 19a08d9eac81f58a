package store

import (
	"bytes"
	"context"
	"errors"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/checkpoint"
)

// filled is a closed store with a few checkpoints of two actors.
func filled(tb testing.TB, seed uint64) (*faultFS, []*actor) {
	tb.Helper()
	rng := mathrand.New(mathrand.NewPCG(seed, 1))
	fs := newFaultFS()
	s := open(tb, testConfig(fs))
	actors := []*actor{newActor("a"), newActor("b")}
	for _, a := range actors {
		if err := a.begin(s); err != nil {
			tb.Fatal(err)
		}
		for range 5 {
			a.live(rng, 12)
			if err := a.save(s); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return fs, actors
}

// Any byte of any file is flipped: the damage is noticed, and put right where it
// is the newest checkpoint's.
func TestFlippedByte(t *testing.T) {
	fs, actors := filled(t, 1)
	rng := mathrand.New(mathrand.NewPCG(2, 2))
	for name, f := range fs.files {
		for at := 0; at < len(f.data); at += 1 + rng.IntN(len(f.data)/40) {
			bit := byte(1) << rng.IntN(8)
			f.data[at] ^= bit
			s := open(t, testConfig(fs))
			noticed := 0
			for _, a := range actors {
				if newestIsSound(t, s, a) > 0 {
					t.Errorf("%s: bit %#x of byte %d flipped, and the newest is passed over", name, bit, at)
				}
				for _, ref := range s.List(a.name) {
					noticed += len(s.Verify(ref.ID))
				}
			}
			if noticed+len(s.Damage()) == 0 {
				t.Errorf("%s: bit %#x of byte %d flipped, and nobody noticed", name, bit, at)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			f.data[at] ^= bit
			removeEmpty(fs)
		}
	}
}

// removeEmpty takes away what opening and closing left.
func removeEmpty(fs *faultFS) {
	for name, f := range fs.files {
		if len(f.data) == 0 {
			delete(fs.files, name)
		}
	}
}

// newestIsSound compares what Newest returns and counts what it passed over,
// each named.
func newestIsSound(t *testing.T, s *Store, a *actor) int {
	t.Helper()
	newest, over, err := s.Newest(a.name)
	if err != nil {
		t.Fatalf("%s: %v after one flipped bit", a.name, err)
	}
	if err := a.compare(s, refOf(newest), a.saved[newest.Order]); err != nil {
		t.Fatal(err)
	}
	for _, o := range over {
		for _, d := range o.Damage {
			if !strings.Contains(d.Error(), d.Object.String()) || d.Part == "" {
				t.Errorf("damage is not named: %v", d)
			}
			if d.Part == "pages" && len(d.Pages) == 0 && d.Object.Defined() {
				t.Errorf("pages are not named: %v", d)
			}
		}
	}
	return len(over)
}

// A damaged pack is written anew by the chain that is told of it, and taken by
// the store that has it, damaged.
func TestDamageHeals(t *testing.T) {
	fs := newFaultFS()
	s := open(t, testConfig(fs))
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	rng := mathrand.New(mathrand.NewPCG(3, 3))
	a.live(rng, 200)
	if err := a.save(s); err != nil {
		t.Fatal(err)
	}
	im, err := checkpoint.LoadImage(a.chain.Last().Memory, s)
	if err != nil {
		t.Fatal(err)
	}
	pack := im.Extents()[0].Pack
	at := s.index[pack]
	data := at.segment.file.(*faultFile).data[at.record.payload():]
	data[100], data[200] = ^data[100], ^data[200]

	found := s.Verify(a.chain.Last().ID)
	if len(found) != 1 || found[0].Object != pack || !errors.Is(found[0], checkpoint.ErrHash) {
		t.Fatalf("found %v", found)
	}
	lost := a.chain.Lost(pack)
	if len(lost) == 0 || len(lost) != len(found[0].Pages) {
		t.Fatalf("lost %v, found %v", lost, found[0].Pages)
	}
	for _, r := range lost {
		for p := r.First; p < r.First+r.Count; p++ {
			a.dirty[p] = true
		}
	}
	clear(a.saved) // the first one is past help until the same pack comes again
	if err := a.save(s); err != nil {
		t.Fatal(err)
	}
	if found := s.Verify(a.chain.Last().ID); len(found) > 0 {
		t.Errorf("still damaged: %v", found[0])
	}
}

// Full disks and failing syncs refuse commits and lose nothing that counted;
// the same commit succeeds later.
func TestFailuresAreSurvived(t *testing.T) {
	rng := mathrand.New(mathrand.NewPCG(4, 4))
	fs := newFaultFS()
	s := open(t, testConfig(fs))
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		a.live(rng, 10)
		c := a.capture()
		r, err := a.chain.Update(c)
		if err != nil {
			t.Fatal(err)
		}
		fs.full, fs.badSync = rng.IntN(3), rng.IntN(2)
		failures := 0
		for err = s.Save(r); err != nil; err = s.Save(r) {
			if failures++; failures > 5 {
				t.Fatal(err)
			}
		}
		a.saved[c.Order] = bytes.Clone(a.mem)
		if err := s.Save(r); err != nil {
			t.Fatalf("committed again: %v", err)
		}
	}
	for range 2 {
		if err := a.check(s); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, testConfig(fs))
	}
}

func TestQuota(t *testing.T) {
	rng := mathrand.New(mathrand.NewPCG(5, 5))
	cfg := testConfig(newFaultFS())
	cfg.MaxBytes = 100 << 10
	s := open(t, cfg)
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		a.live(rng, 10)
		err = a.save(s)
	}
	if !errors.Is(err, ErrQuota) || s.Usage().Bytes > cfg.MaxBytes {
		t.Fatalf("%v with %+v", err, s.Usage())
	}
	if err := a.retain(s, checkpoint.Policy{Last: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The chain's update was never stored: it goes on from the newest that was.
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	a.live(rng, 3)
	if err := a.save(s); err != nil {
		t.Errorf("after making room: %v, %+v", err, s.Usage())
	}
}

func TestLock(t *testing.T) {
	dir := Dir(t.TempDir())
	s := open(t, testConfig(dir))
	if _, err := Open(testConfig(dir)); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, testConfig(dir)).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(testModule); !errors.Is(err, ErrClosed) {
		t.Errorf("get after close: %v", err)
	}
}

func TestStale(t *testing.T) {
	s := open(t, testConfig(newFaultFS()))
	rng := mathrand.New(mathrand.NewPCG(6, 6))
	a, rival := newActor("a"), newActor("a")
	for _, x := range []*actor{a, rival} {
		if err := x.begin(s); err != nil {
			t.Fatal(err)
		}
		x.live(rng, 5)
	}
	if err := a.save(s); err != nil {
		t.Fatal(err)
	}
	if err := rival.save(s); !errors.Is(err, checkpoint.ErrStale) {
		t.Errorf("a rival's checkpoint of the same order: %v", err)
	}
	if err := a.check(s); err != nil {
		t.Error(err)
	}
}

// Several bytes here and there: what Newest returns is sound, and what it passes
// over is named.
func TestFlippedBytes(t *testing.T) {
	fs, actors := filled(t, 7)
	rng := mathrand.New(mathrand.NewPCG(8, 8))
	for range 300 {
		type flip struct {
			f  *faultFile
			at int
		}
		var flips []flip
		for _, f := range fs.files {
			for range rng.IntN(3) {
				flips = append(flips, flip{f, rng.IntN(len(f.data))})
			}
		}
		for _, x := range flips {
			x.f.data[x.at] ^= 0x55
		}
		s := open(t, testConfig(fs))
		for _, a := range actors {
			newest, over, err := s.Newest(a.name)
			if err == nil {
				err = a.compare(s, refOf(newest), a.saved[newest.Order])
			} else if errors.Is(err, checkpoint.ErrNotFound) && len(over)+len(s.Damage()) > 0 {
				err = nil
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, x := range flips {
			x.f.data[x.at] ^= 0x55
		}
		removeEmpty(fs)
	}
}
