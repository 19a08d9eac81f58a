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
	// MaxMessage is the largest encoding of anything, in bytes. It leaves room
	// for a Spec of MaxSpec in an Assign, and for an Output of MaxOutput.
	MaxMessage = 512 << 10
)

var (
	// ErrFormat is wrapped by whatever cannot decode: bytes that this package
	// would not have written, or of another version.
	ErrFormat = errors.New("not in the wire format")
	// ErrInvalid is wrapped when values are out of their bounds.
	ErrInvalid = errors.New("invalid")
	// ErrSignature is wrapped when an envelope's signature does not hold.
	ErrSignature = errors.New("bad signature")
)

// Body is what an encoding holds: a message, or a record that is signed.
type Body interface {
	// Validate checks every bound that does not depend on who receives it. Its
	// errors wrap [ErrInvalid].
	Validate() error
	kind() kind
}

// kind is a body's number on the wire. Numbers are never used again.
type kind uint64

// bodies are the kinds that there are.
var bodies = map[kind]reflect.Type{
	1:  reflect.TypeFor[Reserve](),
	2:  reflect.TypeFor[Reserved](),
	3:  reflect.TypeFor[Refused](),
	4:  reflect.TypeFor[Assign](),
	5:  reflect.TypeFor[Accepted](),
	6:  reflect.TypeFor[Progress](),
	7:  reflect.TypeFor[Output](),
	8:  reflect.TypeFor[Heartbeat](),
	9:  reflect.TypeFor[Cancel](),
	10: reflect.TypeFor[Done](),
	11: reflect.TypeFor[Ack](),
	12: reflect.TypeFor[Bid](),
	13: reflect.TypeFor[Renew](),
	14: reflect.TypeFor[Keep](),
	15: reflect.TypeFor[Granted](),
	16: reflect.TypeFor[Kept](),
	17: reflect.TypeFor[Yield](),
	24: reflect.TypeFor[Ping](),
	25: reflect.TypeFor[Pong](),
	26: reflect.TypeFor[Claim](),
	27: reflect.TypeFor[Found](),
	32: reflect.TypeFor[Result](),
	33: reflect.TypeFor[Vector](),
	34: reflect.TypeFor[Model](),
	35: reflect.TypeFor[Request](),
	36: reflect.TypeFor[Offer](),
	37: reflect.TypeFor[Grant](),
}

func (Reserve) kind() kind   { return 1 }
func (Reserved) kind() kind  { return 2 }
func (Refused) kind() kind   { return 3 }
func (Assign) kind() kind    { return 4 }
func (Accepted) kind() kind  { return 5 }
func (Progress) kind() kind  { return 6 }
func (Output) kind() kind    { return 7 }
func (Heartbeat) kind() kind { return 8 }
func (Cancel) kind() kind    { return 9 }
func (Done) kind() kind      { return 10 }
func (Ack) kind() kind       { return 11 }
func (Bid) kind() kind       { return 12 }
func (Renew) kind() kind     { return 13 }
func (Keep) kind() kind      { return 14 }
func (Granted) kind() kind   { return 15 }
func (Kept) kind() kind      { return 16 }
func (Yield) kind() kind     { return 17 }
func (Ping) kind() kind      { return 24 }
func (Pong) kind() kind      { return 25 }
func (Claim) kind() kind     { return 26 }
func (Found) kind() kind     { return 27 }
func (Result) kind() kind    { return 32 }
func (Vector) kind() kind    { return 33 }
func (Model) kind() kind     { return 34 }
func (Request) kind() kind   { return 35 }
func (Offer) kind() kind     { return 36 }
func (Grant) kind() kind     { return 37 }

// frame is the outermost array of every encoding.
type frame struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    kind
	Body    cbor.RawMessage
}

// Encode writes a body as the CBOR array [version, kind, map], core
// deterministic (RFC 8949, section 4.2.1). Its errors wrap [ErrInvalid].
func Encode(b Body) ([]byte, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	body, err := encoding.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", b, err)
	}
	out := must(encoding.Marshal(frame{Version: Version, Kind: b.kind(), Body: body}))
	if len(out) > MaxMessage {
		return nil, fmt.Errorf("%T of %d bytes, more than %d: %w", b, len(out), MaxMessage, ErrInvalid)
	}
	return out, nil
}

// Decode reads what Encode wrote, and nothing else: neither another encoding of
// the same, nor bytes after it, nor fields it does not know. The body is valid,
// and a value (Reserve, not *Reserve). Errors wrap [ErrFormat] or [ErrInvalid].
func Decode(b []byte) (Body, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%d bytes, more than %d: %w", len(b), MaxMessage, ErrFormat)
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
	body := v.Elem().Interface().(Body)
	again, err := Encode(body)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%s: not the canonical encoding: %w", t.Name(), ErrFormat)
	}
	return body, nil
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
		MaxNestedLevels:   8,
		MaxArrayElements:  4096,
		MaxMapPairs:       1024,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options and values that always encode
	}
	return v
}
