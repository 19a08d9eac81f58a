package wasm

import "slices"

// special checks and applies the instructions whose typing depends on more than their opcode.
func (c *Checker) special(in *Instr) error {
	switch in.Op {
	case OpBlock, OpLoop, OpTryTable, OpIf, OpElse, OpEnd:
		return c.structure(in)
	case OpBr, OpBrIf, OpBrTable:
		return c.branch(in)
	case OpGlobalGet, OpGlobalSet:
		return c.global(in)
	case OpCall, OpCallIndirect, OpReturnCall, OpReturnCallIndirect:
		return c.call(in)
	case OpUnreachable, OpReturn, OpThrow, OpThrowRef:
		return c.leave(in)
	case OpDrop:
		_, err := c.popAny()
		return err
	case OpSelect:
		return c.selectPlain()
	case OpSelectT:
		return c.selectTyped(in)
	case OpRefNull, OpRefIsNull, OpRefFunc:
		return c.reference(in)
	case OpMemoryInit, OpDataDrop, OpTableInit, OpElemDrop:
		return c.segment(in)
	}
	return c.table(in)
}

func (c *Checker) local(in *Instr) error {
	if uint64(in.A) >= uint64(len(c.locals)) {
		return c.fail("a local index below %d, found %d", len(c.locals), in.A)
	}
	t := c.locals[in.A]
	if in.Op == OpLocalGet {
		c.push(t)
		return nil
	}
	if err := c.pop(t); err != nil || in.Op == OpLocalSet {
		return err
	}
	c.push(t)
	return nil
}

func (c *Checker) global(in *Instr) error {
	if uint64(in.A) >= uint64(len(c.globals)) {
		return c.fail("a global index below %d, found %d", len(c.globals), in.A)
	}
	g := c.globals[in.A]
	if in.Op == OpGlobalGet {
		c.push(g.Type)
		return nil
	}
	if !g.Mutable {
		return c.fail("a mutable global, found immutable global %d", in.A)
	}
	return c.pop(g.Type)
}

func (c *Checker) structure(in *Instr) error {
	switch in.Op {
	case OpElse:
		return c.elseBranch()
	case OpEnd:
		return c.end()
	case OpIf:
		if err := c.pop(I32); err != nil {
			return err
		}
	case OpTryTable:
		for _, handler := range in.Catches {
			if err := c.handler(handler); err != nil {
				return err
			}
		}
	}
	return c.open(in, in.Op)
}

// handler checks that a catch clause delivers what its label takes.
func (c *Checker) handler(h Catch) error {
	f, err := c.label(h.Label)
	if err != nil {
		return err
	}
	want := f.Label()
	if h.Kind.HasRef() {
		if len(want) == 0 || want[len(want)-1] != ExnRef {
			return c.fail("a catch label that takes an exnref last, found %s", typeList(want))
		}
		want = want[:len(want)-1]
	}
	var carried []ValType
	if h.Kind.HasTag() {
		if carried, err = c.tag(h.Tag); err != nil {
			return err
		}
	}
	if !slices.Equal(carried, want) {
		return c.fail("a catch label that takes %s, found %s", typeList(carried), typeList(want))
	}
	return nil
}

// tag gives the types that an exception of that tag carries.
func (c *Checker) tag(index uint32) ([]ValType, error) {
	if uint64(index) >= uint64(len(c.tags)) {
		return nil, c.fail("a tag index below %d, found %d", len(c.tags), index)
	}
	signature, ok := c.typeOf(c.tags[index])
	if !ok {
		return nil, c.fail("a tag with a type, found type index %d", c.tags[index])
	}
	return signature.Params, nil
}

func (c *Checker) branch(in *Instr) error {
	if in.Op != OpBr {
		if err := c.pop(I32); err != nil {
			return err
		}
	}
	if in.Op == OpBrTable {
		return c.branchTable(in.Targets)
	}
	f, err := c.label(in.A)
	if err != nil {
		return err
	}
	if in.Op == OpBrIf {
		return c.popPush(f.Label())
	}
	err = c.popAll(f.Label())
	c.unreachable()
	return err
}

func (c *Checker) branchTable(targets []uint32) error {
	f, err := c.label(targets[len(targets)-1])
	if err != nil {
		return err
	}
	arity, last := len(f.Label()), uint32(0)
	for i, depth := range targets {
		if i > 0 && depth == last {
			continue
		}
		last = depth
		if f, err = c.label(depth); err != nil {
			return err
		}
		types := f.Label()
		if len(types) != arity {
			return c.fail("br_table labels that all take %d operands, found one that takes %d", arity, len(types))
		}
		if err := c.top(types); err != nil {
			return err
		}
	}
	c.unreachable()
	return nil
}

// leave checks the instructions after which the code of the block does not go on.
func (c *Checker) leave(in *Instr) error {
	var operands []ValType
	var err error
	switch in.Op {
	case OpReturn:
		operands = c.result
	case OpThrow:
		operands, err = c.tag(in.A)
	case OpThrowRef:
		operands = ExnRef.list()
	}
	if err == nil {
		err = c.popAll(operands)
	}
	c.unreachable()
	return err
}

func (c *Checker) call(in *Instr) error {
	signature, err := c.callee(in)
	if err != nil {
		return err
	}
	if err := c.popAll(signature.Params); err != nil {
		return err
	}
	if in.Op == OpCall || in.Op == OpCallIndirect {
		return c.pushAll(signature.Results)
	}
	if !slices.Equal(signature.Results, c.result) {
		return c.fail("a callee with the results %s, found %s", typeList(c.result), typeList(signature.Results))
	}
	c.unreachable()
	return nil
}

// callee gives the type of the function called and takes the index operand of indirect calls.
func (c *Checker) callee(in *Instr) (*FuncType, error) {
	index := in.A
	if in.Op == OpCall || in.Op == OpReturnCall {
		if uint64(in.A) >= uint64(len(c.funcs)) {
			return nil, c.fail("a function index below %d, found %d", len(c.funcs), in.A)
		}
		index = c.funcs[in.A]
	} else if err := c.tableOf(in.B, FuncRef); err != nil {
		return nil, err
	} else if err := c.pop(I32); err != nil {
		return nil, err
	}
	signature, ok := c.typeOf(index)
	if !ok {
		return nil, c.fail("a type index below %d, found %d", len(c.m.Types), index)
	}
	return signature, nil
}

// tableOf checks that there is a table of that index and element type; any type if it is Unknown.
func (c *Checker) tableOf(index uint32, elem ValType) error {
	if uint64(index) >= uint64(len(c.tables)) {
		return c.fail("a table index below %d, found %d", len(c.tables), index)
	}
	if t := c.tables[index]; elem != Unknown && t != elem {
		return c.fail("a table of %v, found table %d of %v", elem, index, t)
	}
	return nil
}

func (c *Checker) selectPlain() error {
	if err := c.pop(I32); err != nil {
		return err
	}
	a, err := c.popAny()
	if err != nil {
		return err
	}
	b, err := c.popAny()
	if err != nil {
		return err
	}
	if a.IsRef() || b.IsRef() {
		return c.fail("numbers or vectors for select without types, found a reference")
	}
	if a != b && a != Unknown && b != Unknown {
		return c.fail("two operands of one type for select, found %v and %v", b, a)
	}
	c.push(max(a, b)) // Unknown is the least
	return nil
}

func (c *Checker) selectTyped(in *Instr) error {
	if len(in.Types) != 1 {
		return c.fail("select with one type, found %d", len(in.Types))
	}
	if in.Type == ExnRef {
		return unsupported(c.r.base+c.at, "select of exception references is not supported")
	}
	for _, want := range [...]ValType{I32, in.Type, in.Type} {
		if err := c.pop(want); err != nil {
			return err
		}
	}
	c.push(in.Type)
	return nil
}

func (c *Checker) reference(in *Instr) error {
	switch in.Op {
	case OpRefNull:
		c.push(in.Type)
	case OpRefIsNull:
		t, err := c.popAny()
		if err != nil {
			return err
		}
		if !t.IsRef() && t != Unknown {
			return c.fail("a reference for ref.is_null, found %v", t)
		}
		c.push(I32)
	default:
		if uint64(in.A) >= uint64(len(c.funcs)) {
			return c.fail("a function index below %d, found %d", len(c.funcs), in.A)
		}
		if !c.refs[in.A] {
			return c.fail("a function that is exported, or in an element segment or global, for ref.func; found %d", in.A)
		}
		c.push(FuncRef)
	}
	return nil
}

// segment checks the instructions on data and element segments.
func (c *Checker) segment(in *Instr) error {
	kind, count := "element", len(c.m.Elems)
	if in.Op == OpMemoryInit || in.Op == OpDataDrop {
		kind, count = "data", len(c.m.Data)
		if c.m.DataCount == nil {
			return c.malformedBody("a data count section for %v, found none", in.Op)
		}
	}
	if in.Op == OpMemoryInit && !c.memory {
		return c.fail("a memory for %v, found none", in.Op)
	}
	if uint64(in.A) >= uint64(count) {
		return c.fail("the index of one of %d %s segments, found %d", count, kind, in.A)
	}
	switch in.Op {
	case OpTableInit:
		if err := c.tableOf(in.B, c.m.Elems[in.A].Type); err != nil {
			return err
		}
	case OpDataDrop, OpElemDrop:
		return nil
	}
	return c.popAll([]ValType{I32, I32, I32})
}

// table checks the instructions on tables.
func (c *Checker) table(in *Instr) error {
	if err := c.tableOf(in.A, Unknown); err != nil {
		return err
	}
	elem := c.tables[in.A]
	switch in.Op {
	case OpTableGet:
		return c.popThenPush(elem, I32)
	case OpTableSet:
		return c.popAll([]ValType{I32, elem})
	case OpTableSize:
		return c.popThenPush(I32)
	case OpTableGrow:
		return c.popThenPush(I32, elem, I32)
	case OpTableFill:
		return c.popAll([]ValType{I32, elem, I32})
	default: // table.copy: from B to A
		if err := c.tableOf(in.B, elem); err != nil {
			return err
		}
		return c.popAll([]ValType{I32, I32, I32})
	}
}

func (c *Checker) popThenPush(result ValType, operands ...ValType) error {
	if err := c.popAll(operands); err != nil {
		return err
	}
	c.push(result)
	return nil
}
