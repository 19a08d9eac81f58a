package wasmgen

import (
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Names under which a program imports and exports.
const (
	HostModule = "env"    // of the host functions
	Memory     = "memory" // export of the linear memory, if there is one
	Global     = "g"      // with the index appended: export of a mutable global
)

// HostFunc is a function that programs may import from HostModule.
type HostFunc struct {
	Name            string
	Params, Results []wasm.ValType
}

// HostFuncs are all functions that programs may import.
func HostFuncs() []HostFunc {
	return []HostFunc{
		{"note", types{i32, i64}, types{i64}},
		{"spend", types{i32}, nil},
	}
}

// Call is a call of an exported function. Vectors take two arguments, and
// references are null.
type Call struct {
	Name string
	Args []uint64
}

// Program is a generated module and what to do with it.
type Program struct {
	Module  *wasm.Module
	Binary  []byte   // Module encoded
	Calls   []Call   // to make one after the other, until one fails
	Globals []string // exported mutable globals of numeric types
}

// maker makes one program.
type maker struct {
	choices
	m     *wasm.Module
	funcs []function // imported ones first
	types map[string]uint32
	pool  []wasm.FuncType // signatures to choose from

	// What the program may use.
	memory, shared, floats, vectors, refs, exceptions, tails, bulk bool
	wild                                                           bool // endless loops and recursion are not prevented

	imported int
	patience uint32 // global: loops and recursion that remain
	slots    []uint32
	passive  []uint32 // data segments; wazero 1.12 does not drop active ones, so they are not read
	tags     [][]wasm.ValType
	globals  []wasm.GlobalType
}

// function is what callers know of a function.
type function struct {
	typ   wasm.FuncType
	index uint32
	ticks bool // it ends when patience does, so that anybody may call it
	ref   bool // ref.func may name it
}

// Generate makes the program that a string of bytes stands for. It never fails:
// the empty string makes the simplest program, longer ones make larger ones.
func Generate(b []byte) *Program {
	k := &maker{choices: choices{b}, m: &wasm.Module{}, types: make(map[string]uint32)}
	k.features()
	k.signatures()
	k.declare()
	k.tables()
	k.data()
	k.globalVariables()
	p := &Program{Module: k.m}
	k.exports(p)
	k.bodies()
	for range 1 + k.below(3) {
		p.Calls = append(p.Calls, k.call())
	}
	p.Binary = k.m.Encode()
	return p
}

func (k *maker) features() {
	k.memory = k.mostly(8)
	k.shared = k.memory && k.oneIn(8)
	k.floats = k.oneIn(2)
	k.vectors = k.oneIn(3)
	k.refs = k.oneIn(3)
	k.exceptions = k.oneIn(3)
	k.tails = k.oneIn(3)
	k.bulk = k.oneIn(2)
	k.wild = k.oneIn(12)
	if k.memory {
		l := wasm.Limits{Min: 1 + uint64(k.below(2)), HasMax: true}
		l.Max, l.Shared = l.Min+uint64(k.below(8)), k.shared
		k.m.Memories = []wasm.MemoryType{{Limits: l}}
	}
}

// typeIndex finds or adds a type.
func (k *maker) typeIndex(t wasm.FuncType) uint32 {
	key := t.String()
	index, ok := k.types[key]
	if !ok {
		index = uint32(len(k.m.Types))
		k.types[key] = index
		k.m.Types = append(k.m.Types, t)
	}
	return index
}

// valType chooses a type that the program may use.
func (k *maker) valType() wasm.ValType {
	switch n := k.below(16); {
	case n >= 14 && k.refs:
		return []wasm.ValType{wasm.FuncRef, wasm.ExternRef}[n-14]
	case n == 13 && k.exceptions:
		return wasm.ExnRef
	case n >= 11 && k.vectors:
		return vec
	case n >= 8 && k.floats:
		return []wasm.ValType{f32, f64}[n%2]
	case n >= 5:
		return i64
	}
	return i32
}

func (k *maker) valTypes(most int) []wasm.ValType {
	var list []wasm.ValType
	for range k.below(most + 1) {
		list = append(list, k.valType())
	}
	return list
}

func (k *maker) signatures() {
	k.pool = []wasm.FuncType{{}, {Params: types{i32}, Results: types{i32}}}
	for range 1 + k.below(6) {
		k.pool = append(k.pool, wasm.FuncType{Params: k.valTypes(4), Results: k.valTypes(2)})
	}
	if k.oneIn(16) {
		k.pool = append(k.pool, wasm.FuncType{Params: k.valTypes(20), Results: k.valTypes(20)})
	}
}

// declare decides what functions and tags there are.
func (k *maker) declare() {
	for _, h := range HostFuncs() {
		if k.oneIn(3) {
			t := wasm.FuncType{Params: h.Params, Results: h.Results}
			k.m.Imports = append(k.m.Imports, wasm.Import{Module: HostModule, Name: h.Name, Kind: wasm.KindFunc, Func: k.typeIndex(t)})
			k.funcs = append(k.funcs, function{typ: t, index: uint32(len(k.funcs)), ticks: true})
		}
	}
	k.imported = len(k.funcs)
	for range 1 + k.below(8) {
		t := pick(&k.choices, k.pool)
		k.m.Funcs = append(k.m.Funcs, k.typeIndex(t))
		k.funcs = append(k.funcs, function{typ: t, index: uint32(len(k.funcs)), ticks: !k.wild && k.mostly(3), ref: k.oneIn(3)})
	}
	if !k.exceptions {
		return
	}
	for range 1 + k.below(3) {
		carried := slices.DeleteFunc(k.valTypes(2), func(t wasm.ValType) bool { return t == vec }) // wazero's interpreter can't
		k.tags = append(k.tags, carried)
		k.m.Tags = append(k.m.Tags, k.typeIndex(wasm.FuncType{Params: carried}))
	}
}

// Tables: 0 is mostly called through and 1 mostly changed; 2 holds externrefs.
func (k *maker) tables() {
	limits := func(min int) wasm.Limits {
		return wasm.Limits{Min: uint64(min), Max: uint64(min + k.below(40)), HasMax: true}
	}
	for _, elem := range []wasm.ValType{wasm.FuncRef, wasm.FuncRef, wasm.ExternRef} {
		k.m.Tables = append(k.m.Tables, wasm.Table{Type: wasm.TableType{Elem: elem, Limits: limits(8 + k.below(8))}})
	}
	var refs []uint32
	for i := range k.funcs {
		if f := &k.funcs[i]; f.ref {
			refs = append(refs, f.index)
			if f.ticks || k.wild {
				k.slots = append(k.slots, f.index)
			}
		}
	}
	k.slots = k.slots[:min(len(k.slots), 8)]
	if len(k.slots) > 0 {
		k.m.Elems = append(k.m.Elems, wasm.Elem{Type: wasm.FuncRef, Offset: k.offset(0), Funcs: k.slots})
	}
	passive := wasm.Elem{Mode: wasm.Passive, Type: wasm.FuncRef}
	for range k.below(4) {
		passive.Exprs = append(passive.Exprs, k.item(refs))
	}
	if passive.Exprs == nil {
		passive.Funcs = k.slots
	}
	k.m.Elems = append(k.m.Elems, passive, wasm.Elem{Mode: wasm.Declarative, Type: wasm.FuncRef, Funcs: refs})
}

func (k *maker) item(refs []uint32) wasm.ConstExpr {
	if len(refs) == 0 || k.oneIn(3) {
		return wasm.ConstZero(wasm.FuncRef)
	}
	return wasm.ConstRefFunc(pick(&k.choices, refs))
}

// offset is where a segment goes, in one of several ways to say so; now and
// then it is out of bounds.
func (k *maker) offset(at int32) wasm.ConstExpr {
	switch k.below(64) {
	case 1, 2, 3:
		e := wasm.AppendS32(wasm.ConstExpr{byte(wasm.OpI32Const)}, at+7)
		e = wasm.AppendS32(append(e, byte(wasm.OpI32Const)), 7)
		return append(e, byte(wasm.OpI32Sub), byte(wasm.OpEnd))
	case 4:
		return wasm.ConstI32(1<<20 + at)
	}
	return wasm.ConstI32(at)
}

func (k *maker) data() {
	if !k.memory {
		return
	}
	for range k.below(3) {
		k.m.Data = append(k.m.Data, wasm.Data{Offset: k.offset(int32(k.below(1 << 15))), Bytes: k.bytes()})
	}
	for range k.below(3) {
		k.passive = append(k.passive, uint32(len(k.m.Data)))
		k.m.Data = append(k.m.Data, wasm.Data{Mode: wasm.Passive, Bytes: k.bytes()})
	}
	n := uint32(len(k.m.Data))
	k.m.DataCount = &n
}

func (k *maker) bytes() []byte {
	b := make([]byte, k.below(600))
	for i := range b {
		b[i] = byte(i*7) ^ k.byteOf(i)
	}
	return b
}

// byteOf takes a choice for one byte in 16, so that data does not eat up all.
func (k *maker) byteOf(i int) byte {
	if i%16 == 0 {
		return k.byte()
	}
	return 0x5a
}

func (k *maker) globalVariables() {
	add := func(t wasm.GlobalType, init wasm.ConstExpr) {
		k.globals = append(k.globals, t)
		k.m.Globals = append(k.m.Globals, wasm.Global{Type: t, Init: init})
	}
	add(wasm.GlobalType{Type: i32, Mutable: true}, wasm.ConstI32(int32([]int{100, 10, 200, 400}[k.below(4)])))
	for range k.below(6) {
		t := k.valType()
		add(wasm.GlobalType{Type: t, Mutable: k.mostly(4)}, wasm.ConstZero(t))
	}
	if k.imported < len(k.funcs) && k.refs {
		add(wasm.GlobalType{Type: wasm.FuncRef, Mutable: true}, k.item(k.slots))
	}
}

// exports publishes functions, and all state that can be looked at.
func (k *maker) exports(p *Program) {
	add := func(name string, kind wasm.ExternKind, index uint32) {
		k.m.Exports = append(k.m.Exports, wasm.Export{Name: name, Kind: kind, Index: index})
	}
	if k.memory {
		add(Memory, wasm.KindMemory, 0)
	}
	for i, g := range k.globals {
		if g.Mutable && slices.Contains(numbers, g.Type) {
			name := fmt.Sprintf("%s%d", Global, i)
			p.Globals = append(p.Globals, name)
			add(name, wasm.KindGlobal, uint32(i))
		}
	}
	for i := k.imported; i < len(k.funcs); i++ {
		if i == k.imported || k.oneIn(3) {
			add(fmt.Sprintf("f%d", i), wasm.KindFunc, uint32(i))
			k.funcs[i].ref = true
		}
	}
	if k.oneIn(16) {
		add("table", wasm.KindTable, 0)
	}
	starts := filter(k.funcs[k.imported:], func(_ int, f function) bool { return len(f.typ.Params)+len(f.typ.Results) == 0 })
	if len(starts) > 0 && k.oneIn(4) {
		start := uint32(pick(&k.choices, starts) + k.imported)
		k.m.Start = &start
	}
}

// call chooses an exported function and arguments for it.
func (k *maker) call() Call {
	var exported []wasm.Export
	for _, x := range k.m.Exports {
		if x.Kind == wasm.KindFunc {
			exported = append(exported, x)
		}
	}
	x := pick(&k.choices, exported)
	c := Call{Name: x.Name}
	for _, t := range k.funcs[x.Index].typ.Params {
		c.Args = append(c.Args, k.argument(t)...)
	}
	return c
}

func (k *maker) argument(t wasm.ValType) []uint64 {
	switch {
	case t == vec:
		return []uint64{k.bits(), k.bits()}
	case t == i32 || t == f32:
		return []uint64{uint64(uint32(k.bits()))}
	case t.IsRef():
		return []uint64{0}
	}
	return []uint64{k.bits()}
}
