package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// Version of the fuel definition. It changes whenever any guest's total would.
const Version = 1

// Revision of what Rewrite makes of a module. It changes with every change of
// its output, so that caches of rewritten modules are not mixed up.
const Revision = 16

const (
	// bytesPerUnit is how many bytes a bulk instruction moves for one unit.
	bytesPerUnit = 64
	// elementBytes is what a table element counts as, on every machine.
	elementBytes = 8
	// elementsPerUnit is how many table elements a bulk instruction moves for
	// one unit.
	elementsPerUnit = bytesPerUnit / elementBytes
	// pageUnits is what each page that memory.grow adds costs.
	pageUnits = 65536 / bytesPerUnit
)

// Cost is what executing one instruction costs, in units of fuel, before what
// the bulk instructions add for the bytes they move.
func Cost(op wasm.Op) int64 {
	switch op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpEnd, wasm.OpElse, wasm.OpNop:
		return 0
	default:
		return 1
	}
}

// StartCost is what instantiating a module costs before its start function
// runs: one unit for each whole 64 bytes that its active segments copy.
func StartCost(m *wasm.Module) uint64 {
	var moved uint64
	for i := range m.Data {
		if m.Data[i].Mode == wasm.Active {
			moved += uint64(len(m.Data[i].Bytes))
		}
	}
	for i := range m.Elems {
		if m.Elems[i].Mode == wasm.Active {
			moved += elementBytes * uint64(m.Elems[i].Len())
		}
	}
	return moved / bytesPerUnit
}
