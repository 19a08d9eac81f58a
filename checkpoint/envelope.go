package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/internal/envelope"
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

var bounds = envelope.Bounds{Key: maxKey, Payload: MaxObject, Signature: maxKey}

// Verify implements Verifier.
func (Ed25519) Verify(publicKey, message, signature []byte) error {
	key, ok := envelope.ToEd25519(publicKey)
	if !ok {
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
	return envelope.FromEd25519(ed25519.PrivateKey(k).Public().(ed25519.PublicKey))
}

// Sign implements Signer.
func (k Ed25519Key) Sign(message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(k), message), nil
}

// Seal signs an encoded manifest. The envelope is libp2p's (see internal/envelope).
func Seal(manifest []byte, s Signer) ([]byte, error) {
	sig, err := s.Sign(unsigned(manifest))
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	e := envelope.Envelope{Key: s.PublicKey(), Type: []byte(PayloadType), Payload: manifest, Signature: sig}
	return e.Encode(), nil
}

func unsigned(payload []byte) []byte {
	return envelope.Unsigned(Domain, []byte(PayloadType), payload)
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
// wrap [ErrFormat] or [ErrSignature]. The result keeps sealed.
func Open(sealed []byte, v Verifier) (*Signed, error) {
	s, key, sig, err := parse(sealed)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(key, s.Owner) {
		return nil, fmt.Errorf("checkpoint %s: another key than the owner's: %w", s.ID, ErrSignature)
	}
	if err := v.Verify(key, unsigned(s.Encoded), sig); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w: %w", s.ID, ErrSignature, err)
	}
	return s, nil
}

// OpenTrusted is Open for an envelope that was verified before and has been
// kept safe since: the signature is not checked again.
func OpenTrusted(sealed []byte) (*Signed, error) {
	s, _, _, err := parse(sealed)
	return s, err
}

func parse(sealed []byte) (s *Signed, key, sig []byte, err error) {
	e, ok := envelope.Decode(sealed, bounds)
	if !ok || string(e.Type) != PayloadType {
		return nil, nil, nil, fmt.Errorf("envelope: %w", ErrFormat)
	}
	m, err := DecodeManifest(e.Payload)
	if err != nil {
		return nil, nil, nil, err
	}
	return &Signed{Manifest: m, ID: nameOf(cid.DagCBOR, e.Payload), Encoded: e.Payload, Envelope: sealed}, e.Key, e.Signature, nil
}
