package godwit

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler/wire"
)

type noDeadline struct{}

func (noDeadline) SetReadDeadline(time.Time) error { return nil }

// Whatever a peer sends, frames are bounded, and what was sent as frames comes out
// as such.
func FuzzReadFrame(f *testing.F) {
	frame, err := encodeFrame(wire.Ack{Ref: wire.Ref{Task: newTaskID(), Attempt: 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add(append(bytes.Clone(frame), frame...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		for total := 0; ; {
			body, err := readFrame(noDeadline{}, r, time.Second)
			if err != nil {
				if err == io.EOF && total == 0 && len(b) > 0 {
					t.Error("bytes read as an empty stream")
				}
				return
			}
			total += len(body)
			if len(body) == 0 || len(body) > wire.MaxMessage || total > len(b) {
				t.Fatalf("a frame of %d bytes out of %d", len(body), len(b))
			}
			if m, err := wire.Decode(body); err == nil && m.Validate() != nil {
				t.Errorf("an invalid message: %+v", m)
			}
		}
	})
}

func FuzzDecodePiece(f *testing.F) {
	id := newTaskID()
	for _, p := range []piece{
		{seq: 1, attempt: 1, stream: wire.Stdout, data: []byte("hello")},
		{seq: math.MaxUint64, attempt: math.MaxUint32, stream: wire.Stderr, offset: 1 << 62, data: []byte("x")},
	} {
		r := p.record(id)
		f.Add(r.Key[len(prefixOutput)+len(id):], r.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		e := journal.Entry{Key: append(append([]byte(prefixOutput), id[:]...), key...), Value: value}
		p, err := decodePiece(e)
		if err != nil {
			return
		}
		r := p.record(id)
		again, err := decodePiece(journal.Entry{Key: r.Key, Value: r.Value})
		if err != nil || again.seq != p.seq || again.offset != p.offset || !bytes.Equal(again.data, p.data) {
			t.Errorf("%+v, then %+v, %v", p, again, err)
		}
	})
}

func FuzzDecodeContact(f *testing.F) {
	c := contact{seen: time.Unix(1_000_000_000, 0), addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/1")}}
	p, err := peer.Decode("12D3KooWJ9GF5VAYrwSinD2z8qHYcxyaFAwbYAkZqjUmySajoZ2k")
	if err != nil {
		f.Fatal(err)
	}
	r, err := c.encode(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(p), r.Value)
	f.Fuzz(func(t *testing.T, id, value []byte) {
		p, c, err := decodeContact(journal.Entry{Key: append([]byte(prefixPeers), id...), Value: value})
		if err != nil {
			return
		}
		if _, err := c.encode(p); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	})
}

// The book dials who is away, ever more slowly and for ever, and forgets whom it
// has not seen for longest.
func TestBook(t *testing.T) {
	b, now := newBook(), time.Unix(1_000_000_000, 0)
	addr := []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/1")}
	b.add(now, "a", addr, true)
	waits := make([]time.Duration, 0, 20)
	for range 20 {
		due, _ := b.next(now, 10)
		if len(due) != 1 {
			t.Fatalf("%d to dial", len(due))
		}
		if again, _ := b.next(now, 10); len(again) != 0 {
			t.Fatal("dialled twice at once")
		}
		b.dialled(now, "a", nil)
		_, at := b.next(now, 10)
		waits = append(waits, at.Sub(now))
		now = at
	}
	if waits[0] > 2*firstRedial || waits[19] < lastRedial/2 || waits[19] > 3*lastRedial/2 {
		t.Errorf("waits of %v", waits)
	}
	b.setConnected(now, "a", true)
	if due, at := b.next(now, 10); len(due) != 0 || !at.IsZero() {
		t.Error("a connected peer is dialled")
	}
	b.setConnected(now, "a", false)
	if _, at := b.next(now, 10); at.Sub(now) > 2*firstRedial {
		t.Errorf("a peer just lost is dialled after %v", at.Sub(now))
	}
	for i := range 2 * maxRemembered {
		id := peer.ID(string(rune(i)) + "x")
		b.add(now, id, addr, false)
		b.contacts[id].seen = now.Add(time.Duration(i))
	}
	if len(b.contacts) != maxRemembered || b.contacts["a"] == nil {
		t.Errorf("%d peers remembered", len(b.contacts))
	}
}
