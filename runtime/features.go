package runtime

import (
	"maps"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// featuresOf lists the proposals beyond WebAssembly 1.0 that a valid module
// uses, by the names that toolchains give them.
func featuresOf(m *wasm.Module) []string {
	used := make(map[string]bool)
	for _, t := range m.Types {
		if len(t.Results) > 1 {
			used["multivalue"] = true
		}
		for _, v := range slices.Concat(t.Params, t.Results) {
			used[featureOfType(v)] = true
		}
	}
	imported := uint32(m.ImportedGlobals())
	for i := range m.Exports {
		if x := &m.Exports[i]; x.Kind == wasm.KindGlobal && x.Index >= imported {
			used["mutable-globals"] = used["mutable-globals"] || m.Globals[x.Index-imported].Type.Mutable
		}
	}
	for i := range m.Memories {
		used["atomics"] = used["atomics"] || m.Memories[i].Limits.Shared
	}
	used["reference-types"] = used["reference-types"] || m.TableCount() > 1
	used["exception-handling"] = m.TagCount() > 0
	used["bulk-memory"] = m.DataCount != nil
	for i := range m.Globals {
		used[featureOfType(m.Globals[i].Type.Type)] = true
		used["extended-const"] = used["extended-const"] || extendedConst(m.Globals[i].Init)
	}
	for i := range m.Codes {
		featuresOfCode(used, &m.Codes[i])
	}
	maps.DeleteFunc(used, func(name string, used bool) bool { return !used || name == "" })
	return slices.Sorted(maps.Keys(used))
}

func featuresOfCode(used map[string]bool, code *wasm.Code) {
	for _, l := range code.Locals {
		used[featureOfType(l.Type)] = true
	}
	r := wasm.NewReader(code.Body, code.Offset)
	var in wasm.Instr
	last := wasm.Op(0xffff)
	for r.Next(&in) {
		if in.Op != last {
			used[featureOf(in.Op)] = true
			last = in.Op
		}
		if _, indexed := in.Block.Index(); indexed && (in.Op == wasm.OpBlock || in.Op == wasm.OpLoop || in.Op == wasm.OpIf) {
			used["multivalue"] = true
		}
	}
}

func featureOfType(t ValueType) string {
	switch t {
	case V128:
		return "simd128"
	case FuncRef, ExternRef:
		return "reference-types"
	case ExnRef:
		return "exception-handling"
	}
	return ""
}

func featureOf(op wasm.Op) string {
	switch {
	case op >= wasm.OpI32Extend8S && op <= wasm.OpI64Extend32S:
		return "sign-ext"
	case op == wasm.OpReturnCall || op == wasm.OpReturnCallIndirect:
		return "tail-call"
	case op == wasm.OpThrow || op == wasm.OpThrowRef || op == wasm.OpTryTable:
		return "exception-handling"
	case op>>8 == 0xfd:
		return "simd128"
	case op>>8 == 0xfe:
		return "atomics"
	case op >= wasm.OpI32TruncSatF32S && op <= wasm.OpI64TruncSatF64U:
		return "nontrapping-fptoint"
	case op >= wasm.OpMemoryInit && op <= wasm.OpTableCopy:
		return "bulk-memory"
	}
	switch op {
	case wasm.OpRefNull, wasm.OpRefIsNull, wasm.OpRefFunc, wasm.OpTableGet, wasm.OpTableSet, wasm.OpTableGrow,
		wasm.OpTableSize, wasm.OpTableFill, wasm.OpSelectT:
		return "reference-types"
	}
	return ""
}

func extendedConst(e wasm.ConstExpr) bool {
	r := wasm.NewReader(e, 0)
	var in wasm.Instr
	for r.Next(&in) {
		switch in.Op {
		case wasm.OpI32Add, wasm.OpI32Sub, wasm.OpI32Mul, wasm.OpI64Add, wasm.OpI64Sub, wasm.OpI64Mul:
			return true
		}
	}
	return false
}
