package transfer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	mrand "math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
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
	t      testing.TB
	rng    *mrand.Rand
	mem    []byte
	chain  *checkpoint.Chain
	store  *store.Store
	recent *Recent
	epoch  uint64
	seq    uint64
}

func newLife(t testing.TB, pages int) *life {
	l := &life{
		t: t, rng: mrand.New(mrand.NewPCG(1, 2)), mem: make([]byte, pages*checkpoint.WasmPage), store: newStore(t),
		recent: NewRecent(8), epoch: 1,
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
	l.recent.Add(ready)
	return ready.Signed
}

// push pushes over a pipe, and tells what was read by the pusher and by the receiver.
func push(t testing.TB, p *pusher, r *receiver, between func(a, b io.ReadWriter) (io.ReadWriter, io.ReadWriter)) (sent, received error) {
	t.Helper()
	a, b := net.Pipe()
	// As on a network, whoever waits for what never comes gives up.
	if err := errors.Join(a.SetDeadline(time.Now().Add(time.Minute)), b.SetDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	ra, rb := io.ReadWriter(a), io.ReadWriter(b)
	if between != nil {
		ra, rb = between(a, b)
	}
	p.framer, r.framer = newFramer(ra), newFramer(rb)
	done := make(chan error, 1)
	go func() {
		_, err := r.run(context.Background())
		done <- errors.Join(err, b.Close())
	}()
	sent = errors.Join(p.run(t.Context()), a.Close())
	return sent, <-done
}

func memoryOf(t testing.TB, s *checkpoint.Signed, g checkpoint.Getter) []byte {
	t.Helper()
	im, err := checkpoint.LoadImage(s.Memory, g)
	if err != nil {
		t.Fatal(err)
	}
	b, err := im.Read(g)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPush: whatever the other side has, it has the checkpoint afterwards, all of it,
// and gets little more than what is new.
func TestPush(t *testing.T) {
	l, there := newLife(t, 16), newStore(t)
	first := l.step(200)
	send := func(s *checkpoint.Signed, recent *Recent) int64 {
		t.Helper()
		p := &pusher{store: l.store, recent: recent, signed: s}
		sent, received := push(t, p, &receiver{store: there, name: "a", max: 1 << 30}, nil)
		if sent != nil || received != nil {
			t.Fatal(sent, received)
		}
		if damage := there.Verify(s.ID); len(damage) > 0 {
			t.Fatal(damage[0])
		}
		return p.wrote
	}
	whole := send(first, l.recent)
	if !bytes.Equal(memoryOf(t, first, there), l.mem) {
		t.Error("another memory")
	}
	if again := send(first, l.recent); again > 2000 {
		t.Errorf("%d bytes for what it has", again)
	}
	l.step(3)
	third := l.step(3)
	remembered := send(third, l.recent)
	fourth := l.step(3)
	searched := send(fourth, NewRecent(1))
	if remembered > whole/4 || searched > whole/4 {
		t.Errorf("%d and %d bytes for a few pages, %d for all", remembered, searched, whole)
	}
	if !bytes.Equal(memoryOf(t, fourth, there), l.mem) {
		t.Error("another memory")
	}
	if older := send(l.load(2), l.recent); older > whole {
		t.Errorf("%d bytes", older)
	}
	// The other side has what this one has lost: everything is listed.
	fifth := l.step(2)
	if err := l.store.Remove(fourth.ID, third.ID, first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := l.store.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if listed := send(fifth, NewRecent(1)); listed > whole/2 {
		t.Errorf("%d bytes", listed)
	}
}

func (l *life) load(seq uint64) *checkpoint.Signed {
	for _, ref := range l.store.List("a") {
		if ref.Sequence == seq {
			s, err := l.store.Load(ref.ID)
			if err != nil {
				l.t.Fatal(err)
			}
			return s
		}
	}
	l.t.Fatalf("no checkpoint %d", seq)
	return nil
}

// flipping flips one bit of what is read, at an offset.
type flipping struct {
	io.ReadWriter
	at   int
	mask byte
}

func (f *flipping) Read(p []byte) (int, error) {
	n, err := f.ReadWriter.Read(p)
	if f.at >= 0 && f.at < n {
		p[f.at] ^= f.mask
	}
	f.at -= n
	return n, err
}

// TestPushDamaged: with any bit wrong, what arrives is either refused or exactly what
// was sent.
func TestPushDamaged(t *testing.T) { synctest.Test(t, testPushDamaged) }

func testPushDamaged(t *testing.T) {
	l := newLife(t, 1)
	s := l.step(3)
	p := &pusher{store: l.store, recent: l.recent, signed: s}
	if sent, received := push(t, p, &receiver{store: newStore(t), name: "a", max: 1 << 30}, nil); sent != nil || received != nil {
		t.Fatal(sent, received)
	}
	total := int(p.wrote)
	there := newStore(t)
	for at := 0; at < total; at += 41 {
		p := &pusher{store: l.store, recent: l.recent, signed: s}
		_, received := push(t, p, &receiver{store: there, name: "a", max: 1 << 20}, func(a, b io.ReadWriter) (io.ReadWriter, io.ReadWriter) {
			return a, &flipping{b, at, 1 << (at % 8)}
		})
		if received == nil && len(there.Verify(s.ID)) > 0 {
			t.Fatalf("byte %d", at)
		}
		for _, ref := range there.List("a") {
			if ref.ID != s.ID {
				t.Fatalf("byte %d made checkpoint %s", at, ref.ID)
			}
		}
		if received == nil {
			if err := there.Remove(s.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPushRefused: the receiver's reason reaches the pusher.
func TestPushRefused(t *testing.T) {
	l := newLife(t, 1)
	s := l.step(3)
	_, err := l.store.Load(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	closed := newStore(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	sent, received := push(t, &pusher{store: l.store, recent: l.recent, signed: s}, &receiver{store: closed, name: "a", max: 1 << 20}, nil)
	if !errors.Is(received, store.ErrClosed) || sent == nil || !strings.Contains(sent.Error(), "closed") {
		t.Errorf("%v, %v", sent, received)
	}
}
