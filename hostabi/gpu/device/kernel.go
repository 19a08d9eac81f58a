package device

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Signature is what is known of a kernel.
type Signature struct {
	Name string
	Args []Arg
	// MaxGroup is how many work-items a work-group of this kernel may have.
	MaxGroup uint64
	// Multiple is what the size of a work-group had best be a multiple of.
	Multiple uint64
	// Required is the work-group that the kernel asks for (reqd_work_group_size); zero
	// if it asks for none.
	Required [3]uint64
	// LocalMemory in bytes that a work-group needs, arguments not counted.
	LocalMemory uint64
}

// MaxArgs is how many arguments a kernel may have, and MaxScalar how long one that is
// passed by value may be, in bytes.
const (
	MaxArgs   = 64
	MaxScalar = 1024
)

// Arg is one parameter of a kernel.
type Arg struct {
	Kind ArgKind
	// Name and Type as in the source: "n", "float4". Empty if the driver does not tell.
	Name, Type string
	// Size in bytes of what is passed by value; 0 if it is not known: then the event of a launch may
	// say that it was wrong, and what is read beyond it is zero.
	Size uint64
	// ReadOnly memory is not written to by the kernel: constant or const.
	ReadOnly bool
	// Constant memory is in the address space of that name.
	Constant bool
}

// ArgKind is how an argument is passed.
type ArgKind uint8

const (
	// ByValue is a number, a vector or a struct.
	ByValue ArgKind = iota + 1
	// InBuffer is a pointer to global or constant memory.
	InBuffer
	// InLocal is a pointer to memory of the work-group, of which the caller says how
	// much.
	InLocal
	// Unsupported ones (images, samplers, queues) make a kernel that cannot be launched.
	Unsupported
	// Unknown is what the driver does not tell: anything is taken, and the event of a
	// launch says if it was wrong.
	Unknown
)

// Value is an argument: what is passed by value, part of a buffer, or an amount of local
// memory.
type Value struct {
	Kind ArgKind
	// Bytes are those of the value, as the device reads them: little-endian.
	Bytes []byte
	// Buffer is where memory is; nil stands for a null pointer.
	Buffer Buffer
	// Offset and Size are the part of the buffer that the kernel gets, and of local
	// memory its size in bytes.
	Offset, Size uint64
}

// ByBytes passes a value.
func ByBytes(b []byte) Value { return Value{Kind: ByValue, Bytes: b} }

// Scalar passes a number.
func Scalar[T int32 | uint32 | int64 | uint64 | float32 | float64](v T) Value {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		return Value{} // not with these types
	}
	return ByBytes(b)
}

// Whole passes a buffer.
func Whole(b Buffer) Value {
	v := Value{Kind: InBuffer, Buffer: b}
	if b != nil {
		v.Size = b.Size()
	}
	return v
}

// Part passes a part of a buffer, whose offset is a multiple of Info.Align.
func Part(b Buffer, offset, size uint64) Value {
	return Value{Kind: InBuffer, Buffer: b, Offset: offset, Size: size}
}

// Local passes memory of the work-group.
func Local(size uint64) Value { return Value{Kind: InLocal, Size: size} }

// Range is the shape of a launch.
type Range struct {
	// Dims is 1, 2 or 3; what the arrays have beyond is not looked at.
	Dims int
	// Offset is added to the global ids, Global counts the work-items.
	Offset, Global [3]uint64
	// Local is the shape of a work-group; all zero lets the device choose.
	Local [3]uint64
}

// Items counts the work-items, and is the largest number there is if that is too small.
func (r Range) Items() uint64 {
	n := uint64(1)
	for d := range min(max(r.Dims, 0), 3) {
		if r.Global[d] != 0 && n > math.MaxUint64/r.Global[d] {
			return math.MaxUint64
		}
		n *= r.Global[d]
	}
	return n
}

// Auto tells whether the device chooses the work-groups.
func (r Range) Auto() bool {
	for d := range min(max(r.Dims, 0), 3) {
		if r.Local[d] != 0 {
			return false
		}
	}
	return true
}

// CheckArgs checks arguments against the signature, for a device whose facts are
// info. Errors wrap ErrArgument or ErrRange; whose session a buffer is of is for the
// session to check.
func (s Signature) CheckArgs(info Info, args []Value) error {
	if len(args) != len(s.Args) {
		return fmt.Errorf("kernel %s: %d arguments where it takes %d: %w", s.Name, len(args), len(s.Args), ErrArgument)
	}
	local := s.LocalMemory
	for i, a := range args {
		if err := s.Args[i].check(info, a); err != nil {
			return fmt.Errorf("kernel %s, argument %d: %w", s.Name, i, err)
		}
		if a.Kind == InLocal {
			if a.Size > info.LocalMemory || local+a.Size > info.LocalMemory {
				return fmt.Errorf("kernel %s: more local memory than the device's %d bytes: %w", s.Name, info.LocalMemory, ErrShape)
			}
			local += a.Size
		}
	}
	return nil
}

func (a Arg) check(info Info, v Value) error {
	if a.Kind == Unsupported {
		return fmt.Errorf("type %s cannot be passed: %w", a.Type, ErrArgument)
	}
	if a.Kind != Unknown && a.Kind != v.Kind {
		return fmt.Errorf("of the wrong kind for %s: %w", a.Type, ErrArgument)
	}
	switch v.Kind {
	case ByValue:
		if n := uint64(len(v.Bytes)); n == 0 || n > MaxScalar || a.Size != 0 && n != a.Size {
			return fmt.Errorf("%d bytes for %s: %w", n, a.Type, ErrArgument)
		}
	case InBuffer:
		return checkPart(info, v)
	case InLocal:
		if v.Size == 0 {
			return fmt.Errorf("no local memory: %w", ErrArgument)
		}
	default:
		return fmt.Errorf("kind %d: %w", v.Kind, ErrArgument)
	}
	return nil
}

func checkPart(info Info, v Value) error {
	if v.Buffer == nil {
		return nil
	}
	if v.Size == 0 {
		return fmt.Errorf("empty part of a buffer: %w", ErrRange)
	}
	if info.Align > 0 && v.Offset%info.Align != 0 {
		return fmt.Errorf("offset %d is not a multiple of %d: %w", v.Offset, info.Align, ErrArgument)
	}
	return CheckRange(v.Buffer.Size(), v.Offset, v.Size)
}

// CheckRange checks that size bytes from offset on are inside of total.
func CheckRange(total, offset, size uint64) error {
	if offset > total || size > total-offset {
		return fmt.Errorf("%d bytes from %d on in %d: %w", size, offset, total, ErrRange)
	}
	return nil
}

// CheckShape checks a shape against kernel and device. Errors wrap ErrShape.
func (s Signature) CheckShape(info Info, r Range) error {
	if r.Dims < 1 || r.Dims > 3 {
		return fmt.Errorf("%d dimensions: %w", r.Dims, ErrShape)
	}
	if n := r.Items(); n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("kernel %s over %d × %d × %d: %w", s.Name, r.Global[0], r.Global[1], r.Global[2], ErrShape)
	}
	for d := range r.Dims {
		if r.Offset[d] > math.MaxInt64-r.Global[d] {
			return fmt.Errorf("kernel %s: offset %d: %w", s.Name, r.Offset[d], ErrShape)
		}
	}
	if s.Required != [3]uint64{} || !r.Auto() {
		return s.checkGroup(info, r)
	}
	return nil
}

// checkGroup checks the shape of the work-groups.
func (s Signature) checkGroup(info Info, r Range) error {
	group := uint64(1)
	for d := range 3 {
		size, total := uint64(1), uint64(1)
		if d < r.Dims {
			size, total = r.Local[d], r.Global[d]
		}
		if required := s.Required[d]; required != 0 && size != required {
			return fmt.Errorf("kernel %s asks for work-groups of %v: %w", s.Name, s.Required, ErrShape)
		}
		if size == 0 || size > info.MaxItems[d] || total%size != 0 {
			return fmt.Errorf("kernel %s: work-groups of %v for %v: %w", s.Name, r.Local[:r.Dims], r.Global[:r.Dims], ErrShape)
		}
		group *= size // at most the product of MaxItems
		if group > min(s.MaxGroup, info.MaxGroup) {
			return fmt.Errorf("kernel %s: work-groups of more than %d: %w", s.Name, min(s.MaxGroup, info.MaxGroup), ErrShape)
		}
	}
	return nil
}
