package wasmgen

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// rounds is a loop that goes round a known number of times: a local of its own starts from a
// constant, changes by a constant, and is compared with a constant. Some of what is done to it
// and around it must keep a compiler from believing that.
type rounds struct {
	local              uint32
	start, step, bound int32
	op                 wasm.Op
	early              bool // it is left from within, and not at its end
	late               bool // the step is behind the exit
	twice              bool // there are two steps
	stray              bool // there is none where one belongs
}

// comparisons are what may end a loop, but for its local being zero.
var comparisons = []wasm.Op{
	wasm.OpI32Ne, wasm.OpI32Eq, wasm.OpI32LtS, wasm.OpI32LtU, wasm.OpI32GtS, wasm.OpI32GtU,
	wasm.OpI32LeS, wasm.OpI32LeU, wasm.OpI32GeS, wasm.OpI32GeU,
}

// most are the most rounds of loops in so many others.
var most = []int{2000, 60, 12, 4}

func (b *body) rounds() {
	r := b.someRounds(most[min(b.loops(), len(most)-1)])
	counter := b.local(i32, true) // for who else goes back
	b.i32(2)
	b.opU32(wasm.OpLocalSet, counter)
	early := b.oneIn(2)
	if early {
		b.begin(r)
	}
	around := b.below(3)
	if r.early {
		around++
	}
	for range around {
		b.open(wasm.OpBlock, wasm.FuncType{})
	}
	if !early {
		b.begin(r)
	}
	b.open(wasm.OpLoop, wasm.FuncType{})
	b.top().counter = int(counter)
	b.counting = append(b.counting, r)
	b.roundStatements()
	if !b.top().dead {
		b.leaveRounds(r, around)
	}
	b.close()
	b.counting = b.counting[:len(b.counting)-1]
	for range around { // behind a loop that is left from within nothing runs
		b.roundStatements()
		b.close()
	}
}

// someRounds chooses a loop that ends, unless the program is wild.
func (b *body) someRounds(most int) rounds {
	r := rounds{local: b.local(i32, true), start: b.near(), step: b.near(), bound: b.near(), op: pick(&b.choices, comparisons), early: b.oneIn(2)}
	r.late, r.twice, r.stray = r.early && b.oneIn(2), b.oneIn(8), b.wild && b.oneIn(3)
	if r.end(most) || b.wild {
		return r
	}
	return rounds{local: r.local, step: 1, bound: int32(2 + b.below(most-1)), op: wasm.OpI32Ne}
}

// near is a number near zero or near where numbers end.
func (b *body) near() int32 {
	return []int32{0, 0, 0, 0, -1 << 31, 1 << 20}[b.below(6)] + int32(b.below(32)) - 8
}

// end tells whether it does, within so many rounds.
func (r rounds) end(most int) bool {
	x, step := r.start, r.step
	if r.twice {
		step *= 2
	}
	for range most {
		if !r.late {
			x += step
		}
		if r.holds(x) == r.early {
			return true
		}
		if r.late {
			x += step
		}
	}
	return false
}

func (r rounds) holds(x int32) bool {
	u, v := uint32(x), uint32(r.bound)
	return map[wasm.Op]bool{
		wasm.OpI32Ne: x != r.bound, wasm.OpI32Eq: x == r.bound,
		wasm.OpI32LtS: x < r.bound, wasm.OpI32GtS: x > r.bound, wasm.OpI32LeS: x <= r.bound, wasm.OpI32GeS: x >= r.bound,
		wasm.OpI32LtU: u < v, wasm.OpI32GtU: u > v, wasm.OpI32LeU: u <= v, wasm.OpI32GeU: u >= v,
	}[r.op]
}

// begin sets the local, perhaps on one of two ways only.
func (b *body) begin(r rounds) {
	b.i32(r.start)
	b.opU32(wasm.OpLocalSet, r.local)
	if b.mostly(8) {
		return
	}
	b.value(i32)
	b.open(wasm.OpIf, wasm.FuncType{})
	b.i32(r.start)
	if b.wild {
		b.i32(int32(b.below(3)))
		b.op(wasm.OpI32Add)
	}
	b.opU32(wasm.OpLocalSet, r.local)
	b.close()
}

// leaveRounds adds the step, the test, and what follows it. So many blocks are around the loop.
func (b *body) leaveRounds(r rounds, around int) {
	tee := false
	if !r.late {
		tee = b.oneIn(2) && !r.stray
		b.steps(r, tee)
	}
	b.test(r, tee)
	if !r.early {
		b.opU32(wasm.OpBrIf, 0)
		return
	}
	b.opU32(wasm.OpBrIf, uint32(1+b.below(around)))
	b.roundStatements()
	if b.top().dead {
		return
	}
	if r.late {
		b.steps(r, false)
	}
	b.opU32(wasm.OpBr, 0)
	b.die()
}

// steps adds the steps of a round.
func (b *body) steps(r rounds, leave bool) {
	if r.stray {
		return
	}
	if r.twice {
		b.step(r, false)
		b.straight()
	}
	b.step(r, leave)
}

// step changes the local, and leaves its value if that is asked for.
func (b *body) step(r rounds, leave bool) {
	b.opU32(wasm.OpLocalGet, r.local)
	if b.oneIn(2) {
		b.i32(-r.step)
		b.op(wasm.OpI32Sub)
	} else {
		b.i32(r.step)
		b.op(wasm.OpI32Add)
	}
	if leave {
		b.opU32(wasm.OpLocalTee, r.local)
	} else {
		b.opU32(wasm.OpLocalSet, r.local)
	}
}

// test leaves whether the comparison holds.
func (b *body) test(r rounds, have bool) {
	if !have {
		b.opU32(wasm.OpLocalGet, r.local)
	}
	switch {
	case r.bound == 0 && r.op == wasm.OpI32Ne && b.oneIn(2):
	case r.bound == 0 && r.op == wasm.OpI32Eq && b.oneIn(2):
		b.op(wasm.OpI32Eqz)
	case r.op <= wasm.OpI32Ne && b.oneIn(3):
		b.i32(7)
		b.op(wasm.OpI32Add)
		b.i32(r.bound + 7)
		b.op(r.op)
	default:
		b.i32(r.bound)
		b.op(r.op)
	}
}

// roundStatements adds what is mostly straight code.
func (b *body) roundStatements() {
	for range b.below(4) {
		if b.top().dead || b.room <= 0 {
			return
		}
		b.roundStatement()
	}
}

func (b *body) roundStatement() {
	switch k := b.below(16); {
	case k < 8:
		b.straight()
	case k < 11:
		b.rounds()
	case k == 11:
		b.open(wasm.OpBlock, wasm.FuncType{})
		b.straight()
		b.close()
	case k < 14 && b.wild && len(b.counting) > 0:
		if r := pick(&b.choices, b.counting); b.mostly(4) {
			b.step(r, false)
		} else {
			b.begin(r)
		}
	case k < 15:
		b.statement()
	}
}

// straight adds straight code that leaves no operands.
func (b *body) straight() {
	fit := filter(b.locals, func(i int, t wasm.ValType) bool { return t == i32 && !b.own[i] })
	switch k := b.below(8); {
	case k < 4 && len(fit) > 0:
		x := uint32(pick(&b.choices, fit))
		b.opU32(wasm.OpLocalGet, x)
		b.i32(int32(b.byte()))
		b.op(wasm.OpI32Add)
		b.opU32(wasm.OpLocalSet, x)
	case k < 6 && b.memory:
		b.i32(int32(b.byte()))
		b.i32(int32(b.byte()))
		b.opU32(wasm.OpI32Store8, 0, 64)
	case k == 6 && b.vectors:
		b.op(wasm.OpV128Const)
		b.fixed64(1)
		b.fixed64(2)
		b.op(wasm.OpDrop)
	default:
		b.op(wasm.OpNop)
	}
}
