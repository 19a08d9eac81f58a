package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// scout looks for loops that may be doubled or counted, in the pass that validates: see unroller
// and counter, which read once more up to the last of them, and in most functions need not at all.
type scout struct {
	round int // how many constructs are open in the innermost loop, while its round is straight, or 0
	start int // where the round begins
	exits int // how many br_ifs there have been since, or since the last end
	until int // where the last such loop ends, or 0
}

// instr takes the next instruction that is not plain.
func (s *scout) instr(c *wasm.Checker, in *wasm.Instr) {
	switch op := in.Op; {
	case op == wasm.OpLoop:
		s.round, s.start, s.exits = c.Depth(), in.End, 0
	case s.round == 0:
	case op == wasm.OpEnd:
		if s.exits = 0; c.Depth() < s.round {
			s.until = in.End
		}
	case op == wasm.OpBrIf:
		s.exits++
		if s.exits > 1 && in.End-s.start > maxUnrolled { // a counted loop has but one
			s.round = 0
		}
	case op == wasm.OpBr && in.A > 0, !rounds(op):
		s.round = 0
	}
}
