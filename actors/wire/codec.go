package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

const (
	// Version is that of every encoding here.
	Version = 1
	// MaxFrame is the largest encoding of anything, in bytes.
	MaxFrame = 4 << 20
)

var (
	// ErrFormat is wrapped by whatever cannot decode: bytes that this package would
	// not have written, or of another version.
	ErrFormat = errors.New("not in the actors' wire format")
	// ErrInvalid is wrapped when values are out of their bounds.
	ErrInvalid = errors.New("invalid")
)

// Body is what an encoding holds: a message between nodes, an entry, or a record.
type Body interface {
	// Validate checks every bound that does not depend on who receives it. Its
	// errors wrap [ErrInvalid].
	Validate() error
	kind() kind
}

// kind is a body's number. Numbers are never used again.
type kind uint64

// bodies are the kinds that there are.
var bodies = map[kind]reflect.Type{
	1:  reflect.TypeFor[Raft](),
	2:  reflect.TypeFor[Held](),
	3:  reflect.TypeFor[Evicted](),
	4:  reflect.TypeFor[Create](),
	5:  reflect.TypeFor[Created](),
	6:  reflect.TypeFor[Request](),
	7:  reflect.TypeFor[Response](),
	8:  reflect.TypeFor[Claim](),
	9:  reflect.TypeFor[Claimed](),
	10: reflect.TypeFor[Find](),
	11: reflect.TypeFor[Found](),
	12: reflect.TypeFor[Heartbeat](),
	13: reflect.TypeFor[Ack](),
	14: reflect.TypeFor[Bulk](),
	15: reflect.TypeFor[Vouch](),
	32: reflect.TypeFor[Entry](),
	33: reflect.TypeFor[Base](),
}

func (Raft) kind() kind      { return 1 }
func (Held) kind() kind      { return 2 }
func (Evicted) kind() kind   { return 3 }
func (Create) kind() kind    { return 4 }
func (Created) kind() kind   { return 5 }
func (Request) kind() kind   { return 6 }
func (Response) kind() kind  { return 7 }
func (Claim) kind() kind     { return 8 }
func (Claimed) kind() kind   { return 9 }
func (Find) kind() kind      { return 10 }
func (Found) kind() kind     { return 11 }
func (Heartbeat) kind() kind { return 12 }
func (Ack) kind() kind       { return 13 }
func (Bulk) kind() kind      { return 14 }
func (Vouch) kind() kind     { return 15 }
func (Entry) kind() kind     { return 32 }
func (Base) kind() kind      { return 33 }

// frame is the outermost array of every encoding.
type frame struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    kind
	Body    cbor.RawMessage
}

// Encode writes a body as the CBOR array [version, kind, map], core deterministic
// (RFC 8949, section 4.2.1). Its errors wrap [ErrInvalid].
func Encode(b Body) ([]byte, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	body, err := encoding.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", b, err)
	}
	out := must(encoding.Marshal(frame{Version: Version, Kind: b.kind(), Body: body}))
	if len(out) > MaxFrame {
		return nil, fmt.Errorf("%T of %d bytes, more than %d: %w", b, len(out), MaxFrame, ErrInvalid)
	}
	return out, nil
}

// Decode reads what Encode wrote, and nothing else: neither another encoding of the
// same, nor bytes after it, nor fields it does not know. The body is valid, and a
// value (Raft, not *Raft). Errors wrap [ErrFormat] or [ErrInvalid].
func Decode(b []byte) (Body, error) {
	body, err := decode(b)
	if err != nil {
		return nil, err
	}
	again, err := Encode(body)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%T: not the canonical encoding: %w", body, ErrFormat)
	}
	return body, nil
}

// DecodeCommitted reads an entry that a group has agreed on. Whether it is the
// canonical encoding is not checked: the bytes are the same on every replica, and
// nobody signs or hashes them.
func DecodeCommitted(b []byte) (Entry, error) {
	body, err := decode(b)
	if err != nil {
		return Entry{}, err
	}
	e, ok := body.(Entry)
	if !ok {
		return Entry{}, fmt.Errorf("%T where an entry must be: %w", body, ErrFormat)
	}
	return e, e.Validate()
}

// decode reads a body, valid or not.
func decode(b []byte) (Body, error) {
	if len(b) > MaxFrame {
		return nil, fmt.Errorf("%d bytes, more than %d: %w", len(b), MaxFrame, ErrFormat)
	}
	var f frame
	if err := decoding.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	t, ok := bodies[f.Kind]
	if !ok || f.Version != Version {
		return nil, fmt.Errorf("version %d, kind %d: %w", f.Version, f.Kind, ErrFormat)
	}
	v := reflect.New(t)
	if err := decoding.Unmarshal(f.Body, v.Interface()); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", t.Name(), ErrFormat, err)
	}
	return v.Elem().Interface().(Body), nil
}

// DecodeAs is Decode for a body that must be of one kind.
func DecodeAs[T Body](b []byte) (T, error) {
	var none T
	body, err := Decode(b)
	if err != nil {
		return none, err
	}
	v, ok := body.(T)
	if !ok {
		return none, fmt.Errorf("%T where %T must be: %w", body, none, ErrFormat)
	}
	return v, nil
}

var (
	encoding = must(cbor.CoreDetEncOptions().EncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   12,
		MaxArrayElements:  MaxItems,
		MaxMapPairs:       1024,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options and values that always encode
	}
	return v
}

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
