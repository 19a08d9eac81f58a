package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// fusion keeps wazero 1.12's compiler from a mistake of its own. It makes one
// machine instruction of an and that is compared with zero and a branch on the
// outcome, also where the zero is on the left, and then branches the wrong way on
// less and greater. A value that has been or'ed with zero is not recognized as an
// and, so that is what happens to the right operand of such a comparison if it may
// come from an and. Compilers put constants on the right, so it is seldom.
type fusion struct {
	seen   bool // there has been an and in the function
	top    bool // what the last local.tee left on the stack may come from one
	locals bits // and so may the values of these
}

func (f *fusion) reset() {
	f.seen = false
	clear(f.locals)
}

// pushes tells of plain instructions that their result is no and of something.
func pushes(op wasm.Op) bool {
	return plain(op) && (op < wasm.OpI32Store || op > wasm.OpI64Store32)
}

// hazard reports whether a comparison by order is such a one, by what stands before it.
func (f *fusion) hazard(last *wasm.Instr) bool { return f.seen && f.suspect(last) }

// suspect tells whether what last has left on top of the stack may come from an and.
func (f *fusion) suspect(last *wasm.Instr) bool {
	switch last.Op {
	case wasm.OpI32And, wasm.OpI64And:
		return true
	case wasm.OpLocalGet:
		return int(last.A/64) < len(f.locals) && f.locals.has(last.A)
	case wasm.OpLocalTee:
		return f.top
	default: // what is on top after a local.set is older
		return !pushes(last.Op)
	}
}

// set follows a value into a local.
func (f *fusion) set(in, last *wasm.Instr) {
	if !f.seen {
		return
	}
	f.top = f.suspect(last)
	if f.top {
		for int(in.A/64) >= len(f.locals) {
			f.locals = append(f.locals, 0)
		}
		f.locals.add(in.A)
	}
}
