package wire

import (
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Facts are the first that the driver says.
type Facts struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Devices []device.Info
	// Confined says what the process may not do any more, for people.
	Confined string
}

// Open begins a session on the connection that comes with it.
type Open struct {
	_       struct{} `cbor:",toarray"`
	Session uint64
	Devices []int
}

// Probe asks what a session is doing.
type Probe struct {
	_            struct{} `cbor:",toarray"`
	Seq, Session uint64
}

// State answers Probe.
type State struct {
	_   struct{} `cbor:",toarray"`
	Seq uint64
	// Busy tells that the device, or its compiler, is at the session's work now.
	Busy bool
}

// NewBuffer makes a buffer of the memory whose descriptor comes with it. All buffers and
// programs are named by the node.
type NewBuffer struct {
	_       struct{} `cbor:",toarray"`
	Seq, ID uint64
	Device  int
	Size    uint64
	Staged  bool
}

// Free frees a buffer or a program; there is no answer.
type Free struct {
	_  struct{} `cbor:",toarray"`
	ID uint64
}

// Sync copies part of a staged buffer to the device (KindPush) or from it (KindPull).
type Sync struct {
	_            struct{} `cbor:",toarray"`
	Seq, Buffer  uint64
	Offset, Size uint64
}

// Copy copies between buffers of one device.
type Copy struct {
	_                struct{} `cbor:",toarray"`
	Seq              uint64
	To, ToOffset     uint64
	From, FromOffset uint64
	Size             uint64
}

// Build builds a program: from the binary if there is one and it works, else from source.
type Build struct {
	_       struct{} `cbor:",toarray"`
	Seq, ID uint64
	Device  int
	Form    device.Form
	Text    []byte
	Options string
	Binary  []byte
}

// Built answers Build, if all went well.
type Built struct {
	_       struct{} `cbor:",toarray"`
	Seq     uint64
	Log     string
	Kernels []device.Signature
	// Binary is what to keep for the next time; empty if it was built from one.
	Binary []byte
}

// Launch runs a kernel, by its name.
type Launch struct {
	_       struct{} `cbor:",toarray"`
	Seq     uint64
	Program uint64
	Kernel  string
	Dims    int
	Offset  [3]uint64
	Global  [3]uint64
	Local   [3]uint64
	Args    []Arg
}

// Shape is the launch's shape.
func (l Launch) Shape() device.Range {
	return device.Range{Dims: l.Dims, Offset: l.Offset, Global: l.Global, Local: l.Local}
}

// Arg is one argument.
type Arg struct {
	_      struct{} `cbor:",toarray"`
	Kind   device.ArgKind
	Bytes  []byte
	Buffer uint64 // 0 is a null pointer
	Offset uint64
	Size   uint64 // of a value, what it has to be; 0 if nobody knows
}

// Done answers what has ended.
type Done struct {
	_     struct{} `cbor:",toarray"`
	Seq   uint64
	Fault Fault
	Text  string
	// Times are device.Times in nanoseconds.
	Queued, Submitted, Started, Ended time.Duration
}

// Times are those of what has ended.
func (d Done) Times() device.Times {
	return device.Times{Queued: d.Queued, Submitted: d.Submitted, Started: d.Started, Ended: d.Ended}
}
