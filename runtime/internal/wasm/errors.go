package wasm

import (
	"errors"
	"fmt"
)

// Sentinels to branch on with errors.Is.
var (
	// ErrNotWasm says that the input does not start with the WebAssembly magic bytes.
	ErrNotWasm = errors.New("not a WebAssembly binary")
	// ErrComponent says that the input is a component, not a core module.
	ErrComponent = errors.New("a WebAssembly component, not a core module")
	// ErrMalformed says that the bytes are not the encoding of any module.
	ErrMalformed = errors.New("malformed module")
	// ErrInvalid says that a well-formed module breaks a validation rule.
	ErrInvalid = errors.New("invalid module")
	// ErrUnsupported says that the module uses a feature or exceeds a limit that no engine
	// here runs.
	ErrUnsupported = errors.New("unsupported module")
)

// Error is what is wrong with a module and where. It wraps one of the sentinels of this package.
type Error struct {
	Offset int    // in the decoded input, in bytes; of a built module, 0
	Msg    string // what was expected and what was found
	Err    error  // ErrNotWasm, ErrComponent, ErrMalformed, ErrInvalid or ErrUnsupported
}

// Error gives the place and what was expected there.
func (e *Error) Error() string { return fmt.Sprintf("offset %#x: %s", e.Offset, e.Msg) }

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Err }

func malformed(offset int, format string, args ...any) error {
	return &Error{offset, fmt.Sprintf(format, args...), ErrMalformed}
}

func invalid(offset int, format string, args ...any) error {
	return &Error{offset, fmt.Sprintf(format, args...), ErrInvalid}
}

func unsupported(offset int, format string, args ...any) error {
	return &Error{offset, fmt.Sprintf(format, args...), ErrUnsupported}
}
