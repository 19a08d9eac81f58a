package mailbox

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

func testNode(n byte) wire.NodeID {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	return swire.NodeIDOf(key.Public().(ed25519.PublicKey))
}

func testSpec() *wire.Spec {
	module, err := swire.ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe")
	if err != nil {
		panic(err)
	}
	return &wire.Spec{Name: "counter", Module: module, Replicas: 3, Fuel: 1e9, Memory: 1 << 20,
		OnFailure: wire.Restart, Restarts: 3, Within: time.Minute, Creator: testNode(1), Created: 1}
}

// log feeds a state with entries a millisecond apart.
type log struct {
	*State
	t       *testing.T
	entries []wire.Committed
}

func newLog(t *testing.T) *log {
	return &log{State: New(wire.ActorID{1}, testSpec()), t: t}
}

func (l *log) add(items ...wire.Item) []Output {
	n := uint64(len(l.entries) + 1)
	l.entries = append(l.entries, wire.Committed{Index: n, Epoch: 1, Entry: wire.Entry{
		Time: int64(n) * int64(time.Millisecond), Seed: wire.Seed{byte(n)}, Items: items}})
	if err := l.entries[n-1].Entry.Validate(); err != nil {
		l.t.Fatal(err)
	}
	return l.Apply(l.entries[n-1])
}

func activated() wire.Item {
	return wire.Item{Activate: &wire.Activate{Node: testNode(1), Reason: wire.ReasonCreated}}
}

func clientAsk(session byte, seq uint64, payload string) wire.Item {
	return wire.Item{Message: &wire.Message{ID: wire.NewMessageID([8]byte{session}, seq), Ask: true, Payload: []byte(payload)}}
}

func TestSmoke(t *testing.T) {
	l := newLog(t)
	l.add(activated())
	if d, ok := l.Next(); !ok || d.Kind != Init {
		t.Fatal(d, ok)
	}
	l.Finish()
	l.add(clientAsk(1, 1, "hi"))
	d, ok := l.Next()
	if !ok || d.Kind != Ask {
		t.Fatal(d, ok)
	}
	if err := l.Reply(d.ID, wire.Result{Outcome: wire.OK, Payload: []byte("ho")}); err != nil {
		t.Fatal(err)
	}
	out := l.Finish()
	if a, ok := out[0].(Answer); !ok || string(a.Result.Payload) != "ho" {
		t.Fatal(out)
	}
	out = l.add(clientAsk(1, 1, "hi"))
	if a, ok := out[0].(Answer); !ok || string(a.Result.Payload) != "ho" {
		t.Fatal(out)
	}
	s, err := Decode(l.Encode())
	if err != nil || !bytes.Equal(s.Encode(), l.Encode()) {
		t.Fatal(err)
	}
}

func testLink2() wire.Link {
	l, err := swire.ParseLink("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	if err != nil {
		panic(err)
	}
	return l
}

// What decodes is a state that encodes to the same bytes and takes entries.
func FuzzDecode(f *testing.F) {
	s := New(wire.ActorID{1}, testSpec())
	f.Add(s.Encode())
	s.Apply(wire.Committed{Index: 1, Epoch: 1, Entry: wire.Entry{Time: 5, Seed: wire.Seed{1}, Items: []wire.Item{activated(), clientAsk(1, 1, "x")}}})
	f.Add(s.Encode())
	s.Next()
	s.Finish()
	s.Next()
	if _, err := s.Ask("other", []byte("x"), 0, true); err != nil {
		f.Fatal(err)
	}
	s.Release()
	f.Add(s.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Encode(), b) {
			t.Fatal("encodes to other bytes")
		}
		s.Apply(wire.Committed{Index: s.Index() + 1, Epoch: 9, Entry: wire.Entry{Time: s.Now() + 1e9, Items: []wire.Item{activated(), clientAsk(1, 2, "x")}}})
		for _, ok := s.Next(); ok; _, ok = s.Next() {
			s.Finish()
		}
		s.Fail("at last")
	})
}
