package runtime

import "github.com/ipfs/go-cid"

// Info describes a module without running it.
type Info struct {
	// CID is what `ipfs add --cid-version=1` prints for the module's bytes.
	CID cid.Cid
	// Bytes is the size of the module, CodeBytes that of its function bodies.
	Bytes, CodeBytes int
	// Functions is how many functions the module defines itself.
	Functions int

	Imports []Import
	Exports []Export

	// Memory is its linear memory, nil if it has none.
	Memory *MemoryInfo
	// Tables are its tables, imported ones first.
	Tables []TableInfo

	// Features are the WebAssembly proposals beyond version 1 that it uses, by
	// their usual names, such as "simd" or "bulk-memory".
	Features []string

	// Unsuspendable says why its guests cannot be suspended in the middle of a call, on an
	// engine with Config.Suspend; empty if they can.
	Unsuspendable string

	// Problems say why it can't run on this engine, a sentence each. Empty means
	// that it can.
	Problems []string
}

// Import is one thing that a module imports.
type Import struct {
	Module, Name string
	// Kind is "function", "table", "memory", "global" or "tag".
	Kind string
	// Signature of a function, such as "(i32, i64) -> (f64)".
	Signature string
	// Provided tells whether this engine has it.
	Provided bool
}

// Export is one thing that a module exports.
type Export struct {
	Name      string
	Kind      string
	Signature string
	// Params and Results of a function.
	Params, Results []ValueType
}

// MemoryInfo describes a linear memory in bytes. MaxBytes is 4 GiB where the
// module sets no maximum.
type MemoryInfo struct {
	MinBytes, MaxBytes uint64
	Shared, Imported   bool
}

// TableInfo describes a table in elements. Max is -1 where there is none.
type TableInfo struct {
	Type     ValueType
	Min      uint64
	Max      int64
	Imported bool
}
