package state

import (
	"fmt"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Initial is what a module's active data segments put into its memory, in their
// order.
type Initial []Chunk

// Chunk is one segment's bytes.
type Chunk struct {
	Segment int    // its index, for messages
	Offset  uint64 // address of the first byte
	Bytes   []byte
}

// InitialOf copies a valid module's active data segments. The module imports no
// global.
func InitialOf(m *wasm.Module) (Initial, error) {
	segments, bytes := 0, 0
	for i := range m.Data {
		if m.Data[i].Mode == wasm.Active {
			segments++
			bytes += len(m.Data[i].Bytes)
		}
	}
	slab := make([]byte, 0, bytes)
	initial := make(Initial, 0, segments) // tens of thousands in programs in Go
	offsets := wasm.NewConstReader(m)
	for i := range m.Data {
		d := &m.Data[i]
		if d.Mode != wasm.Active {
			continue
		}
		offset, err := offsets.I32(d.Offset)
		if err != nil {
			return nil, fmt.Errorf("data segment %d: offset: %w", i, err)
		}
		at := len(slab)
		slab = append(slab, d.Bytes...)
		initial = append(initial, Chunk{Segment: i, Offset: uint64(offset), Bytes: slab[at:len(slab):len(slab)]})
	}
	return initial, nil
}

// OutOfBoundsError says which segment does not fit the memory. By the
// specification (2.0, section 4.5.4) it is a trap.
type OutOfBoundsError struct{ Segment int }

// Error implements error.
func (e *OutOfBoundsError) Error() string {
	return fmt.Sprintf("data[%d]: out of bounds memory access", e.Segment)
}

// Copy puts the bytes into a new memory. The error is an *OutOfBoundsError.
func (initial Initial) Copy(memory []byte) error {
	for i := range initial {
		c := &initial[i]
		if c.Offset+uint64(len(c.Bytes)) > uint64(len(memory)) {
			return &OutOfBoundsError{c.Segment}
		}
		copy(memory[c.Offset:], c.Bytes)
	}
	return nil
}

// emptyData makes the active data segments passive ones without bytes.
func emptyData(m *wasm.Module) {
	for i := range m.Data {
		if m.Data[i].Mode == wasm.Active {
			m.Data[i] = wasm.Data{Mode: wasm.Passive}
		}
	}
}
