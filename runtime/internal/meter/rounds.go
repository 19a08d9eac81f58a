package meter

import (
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// maxCounted is how many units all rounds of a counted loop but one may cost.
const maxCounted = 8192

// A counted loop goes round a known number of times: its round is straight code, at whose
// only exit a local, which starts from a constant and changes by a constant each round, is
// compared with a constant. Its rounds are charged together where it is entered, and
// its back edge is neither charged nor checked. Loops in it are counted ones.
//
//	i32.const 0  local.set $i
//	loop  round  (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 64))  br_if 0  end
//	loop  round  (i32.eq (local.get $i) (i32.const 60))  br_if 1  round  local.set $i …  br 0  end

// counter finds the counted loops of a function, by following what is on top of the
// stack where that is a constant or depends on one local.
type counter struct {
	rounds []int64 // of each loop, in the order of their starts: what all rounds but the first cost, or 0
	frames []int   // for each open construct, its place in loops, or -1
	loops  []counting
	broken int       // how many of them, from the outermost on, are no counted ones
	known  []setting // constants in locals: since the innermost loop began, and before
	base   int       // where those since then start in known
	top    term
	below  term
	dead   int // while what follows a loop that is left from within is read: the construct, counted from 1, that it is left for
}

// counting is an open loop.
type counting struct {
	ordinal int
	frame   int      // its place among the frames
	base    int      // where the constants known at its start begin in counter.known,
	entry   int      // and end
	cost    int64    // of the round, and
	exit    int64    // of what comes before its exit
	sets    []uint32 // locals set in it
	steps   []stride
	test    term // at the exit; kind termNone if there was none so far
	to      int  // the construct that the exit's branch names
	leaves  bool // it is left if the test holds, and otherwise if not
	closed  bool // the branch back has been read
}

// stride adds a constant to a local.
type stride struct {
	local uint32
	by    int32
	late  bool // after the test
}

type termKind uint8

const (
	termNone  termKind = iota
	termConst          // add
	termLocal          // a local's value, plus add
	termTest           // that compared with to
)

// term is what a value on the stack is known to be.
type term struct {
	kind  termKind
	local uint32
	add   int32
	op    wasm.Op
	to    int32
}

func (c *counter) push(t term) { c.below, c.top = c.top, t }
func (c *counter) forget()     { c.below.kind, c.top.kind = termNone, termNone }

// instr takes the next instruction.
func (c *counter) instr(in *wasm.Instr) {
	if n := len(c.loops); n > 0 {
		l := &c.loops[n-1]
		l.cost += Cost(in.Op)
		if (l.closed || c.dead > 0) && in.Op != wasm.OpEnd { // dead code steps nothing
			c.abandon()
		}
	}
	switch in.Op {
	case wasm.OpI32Const:
		c.push(term{kind: termConst, add: int32(in.Const)})
	case wasm.OpLocalGet:
		c.push(term{kind: termLocal, local: in.A})
	case wasm.OpLocalSet, wasm.OpLocalTee:
		c.set(in)
	case wasm.OpI32Add, wasm.OpI32Sub:
		c.sum(in.Op)
	case wasm.OpI32Eqz:
		c.push(term{kind: termConst})
		c.compare(wasm.OpI32Eq)
	default:
		switch {
		case in.Op > wasm.OpI32Eqz && in.Op <= wasm.OpI32GeU:
			c.compare(in.Op)
		case plain(in.Op):
			c.forget()
		default:
			c.control(in)
			c.forget()
		}
	}
}

func (c *counter) sum(op wasm.Op) {
	a, b := c.below, c.top
	c.forget()
	switch {
	case a.kind != termLocal || b.kind != termConst:
	case op == wasm.OpI32Sub:
		a.add -= b.add
		c.top = a
	default:
		a.add += b.add
		c.top = a
	}
}

func (c *counter) compare(op wasm.Op) {
	a, b := c.below, c.top
	c.forget()
	if a.kind == termLocal && b.kind == termConst {
		a.kind, a.op, a.to = termTest, op, b.add
		c.top = a
	}
}

// maxKnown is how many constants in locals are remembered at a time.
const maxKnown = 32

func (c *counter) set(in *wasm.Instr) {
	value := c.top
	c.forget()
	if in.Op == wasm.OpLocalTee {
		c.push(term{kind: termLocal, local: in.A})
	}
	c.remember(in.A, value)
	if len(c.loops) == c.broken {
		return
	}
	l := &c.loops[len(c.loops)-1]
	l.sets = append(l.sets, in.A)
	if value.kind == termLocal && value.local == in.A {
		l.steps = append(l.steps, stride{in.A, value.add, l.test.kind != termNone})
	}
}

// remember notes what a local is set to.
func (c *counter) remember(local uint32, value term) {
	for i := c.base; i < len(c.known); i++ {
		if c.known[i].local == local {
			c.known = slices.Delete(c.known, i, i+1)
			break
		}
	}
	if value.kind == termConst && len(c.known)-c.base < maxKnown {
		c.known = append(c.known, setting{value: uint64(uint32(value.add)), local: local})
	}
}

// control follows constructs and branches.
func (c *counter) control(in *wasm.Instr) {
	switch in.Op {
	case wasm.OpLoop:
		c.loops = append(c.loops, counting{ordinal: len(c.rounds), frame: len(c.frames), base: c.base, entry: len(c.known)})
		c.rounds = append(c.rounds, 0)
		c.frames = append(c.frames, len(c.loops)-1)
		c.base = len(c.known)
	case wasm.OpBlock:
		c.frames = append(c.frames, -1)
	case wasm.OpIf, wasm.OpTryTable:
		c.abandon()
		c.frames = append(c.frames, -1)
	case wasm.OpElse:
		c.known = c.known[:c.base]
	case wasm.OpEnd:
		c.end()
	case wasm.OpBr:
		c.branch(in.A)
	case wasm.OpBrIf:
		c.branchIf(in.A)
	default:
		if !rounds(in.Op) {
			c.abandon()
		}
	}
}

// rounds tells of instructions that are not plain that they may stand in the round of a counted loop,
// or one that is doubled.
func rounds(op wasm.Op) bool {
	switch op {
	case wasm.OpLoop, wasm.OpBlock, wasm.OpEnd, wasm.OpBr, wasm.OpBrIf,
		wasm.OpLocalGet, wasm.OpDrop, wasm.OpSelect, wasm.OpGlobalGet, wasm.OpGlobalSet, wasm.OpNop:
		return true
	}
	return vector(op)
}

// abandon gives up all open loops.
func (c *counter) abandon() { c.broken = len(c.loops) }

// branch takes a br: as the last of a round whose exit has been read, it goes back.
func (c *counter) branch(depth uint32) {
	if n := len(c.loops); n > 0 && depth == 0 && c.loops[n-1].frame == len(c.frames)-1 && c.loops[n-1].leaves {
		c.loops[n-1].closed = true
		return
	}
	c.abandon()
}

// branchIf takes a br_if that is the exit of the innermost loop, or goes back to it.
func (c *counter) branchIf(depth uint32) {
	target, n := len(c.frames)-1-int(depth), len(c.loops)
	if n == 0 {
		return
	}
	l := &c.loops[n-1]
	if l.test.kind != termNone || target > l.frame || c.top.kind != termTest && c.top.kind != termLocal {
		c.abandon()
		return
	}
	l.test, l.exit, l.to = c.top, l.cost, target
	l.closed, l.leaves = target == l.frame, target < l.frame
	if n > 1 && target <= c.loops[n-2].frame { // it leaves others as well, or goes back to one
		c.broken = max(c.broken, n-1)
	}
}

// end closes the innermost construct.
func (c *counter) end() {
	n := len(c.frames)
	if n == 0 {
		return
	}
	loop := c.frames[n-1]
	c.frames = c.frames[:n-1]
	if c.dead == n {
		c.dead = 0
	}
	if loop >= 0 {
		c.close()
	}
	c.known = c.known[:c.base]
}

// close closes the innermost loop. What its rounds cost is part of the round
// of the one around it.
func (c *counter) close() {
	l := c.loops[len(c.loops)-1]
	n := c.count(&l)
	c.loops = c.loops[:len(c.loops)-1]
	c.base, c.broken = l.base, min(c.broken, len(c.loops))
	if n < 2 {
		c.abandon()
		return
	}
	more := (n - 1) * l.cost
	c.rounds[l.ordinal] = more
	if len(c.loops) > 0 {
		if l.leaves {
			c.dead = l.to + 1
		}
		outer := &c.loops[len(c.loops)-1]
		outer.cost += more + l.exit
		outer.sets = append(outer.sets, l.sets...)
	}
}

// count tells how many rounds the loop has, or 0.
func (c *counter) count(l *counting) int64 {
	if c.broken == len(c.loops) || !l.closed || l.cost > maxRun {
		return 0
	}
	counts := func(s setting) bool { return s.local == l.test.local }
	start := slices.IndexFunc(c.known[l.base:l.entry], counts)
	step := slices.IndexFunc(l.steps, func(s stride) bool { return s.local == l.test.local })
	sets := 0
	for _, x := range l.sets {
		if x == l.test.local {
			sets++
		}
	}
	if sets != 1 || step < 0 || start < 0 {
		return 0
	}
	return l.run(int32(c.known[l.base+start].value), l.steps[step])
}

// run goes through the rounds, if they are few enough.
func (l *counting) run(x int32, s stride) int64 {
	for n := int64(1); (n-1)*l.cost <= maxCounted; n++ {
		if !s.late {
			x += s.by
		}
		if l.test.holds(x) == l.leaves {
			return n
		}
		if s.late {
			x += s.by
		}
	}
	return 0
}

// holds tells whether the test is met where its local is x.
func (t *term) holds(x int32) bool {
	x += t.add
	if t.kind == termLocal {
		return x != 0
	}
	u, v := uint32(x), uint32(t.to)
	switch t.op {
	case wasm.OpI32Eq:
		return x == t.to
	case wasm.OpI32Ne:
		return x != t.to
	case wasm.OpI32LtS:
		return x < t.to
	case wasm.OpI32LtU:
		return u < v
	case wasm.OpI32GtS:
		return x > t.to
	case wasm.OpI32GtU:
		return u > v
	case wasm.OpI32LeS:
		return x <= t.to
	case wasm.OpI32LeU:
		return u <= v
	case wasm.OpI32GeS:
		return x >= t.to
	default:
		return u >= v
	}
}
