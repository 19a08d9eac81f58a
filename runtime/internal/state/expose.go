package state

import (
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Guest is what a module had before other rewriters added to it.
type Guest struct {
	ImportedFuncs, Funcs, Globals int
}

// Of counts what a module has.
func Of(m *wasm.Module) Guest {
	return Guest{ImportedFuncs: m.ImportedFuncs(), Funcs: len(m.Funcs), Globals: m.GlobalCount()}
}

// index is the guest function index of a function, false if it is an added one.
func (g Guest) index(m *wasm.Module, function uint32) (uint32, bool) {
	f := int(function)
	added := m.ImportedFuncs() - g.ImportedFuncs
	switch {
	case f < g.ImportedFuncs:
		return function, true
	case f < g.ImportedFuncs+added || f >= g.ImportedFuncs+added+g.Funcs:
		return 0, false
	}
	return uint32(f - added), true
}

// Code tells what the guest's code does.
type Code struct {
	// SetsTables: it changes tables. Drops: it drops segments. Refers: it refers to
	// functions.
	SetsTables, Drops, Refers bool
}

// Expose adds exports to a valid module that other rewriters may have added
// functions and globals to, behind the guest's. It changes m.
func Expose(m *wasm.Module, guest Guest, code Code) (Plan, error) {
	x := exposer{m: m, guest: guest, taken: make(map[string]bool, len(m.Exports)), types: make(map[string]uint32)}
	for i := range m.Exports {
		x.taken[m.Exports[i].Name] = true
	}
	if n := functionsNeeded(m, code); n > maxFunctions {
		emptyData(m)
		return Plan{Hidden: fmt.Sprintf("%d functions would have to be added to reach its globals and tables, more than %d", n, maxFunctions)}, nil
	}
	tables := len(m.Tables)
	if code.SetsTables || code.Refers || slices.ContainsFunc(m.Globals, func(g wasm.Global) bool { return g.Type.Mutable && g.Type.Type == wasm.FuncRef }) {
		x.references()
	}
	for i := m.ImportedGlobals(); i < guest.Globals; i++ {
		if t := m.Globals[i-m.ImportedGlobals()].Type; t.Mutable {
			x.global(uint32(i), t.Type)
		}
	}
	if code.SetsTables {
		x.touched = uint32(m.GlobalCount())
		m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.ConstI32(1)})
		x.plan.Touched = x.export("touched", wasm.KindGlobal, x.touched)
		for i := range tables {
			x.table(uint32(m.ImportedTables()+i), m.Tables[i].Type.Elem)
		}
	}
	d := &dropper{bits: make(map[Segment]int), first: uint32(m.GlobalCount())}
	if code.Drops || code.Refers || code.SetsTables {
		if err := x.bodies(d); err != nil {
			return Plan{}, err
		}
	}
	if code.Drops {
		x.drops(d)
	}
	emptyData(m)
	return x.plan, nil
}

// maxFunctions bounds what is added to a module, since each takes the compiler some
// hundred microseconds: far above what programs have, which is none or a few.
const maxFunctions = 2048

// functionsNeeded is about how many functions globals and tables take.
func functionsNeeded(m *wasm.Module, code Code) (n int) {
	for i := range m.Globals {
		if t := m.Globals[i].Type; t.Mutable && (t.Type == wasm.V128 || t.Type.IsRef()) {
			n += 2
		}
	}
	if code.SetsTables {
		n += 4 * len(m.Tables)
	}
	return n
}

// exposer adds to one module.
type exposer struct {
	m     *wasm.Module
	guest Guest
	plan  Plan
	taken map[string]bool
	types map[string]uint32

	refs      uint32   // the table of references
	touched   uint32   // the global that says whether tables were changed
	functions []uint32 // those in it, from slot 1 on
}

// export publishes under a free name.
func (x *exposer) export(name string, kind wasm.ExternKind, index uint32) string {
	free := "godwit:" + name
	for i := 0; x.taken[free]; i++ {
		free = fmt.Sprintf("godwit:%s:%d", name, i)
	}
	x.taken[free] = true
	x.m.Exports = append(x.m.Exports, wasm.Export{Name: free, Kind: kind, Index: index})
	return free
}

// function adds and exports a function without locals.
func (x *exposer) function(name string, params, results []wasm.ValType, body []byte) string {
	key := fmt.Sprint(params, results)
	t, ok := x.types[key]
	if !ok {
		t = uint32(len(x.m.Types))
		x.m.Types = append(x.m.Types, wasm.FuncType{Params: params, Results: results})
		x.types[key] = t
	}
	index := uint32(x.m.FuncCount())
	x.m.Funcs = append(x.m.Funcs, t)
	x.m.Codes = append(x.m.Codes, wasm.Code{Body: append(body, byte(wasm.OpEnd))})
	return x.export(name, wasm.KindFunc, index)
}

var (
	i32s   = []wasm.ValType{wasm.I32}
	halves = []wasm.ValType{wasm.I64, wasm.I64}
)

// references adds the table of references.
func (x *exposer) references() {
	for f, declared := range x.m.DeclaredRefs() {
		if index, ok := x.guest.index(x.m, uint32(f)); declared && ok {
			x.functions = append(x.functions, uint32(f))
			x.plan.Refs = append(x.plan.Refs, index)
		}
	}
	x.plan.Imported = uint32(x.guest.ImportedFuncs)
	n := uint64(len(x.functions)) + 1
	x.refs = uint32(x.m.TableCount())
	x.m.Tables = append(x.m.Tables, wasm.Table{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: n, Max: n, HasMax: true}}})
	x.m.Elems = append(x.m.Elems, wasm.Elem{Mode: wasm.Active, Table: x.refs, Offset: wasm.ConstI32(1), Type: wasm.FuncRef, Funcs: x.functions})
	x.plan.Ref = x.function("ref", i32s, []wasm.ValType{wasm.FuncRef},
		code{}.op(wasm.OpLocalGet, 0).op(wasm.OpTableGet, x.refs))
}

func (x *exposer) global(index uint32, t wasm.ValType) {
	g := Global{Type: t}
	name := fmt.Sprintf("global:%d", index)
	get := code{}.op(wasm.OpGlobalGet, index)
	switch {
	case t == wasm.V128:
		g.Get = x.function(name+":get", nil, halves, get.lane(wasm.OpI64x2ExtractLane, 0).op(wasm.OpGlobalGet, index).lane(wasm.OpI64x2ExtractLane, 1))
		g.Set = x.function(name+":set", halves, nil, code{}.op(wasm.OpLocalGet, 0).op(wasm.OpI64x2Splat).
			op(wasm.OpLocalGet, 1).lane(wasm.OpI64x2ReplaceLane, 1).op(wasm.OpGlobalSet, index))
	case t == wasm.FuncRef:
		g.Get = x.function(name+":get", nil, []wasm.ValType{t}, get)
		g.Set = x.function(name+":set", i32s, nil, code{}.op(wasm.OpLocalGet, 0).op(wasm.OpTableGet, x.refs).op(wasm.OpGlobalSet, index))
	case t.IsRef():
		g.Get = x.function(name+":null", nil, i32s, get.op(wasm.OpRefIsNull))
	default:
		g.Name = x.export(name, wasm.KindGlobal, index)
	}
	x.plan.Globals = append(x.plan.Globals, g)
}

func (x *exposer) table(index uint32, t wasm.ValType) {
	name := fmt.Sprintf("table:%d:", index)
	null := append(code{byte(wasm.OpRefNull)}, byte(t))
	get := code{}.op(wasm.OpLocalGet, 0).op(wasm.OpTableGet, index)
	table := Table{
		Type: t,
		Size: x.function(name+"size", nil, i32s, code{}.op(wasm.OpTableSize, index)),
		Grow: x.function(name+"grow", i32s, i32s, null.op(wasm.OpLocalGet, 0).op(wasm.OpTableGrow, index)),
	}
	if t == wasm.FuncRef {
		table.Get = x.function(name+"get", i32s, []wasm.ValType{t}, get)
		table.Set = x.function(name+"set", []wasm.ValType{wasm.I32, wasm.I32}, nil,
			code{}.op(wasm.OpLocalGet, 0).op(wasm.OpLocalGet, 1).op(wasm.OpTableGet, x.refs).op(wasm.OpTableSet, index))
	} else {
		table.Get = x.function(name+"null", i32s, i32s, get.op(wasm.OpRefIsNull))
	}
	x.plan.Tables = append(x.plan.Tables, table)
}

// code is a function's body in the making.
type code []byte

func (c code) op(op wasm.Op, immediates ...uint32) code {
	c = wasm.AppendOp(c, op)
	for _, i := range immediates {
		c = wasm.AppendU32(c, i)
	}
	return c
}

func (c code) lane(op wasm.Op, lane byte) code { return append(wasm.AppendOp(c, op), lane) }
