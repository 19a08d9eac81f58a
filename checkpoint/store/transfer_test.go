package store

import (
	"bytes"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// A checkpoint goes to another store as a CAR file, and the next one object by
// object, without what is there already.
func TestTransfer(t *testing.T) {
	from, to := open(t, testConfig(newFaultFS())), open(t, testConfig(newFaultFS()))
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	if err := a.begin(from); err != nil {
		t.Fatal(err)
	}
	a.live(rng, 500)
	if err := a.save(from); err != nil {
		t.Fatal(err)
	}
	var car bytes.Buffer
	if err := checkpoint.Export(&car, a.chain.Last(), from); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Import(bytes.NewReader(car.Bytes()), uint64(car.Len()), nil); err != nil {
		t.Fatal(err)
	}
	if err := a.check(to); err != nil {
		t.Fatal(err)
	}
	a.live(rng, 5)
	if err := a.save(from); err != nil {
		t.Fatal(err)
	}
	if n := send(t, a.chain.Last(), from, to); n > 10*checkpoint.PageSize {
		t.Errorf("%d bytes for five pages", n)
	}
	if err := a.check(to); err != nil {
		t.Fatal(err)
	}
	// Import again, and an older one, into a third.
	third := open(t, testConfig(newFaultFS()))
	send(t, a.chain.Last(), from, third)
	for range 2 {
		if _, err := third.Import(bytes.NewReader(car.Bytes()), uint64(car.Len()), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.check(third); err != nil {
		t.Fatal(err)
	}
}

// send streams what is missing, and returns how many bytes that were.
func send(t *testing.T, s *checkpoint.Signed, from, to *Store) (n int) {
	t.Helper()
	b := to.Begin()
	defer b.Close()
	for o, err := range checkpoint.Missing(s, from, b.Has) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(o.Data)
		if err := b.Put(o); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := checkpoint.Open(s.Envelope, checkpoint.Ed25519{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Add(signed); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIncompleteIsRefused(t *testing.T) {
	from, to := open(t, testConfig(newFaultFS())), open(t, testConfig(newFaultFS()))
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	if err := a.begin(from); err != nil {
		t.Fatal(err)
	}
	a.live(rng, 300)
	if err := a.save(from); err != nil {
		t.Fatal(err)
	}
	var all []checkpoint.Object
	for o, err := range checkpoint.Missing(a.chain.Last(), from, func(cid.Cid) bool { return false }) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	for skip := range all[:len(all)-1] {
		b := to.Begin()
		for i, o := range all {
			if i != skip {
				b.pending, b.held[o.ID] = append(b.pending, draft{kind: object, id: o.ID, payload: o.Data}), o.Data
			}
		}
		for _, commit := range []func(*checkpoint.Signed) error{b.Commit, b.Add} {
			if err := commit(a.chain.Last()); !errors.Is(err, ErrIncomplete) {
				t.Errorf("without object %d: %v", skip, err)
			}
		}
		b.Close()
	}
	if len(to.Names()) > 0 {
		t.Error("something was committed")
	}
	_, err := to.Import(io.LimitReader(bytes.NewReader(nil), 0), 100, nil)
	if !errors.Is(err, checkpoint.ErrFormat) {
		t.Errorf("import of nothing: %v", err)
	}
}
