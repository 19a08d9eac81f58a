// Package wire is what a node and its driver process say to each other: messages and
// their encoding. It is pure.
//
// A message is a frame: its length (4 bytes, little-endian, of what follows), its
// Kind (1 byte) and a body in CBOR, whose structs are arrays. Both sides take the other
// for hostile: what Decode returns is bounded in size and depth, and nothing else is known of it.
//
// On the control connection the driver begins with Facts; then the node sends Open,
// each with one end of a socket pair, and Probe, which State answers. On the
// connection of a session the node sends what is to be done, each with a number of
// its own, Seq, and gets exactly one Done or Built with it; when it comes depends on what
// was asked. The node ends a session by closing its side; the driver closes its
// own once everything of the session has ended and is freed.
//
// The first on the connection of a session is Share, with memory for two mailboxes: see
// internal/link for what is left there instead of being sent. A Bell is only for waking.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Version is that of the protocol; both sides are the same program, so there is one.
const Version = 3

const (
	// HeaderSize of a frame in bytes.
	HeaderSize = 5
	// MaxBinary is how long the binary of a program may be, in bytes.
	MaxBinary = 16 << 20
	// MaxFrame is the largest frame without its header.
	MaxFrame = MaxBinary + device.MaxSource + device.MaxLog + 1<<20
	// MaxQueued is how many launches and copies of a session may be under way.
	MaxQueued = 128
	// MaxKernels is how many kernels a program may have.
	MaxKernels = 256
)

// ErrFrame is a frame that cannot be what the other side should send.
var ErrFrame = errors.New("malformed message")

// Kind says which message a frame is.
type Kind uint8

// The kinds, one a type below.
const (
	KindFacts Kind = iota + 1
	KindOpen
	KindProbe
	KindState
	KindNewBuffer
	KindFreeBuffer
	KindPush
	KindPull
	KindCopy
	KindBuild
	KindFreeProgram
	KindLaunch
	KindDone
	KindBuilt
	KindShare
	KindBell
)

// Bell is a message that says nothing; its receiver wakes and looks what else there is.
var Bell = []byte{1, 0, 0, 0, byte(KindBell)}

var encoder = must(cbor.EncOptions{Time: cbor.TimeUnix}.EncMode())

var decoder = must(cbor.DecOptions{
	MaxArrayElements: 1024,
	MaxMapPairs:      64,
	MaxNestedLevels:  8,
	IndefLength:      cbor.IndefLengthForbidden,
	TagsMd:           cbor.TagsForbidden,
	DupMapKey:        cbor.DupMapKeyEnforcedAPF,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options above are constants
	}
	return v
}

// Append adds the frame of a message to b.
func Append(b []byte, kind Kind, body any) ([]byte, error) {
	text, err := encoder.Marshal(body)
	if err != nil {
		return b, err
	}
	if len(text) >= MaxFrame {
		return b, fmt.Errorf("message of %d bytes: %w", len(text), ErrFrame)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)+1))
	b = append(b, byte(kind))
	return append(b, text...), nil
}

// Header reads a frame's length without the header, and its kind.
func Header(h [HeaderSize]byte) (length int, kind Kind, err error) {
	n := binary.LittleEndian.Uint32(h[:])
	if n == 0 || n > MaxFrame {
		return 0, 0, fmt.Errorf("frame of %d bytes: %w", n, ErrFrame)
	}
	return int(n) - 1, Kind(h[4]), nil
}

// Decode reads a body. Errors wrap ErrFrame.
func Decode(body []byte, to any) error {
	if err := decoder.Unmarshal(body, to); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}

// How the driver process knows that it is one: the variable has this value, and this
// descriptor is the control connection.
const (
	SocketVariable = "GODWIT_GPU_SOCKET"
	SocketValue    = "3"
	SocketFile     = 3
)
