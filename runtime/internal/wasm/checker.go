package wasm

import "slices"

// Bounds on what one module may make the checker (and the engine after it) hold. The specification
// leaves them to implementations; browsers use the same for the first three.
const (
	MaxLocals  = 50_000 // locals of a function, parameters included
	MaxParams  = 1_000  // parameters of a type
	MaxResults = 1_000  // results of a type

	maxOperands = 1 << 20 // operands on the stack at once
)

// Frame is one open control frame as the checker sees it.
type Frame struct {
	Op     Op        // OpBlock, OpLoop, OpIf, OpElse or OpTryTable; of the function itself OpBlock
	Func   bool      // the function's own frame
	Block  BlockType // as written; of the function itself BlockEmpty
	Pos    int       // of the opening instruction in the body
	Height int       // operands below the block's own, its parameters not counted

	Params, Results []ValType

	dead bool // the rest of the frame, up to else or end, cannot be reached
	live bool // the frame was entered by reachable code
}

// Label is what a branch to the frame carries: the parameters of a loop, the results of any other.
func (f *Frame) Label() []ValType {
	if f.Op == OpLoop {
		return f.Params
	}
	return f.Results
}

// Checker validates function bodies one instruction at a time and shows the types at each
// position, so that a rewriter learns them in the pass that validates:
//
//	c := NewChecker(m)
//	c.Begin(i)
//	for {
//		more, err := c.Next(&in)
//		if err != nil || !more {
//			break
//		}
//		… c.Stack() is what in left there …
//	}
//
// It implements the algorithm of the specification's appendix "Validation Algorithm", with an
// explicit stack: nesting is bounded by the size of the input only. A Checker may be used for all
// functions of its module, one after another; the lists that it returns are valid until the next
// call of Begin or Next and must not be modified.
type Checker struct {
	m       *Module
	funcs   []uint32 // type index of every function
	globals []GlobalType
	tables  []ValType
	tags    []uint32
	memory  bool
	refs    []bool // functions that ref.func may name in bodies

	r      Reader
	at     int // position of the instruction being checked
	locals []ValType
	stack  []ValType
	frames []Frame
	result []ValType

	// Copies of the innermost frame's Height and dead, for the hot path.
	height int
	dead   bool
}

// NewChecker gives a checker for the bodies of m. Everything outside of the bodies should be valid
// (Validate has seen to it); if it is not, the checker fails where it matters but never panics.
func NewChecker(m *Module) *Checker {
	c := &Checker{m: m}
	for i := range m.Imports {
		c.declareImport(&m.Imports[i])
	}
	c.funcs = append(c.funcs, m.Funcs...)
	c.tags = append(c.tags, m.Tags...)
	for i := range m.Globals {
		c.globals = append(c.globals, m.Globals[i].Type)
	}
	for i := range m.Tables {
		c.tables = append(c.tables, m.Tables[i].Type.Elem)
	}
	c.memory = c.memory || len(m.Memories) > 0
	c.refs = m.DeclaredRefs()
	return c
}

func (c *Checker) declareImport(imp *Import) {
	switch imp.Kind {
	case KindFunc:
		c.funcs = append(c.funcs, imp.Func)
	case KindTable:
		c.tables = append(c.tables, imp.Table.Elem)
	case KindMemory:
		c.memory = true
	case KindGlobal:
		c.globals = append(c.globals, imp.Global)
	case KindTag:
		c.tags = append(c.tags, imp.Func)
	}
}

// Begin starts on the body of the i-th defined function.
func (c *Checker) Begin(defined int) {
	code := &c.m.Codes[defined]
	c.r = NewReader(code.Body, code.Offset)
	c.at = 0
	c.stack, c.frames, c.locals = c.stack[:0], c.frames[:0], c.locals[:0]
	signature, ok := c.typeOf(c.m.Funcs[defined])
	if !ok {
		c.stop(c.fail("a type index below %d, found %d", len(c.m.Types), c.m.Funcs[defined]))
		return
	}
	c.result = signature.Results
	c.locals = append(c.locals, signature.Params...)
	c.declareLocals(code.Locals)
	c.frames = append(c.frames, Frame{Op: OpBlock, Func: true, Block: BlockEmpty, Results: signature.Results, live: true})
	c.height, c.dead = 0, false
}

func (c *Checker) declareLocals(runs []LocalRun) {
	for _, run := range runs {
		if uint64(len(c.locals))+uint64(run.N) > MaxLocals {
			c.stop(unsupported(c.r.base, "expected at most %d locals, found more", MaxLocals))
			return
		}
		n := len(c.locals)
		c.locals = slices.Grow(c.locals, int(run.N))[:n+int(run.N)]
		fill(c.locals[n:], run.Type)
	}
}

// fill sets all of list to t by doubling, as copy is much faster than a loop.
func fill(list []ValType, t ValType) {
	if len(list) == 0 {
		return
	}
	list[0] = t
	for n := 1; n < len(list); n *= 2 {
		copy(list[n:], list[:n])
	}
}

// Next decodes, checks and applies the next instruction. It returns false after the body's final
// end, which it has returned as an instruction before, and with an error at anything invalid;
// every later call gives the same answer.
func (c *Checker) Next(in *Instr) (more bool, err error) {
	if !c.r.Next(in) {
		return false, c.finish()
	}
	c.at = in.Pos
	info := &opTable[in.Op.slot()]
	switch info.class {
	case classPlain:
		err = c.apply(info)
	case classLocal:
		err = c.local(in)
	case classMemory, classAtomic, classLane:
		if err = c.checkImmediates(in, info); err == nil {
			err = c.apply(info)
		}
	default:
		err = c.special(in)
	}
	if err != nil {
		return false, c.stop(err)
	}
	return true, nil
}

// stop keeps an error where Next finds it again: the reader reads no more.
func (c *Checker) stop(err error) error {
	c.r.stop(err)
	return err
}

// finish says whether the body may end here.
func (c *Checker) finish() error {
	if err := c.r.Err(); err != nil {
		return err
	}
	if len(c.frames) != 0 {
		c.at = len(c.r.body)
		return c.malformedBody("end, found the end of the code with %d blocks open", len(c.frames))
	}
	return nil
}

// apply pops the operands of an ordinary instruction and pushes its result, which takes the place
// of one operand or of two.
func (c *Checker) apply(info *opInfo) error {
	n := len(c.stack)
	switch {
	case info.npop == 0 && info.push != 0:
		c.push(info.push)
		return nil
	case info.npop == 1 && n > c.height && c.stack[n-1] == info.pop[0]:
	case info.npop == 2 && n > c.height+1 && c.stack[n-1] == info.pop[1] && c.stack[n-2] == info.pop[0]:
		n--
	default:
		return c.applyAll(info)
	}
	if info.push == 0 {
		c.stack = c.stack[:n-1]
		return nil
	}
	c.stack = c.stack[:n]
	c.stack[n-1] = info.push
	return nil
}

// applyAll is apply for any number of operands, and where they are not what they should be.
func (c *Checker) applyAll(info *opInfo) error {
	if err := c.popAll(info.pop[:info.npop]); err != nil {
		return err
	}
	if info.push != 0 {
		c.push(info.push)
	}
	return nil
}

func (c *Checker) checkLanes(in *Instr, info *opInfo) error {
	if in.Op != OpI8x16Shuffle {
		if in.B >= uint32(info.lanes) {
			return c.fail("a lane index below %d, found %d", info.lanes, in.B)
		}
		return nil
	}
	for _, lane := range in.V128 {
		if lane >= 32 {
			return c.fail("lane indices below 32, found %d", lane)
		}
	}
	return nil
}

// checkImmediates checks what the instructions on memory and lanes have beyond their operands.
func (c *Checker) checkImmediates(in *Instr, info *opInfo) error {
	if info.class == classLane {
		return c.checkLanes(in, info)
	}
	if !c.memory {
		return c.fail("a memory for %v, found none", in.Op)
	}
	switch {
	case info.imm != immMemArg && info.imm != immMemLane:
		return nil
	case in.A > uint32(info.align):
		return c.fail("an alignment exponent of at most %d, found %d", info.align, in.A)
	case info.class == classAtomic && in.A != uint32(info.align):
		return c.fail("an alignment exponent of exactly %d, found %d", info.align, in.A)
	case info.lanes != 0:
		return c.checkLanes(in, info)
	}
	return nil
}

// fail is the error for the current instruction: the module is well-formed but not valid.
func (c *Checker) fail(format string, args ...any) error {
	return invalid(c.r.base+c.at, "expected "+format, args...)
}

func (c *Checker) malformedBody(format string, args ...any) error {
	return malformed(c.r.base+c.at, "expected "+format, args...)
}

func (c *Checker) typeOf(index uint32) (*FuncType, bool) {
	if int64(index) >= int64(len(c.m.Types)) {
		return nil, false
	}
	return &c.m.Types[index], true
}

// Reachable reports whether the position after the last instruction can be reached, as far as
// validation knows: code after a branch, return, trap, throw or tail call up to the end of its
// block cannot; what follows the end of a reachable block counts as reachable.
func (c *Checker) Reachable() bool {
	return !c.dead && len(c.frames) > 0 && c.frames[len(c.frames)-1].live
}

// Stack is the types of all operands at this position, the whole function's, bottom first. In
// unreachable code operands may be Unknown and others may be missing.
func (c *Checker) Stack() []ValType { return c.stack }

// Depth is the number of open control frames, the function's own included; 0 after its end.
func (c *Checker) Depth() int { return len(c.frames) }

// Frame is the frame that a branch to that label depth names. The depth must be below Depth.
func (c *Checker) Frame(depth uint32) *Frame { return &c.frames[len(c.frames)-1-int(depth)] }

// Label is the types that a branch to that label depth carries.
func (c *Checker) Label(depth uint32) []ValType { return c.Frame(depth).Label() }

// IsLoop reports whether a branch to that label depth goes back to the start of a loop.
func (c *Checker) IsLoop(depth uint32) bool { return c.Frame(depth).Op == OpLoop }

// Locals is the types of the parameters and locals of the function.
func (c *Checker) Locals() []ValType { return c.locals }

// Results is the result types of the function.
func (c *Checker) Results() []ValType { return c.result }
