package state

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// Revision of what Expose makes of a module. It changes with every change of
// that, so that caches on disk do not mix kinds.
const Revision = 4

// Plan says under which names a module exports what it has been made to.
type Plan struct {
	// Hidden is why nothing is exported, if so: the module runs, and cannot be
	// captured.
	Hidden string `json:",omitempty"`
	// Globals are the guest's mutable globals, by index.
	Globals []Global `json:",omitempty"`
	// Tables are the guest's tables, by index. Empty if no code changes them.
	Tables []Table `json:",omitempty"`
	// Touched is an exported i32 global: not 0 once a table has been changed since
	// it was last set to 0, and at the start.
	Touched string `json:",omitempty"`
	// Refs are the guest function indices in the table of references: slot 1,
	// slot 2 and so on. Ref is (i32 slot) -> funcref.
	Refs []uint32 `json:",omitempty"`
	Ref  string   `json:",omitempty"`
	// Imported is how many functions the guest imports: the first indices.
	Imported uint32
	// Drops is nil if no code drops segments.
	Drops *Drops `json:",omitempty"`
}

// Global is how to reach a mutable global.
type Global struct {
	Type wasm.ValType
	// Name is that of the exported global, if its type is numeric and not v128.
	Name string `json:",omitempty"`
	// Get and Set are functions otherwise. A v128: () -> (i64 low, i64 high) and
	// back. A funcref: () -> funcref, (i32 slot) -> (). Another reference: () -> i32,
	// whether it is null, and no Set.
	Get, Set string `json:",omitempty"`
}

// Table is how to reach a table.
type Table struct {
	Type wasm.ValType
	// Size is () -> i32. Grow is (i32 by) -> i32: the old size, or -1.
	Size, Grow string
	// Get is (i32) -> funcref, Set is (i32, i32 slot) -> (). For other references
	// Get is (i32) -> i32, whether the entry is null, and there is no Set.
	Get string
	Set string `json:",omitempty"`
}

// Drops is how to reach the set of dropped segments.
type Drops struct {
	// Segments are those that can be dropped: the bits, in this order, of the
	// masks, 64 in each.
	Segments []Segment
	Masks    []Mask
}

// Mask is how to reach 64 bits of the set.
type Mask struct {
	// Bits is an exported i64 global. Drop, () -> (), drops what it says.
	Bits, Drop string
}

// Segment names an element or data segment by its index.
type Segment struct {
	Elements bool `json:",omitempty"`
	Index    uint32
}
