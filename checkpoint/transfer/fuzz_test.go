package transfer

import (
	"bytes"
	"io"
	"testing"
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
