package wasi

import (
	"fmt"
	"math"

	"github.com/fxamacker/cbor/v2"
)

// stateVersion is the first byte of an encoded State.
const stateVersion = 1

// Each state has one encoding, and only that is read.
var (
	stateEncoding = must(cbor.CoreDetEncOptions().EncMode())
	stateDecoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		TagsMd:            cbor.TagsForbidden,
		MaxArrayElements:  math.MaxInt32, // the bytes are there: what counts is their number
		MaxMapPairs:       math.MaxInt32,
	}.DecMode())
)

// must is for options that are constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Encode writes the state as bytes: a version, then CBOR in its deterministic
// form (RFC 8949, section 4.2.1), so that equal states have equal bytes.
func (s *State) Encode() ([]byte, error) {
	b, err := stateEncoding.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode wasi state: %w", err)
	}
	return append([]byte{stateVersion}, b...), nil
}

// DecodeState reads what Encode wrote. What it returns is checked by Restore. An
// error wraps ErrState.
func DecodeState(b []byte) (State, error) {
	if len(b) == 0 || b[0] != stateVersion {
		return State{}, fmt.Errorf("%w: not of version %d", ErrState, stateVersion)
	}
	var s State
	if err := stateDecoding.Unmarshal(b[1:], &s); err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return s, nil
}
