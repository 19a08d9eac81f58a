// Package envelope is libp2p's signed envelope, byte for byte, without libp2p: the
// bytes around a payload that a key has signed for one purpose. What the payload
// means, and whether its key may sign it, is for those who use it: packages
// checkpoint and scheduler/wire. It is pure.
//
//	message Envelope {
//	  PublicKey public_key = 1;
//	  bytes payload_type = 2;
//	  bytes payload = 3;
//	  bytes signature = 5;
//	}
//
// An envelope has one encoding, and only that is read: fields in this order, lengths
// as short as can be, nothing else.
//
// https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md
package envelope

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
)

// Envelope is the fields of an envelope.
type Envelope struct {
	// Key is the public key as libp2p's message PublicKey encodes it.
	Key []byte
	// Type is the payload type: "/godwit/result/1".
	Type []byte
	// Payload is what is signed, as its own encoding has it.
	Payload []byte
	// Signature is that of Unsigned.
	Signature []byte
}

// Unsigned is what is signed: domain, payload type and payload, each after its
// length.
func Unsigned(domain string, payloadType, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+len(domain)+16)
	for _, f := range [][]byte{[]byte(domain), payloadType, payload} {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return b
}

// Encode writes the envelope.
func (e Envelope) Encode() []byte {
	b := make([]byte, 0, len(e.Key)+len(e.Type)+len(e.Payload)+len(e.Signature)+16)
	b = appendField(b, 1, e.Key)
	b = appendField(b, 2, e.Type)
	b = appendField(b, 3, e.Payload)
	return appendField(b, 5, e.Signature)
}

// Bounds are the longest that the fields of an envelope may be, in bytes. A payload
// type has at most 64.
type Bounds struct{ Key, Payload, Signature uint64 }

// Decode reads an envelope, whose fields alias b. It checks nothing of what they say,
// least of all the signature. ok is false if b is not an envelope within the bounds.
func Decode(b []byte, most Bounds) (e Envelope, ok bool) {
	r := fieldReader{rest: b}
	e.Key, e.Type = r.field(1, most.Key), r.field(2, 64)
	e.Payload, e.Signature = r.field(3, most.Payload), r.field(5, most.Signature)
	return e, !r.bad && len(r.rest) == 0
}

// Ed25519Head comes before the 32 bytes of an Ed25519 key in libp2p's message
// PublicKey {Type = 1; Data = 2}.
const Ed25519Head = "\x08\x01\x12\x20"

// FromEd25519 encodes a public key.
func FromEd25519(key ed25519.PublicKey) []byte { return append([]byte(Ed25519Head), key...) }

// ToEd25519 decodes a public key; ok is false if it is of another kind.
func ToEd25519(key []byte) (public ed25519.PublicKey, ok bool) {
	public, ok = bytes.CutPrefix(key, []byte(Ed25519Head))
	return public, ok && len(public) == ed25519.PublicKeySize
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
