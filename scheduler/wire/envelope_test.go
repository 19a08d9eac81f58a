package wire

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/godwit-run/godwit/internal/envelope"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
)

func testVector() Vector { return bodiesByName()["vector"].(Vector) }

func TestSealAndOpen(t *testing.T) {
	envelope, err := Seal(testVector(), testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Open[Vector](envelope); err != nil || v.Seq != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	bad := bytes.Clone(envelope)
	bad[len(bad)-1] ^= 1
	if v, err := OpenTrusted[Vector](bad); err != nil || v.Seq != 3 {
		t.Errorf("trusted: %+v, %v", v, err)
	}
	if _, err := Open[Model](envelope); !errors.Is(err, ErrFormat) {
		t.Errorf("a vector as a model: %v", err)
	}
	if _, err := Seal(testVector(), testKey(2)); !errors.Is(err, ErrSignature) {
		t.Errorf("signed by another: %v", err)
	}
}

// No byte of an envelope can be changed.
func TestChangedEnvelope(t *testing.T) {
	good := must(Seal(testVector(), testKey(1)))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if _, err := Open[Vector](bad); err == nil {
			t.Fatalf("byte %d is changed, and it opens", i)
		}
	}
	for _, bad := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), 0)} {
		if _, err := Open[Vector](bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

// What another has signed well is not what the record says.
func TestSignedByAnother(t *testing.T) {
	v := testVector()
	v.Node = testNode(2)
	payload := must(Encode(v))
	e := envelope.Envelope{Key: envelope.FromEd25519(ed25519.PublicKey(testNode(1).Key())), Type: payloadType(v), Payload: payload}
	sig, err := Seal(testVector(), testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	e.Signature = sig[len(sig)-64:]
	if _, err := Open[Vector](e.Encode()); !errors.Is(err, ErrSignature) {
		t.Errorf("another payload's signature: %v", err)
	}
	own := signWith(t, v, 1)
	if _, err := Open[Vector](own); !errors.Is(err, ErrSignature) {
		t.Errorf("node 2's vector signed by node 1: %v", err)
	}
}

// libp2p reads our envelopes, and our ids are its own.
func TestEnvelopeIsLibp2ps(t *testing.T) {
	envelope := must(Seal(testVector(), testKey(1)))
	e, err := record.UnmarshalEnvelope(envelope)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(e.PublicKey)
	if err != nil || NodeID(id) != testNode(1) || id.String() != testNode(1).String() {
		t.Errorf("%s, %v; want %s", id, err, testNode(1))
	}
	var raw rawRecord
	if _, err := record.ConsumeTypedEnvelope(envelope, &raw); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(raw.payload, must(Encode(testVector()))) {
		t.Error("another payload")
	}
	if again, err := e.Marshal(); err != nil || !bytes.Equal(again, envelope) {
		t.Errorf("libp2p writes %x, %v", again, err)
	}
}

// rawRecord is a vector as libp2p sees it.
type rawRecord struct{ payload []byte }

func (r *rawRecord) Domain() string                 { return "godwit-vector" }
func (r *rawRecord) Codec() []byte                  { return []byte("/godwit/vector/1") }
func (r *rawRecord) MarshalRecord() ([]byte, error) { return r.payload, nil }
func (r *rawRecord) UnmarshalRecord(b []byte) error { r.payload = bytes.Clone(b); return nil }
