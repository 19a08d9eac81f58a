package meter

import (
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Names under which the rewritten module meets its host.
const (
	// HostModule is the module name of the imports that Rewrite adds.
	HostModule = "godwit:meter"
	// HostCheck (i64) -> (): the guest looks for more fuel. The argument is the
	// debt: units executed but not charged yet.
	HostCheck = "check"
	// HostTableGrow (i64) -> (i32): the guest asks for that many table elements
	// more, or with a negative number gives them back; zero says no.
	HostTableGrow = "table_grow"
	// HostWait (i64) -> (): the guest waits on an atomic for so many nanoseconds,
	// negative for ever. Nobody can wake it: it has its memory to itself.
	HostWait = "wait"

	// HostRef (funcref) -> (i32): see package suspend.
	HostRef = "ref"

	// HostSave (i64 × 8) -> (): see package suspend.
	HostSave = "save"

	fuelExport  = "godwit:fuel"
	depthExport = "godwit:depth"
	startExport = "godwit:start"
)

// savedWords is how many words HostSave takes.
const savedWords = 8

// output is the module being written.
type output struct {
	mod   *module
	m     *wasm.Module
	added uint32 // function imports added
	fuel  uint32 // global
	depth uint32 // global

	check, tableGrow, wait, save, ref uint32 // imported functions

	globals uint32            // next global index
	helpers map[helper]uint32 // functions added
	bodies  []wasm.Code       // their bodies
	names   []wasm.Name       // their names, as traps show them
	types   []uint32          // their types
}

func newOutput(mod *module) *output {
	m := mod.m
	o := &output{
		mod: mod, m: m,
		globals: uint32(m.GlobalCount()),
		helpers: make(map[helper]uint32),
	}
	o.fuel = o.global(wasm.I64)
	o.depth = o.global(wasm.I64)
	return o
}

func (o *output) global(t wasm.ValType) uint32 {
	o.m.Globals = append(o.m.Globals, wasm.Global{
		Type: wasm.GlobalType{Type: t, Mutable: true},
		Init: wasm.ConstZero(t),
	})
	o.globals++
	return o.globals - 1
}

// imports adds the host functions that the module needs.
func (o *output) imports(saves bool) {
	i64 := []wasm.ValType{wasm.I64}
	o.check = o.host(HostCheck, i64, nil)
	if o.mod.growsTable {
		o.tableGrow = o.host(HostTableGrow, i64, []wasm.ValType{wasm.I32})
	}
	if o.mod.waits {
		o.wait = o.host(HostWait, i64, nil)
	}
	if saves {
		o.save = o.host(HostSave, slices.Repeat(i64, savedWords), nil)
		if o.mod.holdsRefs() {
			o.ref = o.host(HostRef, []wasm.ValType{wasm.FuncRef}, []wasm.ValType{wasm.I32})
		}
	}
}

// pauses lists the helpers that only call HostCheck, and charge for what is done
// after them.
func (o *output) pauses() (list []uint32) {
	for h, f := range o.helpers {
		if h.op == wasm.OpCall || h == payBytes || h == payElements {
			list = append(list, f)
		}
	}
	slices.Sort(list)
	return list
}

func (o *output) host(name string, params, results []wasm.ValType) uint32 {
	o.m.Imports = append(o.m.Imports, wasm.Import{
		Module: HostModule, Name: name, Kind: wasm.KindFunc,
		Func: o.mod.types.of(params, results),
	})
	o.added++
	return uint32(o.mod.imported) + o.added - 1
}

// index is the new index of a function.
func (o *output) index(f uint32) uint32 {
	if f < uint32(o.mod.imported) {
		return f
	}
	return f + o.added
}

// exports publishes what the host works with, under names that the guest
// doesn't use.
func (o *output) exports(start *uint32) Names {
	taken := make(map[string]bool, len(o.m.Exports))
	for i := range o.m.Exports {
		taken[o.m.Exports[i].Name] = true
	}
	export := func(name string, kind wasm.ExternKind, index uint32) string {
		free := name
		for i := 0; taken[free]; i++ {
			free = fmt.Sprintf("%s%d", name, i)
		}
		o.m.Exports = append(o.m.Exports, wasm.Export{Name: free, Kind: kind, Index: index})
		return free
	}
	n := Names{
		Fuel:  export(fuelExport, wasm.KindGlobal, o.fuel),
		Depth: export(depthExport, wasm.KindGlobal, o.depth),
	}
	if start != nil {
		n.Start = export(startExport, wasm.KindFunc, *start)
	}
	return n
}
