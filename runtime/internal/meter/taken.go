package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// What is done where a br_if branches is written behind it, and passed over unless it does:
//
//	… i32.lt_s br_if 3   becomes   … i32.ge_s block (param i32) br_if 0 charge br 4 end
//
// An if around it would do, too, but its else, which is not there, is one more basic block to
// wazero's compiler, and there are hundreds. The test has to be the opposite then: of
// integers that is another instruction, which the compiler makes one of with the branch.

// taken opens the construct around what is done where a br_if branches.
func (e *emitter) taken(s *site) {
	if !e.inverts(s) {
		e.block(wasm.OpIf, s.typ)
		return
	}
	switch s.op {
	case wasm.OpI32Eqz:
	case wasm.OpI64Eqz:
		e.i64(0)
		e.op(wasm.OpI64Ne)
	default:
		e.op(inverse(s.op))
	}
	e.block(wasm.OpBlock, e.out.mod.types.block(i32x1, nil))
	e.brIf(0)
}

// inverts tells whether the test of a br_if, whose branch something is done on, is written as
// its opposite. It has to be right there: of a value that comes from elsewhere the compiler would make
// a test of a test.
func (e *emitter) inverts(s *site) bool {
	return s.typ == wasm.BlockEmpty && s.op >= wasm.OpI32Eqz && s.op <= wasm.OpI64GeU && s.test < s.pos
}

// from is where the body is no longer copied before a site.
func (e *emitter) from(s *site) int {
	if (s.kind == siteBrIf || s.kind == siteBackIf) && e.inverts(s) && (e.edges[s.edge].checked || e.changes(s.edge)) {
		return s.test
	}
	return s.pos
}

// inverse is the comparison of two integers that tells the opposite.
func inverse(op wasm.Op) wasm.Op {
	first := wasm.OpI32Eq
	if op >= wasm.OpI64Eq {
		first = wasm.OpI64Eq
	}
	opposite := [...]wasm.Op{1, 0, 8, 9, 6, 7, 4, 5, 2, 3} // eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
	return first + opposite[op-first]
}
