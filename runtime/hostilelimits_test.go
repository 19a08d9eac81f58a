package runtime

import (
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// counted is a body that runs n times, counting in local 0.
func counted(n int32, f func(c *body)) func(c *body) {
	return func(c *body) {
		c.i32(n).u32(wasm.OpLocalSet, 0).open(wasm.OpLoop)
		f(c)
		c.u32(wasm.OpLocalGet, 0).i32(1).op(wasm.OpI32Sub).u32(wasm.OpLocalTee, 0).u32(wasm.OpBrIf, 0).op(wasm.OpEnd)
	}
}

// ending programs, small enough to try each limit.
var brief = []struct {
	name string
	f    func(c *body)
}{
	{"straight", func(c *body) { c.tick().tick() }},
	{"loop", counted(9, tick)},
	{"host calls", counted(5, func(c *body) { c.tick().u32(wasm.OpCall, 0).op(wasm.OpDrop) })},
	{"calls", counted(5, func(c *body) { c.u32(wasm.OpCall, 2) })},
	{"indirect calls", counted(5, func(c *body) { c.i32(0).u32(wasm.OpCallIndirect, 0, 0) })},
	{"fill", counted(3, func(c *body) { c.i32(0).i32(7).i32(129).u32(wasm.OpMemoryFill, 0) })},
	{"copy", counted(3, func(c *body) { c.i32(0).i32(7).i32(64).u32(wasm.OpMemoryCopy, 0, 0) })},
	{"table fill", counted(3, func(c *body) { c.i32(0).u32(wasm.OpRefFunc, 2).i32(17).u32(wasm.OpTableFill, 0) })},
	{"table grow", counted(2, func(c *body) { c.u32(wasm.OpRefFunc, 2).i32(9).u32(wasm.OpTableGrow, 0).op(wasm.OpDrop) })},
	{"br_table", counted(6, func(c *body) {
		c.open(wasm.OpBlock).open(wasm.OpBlock).u32(wasm.OpLocalGet, 0)
		c.u32(wasm.OpBrTable, 2, 0, 1, 0).op(wasm.OpEnd).tick().op(wasm.OpEnd)
	})},
	{"if", counted(7, func(c *body) {
		c.u32(wasm.OpLocalGet, 0).i32(1).op(wasm.OpI32And).open(wasm.OpIf).tick().op(wasm.OpElse).i32(0).op(wasm.OpDrop, wasm.OpEnd)
	})},
	{"exit", func(c *body) { c.tick().i32(0).u32(wasm.OpCall, 1) }},
	{"tail call", func(c *body) { c.tick().u32(wasm.OpReturnCall, 2) }},
	{"grow", func(c *body) { c.i32(1).u32(wasm.OpMemoryGrow, 0).op(wasm.OpDrop) }},
}

// briefModule has function 0, a host function that returns a number, 1,
// proc_exit, 2, one that counts, and 3, the program.
func briefModule(f func(c *body)) []byte {
	m := wasm.Module{
		Types: []wasm.FuncType{{}, {Results: []wasm.ValType{I32}}, {Params: []wasm.ValType{I32}}},
		Imports: []wasm.Import{
			{Module: wasiModule, Name: "sched_yield", Func: 1}, {Module: wasiModule, Name: "proc_exit", Func: 2},
		},
		Tables:   []wasm.Table{{Type: wasm.TableType{Elem: FuncRef, Limits: wasm.Limits{Min: 20}}}},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: 1}}},
		Elems:    []wasm.Elem{{Offset: wasm.ConstI32(0), Type: FuncRef, Funcs: []uint32{2}}},
		Exports: []wasm.Export{
			{Name: "memory", Kind: wasm.KindMemory}, {Name: startExport, Kind: wasm.KindFunc, Index: 3},
		},
	}
	for _, f := range []func(c *body){tick, f} {
		var c body
		f(&c)
		c.op(wasm.OpEnd)
		m.Funcs = append(m.Funcs, 0)
		m.Codes = append(m.Codes, wasm.Code{Locals: []wasm.LocalRun{{N: 1, Type: I32}}, Body: c.b})
	}
	return m.Encode()
}

// TestEveryLimit: the total suffices, and no limit below it does.
func TestEveryLimit(t *testing.T) {
	for _, e := range append(bothEngines(t), referenceEngine(t)) {
		for _, p := range brief {
			m := load(t, e, briefModule(p.f))
			want := runToEnd(t.Context(), t, m, Task{})
			if want.Status != StatusSucceeded {
				t.Errorf("%s: %+v", p.name, want)
				continue
			}
			for limit := uint64(1); limit < want.Fuel; limit++ {
				got := runToEnd(t.Context(), t, m, Task{Limits: Limits{Fuel: limit}})
				if got.Reason != ReasonOutOfFuel || got.Fuel < limit || got.Fuel > limit+fuelBound {
					t.Fatalf("%s: limit %d of %d on the %s: %+v", p.name, limit, want.Fuel, e.Kind(), got)
				}
			}
			if got := runToEnd(t.Context(), t, m, Task{Limits: Limits{Fuel: want.Fuel}}); got != want {
				t.Errorf("%s: with just enough: %+v, before %+v", p.name, got, want)
			}
		}
	}
}

// TestTotals: engines and the reference agree on every brief program's total.
func TestTotals(t *testing.T) {
	engines := append(bothEngines(t), referenceEngine(t))
	for _, p := range brief {
		var first *ending
		for _, e := range engines {
			got := runToEnd(t.Context(), t, load(t, e, briefModule(p.f)), Task{})
			if first == nil {
				first = &got
			}
			if got != *first {
				t.Errorf("%s: %+v, before %+v", p.name, got, *first)
			}
		}
	}
}
