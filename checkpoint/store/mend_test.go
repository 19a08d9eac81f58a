package store

import (
	"bytes"
	"errors"
	mathrand "math/rand/v2"
	"syscall"
	"testing"

	"github.com/godwit-run/godwit/checkpoint"
)

// Others look at a store while its owner writes, collects and removes.
func TestReadOnly(t *testing.T) {
	dir := Dir(t.TempDir())
	owner := open(t, testConfig(dir))
	defer owner.Close()
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	if err := a.begin(owner); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		a.live(rng, 20)
		if err := a.save(owner); err != nil {
			t.Fatal(err)
		}
	}
	cfg := testConfig(dir)
	cfg.ReadOnly = true
	reader := open(t, cfg)
	before := reader.List("a")

	if err := owner.Remove(before[0].ID, before[1].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.live(rng, 20)
	if err := a.save(owner); err != nil {
		t.Fatal(err)
	}
	for _, ref := range before {
		if err := a.compare(reader, ref, a.saved[ref.Order]); err != nil {
			t.Errorf("%s, as it was when the store was opened: %v", ref.Order, err)
		}
	}
	if err := reader.Remove(before[2].ID); !errors.Is(err, ErrReadOnly) {
		t.Errorf("removing: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	reader = open(t, cfg)
	defer reader.Close()
	if got, want := len(reader.List("a")), len(before)-2+1; got != want {
		t.Errorf("%d checkpoints, want %d", got, want)
	}
	if d := reader.Damage(); len(d) > 0 {
		t.Errorf("damage in a store that is being written: %v", d)
	}
}

// One wrong byte is put right when it is read, and by Repair on disk.
func TestRepairRewrites(t *testing.T) {
	fs, actors := filled(t, 7)
	var seg *faultFile
	for _, f := range fs.files {
		if seg == nil || len(f.data) > len(seg.data) {
			seg = f
		}
	}
	seg.data[len(seg.data)/2] ^= 0x10
	s := open(t, testConfig(fs))
	for _, a := range actors {
		newestIsSound(t, s, a)
		for _, ref := range s.List(a.name) {
			if found := s.Verify(ref.ID); len(found) > 0 {
				t.Errorf("one wrong byte: %v", found)
			}
		}
	}
	if n, err := s.Repair(t.Context()); n != 1 || err != nil {
		t.Fatalf("repaired %d segments, %v; damage %v", n, err, s.Damage())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, testConfig(fs))
	for _, a := range actors {
		for _, ref := range s.List(a.name) {
			if found := s.Verify(ref.ID); len(found) > 0 {
				t.Errorf("after the repair: %v", found)
			}
		}
		if len(s.List(a.name)) != 5 {
			t.Errorf("%s has %d checkpoints", a.name, len(s.List(a.name)))
		}
	}
	if d := s.Damage(); len(d) > 0 {
		t.Errorf("damage after the repair: %v", d)
	}
}

// What is damaged beyond repair comes back with an import of the same.
func TestImportHeals(t *testing.T) {
	fs := newFaultFS()
	s := open(t, testConfig(fs))
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	a.live(mathrand.New(mathrand.NewPCG(3, 3)), 200)
	if err := a.save(s); err != nil {
		t.Fatal(err)
	}
	last := a.chain.Last()
	var car bytes.Buffer
	if err := checkpoint.Export(&car, last, s); err != nil {
		t.Fatal(err)
	}
	im, err := checkpoint.LoadImage(last.Memory, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []bool{false, true} {
		for _, at := range []location{s.index[im.Extents()[0].Pack], s.index[last.Memory.Map], s.index[last.ID]} {
			data := at.segment.file.(*faultFile).data[at.record.payload():]
			data[5], data[20] = ^data[5], ^data[20]
		}
		if known && len(s.Verify(last.ID)) == 0 {
			t.Fatal("no damage")
		}
		if _, err := s.Import(bytes.NewReader(car.Bytes()), 1<<20, nil); err != nil {
			t.Fatal(err)
		}
		if found := s.Verify(last.ID); len(found) > 0 {
			t.Errorf("after the import: %v", found)
		}
		if refs := s.List("a"); len(refs) != 1 {
			t.Errorf("listed as %v", refs)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, testConfig(fs))
	if found := s.Verify(last.ID); len(found) > 0 || len(s.List("a")) != 1 {
		t.Errorf("opened again: %v, listed as %v", found, s.List("a"))
	}
}

// What is not accepted leaves nothing behind.
func TestImportAsksFirst(t *testing.T) {
	from, to := open(t, testConfig(newFaultFS())), open(t, testConfig(newFaultFS()))
	a := newActor("a")
	if err := a.begin(from); err != nil {
		t.Fatal(err)
	}
	a.live(mathrand.New(mathrand.NewPCG(3, 3)), 20)
	if err := a.save(from); err != nil {
		t.Fatal(err)
	}
	var car bytes.Buffer
	if err := checkpoint.Export(&car, a.chain.Last(), from); err != nil {
		t.Fatal(err)
	}
	no := errors.New("a stranger's")
	_, err := to.Import(&car, 1<<20, func(s *checkpoint.Signed) error {
		if s.ID != a.chain.Last().ID {
			t.Errorf("asked about %s", s.ID)
		}
		return no
	})
	if !errors.Is(err, no) || to.Usage().Objects > 0 {
		t.Errorf("%v, and %d objects", err, to.Usage().Objects)
	}
}

// A store that is closed can be opened again at once, even while a child process
// that is being started has all files of this one.
func TestCloseLetsGo(t *testing.T) {
	dir := Dir(t.TempDir())
	s := open(t, testConfig(dir))
	if _, err := Open(testConfig(dir)); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	child, err := syscall.Dup(int(s.lock.(lockedFile).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(child)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, testConfig(dir)).Close(); err != nil {
		t.Fatal(err)
	}
}
