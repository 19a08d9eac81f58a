package runtime

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/blobs/unixfscid"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Inspect describes a module without compiling it. The error is ErrNotWasm,
// ErrComponent or a *InvalidModuleError whose module can't even be decoded;
// whatever else keeps the module from running is among Info.Problems.
func (e *Engine) Inspect(binary []byte) (*Info, error) {
	m, err := wasm.Decode(binary)
	if err != nil {
		return nil, invalidModule(err)
	}
	info := &Info{CID: unixfscid.SumBytes(binary), Bytes: len(binary), Functions: len(m.Codes)}
	for i := range m.Codes {
		info.CodeBytes += len(m.Codes[i].Body)
	}
	info.problems(e, m, len(binary))
	if err := wasm.Validate(m); err != nil {
		info.Problems = append(info.Problems, err.Error())
		return info, nil
	}
	info.Features = featuresOf(m)
	e.describeImports(info, m)
	describeExports(info, m)
	info.suspension(e, m)
	return info, nil
}

// suspension rewrites the module to see whether its guests can be suspended.
func (info *Info) suspension(e *Engine, m *wasm.Module) {
	if len(info.Problems) > 0 {
		return
	}
	rewriter := Engine{hosts: e.hosts, rewrite: meter.RewriteSuspendable}
	var l loaded
	r, err := rewriter.transform(&l, m)
	if err != nil {
		info.Problems = append(info.Problems, err.Error())
	}
	info.Unsuspendable = r.plan.Suspend.Refused
}

func (info *Info) problems(e *Engine, m *wasm.Module, size int) {
	if size > e.cfg.MaxModuleBytes {
		info.Problems = append(info.Problems, fmt.Sprintf("%v: %d bytes, more than %d", ErrModuleTooLarge, size, e.cfg.MaxModuleBytes))
	}
	for _, missing := range e.missingImports(m) {
		info.Problems = append(info.Problems, "nothing provides the import "+missing)
	}
	var l loaded
	if err := l.describe(m); err != nil {
		info.Problems = append(info.Problems, err.Error())
	}
}

// missingImports names the imports that this engine lacks.
func (e *Engine) missingImports(m *wasm.Module) []string {
	var missing []string
	for i := range m.Imports {
		imp := &m.Imports[i]
		if problem := e.lacks(m, imp); problem != "" {
			missing = append(missing, fmt.Sprintf("%s.%s (%s)", imp.Module, imp.Name, problem))
		}
	}
	return missing
}

// lacks says in what way an import can't be satisfied, or nothing if it can.
func (e *Engine) lacks(m *wasm.Module, imp *wasm.Import) string {
	if imp.Kind != wasm.KindFunc {
		return fmt.Sprintf("a %v, and only functions can be imported", imp.Kind)
	}
	host, ok := e.hosts[imp.Module]
	if !ok {
		return fmt.Sprintf("there is no host module %q", imp.Module)
	}
	at := slices.IndexFunc(host.Funcs, func(f hostabi.Func) bool { return f.Name == imp.Name })
	if at < 0 {
		return fmt.Sprintf("there is no such function in host module %q", imp.Module)
	}
	if int(imp.Func) >= len(m.Types) {
		return "its type is unknown"
	}
	f, t := host.Funcs[at], m.Types[imp.Func]
	if !slices.Equal(valueTypes(f.Params), t.Params) || !slices.Equal(valueTypes(f.Results), t.Results) {
		return fmt.Sprintf("its type is %v, not %v", wasm.FuncType{Params: valueTypes(f.Params), Results: valueTypes(f.Results)}, t)
	}
	return ""
}

func valueTypes(types []byte) []ValueType {
	out := make([]ValueType, len(types))
	for i, t := range types {
		out[i] = ValueType(t)
	}
	return out
}

func (e *Engine) describeImports(info *Info, m *wasm.Module) {
	for i := range m.Imports {
		imp := &m.Imports[i]
		x := Import{Module: imp.Module, Name: imp.Name, Kind: imp.Kind.String(), Provided: e.lacks(m, imp) == ""}
		switch imp.Kind {
		case wasm.KindFunc:
			x.Signature = signature(m.Types[imp.Func])
		case wasm.KindMemory:
			info.Memory = memoryInfo(imp.Memory, true)
		case wasm.KindTable:
			info.Tables = append(info.Tables, tableInfo(imp.Table, true))
		}
		info.Imports = append(info.Imports, x)
	}
	for i := range m.Memories {
		info.Memory = memoryInfo(m.Memories[i], false)
	}
	for i := range m.Tables {
		info.Tables = append(info.Tables, tableInfo(m.Tables[i].Type, false))
	}
}

func memoryInfo(t wasm.MemoryType, imported bool) *MemoryInfo {
	info := &MemoryInfo{MinBytes: t.Limits.Min << 16, MaxBytes: 1 << 32, Shared: t.Limits.Shared, Imported: imported}
	if t.Limits.HasMax {
		info.MaxBytes = t.Limits.Max << 16
	}
	return info
}

func tableInfo(t wasm.TableType, imported bool) TableInfo {
	info := TableInfo{Type: t.Elem, Min: t.Limits.Min, Max: -1, Imported: imported}
	if t.Limits.HasMax {
		info.Max = int64(t.Limits.Max)
	}
	return info
}

func describeExports(info *Info, m *wasm.Module) {
	functions := exportedFunctions(m)
	for i := range m.Exports {
		exp := &m.Exports[i]
		x := Export{Name: exp.Name, Kind: exp.Kind.String()}
		if exp.Kind == wasm.KindFunc {
			t := functions[exp.Name]
			x.Signature, x.Params, x.Results = signature(t), t.Params, t.Results
		}
		info.Exports = append(info.Exports, x)
	}
}

// signature is a function type as people write it.
func signature(t wasm.FuncType) string {
	list := func(types []ValueType) string {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = t.String()
		}
		return "(" + strings.Join(names, ", ") + ")"
	}
	return list(t.Params) + " -> " + list(t.Results)
}

// invalidModule wraps what is wrong with a module, but for the two that are no
// modules at all.
func invalidModule(err error) error {
	if errors.Is(err, ErrNotWasm) || errors.Is(err, ErrComponent) {
		return err
	}
	return &InvalidModuleError{err}
}
