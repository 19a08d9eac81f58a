package meter

import (
	"errors"
	"fmt"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// shape is what makes a function hard to compile.
type shape struct {
	branches int // places where control flow divides or meets
	backs    int // branches to loops
	nesting  int
	calls    int
	locals   int
	bytes    int
}

// Bounds on shapes, found by measurement with wazero 1.12, whose compiler takes
// time by the square or the cube of some of these. SQLite and esbuild, as they come
// from their compilers, stay within all of them (esbuild with 80 % of maxNesting and
// 40 % of maxBranches); what goes far beyond takes minutes for a few KB.
const (
	maxBranches = 1 << 15
	maxNesting  = 1 << 12
	maxPhis     = 120_000       // backs × locals
	maxWork     = 1_000_000_000 // branches² × locals, unless there are
	workPerByte = 60_000        // enough bytes for it

	maxModuleWork     = 10_000_000_000 // the same for all functions together
	moduleWorkPerByte = 10_000

	// The compiler declares every global in every function, at 10 ns and more.
	maxGlobalWork = 1 << 26

	// Interpreters take some 500 bytes of memory for each branch.
	maxTangledBranches = 1 << 20
	// What browsers allow, by the WebAssembly JavaScript interface, section 7.
	maxBodyBytes = 7_654_321
	// What is known of a call while its function is rewritten takes 300 bytes; the compiler takes more.
	maxCalls = 1 << 18
)

func (s *shape) note(c *wasm.Checker, in *wasm.Instr) {
	switch in.Op {
	case wasm.OpLoop, wasm.OpBlock, wasm.OpIf:
		s.branches++
		s.nesting = max(s.nesting, c.Depth())
	case wasm.OpElse:
		s.branches++
	case wasm.OpCall, wasm.OpCallIndirect:
		s.calls++
	case wasm.OpBr, wasm.OpBrIf:
		s.branches++
		s.back(c, in.A)
	case wasm.OpBrTable:
		s.branches += len(in.Targets)
		for _, depth := range in.Targets {
			s.back(c, depth)
		}
	}
}

func (s *shape) back(c *wasm.Checker, depth uint32) {
	if c.IsLoop(depth) {
		s.backs++
	}
}

// tangled tells whether the function would take a compiler beyond all proportion.
func (s *shape) tangled() bool {
	work := s.work()
	return s.branches > maxBranches || s.nesting > maxNesting ||
		s.backs*(1+s.locals) > maxPhis ||
		work > maxWork && work > workPerByte*float64(s.bytes)
}

func (s *shape) work() float64 {
	return float64(s.branches) * float64(s.branches) * float64(8+s.locals)
}

// ErrTooComplex says that a module would take more time or memory to compile than
// its size justifies.
var ErrTooComplex = errors.New("too complex")

// bound sees to it that the module is bounded as a whole.
func (mod *module) bound() error {
	bytes, branches, work := 0, 0, 0.0
	for i := range mod.shapes {
		s := &mod.shapes[i]
		if s.bytes > maxBodyBytes {
			return fmt.Errorf("%w: function %d has %d bytes of code, more than %d",
				ErrTooComplex, int(mod.imported)+i, s.bytes, maxBodyBytes)
		}
		if s.calls > maxCalls {
			return fmt.Errorf("%w: function %d has %d calls, more than %d", ErrTooComplex, int(mod.imported)+i, s.calls, maxCalls)
		}
		bytes, branches, work = bytes+s.bytes, branches+s.branches, work+s.work()
		mod.tangled = mod.tangled || s.tangled()
	}
	mod.tangled = mod.tangled || work > maxModuleWork && work > moduleWorkPerByte*float64(bytes) ||
		int64(len(mod.m.Globals))*int64(len(mod.shapes)) > maxGlobalWork
	if mod.tangled && branches > maxTangledBranches {
		return fmt.Errorf("%w: %d branches, more than %d", ErrTooComplex, branches, maxTangledBranches)
	}
	return nil
}
