package runtime

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// large are modules that are hard on a compiler, most of which would keep
// wazero's busy for minutes.
var large = []hostile{
	made("br_table of 1000000", func() []byte { return branchTable(1_000_000, false) }),
	made("br_table of 1000000 with loops", func() []byte { return branchTable(1_000_000, true) }),
	made("100000 blocks", func() []byte { return blocks(100_000) }),
	made("4000 blocks", func() []byte { return blocks(4000) }),
	made("100000 nested blocks", func() []byte { return nested(wasm.OpBlock, 100_000) }),
	made("20000 nested loops", func() []byte { return nested(wasm.OpLoop, 20_000) }),
	made("50000 nested ifs", func() []byte { return nested(wasm.OpIf, 50_000) }),
	made("2000 loops with ways back", func() []byte { return nestedBack(2000) }),
	made("20000 loops with ways back", func() []byte { return nestedBack(20_000) }),
	made("3000 nested loops on 3000 locals", func() []byte { return loopsLocals(3000, 3000) }),
	made("2000 loops on 2000 locals", func() []byte { return flatLoopsLocals(2000, 2000) }),
	made("30000 loops on 30000 locals", func() []byte { return flatLoopsLocals(30_000, 30_000) }),
	made("1000 back edges of 48 locals", func() []byte { return backEdges(1000, 48) }),
	made("2000 back edges of 1000 locals", func() []byte { return backEdges(2000, 1000) }),
	made("50000 back edges of 48 locals", func() []byte { return backEdges(50_000, 48) }),
	made("a straight megabyte", func() []byte { return straight(1 << 20) }),
	made("50000 operands", func() []byte { return stackDeep(50_000) }),
	made("30000 functions", func() []byte { return functions(30_000) }),
	made("50000 globals and 100000 functions", func() []byte { return globalsFunctions(50_000, 100_000) }),
	made("2000 globals and 30000 functions", func() []byte { return globalsFunctions(2000, 30_000) }),
	made("10000 functions in a table", func() []byte { return indirectAll(10_000, 4000) }),
	made("50000 locals", func() []byte { return manyLocals(50_000) }),
	made("30000 levels of calls", func() []byte { return callTree(30_000) }),
	made("a ring of 30000 functions", func() []byte { return recursionChain(30_000) }),
	made("a million elements", func() []byte { return segments(65536) }),
	made("50000 segments", func() []byte { return overlapping(50_000, 60) }),
	made("4000 calls over 20 locals", func() []byte { return callsOver(4000, 20) }),
	made("100000 calls over 1000 locals", func() []byte { return callsOver(100_000, 1000) }),
}

// TestHostileCompile loads them, in a time that a person would wait, and runs
// them a little.
func TestHostileCompile(t *testing.T) {
	t.Run("metered", func(t *testing.T) { hostileCompile(t, newEngine(t, Config{})) })
	t.Run("suspendable", func(t *testing.T) { hostileCompile(t, newEngine(t, Config{Suspend: true})) })
}

func hostileCompile(t *testing.T, e *Engine) {
	const bound = 20 * time.Second // the slowest takes a second or two on an idle machine
	for _, h := range large {
		t.Run(h.name, func(t *testing.T) {
			binary := h.binary(t)
			start := time.Now()
			m := load(t, e, binary)
			took := time.Since(start)
			if took > bound {
				t.Errorf("%d bytes took %v", len(binary), took)
			}
			t.Logf("%d bytes: %v", len(binary), took)
			end := runToEnd(t.Context(), t, m, Task{Limits: Limits{Fuel: 20_000}})
			if end.Reason != ReasonOutOfFuel && end.Reason != ReasonTrap && end.Status != StatusSucceeded {
				t.Errorf("%+v", end)
			}
		})
	}
}

// TestTooManyCalls: functions of millions of calls would take gigabytes.
func TestTooManyCalls(t *testing.T) {
	b := bytes.Repeat([]byte{0x10, 0}, 1<<18+1)
	m := &wasm.Module{Types: []wasm.FuncType{{}}, Funcs: []uint32{0, 0}, Codes: []wasm.Code{{Body: []byte{0x0b}}, {Body: append(b, 0x0b)}}}
	_, err := newEngine(t, Config{}).Load(t.Context(), m.Encode())
	if err == nil || !strings.Contains(err.Error(), "function 1 has 262145 calls") {
		t.Error(err)
	}
}

// callsOver has a function that keeps so many locals over so many calls, of one with a loop.
func callsOver(calls, locals int) []byte {
	i32 := []wasm.ValType{wasm.I32}
	b := []byte{}
	for x := range locals {
		b = wasm.AppendU32(append(b, 0x20, 0, 0x41, 3, 0x6a, 0x21), uint32(1+x))
	}
	for n := range calls {
		b = append(wasm.AppendU32(append(b, 0x20), uint32(n%locals)), 0x10, 1, 0x1a)
	}
	for x := range locals {
		b = append(wasm.AppendU32(append(b, 0x20), uint32(1+x)), 0x24, 0)
	}
	m := &wasm.Module{
		Types: []wasm.FuncType{{Params: i32}, {Params: i32, Results: i32}, {}}, Funcs: []uint32{0, 1, 2},
		Globals: []wasm.Global{{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.ConstI32(0)}},
		Exports: []wasm.Export{{Name: startExport, Kind: wasm.KindFunc, Index: 2}},
		Codes: []wasm.Code{
			{Locals: []wasm.LocalRun{{N: uint32(locals), Type: wasm.I32}}, Body: append(b, 0x0b)},
			{Body: []byte{0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 0, 0x0b}},
			{Body: []byte{0x41, 5, 0x10, 0, 0x0b}},
		},
	}
	return m.Encode()
}

// globalsFunctions has many mutable globals, and functions that do nothing.
func globalsFunctions(globals, functions int) []byte {
	m := &wasm.Module{
		Types:   []wasm.FuncType{{}},
		Funcs:   make([]uint32, functions),
		Exports: []wasm.Export{{Name: startExport, Kind: wasm.KindFunc}},
	}
	for range globals {
		m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: wasm.I64, Mutable: true}, Init: wasm.ConstI64(0)})
	}
	for range functions {
		m.Codes = append(m.Codes, wasm.Code{Body: []byte{byte(wasm.OpEnd)}})
	}
	return m.Encode()
}
