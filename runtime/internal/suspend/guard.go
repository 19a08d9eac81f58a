package suspend

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// guard leads a clone to the one point where it goes on. Around the point lie constructs;
// what comes before the next of them, or before the point, is a segment. Each segment gets a
// guard:
//
//	block (operands before → operands after)
//	  block (operands before → operands before)
//	    resuming? no: br 0
//	    drop the operands before, push those after
//	    br 1
//	  end
//	  segment
//	end
type guard struct {
	target int     // point
	path   []int32 // constructs around it, outermost first
	level  int     // of them have been entered
	table  uint32  // of clones
	cloned func(results []wasm.ValType) uint32

	resuming, next, scratch uint32 // locals

	open   bool // a segment is
	at     int  // where it starts in the new body
	depth  int  // of labels there
	height int  // of the innermost construct's operands
	before []wasm.ValType
}

// start begins the first segment.
func (g *guard) start(e *emitter) {
	g.resuming, g.next, g.scratch = e.local(wasm.I32), e.local(wasm.I32), e.local(wasm.I64)
	g.segment(e)
}

func (g *guard) segment(e *emitter) {
	g.height = e.checker.Frame(0).Height
	g.before = slices.Clone(e.checker.Stack()[g.height:])
	g.open, g.at, g.depth = true, len(e.b), e.checker.Depth()
}

// onPath tells whether the next construct on the way is c.
func (g *guard) onPath(c int32) bool { return g.level < len(g.path) && g.path[g.level] == c }

// enter ends a segment before a construct on the path, which takes so many operands.
func (g *guard) enter(e *emitter, c int32, passed int) {
	if !g.onPath(c) {
		return
	}
	g.close(e, func(a *asm, stack []wasm.ValType) {
		n := len(stack) - passed
		g.operands(e, a, stack[:n])
		rest := stack[n:]
		isIf := e.constructs[c].op == wasm.OpIf
		if isIf {
			rest = rest[:len(rest)-1]
		}
		for _, t := range rest {
			a.zero(t)
		}
		if isIf && e.constructs[c].elseAt(e.points[g.target].pos) {
			a.i32(0)
		} else if isIf {
			a.i32(1)
		}
	})
}

// entered begins the segment in a construct on the path.
func (g *guard) entered(e *emitter, c int32) {
	if !g.onPath(c) {
		return
	}
	g.level++
	if k := &e.constructs[c]; k.op != wasm.OpIf || !k.elseAt(e.points[g.target].pos) {
		g.segment(e)
	}
}

// otherwise begins the segment in an else branch on the path.
func (g *guard) otherwise(e *emitter, pos int) {
	if g.level > 0 && !g.open && e.constructs[g.path[g.level-1]].other == pos && e.constructs[g.path[g.level-1]].elseAt(e.points[g.target].pos) {
		g.segment(e)
	}
}

// reach ends the last segment behind the point, above so many operands.
func (g *guard) reach(e *emitter, operands int) {
	g.close(e, func(a *asm, stack []wasm.ValType) {
		g.operands(e, a, stack[:operands])
		a.i32(0)
		a.localSet(g.resuming)
		if !e.points[g.target].pause {
			a.localGet(g.next)
			a.op(wasm.OpCallIndirect)
			a.b = wasm.AppendU32(wasm.AppendU32(a.b, g.cloned(stack[operands:])), g.table)
		}
		if e.points[g.target].gated {
			a.globalGet(e.flag())
			a.block(wasm.OpIf, wasm.BlockEmpty)
			a.i32(e.mark(g.target))
			a.opU32(wasm.OpGlobalSet, e.flag())
			a.end()
		}
	})
}

// operands pushes the operands of the innermost construct from their temps.
func (g *guard) operands(e *emitter, a *asm, stack []wasm.ValType) {
	for h := g.height; h < len(stack); h++ {
		if e.mod.null(stack[h]) {
			a.zero(stack[h])
			continue
		}
		a.localGet(e.temp(h, stack[h]))
	}
}

// close puts the guard around the segment.
func (g *guard) close(e *emitter, push func(a *asm, stack []wasm.ValType)) {
	stack := e.checker.Stack()
	var a asm
	a.block(wasm.OpBlock, e.blockType(g.before, stack[g.height:]))
	a.block(wasm.OpBlock, e.blockType(g.before, g.before))
	a.localGet(g.resuming)
	a.op(wasm.OpI32Eqz)
	a.brIf(0)
	for range g.before {
		a.op(wasm.OpDrop)
	}
	push(&a, stack)
	a.br(1)
	a.end()
	e.b = slices.Insert(e.b, g.at, a.b...)
	e.end()
	g.open = false
}

// branch writes an instruction that names labels, in a segment: those outside of it are one
// deeper. It reports whether it was one.
func (g *guard) branch(e *emitter, in *wasm.Instr) bool {
	inner := e.checker.Depth() - g.depth
	if in.Op == wasm.OpTryTable {
		inner--
	}
	shift := func(label uint32) uint32 {
		if int(label) >= inner {
			return label + 1
		}
		return label
	}
	switch in.Op {
	case wasm.OpBr, wasm.OpBrIf:
		e.opU32(in.Op, shift(in.A))
	case wasm.OpBrTable:
		e.opU32(in.Op, uint32(len(in.Targets)-1))
		for _, t := range in.Targets {
			e.b = wasm.AppendU32(e.b, shift(t))
		}
	case wasm.OpTryTable:
		in.Catches = slices.Clone(in.Catches)
		for i := range in.Catches {
			in.Catches[i].Label = shift(in.Catches[i].Label)
		}
		e.instr(&e.asm, in, nil)
	default:
		return false
	}
	return true
}
