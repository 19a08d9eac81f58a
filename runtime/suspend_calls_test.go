package runtime

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

// Functions of callsModule beside the one that makes the calls, and its locals: those of each type
// follow each other.
const (
	callsLeaf = 1 + iota // (i32) -> i32, with a loop
	callsDeep            // (i32) -> i32, calls itself a few times
	callsNone            // () -> (), calls the leaf
	callsPair            // (i64, f64) -> (f64, i64), with a loop
)

var callsLocals = []wasm.ValType{wasm.I32, wasm.I64, wasm.F64, wasm.V128}

const callsOfType = 6 // locals

// callsModule has a function with such a body, for what it calls to be suspended.
func callsModule(body []byte) *wasm.Module {
	i32 := []wasm.ValType{wasm.I32}
	locals := []wasm.LocalRun{{N: callsOfType - 1, Type: wasm.I32}} // beside the parameter
	for _, t := range callsLocals[1:] {
		locals = append(locals, wasm.LocalRun{N: callsOfType, Type: t})
	}
	count := []byte{0x23, 0, 0x42, 1, 0x7c, 0x24, 0} // global 0 counts calls
	return &wasm.Module{
		Types: []wasm.FuncType{
			{Params: i32, Results: i32}, {}, {Params: []wasm.ValType{wasm.I64, wasm.F64}, Results: []wasm.ValType{wasm.F64, wasm.I64}},
		},
		Funcs:    []uint32{0, 0, 0, 1, 2},
		Tables:   []wasm.Table{{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: 2}}}},
		Elems:    []wasm.Elem{{Type: wasm.FuncRef, Offset: wasm.ConstI32(0), Funcs: []uint32{callsLeaf, callsDeep}}},
		Memories: []wasm.MemoryType{{Limits: wasm.Limits{Min: 1}}},
		Globals:  []wasm.Global{{Type: wasm.GlobalType{Type: wasm.I64, Mutable: true}, Init: wasm.ConstI64(0)}},
		Exports:  []wasm.Export{{Name: startExport, Kind: wasm.KindFunc}},
		Codes: []wasm.Code{
			{Locals: locals, Body: body},
			{Locals: []wasm.LocalRun{{N: 1, Type: wasm.I32}}, Body: append(count, 0x20, 0, 0x41, 7, 0x71, 0x21, 1,
				0x03, 0x40, 0x20, 0, 0x41, 3, 0x6c, 0x41, 1, 0x6a, 0x21, 0, 0x20, 1, 0x41, 1, 0x6b, 0x22, 1, 0x41, 0, 0x4a, 0x0d, 0, 0x0b, 0x20, 0, 0x0b)},
			{Body: []byte{0x20, 0, 0x41, 3, 0x71, 0x04, 0x7f, 0x20, 0, 0x41, 1, 0x6b, 0x10, callsDeep, 0x05, 0x20, 0, 0x0b, 0x41, 5, 0x6a, 0x10, callsLeaf, 0x0b}},
			{Body: []byte{0x41, 2, 0x10, callsLeaf, 0x1a, 0x0b}},
			{Body: []byte{0x41, 1, 0x10, callsLeaf, 0x1a, 0x20, 1, 0x20, 0, 0xb9, 0xa0, 0x20, 0, 0x42, 1, 0x7c, 0x0b}},
		},
	}
}

// callsWriter writes a random body of nearly nothing but calls, and keeps much across them.
type callsWriter struct {
	rng   *rand.Rand
	b     []byte
	stack []wasm.ValType
	rough bool // much stands between calls
}

func (w *callsWriter) top(types ...wasm.ValType) bool {
	n := len(w.stack) - len(types)
	for i, t := range types {
		if n < 0 || w.stack[n+i] != t {
			return false
		}
	}
	return true
}

func (w *callsWriter) op(pop int, push []wasm.ValType, b ...byte) {
	w.b = append(w.b, b...)
	w.stack = append(w.stack[:len(w.stack)-pop], push...)
}

func (w *callsWriter) step() {
	i32, i64, f64, v128 := callsLocals[:1], callsLocals[1:2], callsLocals[2:3], callsLocals[3:]
	kind := w.rng.IntN(len(callsLocals))
	local := byte(kind*callsOfType + w.rng.IntN(callsOfType))
	switch n := w.rng.IntN(43); {
	case w.rough && n < 4:
		w.branch()
	case n < 10:
		if len(w.stack) < 12 {
			w.op(0, callsLocals[kind:kind+1], 0x20, local)
		}
	case n < 18 && len(w.stack) > 0:
		for kind := range callsLocals {
			if w.top(callsLocals[kind]) {
				w.op(1, nil, 0x21, byte(kind*callsOfType+w.rng.IntN(callsOfType)))
				break
			}
		}
	case n < 22 && w.top(wasm.I32):
		w.op(1, i32, 0x10, callsLeaf)
	case n < 23 && w.top(wasm.I32):
		w.op(1, i32, 0x10, callsDeep)
	case n < 25 && w.top(wasm.I32):
		w.op(1, i32, 0x41, byte(w.rng.IntN(2)), 0x11, 0, 0)
	case n < 29:
		w.op(0, nil, 0x10, callsNone)
	case n < 33 && w.top(wasm.I64, wasm.F64):
		w.op(2, []wasm.ValType{wasm.F64, wasm.I64}, 0x10, callsPair)
	case n < 34 && w.top(wasm.I32, wasm.I32):
		w.op(2, i32, 0x6a)
	case n < 35 && w.top(wasm.I64):
		w.op(1, v128, 0xfd, 0x12)
	case n < 36 && w.top(wasm.F64):
		w.op(1, i64, 0xbd)
	case n < 37 && w.top(wasm.I64):
		w.op(1, f64, 0xbf)
	case n < 38:
		w.op(0, i32, 0x41, byte(w.rng.IntN(64)))
	case n == 38:
		w.effect()
	case w.top(wasm.I32) && w.rng.IntN(8) == 0: // what no batch holds
		w.op(1, i32, 0x41, 7, 0x70)
	}
}

// effect accesses memory or a global, and seldom traps.
func (w *callsWriter) effect() {
	i32, i64 := callsLocals[:1], callsLocals[1:2]
	offset := byte(8 * w.rng.IntN(8))
	switch n := w.rng.IntN(50); {
	case n < 10:
		w.op(0, nil, 0x41, 0, 0x20, byte(w.rng.IntN(callsOfType)), 0x3a, 0, offset)
	case n < 20 && w.top(wasm.I64):
		w.op(1, nil, 0x24, 0)
	case n < 25 && w.top(wasm.F64):
		w.op(1, nil, 0x21, 2*callsOfType, 0x41, 0, 0x20, 2*callsOfType, 0x39, 3, offset)
	case n < 35:
		w.op(0, i32, 0x41, 0, 0x2f, 1, offset)
	case n < 49:
		w.op(0, i64, 0x41, 0, 0x30, 0, offset)
	case w.rng.IntN(10) == 0: // beyond the memory's end
		w.op(0, i32, 0x41, 0x7f, 0x28, 2, byte(w.rng.IntN(2)))
	}
}

// drop leaves no operands.
func (w *callsWriter) drop() {
	for range w.stack {
		w.b = append(w.b, 0x1a)
	}
	w.stack = w.stack[:0]
}

// branch makes an end of a batch, so that there are ladders.
func (w *callsWriter) branch() {
	switch w.rng.IntN(3) {
	case 0: // out of the function, seldom
		w.op(0, nil, 0x20, 1, 0x20, byte(w.rng.IntN(callsOfType)), 0x41, 0xff, 0x3f, 0x71, 0x41, byte(w.rng.IntN(64)), 0x46, 0x0d, 0, 0x1a)
	case 1:
		w.op(0, nil, 0x02, 0x40, 0x20, 1, 0x0d, 0, 0x41, 0, 0x20, 2, 0x36, 2, 0, 0x0b)
	default:
		w.op(0, nil, 0x02, 0x40, 0x20, 1, 0x41, 1, 0x71, 0x0e, 1, 0, 0, 0x0b)
	}
}

// randomCalls is a program of a function with so many steps.
func randomCalls(rng *rand.Rand, steps int, rough bool) *wasmgen.Program {
	w := &callsWriter{rng: rng, rough: rough}
	for n := range steps {
		if n%40 == 0 {
			w.drop()
		}
		w.step()
	}
	w.drop()
	offset := uint32(64)
	for kind, store := range [][]byte{{0x36, 2}, {0x37, 3}, {0x39, 3}, {0xfd, 11, 0}} {
		for n := range callsOfType { // all locals go to memory
			w.b = append(append(w.b, 0x41, 0, 0x20, byte(kind*callsOfType+n)), store...)
			w.b = wasm.AppendU32(w.b, offset)
			offset += 16
		}
	}
	m := callsModule(append(w.b, 0x20, 1, 0x0b))
	p := &wasmgen.Program{Module: m, Binary: m.Encode()}
	for n := range uint64(3) {
		p.Calls = append(p.Calls, wasmgen.Call{Name: startExport, Args: []uint64{n}})
	}
	return p
}

// exits is a program of a function that can be left, and parts of it be passed over, between any two
// of its calls.
func exits() *wasmgen.Program {
	body := repeated(300, func(i int) []byte {
		here := wasm.AppendS32([]byte{0x41}, int32(i))
		is := append(append([]byte{0x20, 0}, here...), 0x46)
		leave := append(append(here, is...), 0x0d, 0, 0x1a)
		over := append(append([]byte{0x02, 0x40, 0x20, 0, 0x0e, 1, 0, 0, 0x0b, 0x02, 0x40}, is...), 0x0d, 0, 0x20, 0, 0x10, callsLeaf, 0x1a, 0x0b)
		return append(append(leave, 0x20, 0, 0x10, callsLeaf, 0x41, 7, 0x70, 0x1a), over...)
	})
	m := callsModule(append(body, 0x20, 0, 0x0b))
	p := &wasmgen.Program{Module: m, Binary: m.Encode()}
	for _, n := range []uint64{10, 100, 150, 200, 250, 299} {
		p.Calls = append(p.Calls, wasmgen.Call{Name: startExport, Args: []uint64{n}})
	}
	return p
}

// TestSuspendCalls suspends functions of hundreds of calls, which are checked in batches.
func TestSuspendCalls(t *testing.T) {
	host := []hostabi.Module{randomHost()}
	var engines []*Engine
	for _, kind := range kinds() {
		e := newEngine(t, Config{Kind: kind, HostModules: host, Suspend: true})
		e.slices = sliceBounds{50, 500}
		engines = append(engines, e)
	}
	plain := newEngine(t, Config{HostModules: host})
	first, count := seeds(t, 12)
	jumps := 0
	for seed := first; seed < first+count; seed++ {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := randomCalls(rng, 400+rng.IntN(1600), seed%2 == 1)
		if seed == 0 {
			p = exits()
		}
		var modules []*Module
		for _, e := range engines {
			modules = append(modules, mustLoad(t, e, p.Binary))
		}
		if why := modules[0].Unsuspendable(); why != "" {
			t.Fatal(why)
		}
		j, err := jump(p, seed, mustLoad(t, plain, p.Binary), modules...)
		if err != nil {
			t.Errorf("seed %d: %v\n\tGODWIT_SEEDS=%d+1 go test -run TestSuspendCalls ./runtime", seed, err, seed)
		}
		jumps += j.jumps
	}
	if t.Logf("%d suspensions", jumps); uint64(jumps) < 10*count {
		t.Error(fmt.Errorf("only %d suspensions", jumps))
	}
}

// TestSuspendCallsDeep calls a function of nothing but calls of itself to the limit on call depth,
// on all engines, whether it can be suspended or not.
func TestSuspendCallsDeep(t *testing.T) {
	m := &wasm.Module{
		Types: []wasm.FuncType{{Params: []wasm.ValType{wasm.I32}}}, Funcs: []uint32{0},
		Exports: []wasm.Export{{Name: startExport, Kind: wasm.KindFunc}},
		Codes:   []wasm.Code{{Body: append(repeated(80, func(int) []byte { return []byte{0x20, 0, 0x10, 0} }), 0x0b)}},
	}
	fuel := make(map[uint64]string)
	for _, kind := range kinds() {
		for _, suspend := range []bool{false, true} {
			e := newEngine(t, Config{Kind: kind, Suspend: suspend})
			i, err := load(t, e, m.Encode()).Instantiate(t.Context(), Task{Limits: Limits{CallDepth: MaxCallDepth}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = i.Call(t.Context(), startExport, 0)
			if err == nil || cause(err.Error()) != "stack overflow: the limit on call depth" {
				t.Errorf("%v: %v", kind, err)
			}
			fuel[i.FuelUsed()] = fmt.Sprint(kind, suspend)
			if err := i.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(fuel) != 1 {
		t.Errorf("fuel %v", fuel)
	}
}
