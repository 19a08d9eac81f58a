package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// maxUnrolled is the size in bytes of the longest round that is doubled. Of 31 programs one gains by more
// (int_sieve, a seventh), and what is doubled takes the compiler 1 % longer.
const maxUnrolled = 16

// unroller doubles the rounds of short innermost loops, so that a check, which stands on
// back edges, is passed once in two rounds. A round is straight code that may leave or
// start anew by br_if:
//
//	loop round br_if 0 end   becomes   loop round if round br_if 1 end end
//	loop round br 0 end      becomes   loop block round br 0 end round br 0 end
//
// Labels in a round that has come to lie deeper are one more. An if costs what a br_if
// costs, and block, loop and end nothing, so every path costs what it did.
type unroller struct {
	asm
	body []byte
	done int   // of body, what has been written
	from int   // where the round begins; 0 while none is read
	loop int   // which loop's it is
	exit []arm // branches in the round

	counter counter
}

// arm is a br_if in a round.
type arm struct {
	pos, end int
	label    uint32
}

// unroll gives body with short rounds doubled, or body itself, and what a counter
// says of its loops, of those that begin before until.
func unroll(body []byte, until int) ([]byte, []int64) {
	u := unroller{body: body}
	r := wasm.NewReader(body[:until], 0)
	in, last := &wasm.Instr{}, &wasm.Instr{}
	for ; r.Next(in); in, last = last, in {
		u.counter.instr(in)
		if u.from > 0 || in.Op == wasm.OpLoop {
			u.instr(in, last)
		}
	}
	if u.done == 0 {
		return body, u.counter.rounds
	}
	return append(u.b, body[u.done:]...), u.counter.rounds
}

// counted tells whether the loop that has just been read is a counted one.
func (u *unroller) counted() bool { return u.counter.rounds[u.loop] > 0 }

func (u *unroller) instr(in, last *wasm.Instr) {
	switch {
	case in.Op == wasm.OpLoop && in.Block == wasm.BlockEmpty:
		u.from, u.exit, u.loop = in.End, u.exit[:0], len(u.counter.rounds)-1
	case in.Op == wasm.OpLoop:
		u.from = 0
	case in.End-u.from > maxUnrolled, last.Op == wasm.OpBr && in.Op != wasm.OpEnd:
		u.from = 0
	case in.Op == wasm.OpBrIf:
		u.exit = append(u.exit, arm{in.Pos, in.End, in.A})
	case in.Op == wasm.OpEnd && u.counted():
		u.from = 0
	case in.Op == wasm.OpEnd && last.A == 0 && last.Op == wasm.OpBrIf:
		u.exit = u.exit[:len(u.exit)-1]
		u.until(last.Pos)
		u.block(wasm.OpIf, wasm.BlockEmpty)
		u.round(last.Pos)
		u.brIf(1)
		u.end()
		u.done = in.Pos
	case in.Op == wasm.OpEnd && last.A == 0 && last.Op == wasm.OpBr:
		u.until(u.from)
		u.block(wasm.OpBlock, wasm.BlockEmpty)
		u.round(last.Pos)
		u.br(0)
		u.end()
	case !straight(in.Op) && !(in.Op == wasm.OpBr && in.A == 0):
		u.from = 0
	}
}

// until writes what comes before pos.
func (u *unroller) until(pos int) {
	u.raw(u.body[u.done:pos])
	u.done = pos
}

// round writes the round, which ends at end, one label deeper. No other is being read then.
func (u *unroller) round(end int) {
	at := u.from
	for _, a := range u.exit {
		u.raw(u.body[at:a.pos])
		u.brIf(a.label + 1)
		at = a.end
	}
	u.raw(u.body[at:end])
	u.from = 0
}

// straight tells of instructions that may stand in a round that is doubled: no
// constructs, calls or bulk instructions. Nor conversions to floats: on amd64 they write
// half of a register and wait for what was in it, which in a longer round is often the
// result of the round before.
func straight(op wasm.Op) bool {
	switch {
	case op >= wasm.OpF32ConvertI32S && op <= wasm.OpF64PromoteF32:
		return false
	case plain(op), variable(op):
		return true
	}
	return op == wasm.OpDrop || op == wasm.OpSelect || op == wasm.OpNop || vector(op)
}
