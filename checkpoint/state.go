package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// State is what an instance is between two calls besides linear memory.
type State struct {
	// Globals are the module's mutable globals, exported or not, in the order of
	// their indices.
	Globals []Global
	// Tables are the module's tables by index, or none if its code changes none:
	// then they are what its segments make them.
	Tables []Table
	// DroppedData and DroppedElements are the indices of the segments that code has
	// dropped (data.drop, elem.drop), ascending. Active segments are always gone.
	DroppedData, DroppedElements []uint32
	// Sections are bytes that this package does not look into, by name (1 to
	// 23 bytes): "wasi", "mailbox", "timers", "continuation".
	Sections map[string][]byte
}

// ValueType is a WebAssembly value type as the binary format encodes it.
// https://webassembly.github.io/spec/core/binary/types.html
type ValueType byte

// The value types that a global may have.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

func (t ValueType) valid() bool { return t >= V128 && t <= I32 || t.reference() }

func (t ValueType) reference() bool { return t == FuncRef || t == ExternRef }

// Global is a value: its bits in Lo, those of a v128 beyond 64 in Hi. A
// function reference is the function's index plus 1, 0 for null.
type Global struct {
	Type   ValueType
	Lo, Hi uint64
}

// wellFormed tells whether no bits are set that the type does not have: engines
// would disagree on what they mean.
func (g Global) wellFormed() bool {
	switch g.Type {
	case V128:
		return true
	case I32, F32, ExternRef:
		return g.Lo>>32 == 0 && g.Hi == 0
	}
	return g.Type.valid() && g.Hi == 0
}

// Null is the table entry that refers to nothing.
const Null = math.MaxUint32

// Table is a table's elements as function indices, or Null. Its type is
// FuncRef or ExternRef.
type Table struct {
	Type    ValueType
	Entries []uint32
}

// A global is a type byte and 16 bytes of value, little-endian.
const globalSize = 17

func encodeGlobals(gs []Global) []byte {
	b := make([]byte, 0, len(gs)*globalSize)
	for _, g := range gs {
		b = append(b, byte(g.Type))
		b = binary.LittleEndian.AppendUint64(b, g.Lo)
		b = binary.LittleEndian.AppendUint64(b, g.Hi)
	}
	return b
}

func decodeGlobals(b []byte) ([]Global, error) {
	if len(b)%globalSize != 0 {
		return nil, fmt.Errorf("%d bytes of globals: %w", len(b), ErrFormat)
	}
	var gs []Global
	for e := range slices.Chunk(b, globalSize) {
		g := Global{ValueType(e[0]), binary.LittleEndian.Uint64(e[1:]), binary.LittleEndian.Uint64(e[9:])}
		if !g.wellFormed() {
			return nil, fmt.Errorf("global %d of type %#x: %w", len(gs), e[0], ErrFormat)
		}
		gs = append(gs, g)
	}
	return gs, nil
}

func encodeEntries(entries []uint32) []byte {
	b := make([]byte, 0, 4*len(entries))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint32(b, e)
	}
	return b
}

func decodeEntries(b []byte) ([]uint32, error) {
	if len(b)%4 != 0 {
		return nil, fmt.Errorf("%d bytes of table entries: %w", len(b), ErrFormat)
	}
	var entries []uint32
	for e := range slices.Chunk(b, 4) {
		entries = append(entries, binary.LittleEndian.Uint32(e))
	}
	return entries, nil
}

// maxSegments is the largest number of segments that dropped indices allow
// for: a set of them is a bitmap of at most 1 MiB.
const maxSegments = 8 << 20

// encodeSet writes ascending indices as a bitmap, index i in bit i%8 of byte
// i/8, without zero bytes at the end.
func encodeSet(indices []uint32) ([]byte, error) {
	var b []byte
	for i, v := range indices {
		if v >= maxSegments || i > 0 && v <= indices[i-1] {
			return nil, fmt.Errorf("segment index %d out of range or order: %w", v, ErrCapture)
		}
		for uint32(len(b)) <= v/8 {
			b = append(b, 0)
		}
		b[v/8] |= 1 << (v % 8)
	}
	return b, nil
}

func decodeSet(b []byte) ([]uint32, error) {
	if len(b) > maxSegments/8 || len(b) > 0 && b[len(b)-1] == 0 {
		return nil, fmt.Errorf("segment bitmap of %d bytes: %w", len(b), ErrFormat)
	}
	var indices []uint32
	for i, octet := range b {
		for bit := range 8 {
			if octet>>bit&1 != 0 {
				indices = append(indices, uint32(8*i+bit))
			}
		}
	}
	return indices, nil
}

// ReadState reads the parts that the manifest names. A damaged part is a
// *[DamageError].
func (m *Manifest) ReadState(g Getter) (*State, error) {
	r := blobReader{get: g}
	s := &State{
		Globals:         decodePart(&r, "globals", m.State.Globals, decodeGlobals),
		DroppedData:     decodePart(&r, "dropped data segments", m.State.DroppedData, decodeSet),
		DroppedElements: decodePart(&r, "dropped element segments", m.State.DroppedElements, decodeSet),
	}
	for i, t := range m.State.Tables {
		entries := decodePart(&r, fmt.Sprintf("table %d", i), t.Entries, decodeEntries)
		s.Tables = append(s.Tables, Table{t.Type, entries})
	}
	for name, b := range m.State.Sections {
		if s.Sections == nil {
			s.Sections = map[string][]byte{}
		}
		s.Sections[name] = decodePart(&r, "section "+name, b, func(b []byte) ([]byte, error) { return b, nil })
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// parts names every blob of the manifest, in a fixed order.
func (s StateRefs) parts(yield func(name string, b Blob) bool) {
	ok := yield("globals", s.Globals) && yield("dropped data segments", s.DroppedData) &&
		yield("dropped element segments", s.DroppedElements)
	for i, t := range s.Tables {
		ok = ok && yield(fmt.Sprintf("table %d", i), t.Entries)
	}
	for _, name := range sortedKeys(s.Sections) {
		ok = ok && yield("section "+name, s.Sections[name])
	}
}
