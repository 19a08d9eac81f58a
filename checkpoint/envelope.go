package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// Domain and PayloadType separate signatures of checkpoints from all others
// that the same key makes.
const (
	Domain      = "godwit-checkpoint"
	PayloadType = "/godwit/checkpoint/1"
)

// maxKey is the longest public key in bytes; RSA's of 8192 bits fit.
const maxKey = 2048

// MaxEnvelope is the largest envelope in bytes.
const MaxEnvelope = MaxObject + maxKey + 4096

// ErrSignature is wrapped when an envelope was not signed by the owner that its
// manifest names.
var ErrSignature = errors.New("not signed by the owner")

// Signer signs for one key.
type Signer interface {
	// PublicKey is the key as libp2p's message PublicKey {Type = 1; Data = 2}
	// encodes it: from it follows the peer ID.
	PublicKey() []byte
	Sign(message []byte) (signature []byte, err error)
}

// Verifier checks signatures by keys as a Signer's PublicKey gives them. It
// returns an error if the signature does not fit or the key is of a kind it
// does not know.
type Verifier interface {
	Verify(publicKey, message, signature []byte) error
}

// Ed25519 verifies signatures by Ed25519 keys, those that nodes have.
type Ed25519 struct{}

// An Ed25519 key in libp2p's encoding: field 1 is 1, field 2 has 32 bytes.
var ed25519Head = []byte{0x08, 0x01, 0x12, ed25519.PublicKeySize}

// Verify implements Verifier.
func (Ed25519) Verify(publicKey, message, signature []byte) error {
	key, ok := bytes.CutPrefix(publicKey, ed25519Head)
	if !ok || len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("key is not Ed25519: %w", ErrSignature)
	}
	if !ed25519.Verify(key, message, signature) {
		return ErrSignature
	}
	return nil
}

// Ed25519Key is a private key as a Signer.
type Ed25519Key ed25519.PrivateKey

// PublicKey implements Signer.
func (k Ed25519Key) PublicKey() []byte {
	return append(bytes.Clone(ed25519Head), ed25519.PrivateKey(k).Public().(ed25519.PublicKey)...)
}

// Sign implements Signer.
func (k Ed25519Key) Sign(message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(k), message), nil
}

// Seal signs an encoded manifest. The envelope is byte for byte libp2p's:
// message Envelope {PublicKey public_key = 1; bytes payload_type = 2; bytes
// payload = 3; bytes signature = 5}.
// https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md
func Seal(manifest []byte, s Signer) ([]byte, error) {
	sig, err := s.Sign(unsigned(PayloadType, manifest))
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	b := appendField(make([]byte, 0, len(manifest)+256), 1, s.PublicKey())
	b = appendField(b, 2, []byte(PayloadType))
	b = appendField(b, 3, manifest)
	return appendField(b, 5, sig), nil
}

// unsigned is what is signed: domain, payload type and payload, each after its
// length.
func unsigned(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+64)
	for _, f := range [][]byte{[]byte(Domain), []byte(payloadType), payload} {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return b
}

// appendField writes one protobuf field of wire type 2.
func appendField(b []byte, field byte, v []byte) []byte {
	b = binary.AppendUvarint(append(b, field<<3|2), uint64(len(v)))
	return append(b, v...)
}

// Signed is an opened envelope.
type Signed struct {
	*Manifest
	// ID names the checkpoint: the CID of Encoded.
	ID cid.Cid
	// Encoded is the manifest as it was signed.
	Encoded []byte
	// Envelope is all of it.
	Envelope []byte
}

// Open decodes an envelope and verifies that the owner whom the manifest names
// has signed it; whether to trust that owner is the caller's to decide. Errors
// wrap [ErrFormat] or [ErrSignature]. The result keeps envelope.
func Open(envelope []byte, v Verifier) (*Signed, error) {
	s, key, sig, err := parse(envelope)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(key, s.Owner) {
		return nil, fmt.Errorf("checkpoint %s: another key than the owner's: %w", s.ID, ErrSignature)
	}
	if err := v.Verify(key, unsigned(PayloadType, s.Encoded), sig); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w: %w", s.ID, ErrSignature, err)
	}
	return s, nil
}

// OpenTrusted is Open for an envelope that was verified before and has been
// kept safe since: the signature is not checked again.
func OpenTrusted(envelope []byte) (*Signed, error) {
	s, _, _, err := parse(envelope)
	return s, err
}

func parse(envelope []byte) (s *Signed, key, sig []byte, err error) {
	var payload, kind []byte
	r := fieldReader{rest: envelope}
	key, kind = r.field(1, maxKey), r.field(2, 64)
	payload, sig = r.field(3, MaxObject), r.field(5, maxKey)
	if r.bad || len(r.rest) > 0 || string(kind) != PayloadType {
		return nil, nil, nil, fmt.Errorf("envelope: %w", ErrFormat)
	}
	m, err := DecodeManifest(payload)
	if err != nil {
		return nil, nil, nil, err
	}
	return &Signed{Manifest: m, ID: nameOf(cid.DagCBOR, payload), Encoded: payload, Envelope: envelope}, key, sig, nil
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
