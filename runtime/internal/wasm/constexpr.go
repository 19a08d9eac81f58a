package wasm

import "slices"

// ConstExpr is a constant expression: its bytes, the final end included. Read it with NewReader.
type ConstExpr []byte

// ConstI32 is the constant v.
func ConstI32(v int32) ConstExpr {
	return append(AppendS32(ConstExpr{byte(OpI32Const)}, v), byte(OpEnd))
}

// ConstI64 is the constant v.
func ConstI64(v int64) ConstExpr {
	return append(AppendS64(ConstExpr{byte(OpI64Const)}, v), byte(OpEnd))
}

// ConstRefFunc is a reference to the function of that index.
func ConstRefFunc(function uint32) ConstExpr {
	return append(AppendU32(ConstExpr{byte(OpRefFunc)}, function), byte(OpEnd))
}

// ConstGlobal is the value of the global of that index.
func ConstGlobal(global uint32) ConstExpr {
	return append(AppendU32(ConstExpr{byte(OpGlobalGet)}, global), byte(OpEnd))
}

// ConstZero is the zero of type t: zero bits or the null reference.
func ConstZero(t ValType) ConstExpr {
	switch t {
	case I32:
		return ConstI32(0)
	case I64:
		return ConstI64(0)
	case F32:
		return append(append(ConstExpr{byte(OpF32Const)}, make([]byte, 4)...), byte(OpEnd))
	case F64:
		return append(append(ConstExpr{byte(OpF64Const)}, make([]byte, 8)...), byte(OpEnd))
	case V128:
		return append(append(AppendOp(nil, OpV128Const), make([]byte, 16)...), byte(OpEnd))
	}
	return ConstExpr{byte(OpRefNull), byte(t), byte(OpEnd)}
}

// scanConst finds the end of the constant expression at the start of b, which lies at offset in
// the input, and refuses instructions that no constant expression may have.
func scanConst(b []byte, offset int) (ConstExpr, error) {
	r := NewReader(b, offset)
	var in Instr
	for r.Next(&in) {
		switch in.Op {
		case OpI32Const, OpI64Const, OpF32Const, OpF64Const, OpV128Const, OpRefNull, OpRefFunc, OpGlobalGet,
			OpI32Add, OpI32Sub, OpI32Mul, OpI64Add, OpI64Sub, OpI64Mul:
		case OpEnd:
			return ConstExpr(b[:in.End:in.End]), nil
		default:
			return nil, invalid(offset+in.Pos, "expected a constant instruction, found %v", in.Op)
		}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return nil, malformed(offset+len(b), "expected end of a constant expression, found the end of the section")
}

// constChecker types constant expressions, reusing one stack.
type constChecker struct {
	globals []GlobalType // those that the expression may read
	funcs   int
	stack   []ValType
}

// check validates an expression that must give one value of type want.
func (c *constChecker) check(e ConstExpr, offset int, want ValType) error {
	r := NewReader(e, offset)
	var in Instr
	c.stack = c.stack[:0]
	for r.Next(&in) {
		if in.Op == OpEnd {
			break
		}
		if err := c.step(&in, offset+in.Pos); err != nil {
			return err
		}
	}
	switch {
	case r.Err() != nil:
		return r.Err()
	case in.Op != OpEnd || in.End != len(e):
		return malformed(offset, "expected a constant expression that ends with end, found another")
	case len(c.stack) != 1 || c.stack[0] != want:
		return invalid(offset, "expected a constant expression of type %v, found %s", want, typeList(c.stack))
	}
	return nil
}

func (c *constChecker) step(in *Instr, offset int) error {
	switch in.Op {
	case OpGlobalGet:
		if uint64(in.A) >= uint64(len(c.globals)) {
			return invalid(offset, "expected the index of one of %d globals usable here, found %d", len(c.globals), in.A)
		}
		if c.globals[in.A].Mutable {
			return invalid(offset, "expected an immutable global, found mutable global %d", in.A)
		}
		c.stack = append(c.stack, c.globals[in.A].Type)
	case OpRefFunc:
		if uint64(in.A) >= uint64(c.funcs) {
			return invalid(offset, "expected a function index below %d, found %d", c.funcs, in.A)
		}
		c.stack = append(c.stack, FuncRef)
	case OpRefNull:
		c.stack = append(c.stack, in.Type)
	case OpI32Const, OpI64Const, OpF32Const, OpF64Const, OpV128Const,
		OpI32Add, OpI32Sub, OpI32Mul, OpI64Add, OpI64Sub, OpI64Mul:
		return c.apply(in, offset)
	default:
		return invalid(offset, "expected a constant instruction, found %v", in.Op)
	}
	return nil
}

func (c *constChecker) apply(in *Instr, offset int) error {
	info := &opTable[in.Op.slot()]
	want := info.pop[:info.npop]
	rest := len(c.stack) - len(want)
	if rest < 0 || !slices.Equal(c.stack[rest:], want) {
		return invalid(offset, "expected the operands %s for %v, found %s", typeList(want), in.Op, typeList(c.stack))
	}
	c.stack = append(c.stack[:rest], info.push)
	return nil
}

// I32 is the value of an expression of type i32 that reads no global.
func (e ConstExpr) I32() (value uint32, ok bool) {
	var stack []uint32
	r := NewReader(e, 0)
	var in Instr
	for r.Next(&in) && in.Op != OpEnd {
		n := len(stack)
		if in.Op == OpI32Const {
			stack = append(stack, uint32(in.Const))
			continue
		}
		if n < 2 {
			return 0, false
		}
		a, b := stack[n-2], stack[n-1]
		stack = stack[:n-1]
		switch in.Op {
		case OpI32Add:
			stack[n-2] = a + b
		case OpI32Sub:
			stack[n-2] = a - b
		case OpI32Mul:
			stack[n-2] = a * b
		default:
			return 0, false
		}
	}
	if len(stack) != 1 || r.Err() != nil {
		return 0, false
	}
	return stack[0], true
}
