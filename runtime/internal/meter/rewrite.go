package meter

import (
	"slices"

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
	// Catches tells that the module catches exceptions.
	Catches bool
	// Tangled tells that the module has a function whose control flow would take
	// a compiler beyond all proportion.
	Tangled bool
	// SetsTables tells that the module has instructions that change tables, Drops
	// that it has some that drop segments, and Refers that it has a ref.func.
	SetsTables, Drops, Refers bool

	// Check and Save are the functions that HostCheck and HostSave are imported as, and
	// Pauses those that do nothing but to call HostCheck, and return their arguments
	// but the one for it; FuelGlobal is the global that charges are taken from: what package
	// suspend needs to know. Save and Ref, which HostRef is imported as, are 0 where they are not imported.
	Check, Save uint32   `json:"-"`
	Ref         uint32   `json:"-"`
	FuelGlobal  uint32   `json:"-"`
	Pauses      []uint32 `json:"-"`
}

// Rewrite validates m and makes it count its fuel. It changes m, and shares
// its bytes.
func Rewrite(m *wasm.Module) (Plan, error) {
	return rewrite(m, false, (*output).metered)
}

// RewriteSuspendable is Rewrite, and imports HostSave for package suspend besides.
func RewriteSuspendable(m *wasm.Module) (Plan, error) {
	return rewrite(m, true, (*output).metered)
}

// rewrite does all that does not depend on how bodies are metered.
func rewrite(m *wasm.Module, saves bool, bodies func(*output) ([]wasm.Code, error)) (Plan, error) {
	if err := wasm.ValidateStructure(m); err != nil {
		return Plan{}, err
	}
	mod := newModule(m)
	if err := mod.summarize(); err != nil {
		return Plan{}, err
	}
	mod.references()
	plan := Plan{StartCost: StartCost(m), Catches: mod.catches, Tangled: mod.tangled, SetsTables: mod.setsTables, Drops: mod.drops, Refers: mod.refers}
	o := newOutput(mod)
	o.imports(saves)
	codes, err := bodies(o)
	if err != nil {
		return Plan{}, err
	}
	start := m.Start
	m.MapFuncs(o.index)
	m.NameFuncs(o.names)
	if start != nil {
		moved := o.index(*start)
		start, m.Start = &moved, nil
	}
	m.Codes = append(codes, o.bodies...)
	m.Funcs = append(m.Funcs, o.types...)
	plan.Names = o.exports(start)
	plan.Check, plan.Save, plan.Ref, plan.FuelGlobal, plan.Pauses = o.check, o.save, o.ref, o.fuel, o.pauses()
	dropDebug(m)
	return plan, nil
}

// metered rewrites the bodies, callees before callers. Headers may call each
// other in a circle: what their callers need to know of them is found first.
func (o *output) metered() ([]wasm.Code, error) {
	mod := o.mod
	o.unroll()
	codes := make([]wasm.Code, len(mod.functions))
	found := mod.components()
	order := mod.headers(found)
	mod.reach(found)
	e := newEmitter(o)
	for _, deep := range []bool{false, true} {
		for _, v := range order {
			if mod.calleeOf(v).deep != deep {
				continue
			}
			if err := e.vertex(v, codes); err != nil {
				return nil, err
			}
		}
		if deep {
			break
		}
		for i := range mod.functions {
			if err := e.probe(i); err != nil {
				return nil, err
			}
		}
	}
	return codes, nil
}

// unroll doubles short rounds, and counts those that can be counted.
func (o *output) unroll() {
	for i := range o.m.Codes {
		if f := &o.mod.functions[i]; f.straight > 0 {
			o.m.Codes[i].Body, f.rounds = unroll(o.m.Codes[i].Body, f.straight)
		}
	}
}

func (mod *module) calleeOf(v int32) *callee {
	if n := int32(len(mod.functions)); v >= n {
		return &mod.sigs[v-n].callee
	}
	return &mod.functions[v].callee
}

func (e *emitter) vertex(v int32, codes []wasm.Code) error {
	if n := int32(len(e.out.mod.functions)); v >= n {
		e.out.mod.merge(&e.out.mod.sigs[v-n])
		return nil
	}
	code, err := e.rewrite(int(v))
	codes[v] = code
	return err
}

// probe settles what a header's callers pay, and what they must take to pass
// unchecked: the most that it costs on a way without calls that take depth.
func (e *emitter) probe(i int) error {
	fn := &e.out.mod.functions[i]
	if !fn.header {
		return nil
	}
	e.probing = true
	defer func() { e.probing = false }()
	if err := e.read(i); err != nil {
		return err
	}
	if fn.fixed { // nobody pays for it
		e.settle()
		return nil
	}
	e.decide()
	return nil
}

// merge makes the callee of an indirect call: the worst of all it may be.
func (mod *module) merge(s *signature) {
	for _, i := range s.members {
		c := &mod.functions[i].callee
		s.callee.checks = s.callee.checks || c.checks
		s.callee.charges = s.callee.charges || c.charges
		s.callee.unchecked = max(s.callee.unchecked, c.unchecked)
	}
}

// read builds the graph of the i-th defined function.
func (e *emitter) read(i int) error {
	code := &e.out.m.Codes[i]
	e.reset(e.out.mod, &e.out.mod.functions[i])
	r := wasm.NewReader(code.Body, code.Offset)
	in, last := &e.in, &e.last
	last.Op = wasm.OpNop // before the first
	for ; r.Next(in); in, last = last, in {
		if kind := kindOf(in.Op); kind == kindPlain && e.room > 0 {
			e.room--
		} else {
			e.instr(kind, in, last)
		}
	}
	return r.Err()
}

// rewrite gives the new body of the i-th defined function.
func (e *emitter) rewrite(i int) (wasm.Code, error) {
	if err := e.read(i); err != nil {
		return wasm.Code{}, err
	}
	code := &e.out.m.Codes[i]
	e.decide()
	e.b, e.body, e.types = e.b[:0], code.Body, appendLocalTypes(e.types[:0], e.fn.typ, code.Locals)
	e.known = e.saves() && e.liveness(len(e.types))
	e.added = uint32(len(e.types))
	e.function()
	return wasm.Code{Locals: append(slices.Clip(code.Locals), e.locals()...), Body: slices.Clone(e.b), Offset: code.Offset}, nil
}

// decide places depth, checks and charges.
func (g *graph) decide() {
	if g.fn.header {
		g.solveDepth(g.fn.chain)
	}
	g.placeChecks()
	g.solve()
	g.settle()
}

// settle notes for the callers of a function what has been decided of it.
func (g *graph) settle() {
	g.fn.settled = true
	c := &g.fn.callee
	if !g.fn.fixed {
		c.prepaid, c.postpaid = -g.nodes[entry].debt, g.nodes[exit].debt
		g.edges[0].charge = 0 // callers do it
	}
	if g.ways.leaf {
		c.unchecked = g.ways.max
	}
	c.checks = c.checks || g.checks
	c.charges = c.charges || c.checks || g.charges
	for i := range g.edges {
		c.charges = c.charges || g.edges[i].charge != 0
	}
}

func appendLocalTypes(types []wasm.ValType, t wasm.FuncType, runs []wasm.LocalRun) []wasm.ValType {
	types = append(types, t.Params...)
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
