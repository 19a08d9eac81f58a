package gpu

import (
	"strconv"
	"strings"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
)

const (
	eachArgument  = 8 // units
	parameterSize = 12
)

// kernel is a kernel with its arguments.
type kernel struct {
	device.Kernel
	program   *program
	ready     *kernels.Kernel // nil: the guest's own
	signature device.Signature
	args      []argument
}

// argument is what was set; the zero one was not.
type argument struct {
	value  device.Value
	buffer *buffer // nil: none, or the null pointer
}

func newKernel(p *program, name string) (*kernel, error) {
	k, err := p.Kernel(name)
	if err != nil {
		return nil, err
	}
	made := &kernel{Kernel: k, program: p, signature: k.Signature()}
	for _, a := range made.signature.Args {
		if a.Kind == device.Unsupported {
			return nil, formError{device.Form("a kernel that takes " + a.Type), p.on.Name}
		}
	}
	if p.source.Form == device.Named {
		ready, _ := kernels.Find(name)
		made.ready = &ready
	}
	made.args = make([]argument, len(made.signature.Args))
	p.users++
	return made, nil
}

func (k *kernel) free() error { return k.program.free() }

// values are the arguments for a launch.
func (k *kernel) values() ([]device.Value, errno) {
	values := make([]device.Value, len(k.args))
	for i, a := range k.args {
		switch {
		case a.value.Kind == 0:
			return nil, einval
		case a.buffer != nil && a.buffer.freed:
			return nil, ebadf
		}
		values[i] = a.value
	}
	return values, success
}

// fit makes a range what the kernel can be launched with.
func (k *kernel) fit(r device.Range, values []device.Value) (device.Range, errno) {
	switch {
	case k.ready != nil:
		if err := k.ready.Check(values); err != nil {
			return r, errnoOf(err)
		}
		if r.Dims != 0 {
			return r, einval
		}
		r = k.ready.Range(values)
	case r.Auto():
		r.Local = k.signature.Required
	}
	if err := k.signature.CheckArgs(k.program.on.Info, values); err != nil {
		return r, errnoOf(err)
	}
	return r, errnoOf(k.signature.CheckShape(k.program.on.Info, r))
}

// operations are those of a ready-made kernel; nobody knows others'.
func (k *kernel) operations(values []device.Value) uint64 {
	if k.ready == nil {
		return 0
	}
	return k.ready.Operations(values)
}

// argumentOf finds the kernel and the parameter that a function is about.
func (c call) argumentOf(handle, index uint64) (*kernel, *device.Arg, *argument, errno) {
	k, e := find[*kernel](c.State, handle)
	if e != success {
		return nil, nil, nil, e
	}
	i := uint64(uint32(index))
	if i >= uint64(len(k.args)) {
		return nil, nil, nil, enoent
	}
	return k, &k.signature.Args[i], &k.args[i], success
}

func (c call) setBuffer(a []uint64) errno {
	k, param, arg, e := c.argumentOf(a[0], a[1])
	if e != success {
		return e
	}
	if param.Kind != device.InBuffer && param.Kind != device.Unknown {
		return einval
	}
	c.caller.Charge(eachArgument)
	if a[2] == 0 {
		*arg = argument{value: device.Whole(nil)}
		return success
	}
	b, e := find[*buffer](c.State, a[2])
	if e != success {
		return e
	}
	offset, size := a[3], a[4]
	if size == 0 && offset < b.Size() {
		size = b.Size() - offset
	}
	switch align := c.align(k.program.on); {
	case b.on != k.program.on:
		return einval
	case size == 0 || device.CheckRange(b.Size(), offset, size) != nil:
		return erange
	case align > 0 && offset%align != 0:
		return einval
	}
	*arg = argument{device.Part(b.Buffer, offset, size), b}
	return success
}

func (c call) setValue(a []uint64) errno {
	b, e := c.in(a[3], a[4], device.MaxScalar)
	if e != success {
		return e
	}
	_, param, arg, e := c.argumentOf(a[0], a[1])
	if e != success {
		return e
	}
	c.caller.Charge(eachArgument)
	code := uint32(a[2])
	switch want := typeOf(param.Type); {
	case param.Kind != device.ByValue && param.Kind != device.Unknown, len(b) == 0:
		return einval
	case want != 0 && code != want && code|1<<8 != want:
		return einval
	case code != 0 && sizeOf(code) != uint64(len(b)), param.Size != 0 && param.Size != uint64(len(b)):
		return einval
	}
	*arg = argument{value: device.ByBytes(append([]byte(nil), b...))}
	return success
}

func (c call) setLocal(a []uint64) errno {
	k, param, arg, e := c.argumentOf(a[0], a[1])
	if e != success {
		return e
	}
	size := uint64(uint32(a[2]))
	if param.Kind != device.InLocal && param.Kind != device.Unknown || size == 0 || size > k.program.on.LocalMemory {
		return einval
	}
	c.caller.Charge(eachArgument)
	*arg = argument{value: device.Local(size)}
	return success
}

func (c call) parameters(a []uint64) errno {
	n, e := c.bytes(a[1], 4)
	if e != success {
		return e
	}
	k, e := find[*kernel](c.State, a[0])
	if e == success {
		le.PutUint32(n, uint32(len(k.args)))
	}
	return e
}

func (c call) parameter(a []uint64) errno {
	to, e := c.bytes(a[2], parameterSize)
	if e != success {
		return e
	}
	_, param, _, e := c.argumentOf(a[0], a[1])
	if e != success {
		return e
	}
	c.caller.Charge(hostabi.UnitsFor(parameterSize))
	c.observed++
	space := map[device.ArgKind]uint32{device.InBuffer: 1, device.InLocal: 3}[param.Kind]
	if param.Kind == device.InBuffer && param.Constant {
		space = 2
	}
	le.PutUint32(to, space)
	le.PutUint32(to[4:], 0)
	if space == 0 {
		le.PutUint32(to[4:], typeOf(param.Type))
	}
	le.PutUint32(to[8:], uint32(param.Size))
	return c.out(param.Type, a[3], a[4], a[5])
}

// scalars are the types that values may have, by their number from 1 on (OpenCL C 3.0, section
// 6.3.1), with their sizes in bytes.
var scalars = []struct {
	name string
	size uint64
}{
	{"char", 1}, {"uchar", 1}, {"short", 2}, {"ushort", 2}, {"int", 4}, {"uint", 4},
	{"long", 8}, {"ulong", 8}, {"half", 2}, {"float", 4}, {"double", 8},
}

// typeOf is the code of a type by its name, such as float4; 0 if it is none of those.
func typeOf(name string) uint32 {
	base := strings.TrimRight(name, "0123456789")
	lanes := uint64(1)
	if digits := name[len(base):]; digits != "" {
		var err error
		if lanes, err = strconv.ParseUint(digits, 10, 8); err != nil {
			return 0
		}
	}
	for i, s := range scalars {
		if s.name == base {
			return uint32(i+1) | uint32(lanes)<<8
		}
	}
	return 0
}

// sizeOf is how many bytes a type has, or 0 if there is no such type.
func sizeOf(code uint32) uint64 {
	i, lanes := code&0xff, uint64(code>>8)
	if i == 0 || i > uint32(len(scalars)) {
		return 0
	}
	switch lanes {
	case 0:
		lanes = 1
	case 3:
		lanes = 4
	case 1, 2, 4, 8, 16:
	default:
		return 0
	}
	return scalars[i-1].size * lanes
}
