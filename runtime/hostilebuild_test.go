package runtime

import (
	"bytes"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// body is a function body being written.
type body struct{ b []byte }

func (c *body) op(ops ...wasm.Op) *body {
	for _, op := range ops {
		c.b = wasm.AppendOp(c.b, op)
	}
	return c
}

func (c *body) u32(op wasm.Op, immediates ...uint32) *body {
	c.b = wasm.AppendOp(c.b, op)
	for _, x := range immediates {
		c.b = wasm.AppendU32(c.b, x)
	}
	return c
}

func (c *body) i32(v int32) *body {
	c.b = wasm.AppendS32(wasm.AppendOp(c.b, wasm.OpI32Const), v)
	return c
}

func (c *body) open(op wasm.Op) *body {
	c.b = wasm.AppendBlockType(wasm.AppendOp(c.b, op), wasm.BlockEmpty)
	return c
}

// times appends what f appends, n times.
func (c *body) times(n int, f func(c *body)) *body {
	var once body
	f(&once)
	c.b = append(c.b, bytes.Repeat(once.b, n)...)
	return c
}

// tick counts at address 0.
func (c *body) tick() *body {
	c.i32(0).i32(0).u32(wasm.OpI32Load, 2, 0).i32(1).op(wasm.OpI32Add)
	return c.u32(wasm.OpI32Store, 2, 0)
}

// builder makes a module of functions without parameters and results, of which
// the last is its _start, and a memory of one page.
type builder struct {
	wasm.Module
	locals []wasm.LocalRun // of every function
}

func (b *builder) function(f func(c *body)) uint32 {
	var c body
	f(&c)
	c.op(wasm.OpEnd)
	b.Funcs = append(b.Funcs, 0)
	b.Codes = append(b.Codes, wasm.Code{Locals: b.locals, Body: c.b})
	return uint32(len(b.Funcs) - 1)
}

func (b *builder) encode() []byte {
	b.Types = append([]wasm.FuncType{{}}, b.Types...)
	b.Memories = []wasm.MemoryType{{Limits: wasm.Limits{Min: 1}}}
	b.Exports = append(b.Exports,
		wasm.Export{Name: "memory", Kind: wasm.KindMemory},
		wasm.Export{Name: startExport, Kind: wasm.KindFunc, Index: uint32(len(b.Funcs) - 1)})
	return b.Encode()
}

// program is a module of one function.
func program(f func(c *body), locals ...wasm.LocalRun) []byte {
	b := builder{locals: locals}
	b.function(f)
	return b.encode()
}

// forever is a body in an endless loop.
func forever(f func(c *body)) func(c *body) {
	return func(c *body) {
		c.open(wasm.OpLoop)
		f(c)
		c.u32(wasm.OpBr, 0).op(wasm.OpEnd)
	}
}

func tick(c *body) { c.tick() }

// callTree is a chain of functions, each of which calls the next twice: two to
// the power of depth calls without a loop or recursion.
func callTree(depth int) []byte {
	var b builder
	last := b.function(tick)
	for range depth {
		next := last
		last = b.function(func(c *body) { c.u32(wasm.OpCall, next).u32(wasm.OpCall, next) })
	}
	return b.encode()
}

// try opens a try_table with one handler.
func (c *body) try(catch wasm.Catch) *body {
	c.b = wasm.AppendBlockType(wasm.AppendOp(c.b, wasm.OpTryTable), wasm.BlockEmpty)
	c.b = wasm.AppendCatch(append(c.b, 1), catch)
	return c
}

// catchLoop throws and catches for ever: the only way back to the loop is the
// catch clause.
func catchLoop() []byte {
	b := builder{}
	b.Tags = []uint32{0}
	thrower := b.function(func(c *body) { c.tick().u32(wasm.OpThrow, 0) })
	b.function(func(c *body) {
		c.open(wasm.OpLoop)
		c.try(wasm.Catch{Kind: wasm.CatchTag, Label: 0})
		c.u32(wasm.OpCall, thrower)
		c.op(wasm.OpEnd, wasm.OpEnd)
	})
	return b.encode()
}

// throwLoop throws in a function below, catches in a loop, and goes on by br.
func throwLoop() []byte {
	b := builder{}
	b.Tags = []uint32{0}
	thrower := b.function(func(c *body) { c.tick().u32(wasm.OpThrow, 0) })
	between := b.function(func(c *body) { c.tick().u32(wasm.OpCall, thrower).tick() })
	b.function(forever(func(c *body) {
		c.open(wasm.OpBlock)
		c.try(wasm.Catch{Kind: wasm.CatchAll, Label: 0})
		c.u32(wasm.OpCall, between)
		c.op(wasm.OpEnd, wasm.OpUnreachable, wasm.OpEnd)
	}))
	return b.encode()
}

// tryRecursion calls itself from within a try_table.
func tryRecursion() []byte {
	b := builder{}
	b.Tags = []uint32{0}
	b.function(func(c *body) {
		c.tick().open(wasm.OpBlock).try(wasm.Catch{Kind: wasm.CatchTag, Label: 0})
		c.u32(wasm.OpCall, 0)
		c.op(wasm.OpEnd, wasm.OpEnd)
	})
	return b.encode()
}

// tryNested calls itself from within n try_tables.
func tryNested(n int) []byte {
	b := builder{}
	b.Tags = []uint32{0}
	b.function(func(c *body) {
		c.tick().open(wasm.OpBlock)
		c.times(n, func(c *body) { c.try(wasm.Catch{Kind: wasm.CatchAll, Label: 0}) })
		c.u32(wasm.OpCall, 0)
		c.times(n, func(c *body) { c.op(wasm.OpEnd) })
		c.op(wasm.OpEnd)
	})
	return b.encode()
}

// tryLeave branches out of a try_table for ever.
func tryLeave() []byte {
	b := builder{}
	b.Tags = []uint32{0}
	b.function(func(c *body) {
		c.open(wasm.OpLoop).tick().try(wasm.Catch{Kind: wasm.CatchTag, Label: 0})
		c.u32(wasm.OpBr, 1).op(wasm.OpEnd, wasm.OpEnd)
	})
	return b.encode()
}

// throwDeep recurses as deep as it may, and throws from there, again and again.
func throwDeep(depth int32) []byte {
	b := builder{}
	b.Tags = []uint32{0}
	b.locals = []wasm.LocalRun{{N: 1, Type: wasm.I32}}
	b.Types = []wasm.FuncType{{Params: []wasm.ValType{wasm.I32}}}
	dive := b.function(func(c *body) {
		c.u32(wasm.OpLocalGet, 0).op(wasm.OpI32Eqz).open(wasm.OpIf).tick().u32(wasm.OpThrow, 0).op(wasm.OpEnd)
		c.u32(wasm.OpLocalGet, 0).i32(1).op(wasm.OpI32Sub).u32(wasm.OpCall, 0)
	})
	b.Funcs[dive] = 1
	b.function(forever(func(c *body) {
		c.open(wasm.OpBlock).try(wasm.Catch{Kind: wasm.CatchAll, Label: 0})
		c.i32(depth).u32(wasm.OpCall, dive)
		c.op(wasm.OpEnd, wasm.OpEnd)
	}))
	return b.encode()
}

// recursion calls itself from within frames of many locals, all of them in use.
func recursion(locals uint32) []byte {
	return program(func(c *body) {
		c.tick()
		for x := range locals {
			c.i32(0).u32(wasm.OpI32Load, 2, 0).u32(wasm.OpLocalSet, x)
		}
		c.u32(wasm.OpCall, 0)
		for x := range locals {
			c.i32(4).u32(wasm.OpLocalGet, x).u32(wasm.OpI32Store, 2, 0)
		}
	}, wasm.LocalRun{N: locals, Type: wasm.I32})
}

// recursionChain recurses through a ring of functions.
func recursionChain(n int) []byte {
	var b builder
	for i := range n {
		b.function(func(c *body) { c.tick().u32(wasm.OpCall, uint32((i+1)%n)) })
	}
	return b.encode()
}

// branchTable has a br_table of n targets, to two blocks and, if it is to
// loop, the loop around them.
func branchTable(n int, loop bool) []byte {
	return program(forever(func(c *body) {
		c.tick()
		c.open(wasm.OpBlock).open(wasm.OpBlock).i32(3)
		c.u32(wasm.OpBrTable, uint32(n))
		targets := uint32(2)
		if loop {
			targets = 3
		}
		for i := range n + 1 {
			c.b = wasm.AppendU32(c.b, uint32(i)%targets)
		}
		c.op(wasm.OpEnd, wasm.OpEnd)
	}))
}

// blocks is one block after another.
func blocks(n int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		c.times(n, func(c *body) { c.open(wasm.OpBlock).i32(0).u32(wasm.OpBrIf, 0).op(wasm.OpEnd) })
	}))
}

// nested is n constructs, one in the other.
func nested(op wasm.Op, n int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		if op == wasm.OpIf {
			c.times(n, func(c *body) { c.i32(1).open(op) })
		} else {
			c.times(n, func(c *body) { c.open(op) })
		}
		c.tick()
		c.times(n, func(c *body) { c.op(wasm.OpEnd) })
	}))
}

// nestedBack is loops in loops, with a way back to each from the innermost.
func nestedBack(n int) []byte {
	return program(forever(func(c *body) {
		c.times(n, func(c *body) { c.open(wasm.OpLoop) })
		c.tick()
		for i := range n {
			c.i32(0).u32(wasm.OpBrIf, uint32(i))
		}
		c.times(n, func(c *body) { c.op(wasm.OpEnd) })
	}))
}

// loopsLocals is many loops, each of which changes and needs many locals.
func loopsLocals(loops, locals int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		for i := range loops {
			c.open(wasm.OpLoop)
			for j := range 4 {
				x := uint32((i*4 + j) % locals)
				c.u32(wasm.OpLocalGet, x).i32(1).op(wasm.OpI32Add).u32(wasm.OpLocalSet, x)
			}
			c.i32(0).u32(wasm.OpBrIf, 0)
		}
		c.times(loops, func(c *body) { c.op(wasm.OpEnd) })
	}), wasm.LocalRun{N: uint32(locals), Type: wasm.I32})
}

// flatLoopsLocals is the same side by side.
func flatLoopsLocals(loops, locals int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		for i := range loops {
			c.open(wasm.OpLoop)
			x := uint32(i % locals)
			c.u32(wasm.OpLocalGet, x).i32(1).op(wasm.OpI32Add).u32(wasm.OpLocalSet, x)
			c.i32(0).u32(wasm.OpBrIf, 0).op(wasm.OpEnd)
		}
	}), wasm.LocalRun{N: uint32(locals), Type: wasm.I32})
}

// backEdges is one loop that changes as many locals as are saved at a back
// edge, with many ways back.
func backEdges(edges, locals int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		for x := range locals {
			c.u32(wasm.OpLocalGet, uint32(x)).i32(1).op(wasm.OpI32Add).u32(wasm.OpLocalSet, uint32(x))
		}
		c.times(edges, func(c *body) { c.i32(0).u32(wasm.OpBrIf, 0) })
	}), wasm.LocalRun{N: uint32(locals), Type: wasm.I32})
}

// straight is one function of n bytes without a branch.
func straight(n int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		c.times(n/7, func(c *body) { c.u32(wasm.OpLocalGet, 0).i32(1).op(wasm.OpI32Add).u32(wasm.OpLocalSet, 0) })
	}), wasm.LocalRun{N: 1, Type: wasm.I32})
}

// stackDeep pushes n values before it drops them.
func stackDeep(n int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		c.times(n, func(c *body) { c.i32(0).u32(wasm.OpI32Load, 2, 0) })
		c.times(n, func(c *body) { c.op(wasm.OpDrop) })
	}))
}

// functions is n functions, each called by the next.
func functions(n int) []byte {
	var b builder
	b.function(tick)
	for i := range n {
		b.function(func(c *body) { c.u32(wasm.OpCall, uint32(i)).tick() })
	}
	b.function(forever(func(c *body) { c.u32(wasm.OpCall, uint32(n)) }))
	return b.encode()
}

// indirectAll is n functions in a table, each of which calls through it, and
// through each of many types.
func indirectAll(n, types int) []byte {
	var b builder
	for i := range types {
		b.Types = append(b.Types, wasm.FuncType{Params: bitTypes(i, 12)})
	}
	elems := make([]uint32, n)
	for i := range n {
		elems[i] = b.function(func(c *body) {
			c.tick()
			if i%2 == 0 {
				c.i32(int32(i+1)%int32(n)).u32(wasm.OpCallIndirect, 0, 0)
			}
		})
	}
	b.Tables = []wasm.Table{{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: uint64(n)}}}}
	b.Elems = []wasm.Elem{{Offset: wasm.ConstI32(0), Type: wasm.FuncRef, Funcs: elems}}
	b.function(forever(func(c *body) { c.i32(0).u32(wasm.OpCallIndirect, 0, 0) }))
	return b.encode()
}

// bitTypes are parameters that tell the bits of i.
func bitTypes(i, bits int) []wasm.ValType {
	list := make([]wasm.ValType, bits)
	for bit := range list {
		list[bit] = wasm.I32
		if i>>bit&1 == 1 {
			list[bit] = wasm.I64
		}
	}
	return list
}

// manyLocals is a function with locals that it uses at both ends of a loop.
func manyLocals(n int) []byte {
	return program(forever(func(c *body) {
		c.tick()
		for x := range uint32(64) {
			c.u32(wasm.OpLocalGet, x*uint32(n)/64).i32(1).op(wasm.OpI32Add).u32(wasm.OpLocalSet, (x+1)*uint32(n)/64-1)
		}
	}), wasm.LocalRun{N: uint32(n), Type: wasm.I32})
}

// segments is an active data segment of n bytes and an element segment of as
// many elements as a table may have.
func segments(n int) []byte {
	var b builder
	b.Tables = []wasm.Table{{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: 1 << 20}}}}
	b.Elems = []wasm.Elem{{Offset: wasm.ConstI32(0), Type: wasm.FuncRef, Funcs: make([]uint32, 1<<20)}}
	data := bytes.Repeat([]byte("data"), n/4)
	b.Data = []wasm.Data{{Offset: wasm.ConstI32(0), Bytes: data}}
	b.function(func(c *body) { c.tick() })
	binary := b.encode()
	return binary
}

// overlapping is many active segments that write the same bytes.
func overlapping(count, size int) []byte {
	var b builder
	data := bytes.Repeat([]byte{1}, size)
	for range count {
		b.Data = append(b.Data, wasm.Data{Offset: wasm.ConstI32(0), Bytes: data})
	}
	b.function(tick)
	return b.encode()
}

// deadStep is a loop around one that is left from within, behind which stands the outer one's step:
// nobody gets there.
func deadStep() []byte {
	return program(func(c *body) {
		c.i32(0).u32(wasm.OpLocalSet, 0).open(wasm.OpLoop).open(wasm.OpBlock)
		c.i32(5).u32(wasm.OpLocalSet, 1).open(wasm.OpLoop)
		c.u32(wasm.OpLocalGet, 1).i32(1).op(wasm.OpI32Sub).u32(wasm.OpLocalTee, 1).op(wasm.OpI32Eqz)
		c.u32(wasm.OpBrIf, 1).u32(wasm.OpBr, 0).op(wasm.OpEnd)
		c.u32(wasm.OpLocalGet, 0).i32(1).op(wasm.OpI32Add).u32(wasm.OpLocalSet, 0).op(wasm.OpEnd)
		c.u32(wasm.OpLocalGet, 0).i32(10).op(wasm.OpI32Ne).u32(wasm.OpBrIf, 0).op(wasm.OpEnd)
	}, wasm.LocalRun{N: 2, Type: wasm.I32})
}
