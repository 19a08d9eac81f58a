package meter

import (
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Names are those under which a rewritten module exports what its host needs.
type Names struct {
	Fuel  string // i64 global: units left of what was granted; below zero asks for more
	Depth string // i64 global: call depth left
	Start string // the start function, which nobody calls by itself any more; empty if none
}

// Plan tells the host how to run a rewritten module.
type Plan struct {
	Names
	// StartCost is the fuel to take for instantiation.
	StartCost uint64
}

// Rewrite validates m and makes it count its fuel. It changes m, and shares
// its bytes.
func Rewrite(m *wasm.Module) (Plan, error) {
	return rewrite(m, (*output).metered)
}

// rewrite does all that does not depend on how bodies are metered.
func rewrite(m *wasm.Module, bodies func(*output) ([]wasm.Code, error)) (Plan, error) {
	if err := wasm.ValidateStructure(m); err != nil {
		return Plan{}, err
	}
	mod := newModule(m)
	if err := mod.summarize(); err != nil {
		return Plan{}, err
	}
	mod.references()
	plan := Plan{StartCost: StartCost(m)}
	o := newOutput(mod)
	o.imports()
	codes, err := bodies(o)
	if err != nil {
		return Plan{}, err
	}
	start := m.Start
	m.MapFuncs(o.index)
	if start != nil {
		moved := o.index(*start)
		start, m.Start = &moved, nil
	}
	m.Codes = append(codes, o.bodies...)
	m.Funcs = append(m.Funcs, o.types...)
	plan.Names = o.exports(start)
	dropDebug(m)
	return plan, nil
}

// metered rewrites the bodies, callees before callers but for headers.
func (o *output) metered() ([]wasm.Code, error) {
	mod := o.mod
	codes := make([]wasm.Code, len(mod.functions))
	order := mod.headers()
	mod.reach()
	var g graph
	for _, v := range order {
		if int(v) >= len(mod.functions) {
			mod.merge(&mod.sigs[int(v)-len(mod.functions)])
			continue
		}
		code, err := o.function(&g, int(v))
		if err != nil {
			return nil, err
		}
		codes[v] = code
	}
	return codes, nil
}

// merge makes the callee of an indirect call: the worst of all it may be.
func (mod *module) merge(s *signature) {
	for _, i := range s.members {
		c := &mod.functions[i].callee
		s.callee.checks = s.callee.checks || c.checks
		s.callee.charges = s.callee.charges || c.charges
		if !c.resets {
			s.callee.unchecked = max(s.callee.unchecked, c.unchecked)
		}
	}
}

// function rewrites the i-th defined function.
func (o *output) function(g *graph, i int) (wasm.Code, error) {
	fn := &o.mod.functions[i]
	fn.fixed = fn.fixed || fn.header
	g.reset(o.mod, fn)
	code := &o.m.Codes[i]
	r := wasm.NewReader(code.Body, code.Offset)
	var in wasm.Instr
	for r.Next(&in) {
		g.instr(&in)
	}
	if err := r.Err(); err != nil {
		return wasm.Code{}, err
	}
	g.solve()
	o.settle(g, fn)
	e := emitter{
		graph: g, out: o, body: code.Body, self: uint32(int(o.mod.imported)+i) + o.added,
		types: localTypes(fn.typ, code.Locals),
	}
	e.b = make([]byte, 0, len(code.Body)+len(code.Body)/4+64)
	e.live = g.liveness(len(e.types))
	e.fuel = uint32(len(e.types))
	locals := append(append([]wasm.LocalRun(nil), code.Locals...), wasm.LocalRun{N: 1, Type: wasm.I64})
	if fn.waits {
		locals = append(locals, waitLocals...)
	}
	e.function()
	return wasm.Code{Locals: locals, Body: e.b, Offset: code.Offset}, nil
}

// settle notes for the callers of a function what has been decided of it.
func (o *output) settle(g *graph, fn *function) {
	c := &fn.callee
	c.prepaid = -g.nodes[1].debt
	if fn.header {
		return
	}
	c.unchecked = g.exit
	c.checks = c.checks || g.checks
	c.charges = c.charges || c.checks || g.charges
	for i := range g.edges {
		c.charges = c.charges || g.edges[i].charge != 0
	}
}

func localTypes(t wasm.FuncType, runs []wasm.LocalRun) []wasm.ValType {
	types := append([]wasm.ValType(nil), t.Params...)
	for _, r := range runs {
		for range r.N {
			types = append(types, r.Type)
		}
	}
	return types
}

// dropDebug removes the custom sections that speak of code offsets, which are
// no longer true.
func dropDebug(m *wasm.Module) {
	kept := m.Customs[:0]
	for _, c := range m.Customs {
		if !isDebug(c.Name) {
			kept = append(kept, c)
		}
	}
	m.Customs = kept
}

func isDebug(name string) bool {
	return len(name) > 7 && name[:7] == ".debug_" || name == "sourceMappingURL" || name == "linking" ||
		len(name) > 6 && name[:6] == "reloc."
}
