package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/internal/envelope"
)

// TaskID names a task: 48 bits of milliseconds since 1970, then 80 random bits.
// So ids sort by time, as bytes and as text, and prefixes of them are useful:
// the first 8 characters tell a quarter of a second apart.
type TaskID [16]byte

// taskIDText is Crockford's alphabet (https://www.crockford.com/base32.html) in
// lower case: it sorts, and has no letters that look like digits.
var taskIDText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// TaskIDLen is the length of a whole id as text.
const TaskIDLen = 26

// NewTaskID makes an id from the time and from randomness.
func NewTaskID(now time.Time, random [10]byte) TaskID {
	var id TaskID
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(now.UnixMilli(), 0)))
	copy(id[:6], ms[2:])
	copy(id[6:], random[:])
	return id
}

// ParseTaskID reads what String writes. Its errors wrap [ErrFormat].
func ParseTaskID(s string) (TaskID, error) {
	var id TaskID
	b, err := taskIDText.DecodeString(s)
	if err != nil || copy(id[:], b) != len(id) || id.String() != s {
		return TaskID{}, fmt.Errorf("task id %.40q: %w", s, ErrFormat)
	}
	return id, nil
}

// String is the id as people see it.
func (id TaskID) String() string { return taskIDText.EncodeToString(id[:]) }

// Time is when the id was made, by its maker's clock.
func (id TaskID) Time() time.Time {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])))
}

// Compare orders ids by time.
func (id TaskID) Compare(other TaskID) int { return bytes.Compare(id[:], other[:]) }

// IsZero tells whether the id names nothing.
func (id TaskID) IsZero() bool { return id == TaskID{} }

// MarshalText implements encoding.TextMarshaler.
func (id TaskID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *TaskID) UnmarshalText(b []byte) error {
	parsed, err := ParseTaskID(string(b))
	*id = parsed
	return err
}

// MarshalCBOR implements cbor.Marshaler: a byte string.
func (id TaskID) MarshalCBOR() ([]byte, error) { return append([]byte{0x50}, id[:]...), nil }

// UnmarshalCBOR implements cbor.Unmarshaler.
func (id *TaskID) UnmarshalCBOR(b []byte) error {
	if len(b) != 17 || b[0] != 0x50 {
		return fmt.Errorf("task id: %w", ErrFormat)
	}
	copy(id[:], b[1:])
	return nil
}

// NodeID names a node: the bytes of its libp2p peer id, which for the Ed25519
// keys that nodes have contains the public key. peer.ID(id) and NodeID(p)
// convert.
type NodeID string

// nodeHead starts every id: the identity multihash of 36 bytes, that is
// libp2p's message PublicKey {Type = 1 (Ed25519); Data = 2}.
const nodeHead = "\x00\x24" + envelope.Ed25519Head

// NodeIDOf is the id of the node that has a key.
func NodeIDOf(key ed25519.PublicKey) NodeID { return NodeID(nodeHead + string(key)) }

// ParseNodeID reads what String writes. Its errors wrap [ErrFormat].
func ParseNodeID(s string) (NodeID, error) {
	if len(s) > 128 {
		return "", fmt.Errorf("node id of %d characters: %w", len(s), ErrFormat)
	}
	h, err := multihash.FromB58String(s)
	if err != nil {
		return "", fmt.Errorf("node id %q: %w", s, ErrFormat)
	}
	return NodeID(h), NodeID(h).Validate()
}

// Validate tells whether the id is one that a node can have. Its error wraps
// [ErrFormat].
func (id NodeID) Validate() error {
	if len(id) != len(nodeHead)+ed25519.PublicKeySize || id[:len(nodeHead)] != nodeHead {
		return fmt.Errorf("node id %x: not of an Ed25519 key: %w", string(id[:min(len(id), 64)]), ErrFormat)
	}
	return nil
}

// Key is the node's public key. The id must be valid.
func (id NodeID) Key() ed25519.PublicKey { return ed25519.PublicKey(id[len(nodeHead):]) }

// String is the id as libp2p prints it: base58.
func (id NodeID) String() string { return multihash.Multihash(id).B58String() }

// Short is the end of String, for people: it all but tells nodes apart.
func (id NodeID) Short() string {
	s := id.String()
	return s[max(0, len(s)-8):]
}

// MarshalText implements encoding.TextMarshaler.
func (id NodeID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is no node.
func (id *NodeID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ""
		return nil
	}
	parsed, err := ParseNodeID(string(b))
	*id = parsed
	return err
}

// MarshalCBOR implements cbor.Marshaler: a byte string, empty for no node.
func (id NodeID) MarshalCBOR() ([]byte, error) { return encoding.Marshal([]byte(id)) }

// UnmarshalCBOR implements cbor.Unmarshaler.
func (id *NodeID) UnmarshalCBOR(b []byte) error {
	var raw []byte
	if err := decoding.Unmarshal(b, &raw); err != nil {
		return err
	}
	*id = NodeID(raw)
	if *id == "" {
		return nil
	}
	return id.Validate()
}

var _ cbor.Unmarshaler = (*NodeID)(nil)
