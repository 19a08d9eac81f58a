package activation

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// heard is what a peer sends, whatever it is answered.
type heard struct{ io.Reader }

func (heard) Write(p []byte) (int, error) { return len(p), nil }

// FuzzReceive: whatever a node pushes, what counts afterwards is whole.
func FuzzReceive(f *testing.F) {
	l := newLife(f, 1)
	s := l.step(2)
	var sent bytes.Buffer
	p := &pusher{store: l.store, recent: l.recent, signed: s}
	p.framer = newFramer(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader([]byte{0, 0, 0, 1, hasNothing, 0, 0, 0, 1, 0xff, 0, 0, 0, 0}), &sent})
	if err := p.run(f.Context()); err != nil {
		f.Fatal(err)
	}
	first := &receiver{framer: newFramer(heard{bytes.NewReader(sent.Bytes())}), store: newStore(f), name: "a", max: 1 << 20}
	if _, err := first.run(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Add(sent.Bytes())
	f.Add(sent.Bytes()[:sent.Len()-4])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	there := newStore(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &receiver{framer: newFramer(heard{bytes.NewReader(b)}), store: there, name: "a", max: 1 << 20}
		got, err := r.run(t.Context())
		if err != nil {
			return
		}
		if damage := there.Verify(got.ID); len(damage) > 0 {
			t.Fatal(damage[0])
		}
		if err := there.Remove(got.ID); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzState: what decodes encodes to the same bytes.
func FuzzState(f *testing.F) {
	m := mailbox.New(wire.ActorID{1}, &wire.Spec{
		Name: "it", Module: testLink("it"), Replicas: 1, Fuel: 1, Memory: 1, OnFailure: wire.Restart, Restarts: 1, Within: 1, Creator: testNode,
	})
	f.Add(encodeState(7, m))
	f.Add([]byte{stateVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		until, m, err := decodeState(b)
		if err != nil {
			if !errors.Is(err, mailbox.ErrState) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(encodeState(until, m), b) {
			t.Fatal("another encoding")
		}
	})
}
