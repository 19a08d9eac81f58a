package runtime

import (
	"errors"
	"fmt"
	"strings"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

var (
	// ErrNotWasm: the bytes do not begin like a WebAssembly module.
	ErrNotWasm = wasm.ErrNotWasm
	// ErrComponent: the bytes are a WebAssembly component, not a core module.
	ErrComponent = wasm.ErrComponent
	// ErrModuleTooLarge: the module is above Config.MaxModuleBytes.
	ErrModuleTooLarge = errors.New("module too large")
	// ErrNoExport: the module exports no function of that name.
	ErrNoExport = errors.New("no such exported function")
	// ErrArguments: the arguments do not fit the export's signature.
	ErrArguments = errors.New("wrong arguments")
	// ErrClosed: the engine, module or instance has been closed.
	ErrClosed = errors.New("closed")
	// ErrEnded: the instance has trapped, exited or been stopped and takes no
	// more calls.
	ErrEnded = errors.New("instance has ended")
)

// InvalidModuleError reports a module that is malformed, invalid, or uses
// what the engine does not support.
type InvalidModuleError struct {
	// Err says what is wrong and, where known, at which byte offset.
	Err error
}

func (e *InvalidModuleError) Error() string { return "invalid module: " + e.Err.Error() }
func (e *InvalidModuleError) Unwrap() error { return e.Err }

// MissingImportsError reports imports that no host module provides, or
// provides with another signature.
type MissingImportsError struct {
	// Imports names each, as "module.name" and what is wrong with it.
	Imports []string
}

func (e *MissingImportsError) Error() string {
	return "imports that nothing provides: " + strings.Join(e.Imports, "; ")
}

// GuestError is how a call into a guest ended when it did not return.
type GuestError struct {
	Status  Status
	Reason  Reason
	Code    uint32 // the exit code, with ReasonExit or StatusSucceeded
	Message string // cause and guest call stack
}

func (e *GuestError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("guest exited with code %d", e.Code)
	}
	return e.Message
}

// exited tells whether the guest ended by itself, with an exit code.
func (e *GuestError) exited() bool { return e.Status == StatusSucceeded || e.Reason == ReasonExit }
