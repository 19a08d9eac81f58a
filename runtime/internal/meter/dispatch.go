package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// Compilers make of jumps that WebAssembly does not have a loop that begins with a
// br_table on a local; who wants to jump sets the local and goes back to the loop.
// Go's compiler does so in every function with a loop, for jumps of all kinds. Where
// the local has just been set to a constant, and what the br_table will pick for it
// lies ahead, the jump closes no cycle, although it looks like a back edge, and is not
// checked. (It is not made to go there at once: then what lies ahead is reached from
// more than one place, and wazero moves all values about on each way to it.)

// dispatch is the br_table that a loop begins with.
type dispatch struct {
	local   uint32
	targets []target // none: it does not begin so
}

// target is a construct that a br_table leads to, by its place among the open ones.
type target struct {
	height int
	start  int // where it starts in the body: a later one may have its place
}

// dispatchCost is that of local.get and br_table.
const dispatchCost = 2

// lead follows the first instructions of a loop: each starts where the one before ends.
type lead struct {
	loop  int32
	local uint32
	read  bool // the local has been read
	end   int
}

// setting is a constant that has just been put into a local.
type setting struct {
	value uint64
	local uint32
	end   int
}

// setLocal notes what a local is set to, if that is a constant.
func (g *graph) setLocal(in, last *wasm.Instr) {
	if last.Op == wasm.OpI32Const && in.Op == wasm.OpLocalSet {
		g.set = setting{last.Const, in.A, in.End}
	}
}

func (g *graph) leadBlock(in *wasm.Instr) {
	if l := &g.lead; l.end == in.Pos && !l.read {
		l.end = in.End
	}
}

func (g *graph) leadGet(in *wasm.Instr) {
	if l := &g.lead; l.end == in.Pos && !l.read {
		l.read, l.local, l.end = true, in.A, in.End
	}
}

// leadTable notes where the br_table at the start of a loop leads.
func (g *graph) leadTable(in *wasm.Instr) {
	if g.lead.end != in.Pos || !g.lead.read {
		return
	}
	first := len(g.targets)
	for _, depth := range in.Targets {
		height := len(g.frames) - 1 - int(depth)
		g.targets = append(g.targets, target{height, g.frames[height].start})
	}
	g.loops[g.lead.loop].dispatch = dispatch{local: g.lead.local, targets: g.targets[first:]}
}

// ahead tells whether a branch to the loop of f leads to a place known to lie ahead,
// and notes that this way goes there.
func (g *graph) ahead(in *wasm.Instr, f *frame) bool {
	d := &g.loops[f.loop].dispatch
	if g.set.end != in.Pos || len(d.targets) == 0 || d.local != g.set.local {
		return false
	}
	t := d.targets[min(g.set.value, uint64(len(d.targets)-1))]
	if t.height >= len(g.frames) {
		return false
	}
	if f := &g.frames[t.height]; f.start != t.start || f.op == wasm.OpLoop {
		return false
	}
	g.path.add(dispatchCost)
	g.arrive(g.frames[t.height].label)
	return true
}
