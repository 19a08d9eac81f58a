package gpu

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// ErrState is wrapped by the errors of Restore.
var ErrState = errors.New("invalid GPU state")

const (
	// stateVersion is the first byte of a captured State.
	stateVersion = 1
	// captureWait is how long Capture waits for what was launched.
	captureWait = 10 * time.Second
)

// saved is a State as it travels. Lists are in the order of handles, so that equal states
// have equal bytes.
type saved struct {
	Kept     kept           `cbor:"1,keyasint"`
	Devices  int            `cbor:"2,keyasint"` // how many the guest sees
	Buffers  []savedBuffer  `cbor:"3,keyasint"`
	Programs []savedProgram `cbor:"4,keyasint"`
	Kernels  []savedKernel  `cbor:"5,keyasint"`
	Events   []savedEvent   `cbor:"6,keyasint"`
}

type savedBuffer struct {
	Handle uint64 `cbor:"1,keyasint"`
	Device int    `cbor:"2,keyasint"`
	Data   []byte `cbor:"3,keyasint"`
}

type savedProgram struct {
	Handle  uint64      `cbor:"1,keyasint"` // 0: only its kernels are left
	Device  int         `cbor:"2,keyasint"`
	Form    device.Form `cbor:"3,keyasint"`
	Text    []byte      `cbor:"4,keyasint"`
	Options string      `cbor:"5,keyasint"`
}

type savedKernel struct {
	Handle  uint64          `cbor:"1,keyasint"`
	Program int             `cbor:"2,keyasint"` // its place in the list
	Name    string          `cbor:"3,keyasint"`
	Args    []savedArgument `cbor:"4,keyasint"`
}

type savedArgument struct {
	Kind   device.ArgKind `cbor:"1,keyasint"` // 0: it was not set
	Bytes  []byte         `cbor:"2,keyasint"`
	Buffer uint64         `cbor:"3,keyasint"` // its handle; 0 is the null pointer
	Offset uint64         `cbor:"4,keyasint"`
	Size   uint64         `cbor:"5,keyasint"`
	Freed  bool           `cbor:"6,keyasint"` // the buffer was
}

type savedEvent struct {
	Handle uint64   `cbor:"1,keyasint"`
	Times  [4]int64 `cbor:"2,keyasint"`
	Failed bool     `cbor:"3,keyasint"`
}

var (
	stateEncoding = must(cbor.CoreDetEncOptions().EncMode())
	stateDecoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		TagsMd:            cbor.TagsForbidden,
		MaxArrayElements:  math.MaxInt32, // the bytes are there: what counts is their number
	}.DecMode())
)

// must is for options that are constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Capture implements runtime.HostState: it waits until the devices have done what was
// launched, and reads the buffers.
func (s *State) Capture() ([]byte, error) {
	if s.lost != nil {
		return nil, s.lost
	}
	ctx, cancel := context.WithTimeout(context.Background(), captureWait)
	defer cancel()
	if err := s.drain(ctx); err != nil {
		return nil, fmt.Errorf("wait for the GPU: %w", err)
	}
	v := saved{Kept: s.kept, Devices: len(s.devices)}
	if err := s.save(ctx, &v); err != nil {
		return nil, err
	}
	b, err := stateEncoding.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode GPU state: %w", err)
	}
	return append([]byte{stateVersion}, b...), nil
}

// save lists all objects.
func (s *State) save(ctx context.Context, v *saved) error {
	places := make(map[*program]int)
	for _, handle := range slices.Sorted(maps.Keys(s.objects)) {
		switch o := s.objects[handle].(type) {
		case *buffer:
			data := make([]byte, o.Size())
			if err := o.Read(ctx, 0, data); err != nil {
				return fmt.Errorf("read a buffer of the GPU: %w", err)
			}
			v.Buffers = append(v.Buffers, savedBuffer{handle, o.on.number, data})
		case *program:
			v.program(places, handle, o)
		case *kernel:
			v.Kernels = append(v.Kernels, savedKernel{handle, v.program(places, 0, o.program), o.signature.Name, savedArguments(o.args)})
		case *launch:
			t := s.timesOf(o)
			v.Events = append(v.Events, savedEvent{handle, [4]int64{int64(t.Queued), int64(t.Submitted), int64(t.Started), int64(t.Ended)}, o.failed})
		}
	}
	return nil
}

// program is the place of a program in the list. Its handle is 0 if it is met through a kernel
// of it.
func (v *saved) program(places map[*program]int, handle uint64, p *program) int {
	at, ok := places[p]
	if !ok {
		at = len(v.Programs)
		places[p] = at
		v.Programs = append(v.Programs, savedProgram{handle, p.on.number, p.source.Form, p.source.Text, p.source.Options})
	}
	if handle != 0 {
		v.Programs[at].Handle = handle
	}
	return at
}

func savedArguments(args []argument) []savedArgument {
	list := make([]savedArgument, len(args))
	for i, a := range args {
		list[i] = savedArgument{Kind: a.value.Kind, Bytes: a.value.Bytes, Offset: a.value.Offset, Size: a.value.Size}
		if a.buffer != nil {
			list[i].Buffer, list[i].Freed = a.buffer.handle, a.buffer.freed
		}
	}
	return list
}

// Restore implements runtime.HostState: it makes all objects again, on the devices that
// there are now. The error wraps ErrState if what was saved is not whole, or cannot be here.
func (s *State) Restore(b []byte) error {
	if len(b) == 0 || b[0] != stateVersion {
		return fmt.Errorf("%w: not of version %d", ErrState, stateVersion)
	}
	var v saved
	if err := stateDecoding.Unmarshal(b[1:], &v); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := s.load(context.Background(), &v); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func (s *State) load(ctx context.Context, v *saved) error {
	handles := len(v.Buffers) + len(v.Programs) + len(v.Kernels) + len(v.Events)
	switch {
	case len(s.objects) > 0 || s.session != nil:
		return errors.New("restored into a state that was used")
	case handles > 2*maxHandles: // programs without one are beside
		return fmt.Errorf("%d handles", handles)
	case v.Devices > len(s.devices) && handles > 0:
		return fmt.Errorf("it had %d devices, and here are %d", v.Devices, len(s.devices))
	}
	s.kept = v.Kept
	for _, b := range v.Buffers {
		if err := s.loadBuffer(ctx, b); err != nil {
			return fmt.Errorf("buffer of %d bytes: %w", len(b.Data), err)
		}
	}
	programs := make([]*program, len(v.Programs))
	for i, p := range v.Programs {
		var err error
		if programs[i], err = s.loadProgram(ctx, p); err != nil {
			return fmt.Errorf("program: %w: %s", err, s.kept.Log)
		}
	}
	s.kept.Log = v.Kept.Log
	for _, k := range v.Kernels {
		if err := s.loadKernel(k, programs); err != nil {
			return fmt.Errorf("kernel %.80q: %w", k.Name, err)
		}
	}
	for _, e := range v.Events {
		times := device.Times{
			Queued: time.Duration(e.Times[0]), Submitted: time.Duration(e.Times[1]), Started: time.Duration(e.Times[2]), Ended: time.Duration(e.Times[3]),
		}
		if err := s.keep(e.Handle, &launch{settled: true, times: times, failed: e.Failed}); err != nil {
			return err
		}
	}
	return nil
}

// keep gives an object the handle that it had.
func (s *State) keep(handle uint64, o object) error {
	if _, taken := s.objects[handle]; taken || handle == 0 {
		return fmt.Errorf("handle %d is not one, or that of two", handle)
	}
	s.objects[handle] = o
	return nil
}

// slotNumbered is the device of a number.
func (s *State) slotNumbered(n int) (*slot, error) {
	if n < 0 || n >= len(s.devices) {
		return nil, fmt.Errorf("no device %d here", n)
	}
	return &s.devices[n], nil
}

func (s *State) loadBuffer(ctx context.Context, v savedBuffer) error {
	d, err := s.slotNumbered(v.Device)
	if err != nil {
		return err
	}
	size := uint64(len(v.Data))
	if size > d.most-d.used {
		return fmt.Errorf("more than the %d bytes that the run may have here: %w", d.most, device.ErrQuota)
	}
	b, err := s.newBuffer(ctx, d, size)
	if err != nil {
		return err
	}
	b.handle = v.Handle
	return errors.Join(b.Write(ctx, 0, v.Data), s.keep(v.Handle, b))
}

func (s *State) loadProgram(ctx context.Context, v savedProgram) (*program, error) {
	d, err := s.slotNumbered(v.Device)
	if err != nil {
		return nil, err
	}
	if v.Form == device.Named {
		if v.Handle != 0 {
			return nil, errors.New("a ready-made kernel is no program")
		}
		return s.readyProgram(ctx, d, string(v.Text))
	}
	p, err := s.newProgram(ctx, d, device.Source{Form: v.Form, Text: v.Text, Options: v.Options})
	if err != nil || v.Handle == 0 {
		return p, err
	}
	p.users++
	return p, s.keep(v.Handle, p)
}

func (s *State) loadKernel(v savedKernel, programs []*program) error {
	if v.Program < 0 || v.Program >= len(programs) {
		return fmt.Errorf("program %d is not there", v.Program)
	}
	k, err := newKernel(programs[v.Program], v.Name)
	if err != nil {
		return err
	}
	if len(v.Args) != len(k.args) {
		return fmt.Errorf("%d arguments of %d", len(v.Args), len(k.args))
	}
	for i, a := range v.Args {
		if k.args[i], err = s.loadArgument(a); err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
	}
	return s.keep(v.Handle, k)
}

// loadArgument makes an argument again. If it does not fit the kernel, launches will say so.
func (s *State) loadArgument(v savedArgument) (argument, error) {
	a := argument{value: device.Value{Kind: v.Kind, Bytes: v.Bytes, Offset: v.Offset, Size: v.Size}}
	switch {
	case v.Kind != device.InBuffer || v.Buffer == 0:
		return a, nil
	case v.Freed:
		a.buffer = &buffer{handle: v.Buffer, freed: true}
		return a, nil
	}
	b, e := find[*buffer](s, v.Buffer)
	if e != success {
		return a, fmt.Errorf("buffer %d is not there", v.Buffer)
	}
	a.value.Buffer, a.buffer = b.Buffer, b
	return a, nil
}
