package suspend

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// module is a metered module and what follows from it alone.
type module struct {
	m        *wasm.Module
	code     Code
	imported uint32
	funcs    []uint32 // type of every function
	role     []role   // of every function
	sig      []int    // of each type, its canonical type
	sigs     []bool   // of each canonical type: a call through it may unwind
}

// role is what a function has to do with unwinding.
type role uint8

const (
	roleNone  role = iota // it never returns while the stack unwinds
	roleFrame             // its frame is saved
	rolePause             // unwinding may begin in it, and its results are right then
	roleBlock             // unwinding may begin in it, and it is called again
)

func newModule(m *wasm.Module, code Code) *module {
	mod := &module{m: m, code: code, imported: uint32(m.ImportedFuncs()), funcs: m.FuncTypes()}
	mod.role = make([]role, len(mod.funcs))
	mod.role[code.Check] = rolePause
	for _, f := range code.Pauses {
		mod.role[f] = rolePause
	}
	for _, f := range code.Blocking {
		mod.role[f] = roleBlock
	}
	mod.canonicalTypes()
	mod.reach()
	return mod
}

// canonicalTypes maps each type to the first that equals it: indirect calls compare
// structure.
func (mod *module) canonicalTypes() {
	first := make(map[string]int, len(mod.m.Types))
	mod.sig = make([]int, len(mod.m.Types))
	for i, t := range mod.m.Types {
		key := typeKey(t.Params, t.Results)
		c, ok := first[key]
		if !ok {
			c = len(first)
			first[key] = c
		}
		mod.sig[i] = c
	}
	mod.sigs = make([]bool, len(first))
}

// callGraph has an edge from what is called to who calls it. Vertices are the
// functions, and after them the canonical types.
type callGraph struct {
	callers [][]uint32
}

func (g *callGraph) add(callee, caller uint32) { g.callers[callee] = append(g.callers[callee], caller) }

// reach finds the functions that may return while the stack unwinds: those that may call
// one where it may begin.
func (mod *module) reach() {
	n := uint32(len(mod.funcs))
	g := callGraph{make([][]uint32, int(n)+len(mod.sigs))}
	for f, declared := range mod.m.DeclaredRefs() {
		if declared {
			g.add(uint32(f), n+uint32(mod.sig[mod.funcs[f]]))
		}
	}
	for i := range mod.m.Codes {
		mod.calls(&g, uint32(i))
	}
	var work []uint32
	for f, r := range mod.role {
		if r != roleNone {
			work = append(work, uint32(f))
		}
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, w := range g.callers[v] {
			if mod.mark(w) {
				work = append(work, w)
			}
		}
	}
}

// mark notes that a vertex may unwind, and reports whether that is news.
func (mod *module) mark(v uint32) bool {
	if n := uint32(len(mod.funcs)); v >= n {
		known := mod.sigs[v-n]
		mod.sigs[v-n] = true
		return !known
	}
	if mod.role[v] != roleNone {
		return false
	}
	mod.role[v] = roleFrame
	return true
}

// calls adds what the i-th defined function calls.
func (mod *module) calls(g *callGraph, i uint32) {
	n, caller := uint32(len(mod.funcs)), mod.imported+i
	code := &mod.m.Codes[i]
	r := wasm.NewReader(code.Body, code.Offset)
	var in wasm.Instr
	for r.Next(&in) {
		switch in.Op {
		case wasm.OpCall, wasm.OpReturnCall:
			if in.A < n {
				g.add(in.A, caller)
			}
		case wasm.OpCallIndirect, wasm.OpReturnCallIndirect:
			g.add(n+uint32(mod.sig[in.A]), caller)
		}
	}
}

// typeOf is the type of a function.
func (mod *module) typeOf(f uint32) wasm.FuncType { return mod.m.Types[mod.funcs[f]] }
