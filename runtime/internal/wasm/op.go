package wasm

import "fmt"

//go:generate go run gen.go

// Op is an instruction's opcode: the opcode byte itself, or for the prefixed spaces the prefix in
// the upper byte and the sub-opcode in the lower one (0xFC0A is memory.copy). Every sub-opcode
// of the features read here fits one byte; what does not is relaxed SIMD or unknown.
type Op uint16

// The prefix bytes of the opcode spaces.
const (
	prefixMisc   = 0xfc // saturating conversions, bulk memory, tables
	prefixVector = 0xfd
	prefixAtomic = 0xfe
)

// opSlots is the size of the dense tables: four spaces of 256.
const opSlots = 4 * 256

// slot maps an opcode to its place in the dense tables, without a branch: plain opcodes keep
// their number, 0xFC00 goes to 0x100, 0xFD00 to 0x200 and 0xFE00 to 0x300.
func (op Op) slot() int { return int(op&0x3ff) + int(op>>15)<<8 }

// String is the instruction's name in the text format. The two encodings of select share one.
func (op Op) String() string {
	if op.Known() {
		return opNames[op.slot()]
	}
	return fmt.Sprintf("opcode %#x", uint16(op))
}

// Known reports whether op is an instruction this package reads.
func (op Op) Known() bool {
	return (op <= 0xff || op>>8 >= prefixMisc && op>>8 <= prefixAtomic) && opNames[op.slot()] != ""
}

// opInfo is all that the reader and the checker need to know about an ordinary instruction.
type opInfo struct {
	imm   immKind
	class opClass
	npop  uint8
	align uint8      // largest alignment exponent of a memory access
	lanes uint8      // bound of the lane index
	push  ValType    // result, 0 for none
	pop   [3]ValType // operands, bottom first
}

// immKind says how an instruction's immediates are encoded.
type immKind uint8

const (
	immInvalid immKind = iota // no such instruction
	immNone
	immU32
	immU32U32
	immBlock
	immTry
	immBrTable
	immTypes
	immHeap
	immMemArg
	immMemLane
	immLane
	immMem
	immMemMem
	immU32Mem
	immZero
	immI32
	immI64
	immF32
	immF64
	immV128
	immShuffle
)

// form says which instructions the reader takes in one go, if their immediates are as short as
// they nearly always are.
type form uint8

const (
	formLong   form = iota // none that follow here
	formNone               // without immediates
	formByte               // with one number, of one byte
	formMemory             // with an alignment and an offset, of one byte each
)

// opClass says which rule types an instruction.
type opClass uint8

const (
	classPlain   opClass = iota // fixed operands, at most one result
	classLane                   // the same, and lane indices are bounded
	classMemory                 // fixed operands, and the module must have a memory
	classAtomic                 // the same, and the alignment must be exactly the natural one
	classLocal                  // local.get, local.set, local.tee
	classSpecial                // a rule of its own
)
