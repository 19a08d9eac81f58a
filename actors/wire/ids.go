package wire

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// NodeID names a node.
type NodeID = swire.NodeID

// Link is the CID of content.
type Link = swire.Link

// ActorID names an actor: 48 bits of milliseconds since 1970, then 80 random bits, so
// that ids sort by time. A spawned actor has a [SpawnedID] instead.
type ActorID [16]byte

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewActorID makes an id from the time and from randomness.
func NewActorID(now time.Time, random [10]byte) ActorID { return ActorID(swire.NewTaskID(now, random)) }

// SpawnedID is the id of the actor that parent spawned as its n-th: whoever spawns it
// again after a crash names the same one.
func SpawnedID(parent ActorID, n uint64) ActorID {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("godwit-spawn"), parent[:]...), n))
	return ActorID(sum[:16])
}

// ParseActorID reads what String writes. Its errors wrap [ErrFormat].
func ParseActorID(s string) (ActorID, error) {
	var id ActorID
	b, err := idText.DecodeString(s)
	if err != nil || copy(id[:], b) != len(id) || id.String() != s {
		return ActorID{}, fmt.Errorf("actor id %.40q: %w", s, ErrFormat)
	}
	return id, nil
}

// String is the id as people see it: 26 characters of Crockford's alphabet.
func (id ActorID) String() string { return idText.EncodeToString(id[:]) }

// IsZero tells whether the id names nothing.
func (id ActorID) IsZero() bool { return id == ActorID{} }

// MarshalText implements encoding.TextMarshaler.
func (id ActorID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ActorID) UnmarshalText(b []byte) error {
	parsed, err := ParseActorID(string(b))
	*id = parsed
	return err
}

// MarshalCBOR implements cbor.Marshaler: a byte string.
func (id ActorID) MarshalCBOR() ([]byte, error) { return marshal16(id), nil }

// UnmarshalCBOR implements cbor.Unmarshaler.
func (id *ActorID) UnmarshalCBOR(b []byte) error { return unmarshal16((*[16]byte)(id), b) }

// MessageID names a message of a client: eight bytes of a session, then a sequence
// number. An id that somebody has just made up is a session of its own.
type MessageID [16]byte

// NewMessageID is message number seq of a session.
func NewMessageID(session [8]byte, seq uint64) MessageID {
	return MessageID(binary.BigEndian.AppendUint64(session[:], seq))
}

// ChannelID is the id of message number seq that an actor sends to a name: no two
// messages of actors share it.
func ChannelID(sender ActorID, to string, seq uint64) MessageID {
	sum := sha256.Sum256(append(append([]byte("godwit-channel"), sender[:]...), to...))
	return NewMessageID([8]byte(sum[:8]), seq)
}

// ParseMessageID reads what String writes. Its errors wrap [ErrFormat].
func ParseMessageID(s string) (MessageID, error) {
	var id MessageID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != s {
		return MessageID{}, fmt.Errorf("message id %.40q: %w", s, ErrFormat)
	}
	return MessageID(b), nil
}

// Session is the source of the message.
func (id MessageID) Session() [8]byte { return [8]byte(id[:8]) }

// Seq is the message's number in its session.
func (id MessageID) Seq() uint64 { return binary.BigEndian.Uint64(id[8:]) }

// String is the id in hexadecimal digits.
func (id MessageID) String() string { return hex.EncodeToString(id[:]) }

// IsZero tells whether the id names nothing.
func (id MessageID) IsZero() bool { return id == MessageID{} }

// MarshalText implements encoding.TextMarshaler.
func (id MessageID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *MessageID) UnmarshalText(b []byte) error {
	parsed, err := ParseMessageID(string(b))
	*id = parsed
	return err
}

// MarshalCBOR implements cbor.Marshaler: a byte string.
func (id MessageID) MarshalCBOR() ([]byte, error) { return marshal16(id), nil }

// UnmarshalCBOR implements cbor.Unmarshaler.
func (id *MessageID) UnmarshalCBOR(b []byte) error { return unmarshal16((*[16]byte)(id), b) }

// Seed is what a batch's randomness comes from.
type Seed [16]byte

// MarshalCBOR implements cbor.Marshaler: a byte string.
func (s Seed) MarshalCBOR() ([]byte, error) { return marshal16(s), nil }

// UnmarshalCBOR implements cbor.Unmarshaler.
func (s *Seed) UnmarshalCBOR(b []byte) error { return unmarshal16((*[16]byte)(s), b) }

// bytes16 is the head of a CBOR byte string of 16 bytes.
const bytes16 = 0x50

func marshal16(v [16]byte) []byte { return append([]byte{bytes16}, v[:]...) }

func unmarshal16(v *[16]byte, b []byte) error {
	if len(b) != 17 || b[0] != bytes16 {
		return fmt.Errorf("want 16 bytes: %w", ErrFormat)
	}
	copy(v[:], b[1:])
	return nil
}
