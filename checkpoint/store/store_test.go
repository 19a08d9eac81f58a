package store

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
)

var (
	testKey    = checkpoint.Ed25519Key(ed25519.NewKeyFromSeed([]byte("a seed of exactly 32 bytes......")))
	testModule = checkpoint.NewRaw([]byte("a module")).ID
	testStart  = time.Unix(1_700_000_000, 0).UTC()
)

func testConfig(fs FS) Config {
	return Config{FS: fs, Rand: rand.Reader, SegmentBytes: 16 << 10}
}

func open(tb testing.TB, cfg Config) *Store {
	tb.Helper()
	s, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// actor is a guest with a plain memory, and what it was at every checkpoint
// that was acknowledged.
type actor struct {
	name  string
	chain *checkpoint.Chain
	mem   []byte
	dirty map[int]bool
	seq   uint64
	// saved are the memories of checkpoints that must be there, by order;
	// perhaps those that may be.
	saved, perhaps map[checkpoint.Order][]byte
}

func newActor(name string) *actor {
	return &actor{name: name, dirty: map[int]bool{}, saved: map[checkpoint.Order][]byte{}, perhaps: map[checkpoint.Order][]byte{}}
}

func (a *actor) config(s *Store) checkpoint.Config {
	return checkpoint.Config{Name: a.name, Module: testModule, Owner: testKey, Index: s, Old: s, Garbage: 0.25}
}

// begin continues from the newest whole checkpoint, or anew.
func (a *actor) begin(s *Store) error {
	newest, _, err := s.Newest(a.name)
	if err != nil {
		a.mem, a.dirty = nil, map[int]bool{}
		a.chain, err = checkpoint.NewChain(a.config(s))
		return err
	}
	im, err := checkpoint.LoadImage(newest.Memory, s)
	if err != nil {
		return err
	}
	if a.mem, err = im.Read(s); err != nil {
		return err
	}
	a.dirty = map[int]bool{}
	a.chain, err = checkpoint.Resume(a.config(s), newest, s)
	return err
}

// live writes to some pages.
func (a *actor) live(rng *mathrand.Rand, writes int) {
	if len(a.mem) == 0 || rng.IntN(8) == 0 && len(a.mem) < 3*checkpoint.WasmPage {
		a.mem = append(a.mem, make([]byte, checkpoint.WasmPage)...)
	}
	for range writes {
		page := rng.IntN(len(a.mem) / checkpoint.PageSize)
		a.dirty[page] = true
		p := a.mem[page*checkpoint.PageSize:][:checkpoint.PageSize]
		switch rng.IntN(4) {
		case 0:
			clear(p)
		case 1:
			p[0] = byte(rng.IntN(3))
		default:
			for i := range 16 {
				p[rng.IntN(len(p))] = byte(i)
			}
		}
	}
}

func (a *actor) capture() checkpoint.Capture {
	a.seq++
	c := checkpoint.Capture{
		Order: checkpoint.Order{Epoch: 1, Sequence: a.seq}, Time: testStart.Add(time.Duration(a.seq) * time.Second),
		Size: uint64(len(a.mem)), State: checkpoint.State{Sections: map[string][]byte{"wasi": a.mem[:min(3000, len(a.mem))]}},
	}
	for _, page := range slices.Sorted(maps.Keys(a.dirty)) {
		start := page * checkpoint.PageSize
		c.Dirty = append(c.Dirty, checkpoint.Run{Start: uint64(start), Bytes: a.mem[start : start+checkpoint.PageSize]})
	}
	clear(a.dirty)
	return c
}

// save makes a checkpoint; until it is acknowledged it may or may not be there.
func (a *actor) save(s *Store) error {
	c := a.capture()
	a.perhaps[c.Order] = bytes.Clone(a.mem)
	b := s.Begin()
	defer b.Close()
	r, err := a.chain.Update(c)
	if err != nil {
		return err
	}
	if err := b.Save(r); err != nil {
		return err
	}
	a.saved[c.Order] = a.perhaps[c.Order]
	delete(a.perhaps, c.Order)
	return nil
}

// check reads back every checkpoint of the actor.
func (a *actor) check(s *Store) error {
	there := map[checkpoint.Order]bool{}
	for _, ref := range s.List(a.name) {
		there[ref.Order] = true
		want, ok := a.saved[ref.Order]
		if !ok {
			want, ok = a.perhaps[ref.Order]
		}
		if !ok {
			return fmt.Errorf("%s %s is listed, but was removed or never made", a.name, ref.Order)
		}
		if err := a.compare(s, ref, want); err != nil {
			return err
		}
	}
	for order := range a.saved {
		if !there[order] {
			return fmt.Errorf("%s %s was acknowledged and is not there", a.name, order)
		}
	}
	return nil
}

func (a *actor) compare(s *Store, ref checkpoint.Ref, want []byte) error {
	if found := s.Verify(ref.ID); len(found) > 0 {
		return fmt.Errorf("%s %s: %w", a.name, ref.Order, found[0])
	}
	signed, err := s.Load(ref.ID)
	if err != nil {
		return err
	}
	im, err := checkpoint.LoadImage(signed.Memory, s)
	if err != nil {
		return err
	}
	got, err := im.Read(s)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s %s: memory differs", a.name, ref.Order)
	}
	return nil
}

// retain removes checkpoints by a policy and notes what must be gone.
func (a *actor) retain(s *Store, p checkpoint.Policy) error {
	d, err := s.Plan(a.name, p, testStart.Add(time.Duration(a.seq)*time.Second), nil)
	if err != nil {
		return err
	}
	for _, r := range d.Remove { // from now until acknowledged: perhaps
		if mem, ok := a.saved[r.Order]; ok {
			a.perhaps[r.Order] = mem
			delete(a.saved, r.Order)
		}
	}
	for _, r := range d.Remove {
		if err := s.Remove(r.ID); err != nil {
			return err
		}
		delete(a.perhaps, r.Order)
	}
	return nil
}
