package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
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

// An Ed25519 key in libp2p's encoding: field 1 is 1, field 2 has 32 bytes.
const keyHead = "\x08\x01\x12\x20"

// Seal signs a record with its signer's key. The envelope is byte for byte
// libp2p's: message Envelope {PublicKey public_key = 1; bytes payload_type = 2;
// bytes payload = 3; bytes signature = 5}, of domain "godwit-result" and payload
// type "/godwit/result/1" for a result, and so on.
// https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md
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
	b := appendField(make([]byte, 0, len(payload)+256), 1, append([]byte(keyHead), public...))
	b = appendField(b, 2, payloadType(r))
	b = appendField(b, 3, payload)
	return appendField(b, 5, ed25519.Sign(key, unsigned(r, payload))), nil
}

// Open checks an envelope's signature and only then decodes what it holds: a
// valid record, signed by the node that it names. Errors wrap [ErrFormat],
// [ErrInvalid] or [ErrSignature].
func Open[T Record](envelope []byte) (T, error) {
	return open[T](envelope, ed25519.Verify)
}

// OpenTrusted is Open for an envelope that was verified before and has been kept
// safe since: the signature is not checked again.
func OpenTrusted[T Record](envelope []byte) (T, error) {
	return open[T](envelope, func(ed25519.PublicKey, []byte, []byte) bool { return true })
}

func open[T Record](envelope []byte, verify func(key ed25519.PublicKey, message, sig []byte) bool) (T, error) {
	var none T
	r := fieldReader{rest: envelope}
	key, kind := r.field(1, 64), r.field(2, 64)
	payload, sig := r.field(3, MaxMessage), r.field(5, ed25519.SignatureSize)
	public, ok := bytes.CutPrefix(key, []byte(keyHead))
	if r.bad || len(r.rest) > 0 || !ok || len(public) != ed25519.PublicKeySize || !bytes.Equal(kind, payloadType(none)) {
		return none, fmt.Errorf("envelope of a %s: %w", none.topic(), ErrFormat)
	}
	if !verify(public, unsigned(none, payload), sig) {
		return none, fmt.Errorf("envelope of a %s: %w", none.topic(), ErrSignature)
	}
	v, err := DecodeAs[T](payload)
	if err != nil {
		return none, err
	}
	if v.Signer() != NodeIDOf(public) {
		return none, fmt.Errorf("%s of %s signed by %s: %w", none.topic(), v.Signer(), NodeIDOf(public), ErrSignature)
	}
	return v, nil
}

func payloadType(r Record) []byte { return []byte("/godwit/" + r.topic() + "/1") }

// unsigned is what is signed: domain, payload type and payload, each after its
// length.
func unsigned(r Record, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+64)
	for _, f := range [][]byte{[]byte("godwit-" + r.topic()), payloadType(r), payload} {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return b
}

// appendField writes one protobuf field of wire type 2.
func appendField(b []byte, field byte, v []byte) []byte {
	b = binary.AppendUvarint(append(b, field<<3|2), uint64(len(v)))
	return append(b, v...)
}

// fieldReader reads protobuf fields in the one order in which they are written.
type fieldReader struct {
	rest []byte
	bad  bool
}

func (r *fieldReader) field(number byte, most uint64) []byte {
	if r.bad || len(r.rest) < 2 || r.rest[0] != number<<3|2 {
		r.bad = true
		return nil
	}
	n, size := binary.Uvarint(r.rest[1:])
	minimal := size > 0 && len(binary.AppendUvarint(nil, n)) == size
	if !minimal || n > most || n > uint64(len(r.rest)-1-size) {
		r.bad = true
		return nil
	}
	v := r.rest[1+size : 1+size+int(n) : 1+size+int(n)]
	r.rest = r.rest[1+size+int(n):]
	return v
}
