package opencl

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

const (
	kernelName = 0x1190
	kernelArgs = 0x1191

	argAddress   = 0x1196
	argType      = 0x1198
	argQualifier = 0x1199
	argName      = 0x119A

	groupSize     = 0x11B0
	groupRequired = 0x11B1
	groupLocal    = 0x11B2
	groupMultiple = 0x11B3

	addressGlobal   = 0x119B
	addressLocal    = 0x119C
	addressConstant = 0x119D
	addressPrivate  = 0x119E

	qualifierConst = 1 << 0
)

// Signature is what the driver tells of the kernel.
func (k Kernel) Signature() device.Signature {
	get := func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
		return k.device.lib.functions.GetKernelInfo(k.id, what, size, to, length)
	}
	group := func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
		return k.device.lib.functions.GetGroupInfo(k.id, k.device.id, what, size, to, length)
	}
	s := device.Signature{
		Name:        printable(words(get, kernelName, 1<<16)),
		MaxGroup:    uint64(value[uintptr](group, groupSize)),
		Multiple:    uint64(value[uintptr](group, groupMultiple)),
		LocalMemory: value[uint64](group, groupLocal),
	}
	for i, n := range value[[3]uintptr](group, groupRequired) {
		s.Required[i] = uint64(n)
	}
	s.Args = make([]device.Arg, min(value[uint32](get, kernelArgs), device.MaxArgs+1))
	for i := range s.Args {
		s.Args[i] = k.arg(uint32(i))
	}
	return s
}

func (k Kernel) arg(i uint32) device.Arg {
	get := func(what uint32, size uintptr, to unsafe.Pointer, length *uintptr) Code {
		return k.device.lib.functions.GetArgInfo(k.id, i, what, size, to, length)
	}
	a := device.Arg{
		Name: printable(words(get, argName, 1<<12)),
		Type: printable(words(get, argType, 1<<12)),
	}
	address := value[uint32](get, argAddress)
	a.Kind = argKind(address, a.Type)
	if a.Kind == device.ByValue {
		a.Size = sizeOf(a.Type)
	}
	a.Constant = address == addressConstant
	a.ReadOnly = a.Constant || value[uint64](get, argQualifier)&qualifierConst != 0
	return a
}

// argKind is how an argument of that address space and type is passed. Images and
// samplers are not.
func argKind(address uint32, kind string) device.ArgKind {
	opaque := strings.HasPrefix(kind, "image") || kind == "sampler_t" || kind == "queue_t" || strings.HasPrefix(kind, "pipe")
	switch {
	case opaque:
		return device.Unsupported
	case address == addressLocal:
		return device.InLocal
	case address == addressGlobal || address == addressConstant:
		return device.InBuffer
	case address == addressPrivate && kind != "":
		return device.ByValue
	}
	return device.Unknown
}

// scalars are the sizes of the types that vectors are made of (OpenCL C 3.0, section
// 6.3.1).
var scalars = map[string]uint64{
	"char": 1, "uchar": 1, "short": 2, "ushort": 2, "half": 2, "int": 4, "uint": 4, "float": 4,
	"long": 8, "ulong": 8, "double": 8,
	"unsigned char": 1, "unsigned short": 2, "unsigned int": 4, "unsigned long": 8,
}

// sizeOf is the size of a type by name, 0 if it is the source's own.
func sizeOf(kind string) uint64 {
	if size, ok := scalars[kind]; ok {
		return size
	}
	base := strings.TrimRight(kind, "0123456789")
	lanes, err := strconv.ParseUint(kind[len(base):], 10, 8)
	if err != nil {
		return 0
	}
	switch lanes {
	case 2, 4, 8, 16:
		return scalars[base] * lanes
	case 3:
		return scalars[base] * 4 // section 6.3.5: a vector of three is as large as one of four
	}
	return 0
}

// SetBytes passes a value.
func (k Kernel) SetBytes(i uint32, b []byte) error {
	return k.device.lib.functions.SetKernelArg(k.id, i, uintptr(len(b)), unsafe.Pointer(unsafe.SliceData(b))).err()
}

// SetMemory passes a buffer.
func (k Kernel) SetMemory(i uint32, m Memory) error {
	return k.device.lib.functions.SetKernelArg(k.id, i, unsafe.Sizeof(m.id), unsafe.Pointer(&m.id)).err()
}

// SetNull passes a null pointer.
func (k Kernel) SetNull(i uint32) error {
	return k.device.lib.functions.SetKernelArg(k.id, i, unsafe.Sizeof(uintptr(0)), nil).err()
}

// SetLocal passes that many bytes of the work-group's memory.
func (k Kernel) SetLocal(i uint32, size uint64) error {
	return k.device.lib.functions.SetKernelArg(k.id, i, uintptr(size), nil).err()
}

// Launch queues one run of the kernel with the arguments it has now.
func (q Queue) Launch(k Kernel, r device.Range) (Event, error) {
	var offset, global, local [3]uintptr
	for d := range r.Dims {
		offset[d], global[d], local[d] = uintptr(r.Offset[d]), uintptr(r.Global[d]), uintptr(r.Local[d])
	}
	groups := &local[0]
	if r.Auto() {
		groups = nil
	}
	e := Event{lib: q.lib}
	code := q.lib.functions.EnqueueKernel(q.id, k.id, uint32(r.Dims), &offset[0], &global[0], groups, 0, nil, &e.id)
	return e, code.err()
}

// Release gives the kernel back.
func (k Kernel) Release() error { return k.device.lib.functions.ReleaseKernel(k.id).err() }
