package runfile

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
)

var (
	testJob    = []byte("what is run")
	testModule = []byte("a module")
)

// life is a run file and what is in it, in words.
type life struct {
	t      *testing.T
	file   *File
	chain  *checkpoint.Chain
	order  checkpoint.Order
	memory []byte
}

const testPages = 64

func begin(t *testing.T, name string) *life {
	t.Helper()
	f, err := Create(name, testJob, testModule)
	if err != nil {
		t.Fatal(err)
	}
	l := &life{t: t, file: f, order: checkpoint.Order{Epoch: 1}, memory: make([]byte, testPages*checkpoint.PageSize)}
	if l.chain, err = checkpoint.NewChain(l.config()); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *life) config() checkpoint.Config {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return checkpoint.Config{Name: "test", Module: checkpoint.NewRaw(testModule).ID, Owner: checkpoint.Ed25519Key(key), Old: l.file}
}

// save writes to a page and saves a checkpoint.
func (l *life) save(rng *rand.Rand) { l.savePages(rng, rng.IntN(testPages), 1) }

// savePages writes to pages and saves a checkpoint.
func (l *life) savePages(rng *rand.Rand, first, count int) {
	l.t.Helper()
	at := first * checkpoint.PageSize
	page := l.memory[at : at+count*checkpoint.PageSize]
	for n := range page {
		page[n] = byte(rng.Uint32())
	}
	l.order.Sequence++
	ready, err := l.chain.Update(checkpoint.Capture{
		Order: l.order, Time: time.Unix(1, 0), Fuel: checkpoint.Fuel{Version: 1, Used: l.order.Sequence},
		Size: uint64(len(l.memory)), Dirty: []checkpoint.Run{{Start: uint64(at), Bytes: page}},
		State: checkpoint.State{Sections: map[string][]byte{"output": bytes.Repeat([]byte{byte(l.order.Sequence)}, 5000)}},
	})
	if err == nil {
		err = l.file.Save(ready)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// newest reads the newest whole checkpoint of a file, with its memory and state.
func newest(f *File) (last *checkpoint.Signed, memory []byte, damaged int, err error) {
	_, damaged, err = f.Newest(func(s *checkpoint.Signed) error {
		im, err := checkpoint.LoadImage(s.Memory, f)
		if err != nil {
			return err
		}
		if memory, err = im.Read(f); err != nil {
			return err
		}
		if _, err = s.ReadState(f); err == nil {
			last = s
		}
		return err
	})
	return last, memory, damaged, err
}

func (l *life) close() {
	l.t.Helper()
	if err := l.file.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func reopen(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestLife keeps a run over several openings of its file, until it ends.
func TestLife(t *testing.T) {
	name := filepath.Join(t.TempDir(), "run")
	rng := rand.New(rand.NewPCG(1, 2))
	l := begin(t, name)
	if _, err := Open(name); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	for round := range 3 {
		for range 5 {
			l.save(rng)
		}
		if err := l.file.Delivered(uint64(1000 + round)); err != nil {
			t.Fatal(err)
		}
		l.close()
		if _, err := Create(name, testJob, testModule); !errors.Is(err, ErrUnfinished) {
			t.Errorf("replaced: %v", err)
		}
		f, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		module, _ := f.Module()
		last, memory, damaged, err := newest(f)
		if err != nil || damaged != 0 || last.Order != l.order || !bytes.Equal(memory, l.memory) ||
			f.DeliveredBytes() != uint64(1000+round) || !bytes.Equal(f.Job(), testJob) || !bytes.Equal(module, testModule) || f.End() != nil {
			t.Fatalf("round %d: %v, %d damaged, delivered %d, %q, %q", round, err, damaged, f.DeliveredBytes(), f.Job(), f.End())
		}
		l.file = f
		if l.chain, err = checkpoint.Resume(l.config(), last, f); err != nil {
			t.Fatal(err)
		}
		l.order.Epoch++
	}
	if err := l.file.Finish([]byte("well")); err != nil {
		t.Fatal(err)
	}
	l.close()
	f := reopen(t, name)
	if string(f.End()) != "well" {
		t.Errorf("end %q", f.End())
	}
	f.Close()
	again := begin(t, name)
	defer again.close()
	if again.file.End() != nil || again.file.DeliveredBytes() != 0 {
		t.Errorf("a run that begins has ended (%q), and delivered %d", again.file.End(), again.file.DeliveredBytes())
	}
}

// TestRewrite fills a file until it is written anew, several times.
func TestRewrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "run")
	rng := rand.New(rand.NewPCG(3, 4))
	l := begin(t, name)
	l.file.Delivered(77)
	for range 3 * SlackBytes / len(l.memory) {
		l.savePages(rng, 0, testPages)
	}
	if most := int64(2*1<<20 + SlackBytes); l.file.size > most {
		t.Errorf("%d bytes, more than %d", l.file.size, most)
	}
	elsewhere := filepath.Join(t.TempDir(), "copy")
	last, _, _, err := newest(l.file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.file.Copy(elsewhere, []byte("another job"), last)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, f := range []*File{l.file, c} {
		got, memory, damaged, err := newest(f)
		if err != nil || damaged != 0 || got.ID != last.ID || !bytes.Equal(memory, l.memory) || f.DeliveredBytes() != 77 {
			t.Errorf("%v, %d damaged, delivered %d", err, damaged, f.DeliveredBytes())
		}
	}
	l.close()
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCut cuts a file off at every length, as a crash may: what is left holds the last commit before
// that is whole, and takes more.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "run")
	rng := rand.New(rand.NewPCG(5, 6))
	l := begin(t, name)
	begun := l.file.size
	var ends []int64
	var memories [][]byte
	for range 4 {
		l.save(rng)
		ends, memories = append(ends, l.file.size), append(memories, bytes.Clone(l.memory))
	}
	l.close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut")
	for size := int64(len(whole)); size >= 0; size -= 1 + rng.Int64N(200) {
		if err := os.WriteFile(cut, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(cut)
		if size < begun {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%d bytes: %v", size, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		want := -1
		for want+1 < len(ends) && ends[want+1] <= size {
			want++
		}
		last, memory, damaged, err := newest(f)
		switch {
		case err != nil || damaged != 0 || (last == nil) != (want < 0):
			t.Fatalf("%d bytes: %v, %d damaged, found %v, want commit %d", size, err, damaged, last != nil, want)
		case want >= 0 && !bytes.Equal(memory, memories[want]):
			t.Fatalf("%d bytes: not the memory of commit %d", size, want)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFlip changes bytes: what is found is a commit that was made, or nothing.
func TestFlip(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "run")
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	l := begin(t, name)
	made := map[string]bool{}
	for range 4 {
		l.save(rng)
		made[string(l.memory)] = true
	}
	l.close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	flipped := filepath.Join(dir, "flipped")
	passed := 0
	for range 500 {
		b := bytes.Clone(whole)
		at := rng.IntN(len(b))
		b[at] ^= byte(1 + rng.IntN(255))
		if err := os.WriteFile(flipped, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(flipped)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("seed %d, byte %d: %v", seed, at, err)
			}
			continue
		}
		last, memory, damaged, err := newest(f)
		if err != nil || last != nil && !made[string(memory)] {
			t.Fatalf("seed %d, byte %d: %v", seed, at, err)
		}
		passed += damaged
		f.Close()
	}
	if passed == 0 {
		t.Error("no damaged commit was passed over")
	}
}

// TestNotOurs opens what is no run file.
func TestNotOurs(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	name := filepath.Join(dir, "notes")
	if err := os.WriteFile(name, bytes.Repeat([]byte("notes\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(name, testJob, testModule); !errors.Is(err, ErrFormat) {
		t.Errorf("notes replaced: %v", err)
	}
	if err := os.WriteFile(name, []byte(magic+"\x02\x00\x00\x00            "), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name); !errors.Is(err, ErrFormat) || fmt.Sprint(err) == "" {
		t.Errorf("of another version: %v", err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("opened a folder")
	}
}

// FuzzOpen opens arbitrary files.
func FuzzOpen(f *testing.F) {
	var t testing.T
	name := filepath.Join(f.TempDir(), "run")
	l := begin(&t, name)
	l.save(rand.New(rand.NewPCG(7, 8)))
	l.file.Finish([]byte("well"))
	l.close()
	b, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "run")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(name)
		if err != nil {
			return
		}
		defer file.Close()
		newest(file)
		file.Module()
	})
}

// An object that a crash has damaged is written again by the next checkpoint that needs it.
func TestDamagedObjectIsWrittenAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "run")
	f, err := Create(name, testJob, testModule)
	if err != nil {
		t.Fatal(err)
	}
	l := &life{t: t, file: f}
	chain, err := checkpoint.NewChain(l.config())
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, checkpoint.WasmPage)
	page[0] = 1
	ready, err := chain.Update(checkpoint.Capture{
		Order: checkpoint.Order{Epoch: 1, Sequence: 1}, Time: time.Unix(1, 0), Size: checkpoint.WasmPage, Dirty: []checkpoint.Run{{Bytes: page}},
	})
	if err == nil {
		err = errors.Join(f.Save(ready), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	o := ready.Objects[0]
	raw[bytes.Index(raw, o.Data)+len(o.Data)-1] ^= 1
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f = reopen(t, name)
	if found, damaged, err := f.Newest(func(s *checkpoint.Signed) error { _, err := f.Get(o.ID); return err }); found || damaged != 1 || err != nil {
		t.Errorf("found %v, %d damaged, %v", found, damaged, err)
	}
	if err := f.Save(ready); err != nil {
		t.Fatal(err)
	}
	if data, err := f.Get(o.ID); err != nil || !bytes.Equal(data, o.Data) {
		t.Errorf("%v", err)
	}
}
