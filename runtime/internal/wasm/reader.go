package wasm

import (
	"encoding/binary"
	"slices"
)

// Reader decodes the instructions of an expression one after another. It knows the encoding of
// instructions, not their meaning: indices, nesting and types are the Checker's. Use it as
//
//	r := NewReader(code.Body, code.Offset)
//	for r.Next(&in) {
//		…
//	}
//	if err := r.Err(); err != nil {
//
// It never reads outside of the body, never panics, and allocates only for the lists of br_table,
// try_table and select, in proportion to their bytes.
type Reader struct {
	body []byte
	pos  int
	base int
	err  error
}

// NewReader gives a reader of body, an expression or any run of whole instructions. The offset is
// that of body in the module's bytes; errors count from there.
func NewReader(body []byte, offset int) Reader { return Reader{body: body, base: offset} }

// Err is the error that made Next return false, or nil at the end of the body.
func (r *Reader) Err() error { return r.err }

// Next decodes the next instruction into in. It returns false at the end of the body or at an
// instruction that cannot be decoded.
//
// Loading a module takes some seven walks over its instructions, so Next takes the frequent short
// forms at once, with few branches to mispredict, and leaves the others to long, after which it has
// nothing to do and so nothing to keep.
func (r *Reader) Next(in *Instr) bool {
	pos, body := r.pos, r.body
	if uint(pos) >= uint(len(body)) {
		return false
	}
	op := body[pos]
	in.Pos, in.Op = pos, Op(op)
	pos++
	if f := forms[op]; f == formByte {
		if uint(pos) >= uint(len(body)) || body[pos] >= 0x80 || body[pos] > 0x40 && op <= byte(OpIf) && !ValType(body[pos]).valid() {
			return r.long(in)
		}
		// As the type of a block it is a value type, or BlockEmpty, or a type index below 64.
		number := int8(body[pos]<<1) >> 1
		in.A, in.Const, in.Block = uint32(body[pos]), uint64(uint32(number)), BlockType(number)
		pos++
	} else if f == formMemory {
		if uint(pos+1) >= uint(len(body)) || body[pos] >= 32 || body[pos+1] >= 0x80 {
			return r.long(in)
		}
		in.A, in.Offset = uint32(body[pos]), uint64(body[pos+1])
		pos += 2
	} else if f != formNone {
		return r.long(in)
	}
	in.End, r.pos = pos, pos
	return true
}

// long is Next for instructions of any form, once Next has read the opcode.
func (r *Reader) long(in *Instr) bool {
	pos := in.Pos + 1
	imm := opTable[in.Op].imm
	if imm == immInvalid {
		imm, pos = r.prefixed(in, byte(in.Op), pos)
	}
	if pos >= 0 {
		pos = r.immediates(in, imm, pos)
	}
	if pos < 0 {
		return false
	}
	in.End, r.pos = pos, pos
	return true
}

// prefixed reads the sub-opcode of a prefixed instruction. wazero reads those of vector and atomic
// instructions as single bytes where the format has a LEB128 number, so they are accepted only in
// their shortest form: else what is checked here would not be what runs there. (The second byte of
// sub-opcodes from 0x80 on is then 01, which it takes for a nop.)
func (r *Reader) prefixed(in *Instr, op byte, pos int) (immKind, int) {
	if op < prefixMisc || op > prefixAtomic {
		return immInvalid, r.unknown(in.Op)
	}
	sub, next := u32(r.body, pos)
	if next < 0 {
		return immInvalid, r.fail(next, pos, "a sub-opcode")
	}
	if sub > 0xff {
		return immInvalid, r.unknownSub(op, sub)
	}
	if op != prefixMisc && next-pos != 1+int(sub>>7) {
		r.stop(unsupported(r.base+pos, "expected the shortest encoding of sub-opcode %#x", sub))
		return immInvalid, lebTooLong
	}
	in.Op = Op(op)<<8 | Op(sub)
	imm := opTable[in.Op.slot()].imm
	if imm == immInvalid {
		return immInvalid, r.unknownSub(op, sub)
	}
	return imm, next
}

// immediates reads immediates of any form.
func (r *Reader) immediates(in *Instr, imm immKind, pos int) int {
	switch imm {
	case immU32:
		in.A, pos = r.u32(pos, "index")
	case immMemArg:
		pos = r.memArg(in, pos)
	case immBlock:
		pos = r.blockType(in, pos)
	case immI32:
		pos = r.constant(in, pos, 32)
	case immU32U32:
		if in.A, pos = r.u32(pos, "index"); pos >= 0 {
			in.B, pos = r.u32(pos, "index")
		}
	case immTry:
		if pos = r.blockType(in, pos); pos >= 0 {
			pos = r.catches(in, pos)
		}
	case immBrTable:
		pos = r.targets(in, pos)
	case immTypes:
		pos = r.types(in, pos)
	case immHeap:
		in.Type, pos = r.refType(pos)
	case immMemLane:
		if pos = r.memArg(in, pos); pos >= 0 {
			pos = r.lane(in, pos)
		}
	case immLane:
		pos = r.lane(in, pos)
	case immMem, immMemMem, immU32Mem, immZero:
		pos = r.memories(in, imm, pos)
	case immI64:
		pos = r.constant(in, pos, 64)
	case immF32, immF64, immV128, immShuffle:
		pos = r.fixed(in, imm, pos)
	}
	return pos
}

// u32 reads an index or count.
func (r *Reader) u32(pos int, what string) (uint32, int) {
	v, next := u32(r.body, pos)
	if next < 0 {
		next = r.fail(next, pos, "an unsigned 32-bit "+what)
	}
	return v, next
}

// count reads the length of a list whose elements take at least one byte each.
func (r *Reader) count(pos int) (int, int) {
	n, next := r.u32(pos, "count")
	if next >= 0 && uint64(n) > uint64(len(r.body)-next) {
		r.stop(malformed(r.base+pos, "expected %d list entries, found the end after %d bytes", n, len(r.body)-next))
		return 0, lebTruncated
	}
	return int(n), next
}

// constant reads an integer constant.
func (r *Reader) constant(in *Instr, pos, bits int) int {
	v, next := signed(r.body, pos, bits)
	if next < 0 {
		return r.fail(next, pos, "a signed integer constant")
	}
	if in.Const = uint64(v); bits == 32 {
		in.Const = uint64(uint32(v))
	}
	return next
}

// fixed reads a constant of fixed width.
func (r *Reader) fixed(in *Instr, imm immKind, pos int) int {
	width := 16
	switch imm {
	case immF32:
		width = 4
	case immF64:
		width = 8
	}
	if len(r.body)-pos < width {
		return r.fail(lebTruncated, pos, "a constant")
	}
	switch b := r.body[pos:]; imm {
	case immF32:
		in.Const = uint64(binary.LittleEndian.Uint32(b))
	case immF64:
		in.Const = binary.LittleEndian.Uint64(b)
	default:
		copy(in.V128[:], b)
	}
	return pos + width
}

// memArg reads the alignment and offset of a memory access. Bit 6 of the alignment announces a
// memory index.
func (r *Reader) memArg(in *Instr, pos int) int {
	align, next := r.u32(pos, "alignment")
	switch {
	case next < 0:
		return next
	case align >= 64 && align < 128:
		return r.feature(pos, "multiple memories are")
	case align >= 32:
		r.stop(malformed(r.base+pos, "expected an alignment exponent below 32, found %d", align))
		return lebTooLong
	}
	in.A = align
	offset, next := r.u32(next, "memory offset")
	in.Offset = uint64(offset)
	return next
}

// memories reads the bytes that stand for memory indices and must be zero.
func (r *Reader) memories(in *Instr, imm immKind, pos int) int {
	switch imm {
	case immU32Mem:
		if in.A, pos = r.u32(pos, "index"); pos < 0 {
			return pos
		}
	case immMemMem:
		if pos = r.zero(pos); pos < 0 {
			return pos
		}
		in.A = 0
	case immMem:
		in.A = 0
	}
	in.B = 0
	return r.zero(pos)
}

func (r *Reader) zero(pos int) int {
	if pos >= len(r.body) {
		return r.fail(lebTruncated, pos, "a zero byte")
	}
	if r.body[pos] != 0 {
		r.stop(malformed(r.base+pos, "expected a zero byte, found %#02x (multiple memories are not supported)", r.body[pos]))
		return lebTooLong
	}
	return pos + 1
}

func (r *Reader) lane(in *Instr, pos int) int {
	if pos >= len(r.body) {
		return r.fail(lebTruncated, pos, "a lane index")
	}
	in.B = uint32(r.body[pos])
	return pos + 1
}

// blockType reads a block type: a type index or, in one byte, a value type or nothing.
func (r *Reader) blockType(in *Instr, pos int) int {
	v, next := signed(r.body, pos, 33)
	if next < 0 {
		return r.fail(next, pos, "a block type")
	}
	in.Block = BlockType(v)
	if v >= 0 || v == int64(BlockEmpty) && next == pos+1 {
		return next
	}
	_, next = r.valType(pos)
	return next
}

func (r *Reader) valType(pos int) (ValType, int) {
	if pos >= len(r.body) {
		return 0, r.fail(lebTruncated, pos, "a value type")
	}
	if t := ValType(r.body[pos]); t.valid() {
		return t, pos + 1
	}
	r.stop(typeError(r.base+pos, r.body[pos], "a value type"))
	return 0, lebTooLong
}

func (r *Reader) refType(pos int) (ValType, int) {
	t, next := r.valType(pos)
	if next >= 0 && !t.IsRef() {
		r.stop(malformed(r.base+pos, "expected a reference type, found %v", t))
		return 0, lebTooLong
	}
	return t, next
}

func (r *Reader) types(in *Instr, pos int) int {
	n, pos := r.count(pos)
	in.Types, in.Type = in.Types[:0], Unknown
	for range n {
		var t ValType
		if t, pos = r.valType(pos); pos < 0 {
			return pos
		}
		in.Types = append(in.Types, t)
	}
	if len(in.Types) > 0 {
		in.Type = in.Types[0]
	}
	return pos
}

func (r *Reader) targets(in *Instr, pos int) int {
	n, pos := r.count(pos)
	if pos < 0 {
		return pos
	}
	in.Targets = slices.Grow(in.Targets[:0], n+1)
	for range n + 1 {
		label, next := u32(r.body, pos)
		if next < 0 {
			return r.fail(next, pos, "an unsigned 32-bit label")
		}
		in.Targets, pos = append(in.Targets, label), next
	}
	return pos
}

func (r *Reader) catches(in *Instr, pos int) int {
	n, pos := r.count(pos)
	in.Catches = in.Catches[:0]
	for range n {
		var c Catch
		if c, pos = r.handler(pos); pos < 0 {
			return pos
		}
		in.Catches = append(in.Catches, c)
	}
	return pos
}

func (r *Reader) handler(pos int) (c Catch, next int) {
	if pos >= len(r.body) {
		return c, r.fail(lebTruncated, pos, "a catch clause")
	}
	c.Kind = CatchKind(r.body[pos])
	if c.Kind > CatchAllRef {
		r.stop(malformed(r.base+pos, "expected a catch clause of kind 0 to 3, found %d", c.Kind))
		return c, lebTooLong
	}
	pos++
	if c.Kind.HasTag() {
		if c.Tag, pos = r.u32(pos, "tag"); pos < 0 {
			return c, pos
		}
	}
	c.Label, pos = r.u32(pos, "label")
	return c, pos
}

// stop ends the reading with an error.
func (r *Reader) stop(err error) {
	r.err, r.pos = err, len(r.body)
}

// fail ends the reading at a number or constant that could not be read.
func (r *Reader) fail(why, pos int, want string) int {
	found := "one that is too long or too large"
	if why == lebTruncated {
		found = "the end of the code"
		pos = len(r.body)
	}
	r.stop(malformed(r.base+pos, "expected %s, found %s", want, found))
	return why
}

// feature ends the reading at something that is not supported here.
func (r *Reader) feature(pos int, what string) int {
	r.stop(unsupported(r.base+pos, "%s not supported", what))
	return lebTooLong
}

// unknown ends the reading at an opcode that is none, with the feature's name if it is one of a
// feature that is left out on purpose.
func (r *Reader) unknown(op Op) int {
	pos := r.pos
	switch {
	case op == 0x06 || op == 0x07 || op == 0x09 || op == 0x18 || op == 0x19:
		return r.feature(pos, "legacy exception handling instructions are")
	case op == 0x14 || op == 0x15 || op >= 0xd4 && op <= 0xd6:
		return r.feature(pos, "typed function references are")
	case op == 0xd3 || op == 0xfb:
		return r.feature(pos, "garbage collected types are")
	}
	r.stop(malformed(r.base+pos, "expected an instruction, found opcode %#02x", uint16(op)))
	return lebTooLong
}

func (r *Reader) unknownSub(prefix byte, sub uint32) int {
	if prefix == prefixVector && sub >= 0x100 && sub <= 0x12f {
		return r.feature(r.pos, "relaxed vector instructions are")
	}
	r.stop(malformed(r.base+r.pos, "expected an instruction, found opcode %#02x %#x", prefix, sub))
	return lebTooLong
}

// typeError explains a byte that is not a type here.
func typeError(offset int, b byte, want string) error {
	switch {
	case b == 0x63 || b == 0x64 || b == 0x73 || b == 0x72 || b == 0x74:
		return unsupported(offset, "typed references (type byte %#02x) are not supported", b)
	case b >= 0x5e && b <= 0x60 || b >= 0x6a && b <= 0x6e || b == 0x71 || b == 0x77 || b == 0x78:
		return unsupported(offset, "garbage collected types (type byte %#02x) are not supported", b)
	}
	return malformed(offset, "expected %s, found %#02x", want, b)
}
