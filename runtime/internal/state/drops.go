package state

import (
	"fmt"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// drops publishes which segments have been dropped.
func (x *exposer) drops(d *dropper) {
	x.plan.Drops = &Drops{Segments: d.segments}
	for i := range (len(d.segments) + 63) / 64 {
		x.m.Globals = append(x.m.Globals, wasm.Global{Type: wasm.GlobalType{Type: wasm.I64, Mutable: true}, Init: wasm.ConstI64(0)})
		x.plan.Drops.Masks = append(x.plan.Drops.Masks, Mask{
			Bits: x.export(fmt.Sprintf("dropped:%d", i), wasm.KindGlobal, d.first+uint32(i)),
			Drop: x.function(fmt.Sprintf("drop:%d", i), nil, nil, d.apply(i)),
		})
	}
}

// dropper gives bits to segments in the order in which code drops them.
type dropper struct {
	segments []Segment // by bit
	bits     map[Segment]int
	first    uint32 // of the globals that hold the bits
}

func (d *dropper) bit(s Segment) int {
	bit, ok := d.bits[s]
	if !ok {
		bit = len(d.segments)
		d.bits[s] = bit
		d.segments = append(d.segments, s)
	}
	return bit
}

func (d *dropper) mask(bit int) (global uint32, constant code) {
	return d.first + uint32(bit/64), code(wasm.AppendS64(code{byte(wasm.OpI64Const)}, int64(1)<<(bit%64)))
}

// set is the code that sets a bit. It comes after the drop, and nothing comes between
// the two: neither traps, and no check stands between an instruction and the next.
func (d *dropper) set(bit int) code {
	global, constant := d.mask(bit)
	return append(code{}.op(wasm.OpGlobalGet, global), constant...).op(wasm.OpI64Or).op(wasm.OpGlobalSet, global)
}

// apply is the code that drops the segments whose bits are set in one mask. A function
// for each keeps them small: wazero's compiler takes more than linear time.
func (d *dropper) apply(mask int) code {
	var c code
	for bit := 64 * mask; bit < min(64*mask+64, len(d.segments)); bit++ {
		s, op := d.segments[bit], wasm.OpDataDrop
		if s.Elements {
			op = wasm.OpElemDrop
		}
		global, constant := d.mask(bit)
		c = append(c.op(wasm.OpGlobalGet, global), constant...).op(wasm.OpI64And).op(wasm.OpI64Eqz).op(wasm.OpI32Eqz)
		c = append(c.op(wasm.OpIf), byte(0x40)).op(op, s.Index).op(wasm.OpEnd)
	}
	return c
}
