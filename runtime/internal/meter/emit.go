package meter

import (
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// emitter writes one function's new body.
type emitter struct {
	asm
	*graph
	out   *output
	self  uint32 // new index of the function
	body  []byte
	fuel  uint32 // local that mirrors the fuel global in loops without calls
	live  bool   // liveness is known
	types []wasm.ValType
}

// header tells whether the function counts call depth.
func (e *emitter) header() bool { return e.fn.header }

// function writes the whole body.
func (e *emitter) function() {
	if e.header() {
		e.prologue()
	} else if e.fn.fixed {
		e.charge(e.edges[0].charge, false)
	}
	last := 0
	for i := range e.sites {
		s := &e.sites[i]
		e.raw(e.body[last:s.pos])
		e.site(s)
		last = s.end
	}
	if !e.header() {
		e.raw(e.body[last:])
		return
	}
	e.raw(e.body[last:]) // its end closes the block that stands for the function
	e.epilogue()
}

func (e *emitter) site(s *site) {
	mirror := e.mirrors(s.loop)
	switch s.kind {
	case siteCharge:
		e.charge(e.edges[s.edge].charge, mirror)
	case siteCheck:
		e.check(e.nodes[s.arg].debt, mirror)
	case siteDead:
		if s.flag {
			e.op(wasm.OpUnreachable)
		}
	case siteIndex:
		e.opU32(s.op, e.out.index(s.arg))
	case siteTail:
		e.tail(s, mirror)
	case siteReturn:
		e.charge(e.edges[s.edge].charge, mirror)
		if e.header() {
			e.br(s.arg)
		} else {
			e.op(wasm.OpReturn)
		}
	case siteLoop:
		e.loopStart(s, mirror)
	case siteElse:
		if c := e.edges[s.edge].charge; c != 0 {
			e.op(wasm.OpElse)
			e.charge(c, mirror)
		}
	case siteBrIf:
		e.branchIf(s, mirror)
	case siteBack:
		e.back(s.edge, s.target, s.arg, mirror)
	case siteBackIf:
		e.block(wasm.OpIf, s.typ)
		e.back(s.edge, s.target, s.arg+1, mirror)
		e.end()
	case siteTable:
		e.branchTable(s, mirror)
	case siteBulk:
		e.bulk(e.body[s.pos:s.end])
	case siteWait:
		e.wait(e.body[s.pos:s.end])
	}
}

// mirrors tells whether the loop keeps the fuel in a local too: then charges
// need not wait for memory. The global is kept up to date all the same, so that
// it is right wherever the guest traps.
func (e *emitter) mirrors(l int32) bool { return l >= 0 && !e.loops[l].calls }

// charge takes units from the fuel; fewer than none gives them back.
func (e *emitter) charge(units int64, mirror bool) {
	if units == 0 {
		return
	}
	e.fuelMinus(units, mirror)
	if mirror {
		e.localTee(e.fuel)
	}
	e.globalSet(e.out.fuel)
}

func (e *emitter) fuelMinus(units int64, mirror bool) {
	if mirror {
		e.localGet(e.fuel)
	} else {
		e.globalGet(e.out.fuel)
	}
	switch {
	case units > 0:
		e.i64(units)
		e.op(wasm.OpI64Sub)
	case units < 0:
		e.i64(-units)
		e.op(wasm.OpI64Add)
	}
}

// check looks at the fuel in place.
func (e *emitter) check(debt int64, mirror bool) {
	e.fuelMinus(0, mirror)
	e.i64(0)
	e.op(wasm.OpI64LtS)
	e.block(wasm.OpIf, wasm.BlockEmpty)
	e.callHost(debt)
	if mirror {
		e.reload()
	}
	e.end()
}

func (e *emitter) callHost(debt int64) {
	e.i64(debt)
	e.call(e.out.check)
}

func (e *emitter) reload() {
	e.globalGet(e.out.fuel)
	e.localSet(e.fuel)
}

func (e *emitter) loopStart(s *site, mirror bool) {
	e.charge(e.edges[s.edge].charge, mirror)
	l := &e.loops[s.arg]
	inside := e.mirrors(int32(s.arg))
	if inside && !mirror {
		e.reload()
	}
	e.raw(e.body[s.pos:s.end])
	if l.caught {
		e.check(e.nodes[l.header].debt, inside)
	}
}

func (e *emitter) branchIf(s *site, mirror bool) {
	c := e.edges[s.edge].charge
	if c == 0 {
		e.raw(e.body[s.pos:s.end])
		return
	}
	e.block(wasm.OpIf, s.typ)
	e.charge(c, mirror)
	e.br(s.arg + 1)
	e.end()
}

// back charges and checks a back edge and goes along it. The hot way is one
// conditional branch; the cold one saves the locals that the loop changes and
// still needs in globals around the call, so that the compiler sees no value
// live across it and keeps them in registers on the hot way.
func (e *emitter) back(edge, target int32, depth uint32, mirror bool) {
	e.fuelMinus(e.edges[edge].charge, mirror)
	e.localTee(e.fuel)
	e.globalSet(e.out.fuel)
	e.localGet(e.fuel)
	e.i64(0)
	e.op(wasm.OpI64GeS)
	e.brIf(depth)
	l := &e.loops[target]
	saved := e.saved(l)
	slots := e.out.slots(e.types, saved)
	for i, x := range saved {
		e.localGet(x)
		e.globalSet(slots[i])
	}
	e.callHost(e.nodes[l.header].debt)
	for i, x := range saved {
		e.globalGet(slots[i])
		e.localSet(x)
	}
	if e.mirrors(target) {
		e.reload()
	}
	e.br(depth)
}

// maxSaved bounds the locals saved at one back edge; with more of them the call
// is made without, which is slower and as right.
const maxSaved = 48

func (e *emitter) saved(l *loop) []uint32 {
	if !e.live {
		return nil
	}
	var saved []uint32
	for x := range uint32(len(e.types)) {
		if l.live.has(x) && l.modified.has(x) {
			if len(saved) == maxSaved {
				return nil
			}
			saved = append(saved, x)
		}
	}
	return saved
}

// branchTable gives each loop among the targets a landing, innermost first, on
// which its back edge is charged and checked.
func (e *emitter) branchTable(s *site, mirror bool) {
	landings := e.landings[s.target : s.target+int32(s.arg)]
	if len(landings) == 0 {
		e.raw(e.body[s.pos:s.end])
		return
	}
	landed := make(map[uint32]uint32, len(landings))
	for i, l := range landings {
		landed[l.depth] = uint32(i)
		e.block(wasm.OpBlock, s.typ)
	}
	r := wasm.NewReader(e.body[s.pos:s.end], 0)
	var in wasm.Instr
	r.Next(&in)
	e.opU32(wasm.OpBrTable, uint32(len(in.Targets)-1))
	for _, depth := range in.Targets {
		n, ok := landed[depth]
		if !ok {
			n = depth + uint32(len(landings))
		}
		e.b = wasm.AppendU32(e.b, n)
	}
	for i, l := range landings {
		e.end()
		e.back(s.edge+int32(i), l.loop, l.depth+uint32(len(landings)-1-i), mirror)
	}
}

// prologue opens a header function: it charges, counts depth, and checks both
// with one branch.
func (e *emitter) prologue() {
	results := e.out.mod.types.block(nil, e.fn.typ.Results)
	e.block(wasm.OpBlock, results)         // left with the results, to check at the end
	e.block(wasm.OpBlock, wasm.BlockEmpty) // left if the check at the start fails
	e.charge(e.edges[0].charge, false)
	e.globalGet(e.out.depth)
	e.i64(e.fn.chain)
	e.op(wasm.OpI64Sub)
	e.localTee(e.fuel)
	e.globalSet(e.out.depth)
	e.localGet(e.fuel)
	e.globalGet(e.out.fuel)
	e.op(wasm.OpI64Or)
	e.i64(0)
	e.op(wasm.OpI64LtS)
	e.brIf(0)
	e.block(wasm.OpBlock, results) // stands for the function's own label
}

// epilogue closes what prologue opened.
func (e *emitter) epilogue() {
	e.leaveDepth()
	e.globalGet(e.out.fuel)
	e.i64(0)
	e.op(wasm.OpI64LtS)
	e.brIf(1)
	e.op(wasm.OpReturn)
	e.end()
	// The start again, once the host has granted more: nothing had run yet.
	e.callHost(e.nodes[1].debt)
	e.leaveDepth()
	e.charge(-e.edges[0].charge, false)
	for x := range e.fn.typ.Params {
		e.localGet(uint32(x))
	}
	e.call(e.self)
	e.op(wasm.OpReturn)
	e.end()
	e.callHost(0)
	e.end()
}

func (e *emitter) leaveDepth() {
	e.globalGet(e.out.depth)
	e.i64(e.fn.chain)
	e.op(wasm.OpI64Add)
	e.globalSet(e.out.depth)
}

func (e *emitter) tail(s *site, mirror bool) {
	e.charge(e.edges[s.edge].charge, mirror)
	if e.header() {
		e.leaveDepth()
	}
	if s.op == wasm.OpReturnCall {
		e.opU32(s.op, e.out.index(s.arg))
	} else {
		e.raw(e.body[s.pos:s.end])
	}
}
