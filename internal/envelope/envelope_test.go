package envelope

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"testing"
)

var bounds = Bounds{Key: 64, Payload: 1 << 10, Signature: 64}

func example() Envelope {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	e := Envelope{Key: FromEd25519(key.Public().(ed25519.PublicKey)), Type: []byte("/t/1"), Payload: []byte("payload")}
	e.Signature = ed25519.Sign(key, Unsigned("domain", e.Type, e.Payload))
	return e
}

// Golden bytes: the head of each field, and what is signed.
func TestEncoding(t *testing.T) {
	e := example()
	b := e.Encode()
	if got, want := hex.EncodeToString(b[:6]), "0a2408011220"; got != want {
		t.Errorf("begins with %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(b[38:53]), "12042f742f311a077061796c6f6164"; got != want {
		t.Errorf("goes on with %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(b[53:55]), "2a40"; got != want {
		t.Errorf("ends with %s, want %s", got, want)
	}
	if got, want := string(Unsigned("domain", e.Type, e.Payload)), "\x06domain\x04/t/1\x07payload"; got != want {
		t.Errorf("signed %q, want %q", got, want)
	}
	d, ok := Decode(b, bounds)
	public, isKey := ToEd25519(d.Key)
	if !ok || !isKey || !ed25519.Verify(public, Unsigned("domain", d.Type, d.Payload), d.Signature) {
		t.Errorf("decoded %+v, %v", d, ok)
	}
}

// No other bytes are an envelope: cut short, longer, or with a length that could be
// shorter.
func TestOneEncoding(t *testing.T) {
	b := example().Encode()
	for n := range b {
		if _, ok := Decode(b[:n], bounds); ok {
			t.Errorf("the first %d bytes were taken", n)
		}
	}
	long := append([]byte{b[0], b[1] | 0x80, 0}, b[2:]...)
	for name, wrong := range map[string][]byte{
		"a byte more": append(bytes.Clone(b), 0), "a long length": long, "another order": append(bytes.Clone(b[38:]), b[:38]...),
	} {
		if _, ok := Decode(wrong, bounds); ok {
			t.Errorf("%s was taken", name)
		}
	}
	if _, ok := Decode(b, Bounds{Key: 64, Payload: 6, Signature: 64}); ok {
		t.Error("a payload beyond its bound was taken")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(example().Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := Decode(b, bounds); ok && !bytes.Equal(e.Encode(), b) {
			t.Fatalf("%x encodes to %x", b, e.Encode())
		}
	})
}
