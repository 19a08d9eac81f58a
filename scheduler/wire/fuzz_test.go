package wire

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/godwit-run/godwit/internal/envelope"
)

// signWith seals a record with a key that need not be its signer's.
func signWith(t testing.TB, r Record, key byte) []byte {
	t.Helper()
	payload := must(Encode(r))
	e := envelope.Envelope{Key: envelope.FromEd25519(ed25519.PublicKey(testNode(key).Key())), Type: payloadType(r), Payload: payload}
	e.Signature = ed25519.Sign(testKey(key), unsigned(r, payload))
	return e.Encode()
}

// What decodes is valid, and encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, body := range bodiesByName() {
		f.Add(must(Encode(body)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := Decode(b)
		if err != nil {
			return
		}
		if err := body.Validate(); err != nil {
			t.Fatal(err)
		}
		if again, err := Encode(body); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x, %v", again, err)
		}
	})
}

// No envelope opens but what its signer wrote.
func FuzzOpen(f *testing.F) {
	good := must(Seal(testVector(), testKey(1)))
	f.Add(good)
	f.Add(must(Seal(bodiesByName()["model"].(Model), testKey(1))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Open[Vector](b); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("opens: %x", b)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"sm_90a", "gfx90a", "opencl_3.0", testID.String(), testNode(1).String(), testLink().String()} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseCapability(s); err == nil && !c.AtLeast(c) {
			t.Errorf("%+v is less than itself", c)
		}
		if id, err := ParseTaskID(s); err == nil && id.String() != s {
			t.Errorf("%q is %s", s, id)
		}
		if id, err := ParseNodeID(s); err == nil && id.Validate() != nil {
			t.Errorf("%q is %x", s, string(id))
		}
		if l, err := ParseLink(s); err == nil && l.check() != nil {
			t.Errorf("%q is %s", s, l)
		}
	})
}
