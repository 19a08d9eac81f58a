package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
)

// MaxObject is the largest object in bytes. Packs and chunks are at most 256
// KiB and a few bytes; IPFS nodes exchange blocks up to 2 MiB.
const MaxObject = 1 << 20

var (
	// ErrFormat is wrapped by whatever cannot decode: bytes that no version of
	// this package wrote, or not all of them.
	ErrFormat = errors.New("not in the checkpoint format")

	// ErrNotFound is what a Getter returns for an object it does not have.
	ErrNotFound = errors.New("object not found")

	// ErrHash is wrapped when bytes are not those that their CID names.
	ErrHash = errors.New("bytes do not match their hash")
)

// Object is a block of content and its name. All of Godwit's checkpoint
// objects have version 1 CIDs with sha2-256: of codec raw (packs, map leaves,
// chunks, envelopes) or dag-cbor (manifests, tree nodes, chunk lists).
type Object struct {
	ID   cid.Cid
	Data []byte
}

// Getter finds objects by name. What it returns has been checked against the
// name (see [CheckedGetter]) and must not be changed. It returns an error that
// wraps [ErrNotFound] for an object it does not have.
type Getter interface {
	Get(id cid.Cid) ([]byte, error)
}

// GetterFunc is a function as a Getter.
type GetterFunc func(id cid.Cid) ([]byte, error)

// Get calls f.
func (f GetterFunc) Get(id cid.Cid) ([]byte, error) { return f(id) }

// CheckedGetter hashes what g returns, for a g that has not: what came from a
// network, or was read from a disk.
func CheckedGetter(g Getter) Getter {
	return GetterFunc(func(id cid.Cid) ([]byte, error) {
		data, err := g.Get(id)
		if err != nil {
			return nil, err
		}
		return data, Check(id, data)
	})
}

// Check tells whether data is what id names. Its errors wrap [ErrHash], or
// [ErrFormat] if id is not of a kind that checkpoints use.
func Check(id cid.Cid, data []byte) error {
	if err := checkID(id); err != nil {
		return err
	}
	if !nameOf(id.Type(), data).Equals(id) {
		return fmt.Errorf("object %s: %w", id, ErrHash)
	}
	return nil
}

// idSize is the length of a CID: version, codec, hash code, hash length, hash.
const idSize = 4 + sha256.Size

var (
	rawPrefix  = []byte{1, cid.Raw, 0x12, sha256.Size}
	cborPrefix = []byte{1, cid.DagCBOR, 0x12, sha256.Size}
)

// checkID refuses CIDs of other versions, codecs and hashes than objects have.
func checkID(id cid.Cid) error {
	raw := id.KeyString()
	if len(raw) != idSize || raw[:4] != string(rawPrefix) && raw[:4] != string(cborPrefix) {
		return fmt.Errorf("cid %s: want version 1, raw or dag-cbor, sha2-256: %w", id, ErrFormat)
	}
	return nil
}

func nameOf(codec uint64, data []byte) cid.Cid {
	var mh [2 + sha256.Size]byte
	sum := sha256.Sum256(data)
	mh[0], mh[1] = 0x12, sha256.Size
	copy(mh[2:], sum[:])
	return cid.NewCidV1(codec, mh[:])
}

// NewRaw makes an object of uninterpreted bytes; it keeps data.
func NewRaw(data []byte) Object { return Object{ID: nameOf(cid.Raw, data), Data: data} }

func newNode(data []byte) Object { return Object{ID: nameOf(cid.DagCBOR, data), Data: data} }

// link is a CID as DAG-CBOR writes a link: tag 42 around a byte string of 0x00
// and the CID. The undefined CID is null.
// https://ipld.io/specs/codecs/dag-cbor/spec/#links
type link struct{ cid.Cid }

// A link in CBOR: tag(42), bytes(37), 0x00, CID.
var linkHead = []byte{0xd8, 0x2a, 0x58, 1 + idSize, 0}

const cborNull = 0xf6

func appendLink(b []byte, id cid.Cid) []byte {
	if !id.Defined() {
		return append(b, cborNull)
	}
	return append(append(b, linkHead...), id.KeyString()...)
}

// MarshalCBOR implements cbor.Marshaler.
func (l link) MarshalCBOR() ([]byte, error) { return appendLink(nil, l.Cid), nil }

// UnmarshalCBOR implements cbor.Unmarshaler.
func (l *link) UnmarshalCBOR(b []byte) error {
	if len(b) == 1 && b[0] == cborNull {
		l.Cid = cid.Undef
		return nil
	}
	raw, ok := bytes.CutPrefix(b, linkHead)
	if !ok {
		return fmt.Errorf("want a link: %w", ErrFormat)
	}
	id, err := parseID(raw)
	l.Cid = id
	return err
}

func parseID(raw []byte) (cid.Cid, error) {
	id, err := cid.Cast(raw)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return id, checkID(id)
}

// DAG-CBOR's canonical order (shorter keys first, then bytewise) is the core
// deterministic one as long as all keys are shorter than 24 bytes, for then
// the first byte of an encoded key is its length.
var (
	encoding = must(cbor.CoreDetEncOptions().EncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   8,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 10,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options: cannot fail
	}
	return v
}

// decodeExact decodes b, which must be the one encoding of what it decodes to.
func decodeExact(b []byte, v any) error {
	if len(b) > MaxObject {
		return fmt.Errorf("%d bytes, more than %d: %w", len(b), MaxObject, ErrFormat)
	}
	if err := decoding.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	again, err := encoding.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("not the canonical encoding: %w", ErrFormat)
	}
	return nil
}
