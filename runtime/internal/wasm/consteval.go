package wasm

import (
	"errors"
	"fmt"
)

// ErrConst is wrapped when a constant expression has no value that can be known
// before instantiation.
var ErrConst = errors.New("value is not known before instantiation")

// ConstReader works out the values of constant expressions of type i32.
type ConstReader struct {
	m       *Module
	globals []uint32 // values of the first globals, 0 if they are no known i32
	known   []bool
	busy    bool // with the next global
}

// NewConstReader makes a reader for the expressions of a valid module.
func NewConstReader(m *Module) *ConstReader { return &ConstReader{m: m} }

// I32 is the value of an expression of type i32. An error wraps ErrConst: the
// expression reads an imported global.
func (c *ConstReader) I32(e ConstExpr) (uint32, error) {
	r := NewReader(e, 0)
	var in Instr
	var stack []uint32
	for r.Next(&in) && in.Op != OpEnd {
		if in.Op == OpI32Const {
			stack = append(stack, uint32(in.Const))
			continue
		}
		if in.Op == OpGlobalGet {
			v, err := c.global(in.A)
			if err != nil {
				return 0, err
			}
			stack = append(stack, v)
			continue
		}
		n := len(stack)
		if n < 2 {
			return 0, fmt.Errorf("%v: %w", in.Op, ErrConst)
		}
		v, ok := fold(in.Op, stack[n-2], stack[n-1])
		if !ok {
			return 0, fmt.Errorf("%v: %w", in.Op, ErrConst)
		}
		stack = append(stack[:n-2], v)
	}
	if r.Err() != nil || len(stack) != 1 {
		return 0, ErrConst
	}
	return stack[0], nil
}

func fold(op Op, a, b uint32) (uint32, bool) {
	switch op {
	case OpI32Add:
		return a + b, true
	case OpI32Sub:
		return a - b, true
	case OpI32Mul:
		return a * b, true
	}
	return 0, false
}

// global is the value of an immutable i32 global. The initial value of a global
// reads only those before it, so values are found in order, without recursion.
func (c *ConstReader) global(index uint32) (uint32, error) {
	imported := uint64(c.m.ImportedGlobals())
	i := uint64(index) - imported
	if uint64(index) < imported || i >= uint64(len(c.m.Globals)) || c.busy && i >= uint64(len(c.known)) {
		return 0, fmt.Errorf("global %d: %w", index, ErrConst)
	}
	for n := uint64(len(c.known)); n <= i; n++ {
		v, err := uint32(0), ErrConst
		if g := &c.m.Globals[n]; g.Type.Type == I32 && !g.Type.Mutable {
			c.busy = true
			v, err = c.I32(g.Init)
			c.busy = false
		}
		c.globals, c.known = append(c.globals, v), append(c.known, err == nil)
	}
	if !c.known[i] {
		return 0, fmt.Errorf("global %d: %w", index, ErrConst)
	}
	return c.globals[i], nil
}
