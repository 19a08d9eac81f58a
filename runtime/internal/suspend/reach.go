package suspend

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// module is a metered module and what follows from it alone.
type module struct {
	m        *wasm.Module
	code     Code
	imported uint32
	funcs    []uint32 // type of every function
	role     []role   // of every function
	sig      []int    // of each type, its canonical type
	sigs     []bool   // of each canonical type: a call through it may unwind
	catches  bool     // some function has a try_table
	fits     bool     // frames have room for each exception
}

// role is what a function has to do with unwinding.
type role uint8

const (
	roleNone  role = iota // it never returns while the stack unwinds
	roleFrame             // its frame is saved
	rolePause             // unwinding may begin in it, and its results are right then
	roleBlock             // unwinding may begin in it, and it is called again
)

// newModule gives what walks over the functions' code have found, too, as long as that takes no
// more memory than keep bytes: nil for other functions.
func newModule(m *wasm.Module, code Code, keep int) (mod *module, scans []*scan) {
	mod = &module{m: m, code: code, imported: uint32(m.ImportedFuncs()), funcs: m.FuncTypes()}
	mod.role = make([]role, len(mod.funcs))
	mod.role[code.Check] = rolePause
	for _, f := range code.Pauses {
		mod.role[f] = rolePause
	}
	for _, f := range code.Blocking {
		mod.role[f] = roleBlock
	}
	mod.canonicalTypes()
	mod.fits = mod.exceptionsFit()
	g := mod.tableCalls()
	scans = mod.walk(g, keep)
	mod.reach(g)
	return mod, scans
}

// walk walks over the code of all functions.
func (mod *module) walk(g *callGraph, keep int) []*scan {
	list := make([]*scan, len(mod.m.Codes))
	var s scan
	for i := range list {
		s.read(mod, &mod.m.Codes[i])
		g.addCalls(&s, mod.imported+uint32(i))
		mod.catches = mod.catches || s.catches
		bytes := s.bytes()
		if bytes > keep {
			s = s.again()
			continue
		}
		keep -= bytes
		kept := s
		list[i], s = &kept, s.next()
	}
	return list
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
	last  []int32 // of each vertex's edges
	edges []edge
}

// edge is one of a vertex's, of which each leads to the one before.
type edge struct {
	caller uint32
	before int32
}

// add adds an edge. A function that calls the same one again and again has one edge.
func (g *callGraph) add(callee, caller uint32) {
	if e := g.last[callee]; e != none && g.edges[e].caller == caller {
		return
	}
	g.edges = append(g.edges, edge{caller, g.last[callee]})
	g.last[callee] = int32(len(g.edges) - 1)
}

// callee is the vertex that an instruction calls.
func (mod *module) callee(in *wasm.Instr) uint32 {
	if in.Op == wasm.OpCall || in.Op == wasm.OpReturnCall {
		return in.A
	}
	return uint32(len(mod.funcs) + mod.sig[in.A])
}

// tableCalls is the graph of what tables call.
func (mod *module) tableCalls() *callGraph {
	n := uint32(len(mod.funcs))
	g := &callGraph{last: slices.Repeat([]int32{none}, int(n)+len(mod.sigs))}
	for f, declared := range mod.m.DeclaredRefs() {
		if declared {
			g.add(uint32(f), n+uint32(mod.sig[mod.funcs[f]]))
		}
	}
	return g
}

// addCalls adds what a function calls.
func (g *callGraph) addCalls(s *scan, caller uint32) {
	for c := range s.calls {
		g.add(s.calls[c].callee, caller)
	}
	for _, callee := range s.tails {
		g.add(callee, caller)
	}
}

// reach finds the functions that may return while the stack unwinds: those that may call
// one where it may begin.
func (mod *module) reach(g *callGraph) {
	var work []uint32
	for f, r := range mod.role {
		if r != roleNone {
			work = append(work, uint32(f))
		}
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for e := g.last[v]; e != none; e = g.edges[e].before {
			if w := g.edges[e].caller; mod.mark(w) {
				work = append(work, w)
			}
		}
	}
}

// unwinds tells whether a call of a vertex may unwind.
func (mod *module) unwinds(v uint32) bool {
	if n := uint32(len(mod.funcs)); v >= n {
		return mod.sigs[v-n]
	}
	return mod.role[v] != roleNone
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

// typeOf is the type of a function.
func (mod *module) typeOf(f uint32) wasm.FuncType { return mod.m.Types[mod.funcs[f]] }
