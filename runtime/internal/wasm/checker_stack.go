package wasm

import "slices"

// popAny takes the topmost operand, whatever its type; Unknown from the polymorphic stack.
func (c *Checker) popAny() (ValType, error) {
	n := len(c.stack)
	if n == c.height {
		if c.dead {
			return Unknown, nil
		}
		return Unknown, c.fail("an operand, found none in this block")
	}
	t := c.stack[n-1]
	c.stack = c.stack[:n-1]
	return t, nil
}

// pop takes an operand of one type.
func (c *Checker) pop(want ValType) error {
	if n := len(c.stack); n > c.height && c.stack[n-1] == want {
		c.stack = c.stack[:n-1]
		return nil
	}
	return c.popOther(want)
}

// popOther is pop where the topmost operand is of another type, or there is none.
func (c *Checker) popOther(want ValType) error {
	n := len(c.stack)
	if n > c.height {
		got := c.stack[n-1]
		if got == Unknown {
			c.stack = c.stack[:n-1]
			return nil
		}
		return c.fail("an operand of type %v, found %v", want, got)
	}
	if c.dead {
		return nil
	}
	return c.fail("an operand of type %v, found none in this block", want)
}

// popAll takes operands of those types, the last one first. Most blocks and labels have none.
func (c *Checker) popAll(types []ValType) error {
	if len(types) == 0 {
		return nil
	}
	return c.popList(types)
}

func (c *Checker) popList(types []ValType) error {
	rest := len(c.stack) - len(types)
	if rest >= c.height && slices.Equal(c.stack[rest:], types) {
		c.stack = c.stack[:rest]
		return nil
	}
	for _, t := range slices.Backward(types) {
		if err := c.pop(t); err != nil {
			return err
		}
	}
	return nil
}

func (c *Checker) push(t ValType) { c.stack = append(c.stack, t) }

// pushAll adds operands.
func (c *Checker) pushAll(types []ValType) error {
	if len(types) == 0 {
		return nil
	}
	return c.pushList(types)
}

// pushList is where few bytes of code can push many operands, so only here is the bound.
func (c *Checker) pushList(types []ValType) error {
	if len(c.stack)+len(types) > maxOperands {
		return unsupported(c.r.base+c.at, "expected at most %d operands on the stack, found more", maxOperands)
	}
	c.stack = append(c.stack, types...)
	return nil
}

// popPush takes operands of those types and gives them back, now surely of these types.
func (c *Checker) popPush(types []ValType) error {
	if err := c.popAll(types); err != nil {
		return err
	}
	return c.pushAll(types)
}

// top checks that operands of those types lie on top, and leaves them as they are.
func (c *Checker) top(types []ValType) error {
	n := len(c.stack)
	for _, want := range slices.Backward(types) {
		if n == c.height {
			if c.dead {
				return nil
			}
			return c.fail("an operand of type %v, found none in this block", want)
		}
		n--
		if got := c.stack[n]; got != want && got != Unknown {
			return c.fail("an operand of type %v, found %v", want, got)
		}
	}
	return nil
}

// unreachable makes the rest of the block polymorphic: operands are there as they are wanted.
func (c *Checker) unreachable() {
	c.stack, c.dead = c.stack[:c.height], true
	c.frames[len(c.frames)-1].dead = true
}

// open enters a block whose parameters lie on the stack.
func (c *Checker) open(in *Instr, op Op) error {
	var signature FuncType
	if in.Block != BlockEmpty { // as it mostly is
		var ok bool
		if signature, ok = c.m.BlockSignature(in.Block); !ok {
			return c.fail("a type index below %d, found %d", len(c.m.Types), in.Block)
		}
	}
	if err := c.popAll(signature.Params); err != nil {
		return err
	}
	live := c.Reachable()
	c.height, c.dead = len(c.stack), false
	c.frames = append(c.frames, Frame{
		Op: op, Block: in.Block, Pos: in.Pos, Height: c.height, live: live,
		Params: signature.Params, Results: signature.Results,
	})
	return c.pushAll(signature.Params)
}

// close checks that exactly the block's results are left, and takes them.
func (c *Checker) close(f *Frame) error {
	if err := c.popAll(f.Results); err != nil {
		return err
	}
	if extra := len(c.stack) - f.Height; extra > 0 {
		return c.fail("only the results %s at the end of the block, found %d more operands", typeList(f.Results), extra)
	}
	return nil
}

func (c *Checker) elseBranch() error {
	f := &c.frames[len(c.frames)-1]
	if f.Op != OpIf {
		return c.malformedBody("else only inside of if, found it in %v", f.Op)
	}
	if err := c.close(f); err != nil {
		return err
	}
	f.Op, f.dead, c.dead = OpElse, false, false
	return c.pushAll(f.Params)
}

func (c *Checker) end() error {
	f := &c.frames[len(c.frames)-1]
	if err := c.close(f); err != nil {
		return err
	}
	if f.Op == OpIf && !slices.Equal(f.Params, f.Results) {
		return c.fail("else in an if from %s to %s, found end", typeList(f.Params), typeList(f.Results))
	}
	results := f.Results
	c.frames = c.frames[:len(c.frames)-1]
	if n := len(c.frames); n > 0 {
		c.height, c.dead = c.frames[n-1].Height, c.frames[n-1].dead
	} else {
		c.endCode()
	}
	return c.pushAll(results)
}

// endCode sees to it that Next gives an error if there is more code after the function's end.
func (c *Checker) endCode() {
	var in Instr
	if c.r.Next(&in) {
		c.r.stop(malformed(c.r.base+in.Pos, "expected the end of the code, found %v", in.Op))
	}
}

// label finds the frame that a branch names.
func (c *Checker) label(depth uint32) (*Frame, error) {
	if int64(depth) >= int64(len(c.frames)) {
		return nil, c.fail("a label below %d, found %d", len(c.frames), depth)
	}
	return c.Frame(depth), nil
}
