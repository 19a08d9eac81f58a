package activation

import (
	"crypto/ed25519"
	"crypto/rand"
	mrand "math/rand/v2"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

var testKey = checkpoint.Ed25519Key(ed25519.NewKeyFromSeed([]byte("a seed of exactly 32 bytes......")))

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{FS: store.Dir(t.TempDir()), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// life is a chain with memory of its own, and what its checkpoints held.
type life struct {
	t     testing.TB
	rng   *mrand.Rand
	mem   []byte
	chain *checkpoint.Chain
	store *store.Store
	epoch uint64
	seq   uint64
}

func newLife(t testing.TB, pages int) *life {
	l := &life{
		t: t, rng: mrand.New(mrand.NewPCG(1, 2)), mem: make([]byte, pages*checkpoint.WasmPage), store: newStore(t), epoch: 1,
	}
	var err error
	l.chain, err = checkpoint.NewChain(checkpoint.Config{Name: "a", Module: checkpoint.NewRaw([]byte("m")).ID, Owner: testKey, Old: l.store})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// step fills some pages with noise and makes a checkpoint.
func (l *life) step(pages int) *checkpoint.Signed {
	l.t.Helper()
	l.seq++
	c := checkpoint.Capture{Order: checkpoint.Order{Epoch: l.epoch, Sequence: l.seq}, Time: time.Unix(int64(l.seq), 0), Size: uint64(len(l.mem))}
	dirty := map[int]bool{}
	for range pages {
		page := l.rng.IntN(len(l.mem) / checkpoint.PageSize)
		for i := range checkpoint.PageSize { // noise, which does not get smaller
			l.mem[page*checkpoint.PageSize+i] = byte(l.rng.Uint32())
		}
		dirty[page] = true
	}
	for page := range len(l.mem) / checkpoint.PageSize {
		if dirty[page] {
			start := page * checkpoint.PageSize
			c.Dirty = append(c.Dirty, checkpoint.Run{Start: uint64(start), Bytes: l.mem[start : start+checkpoint.PageSize]})
		}
	}
	ready, err := l.chain.Update(c)
	if err == nil {
		err = l.store.Save(ready)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return ready.Signed
}
