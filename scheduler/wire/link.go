package wire

import (
	"bytes"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Link is the CID of content: version 1, sha2-256, codec raw, dag-pb (UnixFS) or
// dag-cbor. In CBOR it is a DAG-CBOR link, null for none; in JSON its text.
// https://ipld.io/specs/codecs/dag-cbor/spec/#links
type Link struct{ cid.Cid }

// linkSize is the length of a link's CID: version, codec, hash code, hash
// length, hash.
const linkSize = 4 + 32

// A link in CBOR: tag(42), bytes(37), 0x00, CID.
var linkHead = []byte{0xd8, 0x2a, 0x58, 1 + linkSize, 0}

const cborNull = 0xf6

// NewLink makes a link of a CID; one of version 0 becomes version 1. Errors wrap
// [ErrFormat].
func NewLink(c cid.Cid) (Link, error) {
	if c.Defined() && c.Version() == 0 {
		c = cid.NewCidV1(cid.DagProtobuf, c.Hash())
	}
	l := Link{c}
	return l, l.check()
}

// ParseLink reads a CID as text. Errors wrap [ErrFormat].
func ParseLink(s string) (Link, error) {
	if len(s) > 128 {
		return Link{}, fmt.Errorf("cid of %d characters: %w", len(s), ErrFormat)
	}
	c, err := cid.Decode(s)
	if err != nil {
		return Link{}, fmt.Errorf("cid %q: %w: %w", s, ErrFormat, err)
	}
	return NewLink(c)
}

func (l Link) check() error {
	if !l.Defined() {
		return fmt.Errorf("no cid: %w", ErrFormat)
	}
	p := l.Prefix()
	codec := p.Codec == cid.Raw || p.Codec == cid.DagProtobuf || p.Codec == cid.DagCBOR
	if p.Version != 1 || !codec || p.MhType != multihash.SHA2_256 || p.MhLength != 32 {
		return fmt.Errorf("cid %s: want version 1, raw, dag-pb or dag-cbor, sha2-256: %w", l, ErrFormat)
	}
	return nil
}

// MarshalCBOR implements cbor.Marshaler.
func (l Link) MarshalCBOR() ([]byte, error) {
	if !l.Defined() {
		return []byte{cborNull}, nil
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	return append(bytes.Clone(linkHead), l.KeyString()...), nil
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (l *Link) UnmarshalCBOR(b []byte) error {
	if len(b) == 1 && b[0] == cborNull {
		l.Cid = cid.Undef
		return nil
	}
	raw, ok := bytes.CutPrefix(b, linkHead)
	if !ok || len(raw) != linkSize {
		return fmt.Errorf("want a link: %w", ErrFormat)
	}
	c, err := cid.Cast(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	l.Cid = c
	return l.check()
}

// MarshalText implements encoding.TextMarshaler: empty for none.
func (l Link) MarshalText() ([]byte, error) {
	if !l.Defined() {
		return nil, nil
	}
	return []byte(l.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Link) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*l = Link{}
		return nil
	}
	parsed, err := ParseLink(string(b))
	*l = parsed
	return err
}
