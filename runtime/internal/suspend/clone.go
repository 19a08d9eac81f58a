package suspend

import (
	"errors"
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// ErrPoint says that points are none of the module's, or too many.
var ErrPoint = errors.New("no such places in the module")

// Cloner makes the modules in which frames go on.
type Cloner struct {
	mod   *module
	plan  Plan
	shims map[uint32]uint32 // from the shim to the import
	most  int               // bytes of code to make a module of
	names map[uint32]string // of functions, as traps tell them
}

// maxCloned is how many bytes of code one module of clones may be made of, beside as many
// as the guest has: far above what stacks come to, and no more than a guest may have.
const maxCloned = 16 << 20

// NewCloner is the cloner of a module as Rewrite got it, and the plan that came of it.
func NewCloner(m *wasm.Module, plan Plan) *Cloner {
	mod, _ := newModule(m, plan.Code, 0)
	c := &Cloner{mod: mod, plan: plan, shims: make(map[uint32]uint32), most: maxCloned, names: make(map[uint32]string)}
	if names := m.Names(); names != nil {
		for _, n := range names.Funcs {
			c.names[n.Index] = n.Name
		}
	}
	for i := range m.Codes {
		c.most += len(m.Codes[i].Body)
	}
	for i, f := range plan.Code.Blocking {
		c.shims[uint32(len(c.mod.funcs)+i)] = f
	}
	return c
}

// CloneName is the name under which the n-th clone is exported.
func CloneName(n int) string { return fmt.Sprint("c", n) }

// Clone is a module to go on in: clone n, counted from 0, is the function () -> results
// that goes on at the n-th point. Its place in the table is n+1.
type Clone struct {
	Module []byte
	Frames []Frame
}

// Frame is what is to be known of frames at one point.
type Frame struct {
	// Words is how many words a frame has, beside the point.
	Words int
	// Refs are those of the words that number references.
	Refs []int
	// Innermost tells that no frame can lie within; else one must, whose function
	// has the results Calls.
	Innermost bool
	Calls     []wasm.ValType
	// Results are those of the function itself.
	Results []wasm.ValType
}

// Clone makes the module for a set of points. The error wraps ErrPoint if one is none.
func (c *Cloner) Clone(points []Point) (*Clone, error) {
	if err := c.bounded(points); err != nil {
		return nil, err
	}
	k := newClone(c)
	out := &Clone{}
	for n, p := range points {
		frame, err := k.function(p)
		if err != nil {
			return nil, fmt.Errorf("%w: function %d, place %d: %w", ErrPoint, p.Function(), p.ordinal(), err)
		}
		out.Frames = append(out.Frames, frame)
		k.out.Exports = append(k.out.Exports, wasm.Export{Name: CloneName(n), Kind: wasm.KindFunc, Index: uint32(n)})
	}
	k.name(points)
	out.Module = k.finish()
	return out, nil
}

// name has the clones named like the functions they go on in, so that the stack of a trap
// tells the same as if nothing had been suspended.
func (k *clone) name(points []Point) {
	var names wasm.Names
	for n, p := range points {
		name, ok := k.names[p.Function()]
		if !ok {
			name = fmt.Sprint("$", p.Function()) // as wazero names it
		}
		names.Funcs = append(names.Funcs, wasm.Name{Index: k.count[wasm.KindFunc] + uint32(n), Name: name})
	}
	k.out.Customs = []wasm.Custom{{Name: wasm.NameSection, Data: names.Encode(), After: wasm.SectionData}}
}

// bounded sees to it that points that someone made up do not keep a compiler busy for long.
func (c *Cloner) bounded(points []Point) error {
	bytes := 0
	for _, p := range points {
		if i := int64(p.Function()) - int64(c.mod.imported); i >= 0 && i < int64(len(c.mod.m.Codes)) {
			bytes += len(c.mod.m.Codes[i].Body)
		}
	}
	if bytes > c.most {
		return fmt.Errorf("%w: %d places in functions of %d bytes, more than %d", ErrPoint, len(points), bytes, c.most)
	}
	return nil
}

// clone is such a module in the making. Its functions are numbered from 0 on, and its
// imports as they are met from importBase on, until it is finished.
type clone struct {
	*Cloner
	checker *wasm.Checker
	types   *typeTable
	out     wasm.Module
	imports [5]map[uint32]uint32 // by kind: from the index in the guest to that here
	named   map[string]uint32    // functions imported by name
	pieces  map[uint32]uint32
	own     []wasm.Code // functions behind the clones
	ownType []uint32
	count   [5]uint32 // imports of each kind
}

func newClone(c *Cloner) *clone {
	k := &clone{
		Cloner: c, checker: wasm.NewChecker(c.mod.m), types: newTypeTable(c.mod.m),
		named: make(map[string]uint32), pieces: make(map[uint32]uint32),
	}
	for kind := range k.imports {
		k.imports[kind] = make(map[uint32]uint32)
	}
	return k
}

// Function indices are not known before all imports are: code names a function by a number
// of fixed length, which finish replaces.
type placeholder = uint32

const (
	isImport = 1 << 24
	isPiece  = 2 << 24
)

// function adds the clone that goes on at p.
func (k *clone) function(p Point) (Frame, error) {
	if f, ok := k.shims[p.Function()]; ok && p.ordinal() == 0 {
		return k.shim(p.Function(), f), nil
	}
	f := p.Function()
	if f < k.mod.imported || int(f) >= len(k.mod.funcs) || k.mod.role[f] != roleFrame {
		return Frame{}, errors.New("the function has no such place")
	}
	e, err := k.mod.emitter(k.checker, k, f)
	if err != nil {
		return Frame{}, err
	}
	if p.ordinal() >= len(e.points) {
		return Frame{}, errors.New("the function has no such place")
	}
	at := &e.points[p.ordinal()]
	e.guard = &guard{target: p.ordinal(), path: e.path(at), table: k.table(), cloned: func(results []wasm.ValType) uint32 {
		return k.types.of(nil, results)
	}}
	if err := e.run(); err != nil {
		return Frame{}, err
	}
	i := slices.IndexFunc(e.passes, func(s pass) bool { return s.ordinal == p.ordinal() })
	if i < 0 {
		return Frame{}, errors.New("it cannot be reached")
	}
	frame := e.frameAt(e.passes[i])
	var a asm
	frame.load(&a, &loader{load: k.load(), next: e.guard.next, scratch: e.guard.scratch, deref: k.deref, maker: k.maker, local: e.local})
	a.i32(1)
	a.localSet(e.guard.resuming)
	e.b = append(a.b, e.b...)
	locals := make([]wasm.LocalRun, 0, len(e.typ.Params)+len(k.mod.m.Codes[f-k.mod.imported].Locals))
	for _, t := range e.typ.Params {
		locals = append(locals, wasm.LocalRun{N: 1, Type: t})
	}
	locals = append(locals, k.mod.m.Codes[f-k.mod.imported].Locals...)
	k.add(e.typ.Results, e.code(locals, 0))
	info := Frame{Words: frame.words(), Refs: frame.refs(), Results: e.typ.Results, Innermost: at.pause}
	if !at.pause {
		info.Calls = k.mod.m.Types[at.typ].Results
	}
	return info, nil
}

func (k *clone) add(results []wasm.ValType, code wasm.Code) {
	k.out.Codes = append(k.out.Codes, code)
	k.out.Funcs = append(k.out.Funcs, k.types.of(nil, results))
}

// shim adds the clone of a shim: it calls it anew.
func (k *clone) shim(shim, f uint32) Frame {
	t := k.mod.typeOf(f)
	frame := k.mod.shimFrame(shim, f)
	n := uint32(len(t.Params))
	var a asm
	frame.load(&a, &loader{load: k.load(), next: n, scratch: n + 1, deref: k.deref})
	for x := range t.Params {
		a.localGet(uint32(x))
	}
	a.call(k.guest(fmt.Sprint("f", shim), t))
	a.end()
	var locals []wasm.LocalRun
	for _, p := range t.Params {
		locals = append(locals, wasm.LocalRun{N: 1, Type: p})
	}
	k.add(t.Results, wasm.Code{Locals: append(locals, wasm.LocalRun{N: 1, Type: wasm.I32}, wasm.LocalRun{N: 1, Type: wasm.I64}), Body: a.b})
	return Frame{Words: frame.words(), Refs: frame.refs(), Results: t.Results, Innermost: true}
}

// host imports a function from the meter's host module.
func (k *clone) host(name string, t wasm.FuncType) placeholder {
	return k.importFunction(k.hostModule(), name, t)
}

// hostModule is where the module imports HostSave from.
func (k *clone) hostModule() string {
	n := k.plan.Code.Save
	for i := range k.mod.m.Imports {
		if k.mod.m.Imports[i].Kind != wasm.KindFunc {
			continue
		}
		if n == 0 {
			return k.mod.m.Imports[i].Module
		}
		n--
	}
	return ""
}

func (k *clone) guest(name string, t wasm.FuncType) placeholder {
	return k.importFunction(GuestModule, k.plan.Prefix+name, t)
}

func (k *clone) importFunction(module, name string, t wasm.FuncType) placeholder {
	key := module + "\x00" + name
	f, ok := k.named[key]
	if !ok {
		f = isImport + k.count[wasm.KindFunc]
		k.named[key] = f
		k.count[wasm.KindFunc]++
		k.out.Imports = append(k.out.Imports, wasm.Import{Module: module, Name: name, Kind: wasm.KindFunc, Func: k.types.of(t.Params, t.Results)})
	}
	return f
}

// callee is the placeholder of a function of the guest's.
func (k *clone) callee(f uint32) placeholder {
	t := k.mod.typeOf(f)
	for shim, blocking := range k.shims {
		if blocking == f {
			return k.guest(fmt.Sprint("f", shim), t)
		}
	}
	if f >= k.mod.imported {
		return k.guest(fmt.Sprint("f", f), t)
	}
	n := f
	for i := range k.mod.m.Imports {
		if imp := &k.mod.m.Imports[i]; imp.Kind == wasm.KindFunc {
			if n == 0 {
				return k.importFunction(imp.Module, imp.Name, t)
			}
			n--
		}
	}
	return 0
}

// from imports something other than a function from the guest.
func (k *clone) from(kind wasm.ExternKind, prefix string, index uint32, imp wasm.Import) uint32 {
	x, ok := k.imports[kind][index]
	if !ok {
		x = k.count[kind]
		k.count[kind]++
		k.imports[kind][index] = x
		imp.Module, imp.Name, imp.Kind = GuestModule, fmt.Sprint(k.plan.Prefix, prefix, index), kind
		k.out.Imports = append(k.out.Imports, imp)
	}
	return x
}

func (k *clone) global(index uint32) uint32 {
	t, ok := k.mod.m.GlobalTypeOf(index)
	if !ok { // the flag, which Rewrite adds behind all others
		return k.flag()
	}
	return k.from(wasm.KindGlobal, "g", index, wasm.Import{Global: t})
}

func (k *clone) flag() uint32 {
	const none = 1<<32 - 1
	x, ok := k.imports[wasm.KindGlobal][none]
	if !ok {
		x = k.count[wasm.KindGlobal]
		k.count[wasm.KindGlobal]++
		k.imports[wasm.KindGlobal][none] = x
		k.out.Imports = append(k.out.Imports, wasm.Import{Module: GuestModule, Name: k.plan.Flag, Kind: wasm.KindGlobal, Global: wasm.GlobalType{Type: wasm.I32, Mutable: true}})
	}
	return x
}

func (k *clone) tableOf(index uint32) uint32 {
	t, _ := k.mod.m.TableTypeOf(index)
	return k.from(wasm.KindTable, "t", index, wasm.Import{Table: wasm.TableType{Elem: t.Elem}})
}

func (k *clone) tag(index uint32) uint32 {
	t, _ := k.mod.m.TagTypeOf(index)
	return k.from(wasm.KindTag, "e", index, wasm.Import{Func: t})
}

// table is the one of the clones: it comes behind all that are imported, of which there are
// no more than the guest has, so its number is known when all else is.
func (k *clone) table() uint32 { return uint32(k.mod.m.TableCount()) }

func (k *clone) blockType(params, results []wasm.ValType) wasm.BlockType {
	return k.types.block(params, results)
}

func (k *clone) piece(n, m int) uint32 {
	shape := shapeOf(n, m)
	f, ok := k.pieces[shape]
	if !ok {
		f = isPiece + uint32(len(k.own))
		k.pieces[shape] = f
		t := pieceType(n, m)
		save := k.host(k.importName(k.plan.Code.Save), wasm.FuncType{Params: slices.Repeat([]wasm.ValType{wasm.I64}, Chunk)})
		k.own = append(k.own, pieceBody(n, m, save))
		k.ownType = append(k.ownType, k.types.of(t.Params, t.Results))
	}
	return f
}

func (k *clone) leaver() uint32 {
	f, ok := k.pieces[leaverShape]
	if !ok {
		f = isPiece + uint32(len(k.own))
		k.pieces[leaverShape] = f
		t := pieceType(0, 0)
		save := k.host(k.importName(k.plan.Code.Save), wasm.FuncType{Params: slices.Repeat([]wasm.ValType{wasm.I64}, Chunk)})
		k.own = append(k.own, leaverBody(k.flag(), save))
		k.ownType = append(k.ownType, k.types.of(t.Params, t.Results))
	}
	return f
}

func (k *clone) load() placeholder {
	return k.host(HostLoad, wasm.FuncType{Results: slices.Repeat([]wasm.ValType{wasm.I64}, Chunk)})
}

var (
	i32s     = []wasm.ValType{wasm.I32}
	funcrefs = []wasm.ValType{wasm.FuncRef}
)

func (k *clone) deref() placeholder {
	return k.host(HostDeref, wasm.FuncType{Params: i32s, Results: funcrefs})
}

func (k *clone) ref() uint32 {
	return k.host(k.importName(k.plan.Code.Ref), wasm.FuncType{Params: funcrefs, Results: i32s})
}

func (k *clone) take() uint32 { return k.guest(takerName, takerType) }

func (k *clone) maker() placeholder { return k.guest(makerName, makerType) }

// importName is the name of an imported function.
func (k *clone) importName(n uint32) string {
	for i := range k.mod.m.Imports {
		if k.mod.m.Imports[i].Kind != wasm.KindFunc {
			continue
		}
		if n == 0 {
			return k.mod.m.Imports[i].Name
		}
		n--
	}
	return ""
}

func (k *clone) gate(g gate) uint32 { return k.guest(g.name(), k.mod.gateType(g)) }

func (k *clone) settler() uint32 { return k.guest(settlerName, settlerType) }

func (k *clone) linked(*wasm.Instr) bool { return true }

// instr writes an instruction of the guest's with the clone's indices.
func (k *clone) instr(a *asm, in *wasm.Instr, raw []byte) {
	if v, ok := moveOf(in); ok {
		a.call(k.guest(v.name(), v.signature()))
		return
	}
	switch in.Op {
	case wasm.OpCall, wasm.OpReturnCall:
		a.opU32(in.Op, k.callee(in.A))
	case wasm.OpCallIndirect, wasm.OpReturnCallIndirect:
		a.opU32(in.Op, in.A)
		a.b = wasm.AppendU32(a.b, k.tableOf(in.B))
	case wasm.OpGlobalGet, wasm.OpGlobalSet:
		a.opU32(in.Op, k.global(in.A))
	case wasm.OpTableGet, wasm.OpTableSet, wasm.OpTableGrow, wasm.OpTableSize, wasm.OpTableFill:
		a.opU32(in.Op, k.tableOf(in.A))
	case wasm.OpTableCopy:
		a.opU32(in.Op, k.tableOf(in.A))
		a.b = wasm.AppendU32(a.b, k.tableOf(in.B))
	case wasm.OpThrow:
		a.opU32(in.Op, k.tag(in.A))
	case wasm.OpTryTable:
		k.tryTable(a, in)
	default:
		a.raw(raw)
	}
}

func (k *clone) tryTable(a *asm, in *wasm.Instr) {
	catches := slices.Clone(in.Catches)
	for i := range catches {
		if c := &catches[i]; c.Kind.HasTag() {
			c.Tag = k.tag(c.Tag)
		}
	}
	a.tryTable(in.Block, catches)
}

// finish encodes the module.
func (k *clone) finish() []byte {
	m := &k.out
	for i := range uint32(k.mod.m.MemoryCount()) {
		t, _ := k.mod.m.MemoryTypeOf(i)
		k.from(wasm.KindMemory, "m", i, wasm.Import{Memory: t})
	}
	for t := range uint32(k.mod.m.TableCount()) {
		k.tableOf(t)
	}
	clones := len(m.Codes)
	m.Codes = append(m.Codes, k.own...)
	m.Funcs = append(m.Funcs, k.ownType...)
	for i := range m.Codes {
		m.Codes[i].Body = k.resolve(m.Codes[i].Body, uint32(clones))
	}
	first := k.count[wasm.KindFunc]
	elem := wasm.Elem{Table: k.table(), Type: wasm.FuncRef, Offset: wasm.ConstI32(1)}
	for n := range m.Exports {
		m.Exports[n].Index += first
		elem.Funcs = append(elem.Funcs, m.Exports[n].Index)
	}
	size := uint64(clones) + 1
	m.Tables = []wasm.Table{{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: size, Max: size, HasMax: true}}}}
	m.Elems = []wasm.Elem{elem}
	m.Types = k.types.types
	return m.Encode()
}

// resolve replaces the placeholders of functions, and those of tables.
func (k *clone) resolve(body []byte, clones uint32) []byte {
	var a asm
	done := 0
	r := wasm.NewReader(body, 0)
	var in wasm.Instr
	for r.Next(&in) {
		if in.Op != wasm.OpCall && in.Op != wasm.OpReturnCall {
			continue
		}
		f := in.A &^ (isImport | isPiece)
		if in.A&isPiece != 0 {
			f += k.count[wasm.KindFunc] + clones
		}
		a.raw(body[done:in.Pos])
		a.opU32(in.Op, f)
		done = in.End
	}
	a.raw(body[done:])
	return a.b
}
