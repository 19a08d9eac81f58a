package suspend

import (
	"errors"
	"fmt"
	"strings"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Rewrite gives a metered, valid module the save path. It changes m; where the plan says
// that it is refused, m is as it was.
func Rewrite(m *wasm.Module, code Code) (Plan, error) {
	keep := maxKept
	for i := range m.Codes {
		keep += len(m.Codes[i].Body)
	}
	mod, scans := newModule(m, code, keep)
	o := newOutput(mod)
	err := o.functions(scans)
	if r, ok := errors.AsType[*refusal](err); ok {
		return Plan{Refused: o.mod.describe(r.function) + " " + r.why}, nil
	}
	if err != nil {
		return Plan{}, err
	}
	return o.finish(), nil
}

// maxKept is how many bytes of memory what the first walk has found may take, beside as many as there
// are of code. In larger modules some functions are walked over again.
const maxKept = 4 << 20

// describe names a function as the module's author knows it.
func (mod *module) describe(f uint32) string {
	text := fmt.Sprintf("function %d", f-mod.code.Added)
	names := mod.m.Names()
	if names == nil {
		return text
	}
	for _, n := range names.Funcs {
		if n.Index == f {
			return fmt.Sprintf("%s (%s)", text, n.Name)
		}
	}
	return text
}

// output is the rewritten module in the making.
type output struct {
	mod    *module
	types  *typeTable
	unwind uint32            // global
	shims  map[uint32]uint32 // of imports that may begin to unwind
	pieces map[uint32]uint32 // functions that save pieces of frames
	moves  map[move]uint32   // functions for clones; see move
	called []bool            // functions that clones may want to call
	gates  map[gate]uint32
	settle uint32 // function; 0 while there is none
	taker  uint32 // likewise; see exception.go
	maker  uint32

	codes   []wasm.Code // of the functions the module has
	bodies  []wasm.Code // of those that are added
	indices []uint32    // their types
	names   []wasm.Name
}

// move is an instruction on a segment. Clones have no segments: they call functions of
// the guest that do it.
type move struct {
	op   wasm.Op
	a, b uint32
}

func (v move) name() string { return fmt.Sprintf("%s:%d:%d", v.op, v.a, v.b) }

func moveOf(in *wasm.Instr) (move, bool) {
	switch in.Op {
	case wasm.OpMemoryInit, wasm.OpTableInit:
		return move{in.Op, in.A, in.B}, true
	case wasm.OpDataDrop, wasm.OpElemDrop:
		return move{in.Op, in.A, 0}, true
	}
	return move{}, false
}

// signature is the type of the function that does the move.
func (v move) signature() wasm.FuncType {
	if v.op == wasm.OpMemoryInit || v.op == wasm.OpTableInit {
		return wasm.FuncType{Params: []wasm.ValType{wasm.I32, wasm.I32, wasm.I32}}
	}
	return wasm.FuncType{}
}

func newOutput(mod *module) *output {
	o := &output{
		mod: mod, types: newTypeTable(mod.m), unwind: uint32(mod.m.GlobalCount()),
		shims: make(map[uint32]uint32), pieces: make(map[uint32]uint32), moves: make(map[move]uint32), gates: make(map[gate]uint32), called: make([]bool, len(mod.funcs)+len(mod.code.Blocking)),
		codes: append([]wasm.Code(nil), mod.m.Codes...),
	}
	for _, f := range mod.code.Blocking {
		o.shims[f] = o.function(mod.typeOf(f), wasm.Code{})
	}
	return o
}

// function adds a function.
func (o *output) function(t wasm.FuncType, code wasm.Code) uint32 {
	o.bodies = append(o.bodies, code)
	o.indices = append(o.indices, o.types.of(t.Params, t.Results))
	return uint32(len(o.mod.funcs) + len(o.bodies) - 1)
}

// functions rewrites all that may unwind.
func (o *output) functions(scans []*scan) error {
	e := o.mod.newEmitter(wasm.NewChecker(o.mod.m), o)
	var again scan
	for i := range o.codes {
		f := o.mod.imported + uint32(i)
		if o.mod.role[f] != roleFrame {
			continue
		}
		s := scans[i]
		if s == nil {
			again = again.again()
			again.read(o.mod, &o.codes[i])
			s = &again
		}
		if err := e.begin(f, s); err != nil {
			return err
		}
		if err := e.run(); err != nil {
			return err
		}
		o.codes[i] = e.code(o.codes[i].Locals, o.codes[i].Offset)
	}
	for _, f := range o.mod.code.Blocking {
		o.bodies[o.shims[f]-uint32(len(o.mod.funcs))] = o.shim(f)
	}
	return nil
}

// shim calls an import that may begin to unwind, and saves its arguments if it does.
func (o *output) shim(f uint32) wasm.Code {
	t := o.mod.typeOf(f)
	frame := o.mod.shimFrame(o.shims[f], f)
	var a asm
	a.block(wasm.OpBlock, wasm.BlockEmpty)
	for x := range t.Params {
		a.localGet(uint32(x))
	}
	a.call(f)
	a.globalGet(o.unwind)
	a.brIf(0)
	a.ret()
	a.end()
	frame.save(&a, o, false, func(flags int64) { a.i64(flags | int64(frame.point)) })
	for _, r := range t.Results {
		a.zero(r)
	}
	a.end()
	return wasm.Code{Body: a.b}
}

// shimFrame is what the shim of import f saves.
func (mod *module) shimFrame(shim, f uint32) frame {
	var values []value
	for x, t := range mod.typeOf(f).Params {
		values = append(values, value{local: uint32(x), typ: t})
	}
	return newFrame(pointOf(shim, 0), values)
}

func (o *output) flag() uint32 { return o.unwind }

func (o *output) ref() uint32 { return o.mod.code.Ref }

func (o *output) blockType(params, results []wasm.ValType) wasm.BlockType {
	return o.types.block(params, results)
}

func (o *output) piece(n, m int) uint32 {
	shape := shapeOf(n, m)
	f, ok := o.pieces[shape]
	if !ok {
		f = o.function(pieceType(n, m), pieceBody(n, m, o.mod.code.Save))
		o.pieces[shape] = f
	}
	return f
}

func (o *output) leaver() uint32 {
	f, ok := o.pieces[leaverShape]
	if !ok {
		f = o.function(pieceType(0, 0), leaverBody(o.unwind, o.mod.code.Save))
		o.pieces[leaverShape] = f
		o.names = append(o.names, wasm.Name{Index: f, Name: "unreachable"})
	}
	return f
}

// index is where calls of a function go.
func (o *output) index(f uint32) uint32 {
	if f < o.mod.imported {
		if shim, ok := o.shims[f]; ok {
			return shim
		}
	}
	return f
}

func (o *output) linked(in *wasm.Instr) bool {
	switch in.Op {
	case wasm.OpCall, wasm.OpReturnCall, wasm.OpMemoryInit, wasm.OpTableInit, wasm.OpDataDrop, wasm.OpElemDrop:
		return true
	}
	return false
}

func (o *output) instr(a *asm, in *wasm.Instr, raw []byte) {
	switch in.Op {
	case wasm.OpCall, wasm.OpReturnCall:
		o.called[o.index(in.A)] = true
		a.opU32(in.Op, o.index(in.A))
		return
	}
	if v, ok := moveOf(in); ok {
		if _, has := o.moves[v]; !has {
			o.moves[v] = o.move(v, raw)
		}
	}
	a.raw(raw)
}

func (o *output) move(v move, raw []byte) uint32 {
	var a asm
	t := v.signature()
	for x := range t.Params {
		a.localGet(uint32(x))
	}
	a.raw(raw)
	a.end()
	return o.function(t, wasm.Code{Body: a.b})
}

// finish puts everything into the module.
func (o *output) finish() Plan {
	m := o.mod.m
	plan := Plan{Code: o.mod.code, Prefix: freePrefix(m)}
	for _, f := range o.mod.code.Blocking {
		o.names = append(o.names, wasm.Name{Index: o.shims[f], Name: importName(m, f)})
	}
	if len(o.shims) > 0 {
		m.MapFuncs(o.index)
	}
	m.NameFuncs(o.names)
	m.Types = o.types.types
	m.Codes = append(o.codes, o.bodies...)
	m.Funcs = append(m.Funcs, o.indices...)
	m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.ConstZero(wasm.I32)})
	plan.Flag = plan.Prefix + "flag"
	o.export(&plan)
	return plan
}

// importName is the name of an imported function.
func importName(m *wasm.Module, f uint32) string {
	for i := range m.Imports {
		if m.Imports[i].Kind != wasm.KindFunc {
			continue
		}
		if f == 0 {
			return m.Imports[i].Module + "." + m.Imports[i].Name
		}
		f--
	}
	return ""
}

// freePrefix is one that no name of an export begins with.
func freePrefix(m *wasm.Module) string {
	for n := 0; ; n++ {
		prefix := fmt.Sprintf("godwit:%d:", n)
		taken := false
		for i := range m.Exports {
			taken = taken || strings.HasPrefix(m.Exports[i].Name, prefix)
		}
		if !taken {
			return prefix
		}
	}
}

// export publishes what clones import.
func (o *output) export(plan *Plan) {
	m := o.mod.m
	add := func(name string, kind wasm.ExternKind, index uint32) {
		m.Exports = append(m.Exports, wasm.Export{Name: plan.Prefix + name, Kind: kind, Index: index})
	}
	add("flag", wasm.KindGlobal, o.unwind)
	for f, called := range o.called {
		if called && uint32(f) >= o.mod.imported {
			add(fmt.Sprint("f", f), wasm.KindFunc, uint32(f))
		}
	}
	o.exportGates(add)
	o.exportExceptions(add)
	for v, f := range sorted(o.moves) {
		add(v.name(), wasm.KindFunc, f)
	}
	for g := range o.unwind {
		add(fmt.Sprint("g", g), wasm.KindGlobal, g)
	}
	for t := range m.TableCount() {
		add(fmt.Sprint("t", t), wasm.KindTable, uint32(t))
	}
	for x := range m.MemoryCount() {
		add(fmt.Sprint("m", x), wasm.KindMemory, uint32(x))
	}
	for x := range m.TagCount() {
		add(fmt.Sprint("e", x), wasm.KindTag, uint32(x))
	}
}
