package wasmgen

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// dispatcher is a loop that begins with a br_table on a local, as compilers make it of
// jumps that WebAssembly does not have: each part jumps by setting the local and going
// back to the loop.
type dispatcher struct {
	loop    int      // its frame
	parts   int      // blocks in it
	local   uint32   // which part comes next
	targets []uint32 // of the br_table, as depths
}

func (b *body) dispatch() {
	counter, d := b.local(i32, true), dispatcher{loop: len(b.frames), local: b.local(i32, true)}
	b.i32(int32(pick(&b.choices, counts[:3])))
	b.opU32(wasm.OpLocalSet, counter)
	if b.oneIn(2) {
		b.index(8)
		b.pop(1)
		b.opU32(wasm.OpLocalSet, d.local)
	}
	b.open(wasm.OpLoop, wasm.FuncType{})
	b.top().counter = int(counter)
	d.parts = 1 + b.below(5)
	for range d.parts {
		b.open(wasm.OpBlock, wasm.FuncType{})
	}
	for range 1 + b.below(2*d.parts) {
		depth := uint32(b.below(d.parts))
		if b.oneIn(16) {
			depth = pick(&b.choices, b.safe(nil))
		}
		d.targets = append(d.targets, depth)
	}
	if b.oneIn(16) {
		b.assign() // then it begins with something else
	}
	b.opU32(wasm.OpLocalGet, d.local)
	b.push(i32)
	b.brTable(d.targets, nil)
	for range d.parts {
		b.close()
		b.part(d)
	}
	b.close()
}

// part adds statements and a jump.
func (b *body) part(d dispatcher) {
	b.statements(3)
	if b.top().dead {
		return
	}
	k := b.below(len(d.targets) + 2)
	if d.ahead(b, k) && b.oneIn(2) {
		b.oftenGuarded(func() { b.jump(d, k) })
		return
	}
	b.countDown(&b.frames[d.loop])
	b.open(wasm.OpIf, wasm.FuncType{})
	b.jump(d, k)
	b.close()
}

// ahead tells whether the part that the br_table picks for k is still to come.
func (d dispatcher) ahead(b *body, k int) bool {
	inside := d.loop + d.parts // the innermost frame at the br_table
	target := inside - int(d.targets[min(k, len(d.targets)-1)])
	return target > d.loop && target < len(b.frames)
}

func (b *body) jump(d dispatcher, k int) {
	b.i32(int32(k))
	if b.oneIn(16) {
		b.op(wasm.OpNop)
	}
	b.opU32(wasm.OpLocalSet, d.local)
	b.opU32(wasm.OpBr, uint32(len(b.frames)-1-d.loop))
	b.die()
}
