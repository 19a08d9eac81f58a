package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// fusion keeps wazero 1.12's compiler from a mistake of its own. It makes one
// machine instruction of an and that is compared with zero and a branch on the
// outcome, also where the zero is on the left, and then branches the wrong way on
// less and greater. A value that has been or'ed with zero is not recognized as an
// and, so that is what happens to the right operand of such a comparison if it may
// come from an and. Compilers put constants on the right, so it is seldom.
type fusion struct {
	seen    bool            // there has been an and in the function
	suspect bool            // the operand on top of the stack may come from one
	locals  map[uint32]bool // and so may the values of these
}

// ordered tells whether op compares integers by less or greater.
func ordered(op wasm.Op) bool {
	return op >= wasm.OpI32LtS && op <= wasm.OpI32GeU || op >= wasm.OpI64LtS && op <= wasm.OpI64GeU
}

// pushes tells of plain instructions that their result is no and of something.
func pushes(op wasm.Op) bool {
	return plain(op) && (op < wasm.OpI32Store || op > wasm.OpI64Store32)
}

// concerns tells whether in may matter: in most functions nothing does for long.
func (f *fusion) concerns(in *wasm.Instr) bool {
	return f.seen || in.Op == wasm.OpI32And || in.Op == wasm.OpI64And
}

// hazard follows the operands, and reports whether in is such a comparison.
func (f *fusion) hazard(in *wasm.Instr) bool {
	hazard := f.suspect && ordered(in.Op)
	switch in.Op {
	case wasm.OpI32And, wasm.OpI64And:
		f.seen, f.suspect = true, true
	case wasm.OpLocalGet:
		f.suspect = f.locals[in.A]
	case wasm.OpLocalTee:
		f.taint(in.A)
	case wasm.OpLocalSet:
		f.taint(in.A)
		f.suspect = true // what is on top now is older
	default:
		f.suspect = !pushes(in.Op)
	}
	return hazard
}

func (f *fusion) taint(local uint32) {
	if !f.suspect {
		return
	}
	if f.locals == nil {
		f.locals = make(map[uint32]bool)
	}
	f.locals[local] = true
}
