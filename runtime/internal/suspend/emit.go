package suspend

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// linker is the module that a body is written for.
type linker interface {
	saver
	// flag is the index of the global that tells whether the stack unwinds.
	flag() uint32
	// linked tells whether an instruction names what has another number in the new module.
	linked(in *wasm.Instr) bool
	// instr writes an instruction that names nothing but what the linker knows.
	instr(a *asm, in *wasm.Instr, raw []byte)
	// gate is the function that a call goes through in a batch.
	gate(gate) uint32
	// settler is a function that is told what a batch has been charged for, sets the fuel to what
	// it was where the stack began to unwind, and tells at which point that was.
	settler() uint32
	// blockType is one of the module's types.
	blockType(params, results []wasm.ValType) wasm.BlockType
}

// temp names the local that an operand is kept in, by its height on the stack and its
// type. Operands that lie below a construct stay where they are as long as it is open,
// and so do their copies.
type temp struct {
	height  int
	typ     wasm.ValType
	passing bool // it only makes way for those below it: what is restored there stays
}

// emitter writes one function's new body.
type emitter struct {
	asm
	linker
	*scan
	mod      *module
	checker  *wasm.Checker
	function uint32
	typ      wasm.FuncType
	body     []byte
	from     int // of the body, what has not been written yet
	in       *wasm.Instr
	room     []point // for the next function's

	first  uint32 // of the locals that are added
	added  []wasm.ValType
	lives  liveWalk
	finder baseFinder
	temps  map[temp]uint32
	copied int    // so many operands, from the bottom up, are in their temps
	floors []int  // the height below each open construct
	next   int    // point
	opens  int32  // constructs that have been opened
	words  int    // in all frames
	pause  int    // the point that the pause just met belongs to, or -1
	passes []pass // in the order of the points
	saves  []save
	bases  []base
	same   map[string]int // the last save by the locals it saves
	key    []byte         // to look there
	kept   []value        // of all saves
	stamps []int          // see save.wrote, of all saves
	listed []value
	wrote  []int  // the count when each local was last written
	count  int    // of writes
	at     uint32 // local: number of the point that has been passed
	batch  batch
	checks int
	spares map[wasm.ValType][]uint32 // locals that batches may use
	lent   []value                   // those that are in use
	spare  []byte                    // for the next body
	head   []byte                    // for what comes before it
	guard  *guard                    // of a clone

	ladders []ladder // in the order of positions
	rung    int      // the first of them that is to come
	rungs   []int    // to come in each open construct, the function first
	within  int      // in all of them
}

// emitter is one for a function.
func (mod *module) emitter(checker *wasm.Checker, l linker, function uint32) (*emitter, error) {
	s := &scan{}
	s.read(mod, &mod.m.Codes[function-mod.imported])
	e := mod.newEmitter(checker, l)
	return e, e.begin(function, s)
}

func (mod *module) newEmitter(checker *wasm.Checker, l linker) *emitter {
	return &emitter{linker: l, mod: mod, in: &wasm.Instr{}, checker: checker, temps: make(map[temp]uint32), same: make(map[string]int)}
}

// begin makes it ready for a function, of which a walk has been made.
func (e *emitter) begin(function uint32, s *scan) error {
	i := int(function - e.mod.imported)
	code := &e.mod.m.Codes[i]
	if s.err != nil {
		return s.err
	}
	e.scan = s
	s.settle(e.mod, code, e.room)
	e.checker.Begin(i)
	locals := len(e.checker.Locals())
	if !e.bounded(locals, len(code.Body)) {
		return tooLarge(function)
	}
	e.lives.find(s, locals)
	bases := e.finder.find(s, locals)
	clear(e.temps)
	clear(e.same)
	*e = emitter{
		asm: asm{e.spare[:0]}, linker: e.linker, scan: e.scan, mod: e.mod, checker: e.checker, lives: e.lives, finder: e.finder,
		function: function, typ: e.mod.typeOf(function), body: code.Body, first: uint32(locals), pause: -1,
		temps: e.temps, same: e.same, key: e.key, kept: e.kept[:0], stamps: e.stamps[:0], listed: e.listed, in: e.in, room: s.points, added: e.added[:0], floors: e.floors[:0], passes: e.passes[:0], saves: e.saves[:0],
		wrote: append(e.wrote[:0], make([]int, locals)...), bases: bases, spare: e.spare, head: e.head, rungs: append(e.rungs[:0], 0),
	}
	e.at = e.local(wasm.I32)
	return nil
}

// local adds a local.
func (e *emitter) local(t wasm.ValType) uint32 {
	e.added = append(e.added, t)
	e.wrote = append(e.wrote, 0)
	return e.first + uint32(len(e.added)) - 1
}

func (e *emitter) temp(height int, t wasm.ValType) uint32 {
	return e.tempOf(temp{height: height, typ: t})
}

func (e *emitter) tempOf(k temp) uint32 {
	x, ok := e.temps[k]
	if !ok {
		x = e.local(k.typ)
		e.temps[k] = x
	}
	return x
}

// run writes the body: what saves frames lies behind it, in blocks around it that only the
// checks leave.
func (e *emitter) run() error {
	if e.guard != nil {
		e.guard.start(e)
	} else if err := e.findLadders(); err != nil {
		return err
	}
	in := e.in
	in.End = 0
	due, plain := e.due(), false
	for {
		if in.End == due {
			if err := e.before(due); err != nil {
				return err
			}
			plain = false
		}
		more, err := e.checker.Next(in)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if plain && e.plain(in) {
			continue
		}
		e.write(in)
		e.sink(in)
		if err := e.after(in); err != nil {
			return err
		}
		if in.Pos == due {
			due = e.due()
		}
		plain = e.copied == 0 && e.batch.slots == nil && e.guard == nil
	}
	e.flush(len(e.body))
	e.wrap()
	return nil
}

// due is where something is next to be done before an instruction: at a construct, at a point, where
// a pause ends, and at a ladder.
func (e *emitter) due() int {
	due := len(e.body)
	if e.next < len(e.points) {
		due = e.points[e.next].pos
	}
	if int(e.opens) < len(e.constructs) {
		due = min(due, e.constructs[e.opens].pos)
	}
	if e.pause >= 0 {
		due = min(due, e.points[e.pause].end)
	}
	if e.rung < len(e.ladders) {
		due = min(due, e.ladders[e.rung].pos)
	}
	return due
}

// plain passes over an instruction that is written as it is, if it is one: most are. It is for
// functions, not clones, where no operand has a copy and outside of batches.
func (e *emitter) plain(in *wasm.Instr) bool {
	switch op := in.Op; {
	case op == wasm.OpLocalSet || op == wasm.OpLocalTee:
		e.writes(in.A)
		return true
	case op >= wasm.OpLocalGet:
		return op <= wasm.OpI64Extend32S
	default:
		return op >= wasm.OpBr && op <= wasm.OpReturn && e.within == 0 || op == wasm.OpDrop || op == wasm.OpSelect
	}
}

// wrap puts the blocks around the body.
func (e *emitter) wrap() {
	head := asm{e.head[:0]}
	for range len(e.saves) + len(e.bases) + e.inside() + 1 {
		head.block(wasm.OpBlock, wasm.BlockEmpty)
	}
	head.block(wasm.OpBlock, e.blockType(nil, e.typ.Results))
	e.ret()
	if e.ends {
		e.end()
		e.dummies()
		e.ret()
	}
	for i := range e.saves {
		e.end()
		e.saves[i].write(e)
		e.skip(e.place(e.saves[i].base) - i - 1)
	}
	for b := len(e.bases); b > 0; b-- {
		e.end()
		on := e.bases[b-1].on
		f := newFrame(0, e.baseValues(b))
		f.save(&e.asm, e.linker, on > 0, e.here)
		e.skip(e.place(on) - e.place(b) - 1)
	}
	e.end()
	e.dummies()
	e.end()
	e.spare, e.head = e.b, head.b
	e.b = slices.Concat(head.b, e.b)
}

// place is where the code of a base comes among all that save frames: behind that of the points, and before
// that of the base that it is on. The place of 0 is behind all.
func (e *emitter) place(base int) int { return len(e.saves) + len(e.bases) - base }

// skip goes past what so many blocks around it lead to.
func (e *emitter) skip(blocks int) {
	if blocks > 0 {
		e.br(uint32(blocks))
	}
}

// dummies pushes results that nobody looks at.
func (e *emitter) dummies() {
	for _, t := range e.typ.Results {
		e.zero(t)
	}
}

// inside is how many blocks lie around the body within those of the saves.
func (e *emitter) inside() int {
	if e.ends {
		return 1
	}
	return 0
}

// before does what is to be done before the instruction at pos.
func (e *emitter) before(pos int) error {
	if e.pause >= 0 && e.points[e.pause].end == pos {
		e.flush(pos)
		if err := e.passed(e.pause); err != nil {
			return err
		}
		e.pause = -1
	}
	if !e.checker.Reachable() {
		return nil
	}
	e.climb(pos)
	if e.next < len(e.points) && e.points[e.next].pos == pos && !e.points[e.next].pause && !e.points[e.next].last {
		e.flush(pos)
		e.copy(e.below(&e.points[e.next]))
	}
	if c := e.opens; int(c) < len(e.constructs) && e.constructs[c].pos == pos && e.constructs[c].holds {
		e.flush(pos)
		passed := e.takes(&e.constructs[c])
		if e.guard != nil {
			e.guard.enter(e, c, passed)
		}
		e.copy(len(e.checker.Stack()) - passed)
	}
	return nil
}

// below is how many operands lie below the arguments of the call that is next.
func (e *emitter) below(p *point) int {
	n := len(e.checker.Stack()) - len(e.mod.m.Types[p.typ].Params)
	if wasm.Op(e.body[p.pos]) == wasm.OpCallIndirect {
		n--
	}
	return n
}

// takes is how many operands a construct takes.
func (e *emitter) takes(c *construct) (n int) {
	if t, ok := c.block.Index(); ok {
		n = len(e.mod.m.Types[t].Params)
	}
	if c.op == wasm.OpIf {
		n++
	}
	return n
}

// copy sees to it that the first n operands are in their temps.
func (e *emitter) copy(n int) {
	if e.copied >= n {
		return
	}
	stack := e.checker.Stack()
	at := func(h int) uint32 { return e.tempOf(temp{h, stack[h], h >= n}) }
	for h := len(stack) - 1; h > e.copied; h-- {
		e.keep(at(h))
		e.localSet(at(h))
		e.writes(at(h))
	}
	e.keep(at(e.copied))
	e.localTee(at(e.copied))
	e.writes(at(e.copied))
	for h := e.copied + 1; h < len(stack); h++ {
		e.localGet(at(h))
	}
	e.copied = n
}

// write writes the instruction that the checker has just passed, at once or later.
func (e *emitter) write(in *wasm.Instr) {
	if e.guard == nil && in.Op <= wasm.OpEnd {
		return
	}
	if in.Op == wasm.OpLocalSet || in.Op == wasm.OpLocalTee {
		if e.held(in.A) {
			e.flush(in.Pos)
			e.keep(in.A)
		}
		e.writes(in.A)
	}
	if p := e.next; p < len(e.points) && e.points[p].gated && e.points[p].pos == in.Pos && e.checker.Reachable() {
		e.flush(in.Pos)
		e.from = in.End
		e.callGate(p)
		return
	}
	if e.batch.slots != nil && effect(in, e.mod.code.Fuel) {
		e.flush(in.Pos)
		e.from = in.End
		e.gateEffect(in)
		return
	}
	if e.guard == nil && !e.linked(in) && !e.shifted(in) {
		return
	}
	e.flush(in.Pos)
	e.from = in.End
	if e.climbed(in) {
		return
	}
	if e.guard != nil && e.guard.open && e.guard.branch(e, in) {
		return
	}
	e.instr(&e.asm, in, e.body[in.Pos:in.End])
}

// flush writes the body as it is, up to pos.
func (e *emitter) flush(pos int) {
	e.raw(e.body[e.from:pos])
	e.from = pos
}

// writes notes that a local is written.
func (e *emitter) writes(local uint32) {
	e.count++
	e.wrote[local] = e.count
}

// sink notes which operands are not the ones that have been copied.
func (e *emitter) sink(in *wasm.Instr) {
	floor := 0
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpTryTable:
		e.floors, e.rungs = append(e.floors, e.checker.Frame(0).Height), append(e.rungs, 0)
	case wasm.OpEnd:
		if k := len(e.floors); k > 0 {
			floor, e.floors, e.rungs = e.floors[k-1], e.floors[:k-1], e.rungs[:k]
		}
	}
	if e.copied > 0 {
		e.copied = min(e.copied, e.untouched(in, floor))
	}
}

// untouched is how many operands an instruction has left where they were. The construct that it ends,
// if it ends one, lay above so many.
func (e *emitter) untouched(in *wasm.Instr, floor int) int {
	n := len(e.checker.Stack())
	switch in.Op {
	case wasm.OpLocalGet, wasm.OpGlobalGet, wasm.OpI32Const, wasm.OpI64Const, wasm.OpF32Const, wasm.OpF64Const, wasm.OpBrIf:
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpTryTable, wasm.OpElse:
		n = e.checker.Frame(0).Height
	case wasm.OpEnd:
		n = floor
	case wasm.OpCall:
		n -= len(e.mod.typeOf(in.A).Results)
	case wasm.OpCallIndirect:
		n -= len(e.mod.m.Types[in.A].Results)
	default:
		n--
	}
	if e.checker.Depth() > 0 { // what lies below the innermost construct stays
		n = max(n, e.checker.Frame(0).Height)
	}
	return n
}

// after does what is to be done after an instruction.
func (e *emitter) after(in *wasm.Instr) error {
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpTryTable:
		e.opens++
		if e.guard != nil {
			e.guard.entered(e, e.opens-1)
		}
	case wasm.OpElse:
		if e.guard != nil {
			e.guard.otherwise(e, in.End)
		}
	case wasm.OpCall, wasm.OpCallIndirect:
		if e.next >= len(e.points) || e.points[e.next].pos != in.Pos {
			return nil
		}
		e.flush(in.End)
		p := e.next
		e.next++
		if e.points[p].pause {
			e.pause = p
			return nil
		}
		return e.passed(p)
	}
	return nil
}

// passed writes the check of a point that has just been passed.
func (e *emitter) passed(ordinal int) error {
	if !e.checker.Reachable() {
		return nil
	}
	p := &e.points[ordinal]
	stack := e.checker.Stack()
	operands := len(stack)
	if p.pause {
		e.copy(operands)
	} else {
		operands -= len(e.mod.m.Types[p.typ].Results)
	}
	if e.guard != nil && e.guard.target == ordinal {
		e.guard.reach(e, operands)
	}
	if p.last {
		e.leave(ordinal)
		return nil
	}
	values, err := e.values(p, stack[:operands])
	if err != nil {
		return err
	}
	if p.gated {
		return e.join(ordinal, values)
	}
	n, err := e.save(p.base, pointOf(e.function, ordinal), values, false)
	if err != nil {
		return err
	}
	e.passes = append(e.passes, pass{ordinal: ordinal, save: n})
	e.i32(int32(ordinal))
	e.localSet(e.at)
	e.check(n, values)
	return nil
}

// check leaves for a save if the stack unwinds.
func (e *emitter) check(n int, values []value) {
	e.globalGet(e.flag())
	label := uint32(e.checker.Depth() + e.inside() + e.within + n)
	if e.guard != nil && e.guard.open {
		label++
	}
	e.brIf(label)
	if e.checks++; len(e.points) > maxPlain && e.checks%interval == 0 {
		e.refresh(values)
	}
}

// leave ends the function after a call behind which nothing runs: it returns only while the
// stack unwinds.
func (e *emitter) leave(ordinal int) {
	e.passes = append(e.passes, pass{ordinal: ordinal, save: none})
	e.i64(int64(pointOf(e.function, ordinal)))
	e.call(e.leaver())
	label := uint32(e.checker.Depth() + e.within)
	if e.guard != nil && e.guard.open {
		label++
	}
	e.br(label)
}

// refresh sets locals to what they are: a compiler that looks for where a value comes from,
// from each of thousands of blocks, then need not go back to where the function begins.
func (e *emitter) refresh(values []value) {
	for _, v := range values {
		e.localGet(v.local)
		e.localSet(v.local)
	}
}

// code is the finished body, of a function that has these locals beside its parameters.
func (e *emitter) code(locals []wasm.LocalRun, offset int) wasm.Code {
	locals = slices.Clip(locals)
	for _, t := range e.added {
		if n := len(locals); n > 0 && locals[n-1].Type == t {
			locals = append(locals[:n-1:n-1], wasm.LocalRun{N: locals[n-1].N + 1, Type: t})
			continue
		}
		locals = append(locals, wasm.LocalRun{N: 1, Type: t})
	}
	return wasm.Code{Locals: locals, Body: e.b, Offset: offset}
}
