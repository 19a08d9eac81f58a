package wire

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/godwit-run/godwit/internal/envelope"
)

// Record is a body that travels signed, for others to check later.
type Record interface {
	Body
	// Signer is the node that must have signed it.
	Signer() NodeID
	// topic separates signatures of this kind from all others.
	topic() string
}

func (Result) topic() string { return "result" }
func (Vector) topic() string { return "vector" }
func (Model) topic() string  { return "model" }

// MaxEnvelope is the largest envelope in bytes.
const MaxEnvelope = MaxMessage + 512

var bounds = envelope.Bounds{Key: 64, Payload: MaxMessage, Signature: ed25519.SignatureSize}

// Seal signs a record with its signer's key. The envelope is libp2p's (see
// internal/envelope), of domain "godwit-result" and payload type "/godwit/result/1"
// for a result, and so on.
// Errors wrap [ErrInvalid], or [ErrSignature] if the key is not the signer's.
func Seal(r Record, key ed25519.PrivateKey) ([]byte, error) {
	payload, err := Encode(r)
	if err != nil {
		return nil, err
	}
	public := key.Public().(ed25519.PublicKey)
	if NodeIDOf(public) != r.Signer() {
		return nil, fmt.Errorf("%T of %s signed by another: %w", r, r.Signer(), ErrSignature)
	}
	e := envelope.Envelope{Key: envelope.FromEd25519(public), Type: payloadType(r), Payload: payload}
	e.Signature = ed25519.Sign(key, unsigned(r, payload))
	return e.Encode(), nil
}

// Open checks an envelope's signature and only then decodes what it holds: a
// valid record, signed by the node that it names. Errors wrap [ErrFormat],
// [ErrInvalid] or [ErrSignature].
func Open[T Record](sealed []byte) (T, error) {
	return open[T](sealed, ed25519.Verify)
}

// OpenTrusted is Open for an envelope that was verified before and has been kept
// safe since: the signature is not checked again.
func OpenTrusted[T Record](sealed []byte) (T, error) {
	return open[T](sealed, func(ed25519.PublicKey, []byte, []byte) bool { return true })
}

func open[T Record](sealed []byte, verify func(key ed25519.PublicKey, message, sig []byte) bool) (T, error) {
	var none T
	e, whole := envelope.Decode(sealed, bounds)
	public, ok := envelope.ToEd25519(e.Key)
	if !whole || !ok || !bytes.Equal(e.Type, payloadType(none)) {
		return none, fmt.Errorf("envelope of a %s: %w", none.topic(), ErrFormat)
	}
	if !verify(public, unsigned(none, e.Payload), e.Signature) {
		return none, fmt.Errorf("envelope of a %s: %w", none.topic(), ErrSignature)
	}
	v, err := DecodeAs[T](e.Payload)
	if err != nil {
		return none, err
	}
	if v.Signer() != NodeIDOf(public) {
		return none, fmt.Errorf("%s of %s signed by %s: %w", none.topic(), v.Signer(), NodeIDOf(public), ErrSignature)
	}
	return v, nil
}

func payloadType(r Record) []byte { return []byte("/godwit/" + r.topic() + "/1") }

func unsigned(r Record, payload []byte) []byte {
	return envelope.Unsigned("godwit-"+r.topic(), payloadType(r), payload)
}
