package meter

import (
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// summarize validates every function body and notes what the analysis of calls
// needs of it.
func (mod *module) summarize() error {
	checker := wasm.NewChecker(mod.m)
	mod.shapes = make([]shape, len(mod.functions))
	var in wasm.Instr
	for i := range mod.functions {
		if err := mod.summary(checker, &in, i); err != nil {
			return fmt.Errorf("function %d: %w", int(mod.imported)+i, err)
		}
	}
	return mod.bound()
}

func (mod *module) summary(checker *wasm.Checker, in *wasm.Instr, i int) error {
	f := &mod.functions[i]
	height, s, loops := 0, &mod.shapes[i], scout{}
	checker.Begin(i)
	for {
		more, err := checker.Next(in)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		height = max(height, len(checker.Stack()))
		if kindOf(in.Op) == kindOther {
			mod.note(f, in)
			s.note(checker, in)
			loops.instr(checker, in)
		}
	}
	s.locals, s.bytes = len(checker.Locals()), len(mod.m.Codes[i].Body)
	f.straight = loops.until
	mod.callees(f)
	f.frame = 1 + int64(values(checker.Locals())+height)/frameValues
	if f.catches {
		f.frame += catchDepth
	}
	return nil
}

// callees lists each only once what a function calls: functions, and types behind them.
func (mod *module) callees(f *function) {
	slices.Sort(mod.called)
	slices.Sort(mod.through)
	functions, types := slices.Compact(mod.called), slices.Compact(mod.through)
	f.calls = append(make([]int32, 0, len(functions)+len(types)), functions...)
	for _, t := range types {
		f.calls = append(f.calls, int32(len(mod.functions)+mod.sig[t]))
	}
	mod.called, mod.through = mod.called[:0], mod.through[:0]
}

// values counts a vector as two.
func values(types []wasm.ValType) int {
	n := len(types)
	for _, t := range types {
		if t == wasm.V128 {
			n++
		}
	}
	return n
}

func (mod *module) note(f *function, in *wasm.Instr) {
	switch in.Op {
	case wasm.OpBlock, wasm.OpIf, wasm.OpElse, wasm.OpEnd, wasm.OpBr, wasm.OpBrIf, wasm.OpReturn, wasm.OpDrop, wasm.OpSelect:
	case wasm.OpLoop:
		f.loops = true
	case wasm.OpTryTable:
		f.catches, mod.catches = true, true
	case wasm.OpThrow, wasm.OpThrowRef:
		f.toHost = true
	case wasm.OpReturnCall, wasm.OpCall:
		mod.noteTail(f, in)
		if int32(in.A) < mod.imported {
			f.toHost = true
		} else {
			mod.called = append(mod.called, int32(in.A)-mod.imported)
		}
	case wasm.OpReturnCallIndirect, wasm.OpCallIndirect:
		mod.noteTail(f, in)
		mod.through = append(mod.through, in.A)
		f.toHost = f.toHost || mod.foreign
	case wasm.OpMemoryAtomicWait32, wasm.OpMemoryAtomicWait64:
		f.waits = mod.sharedMemory()
		mod.waits = mod.waits || f.waits
	default:
		f.bulk = f.bulk || isBulk(in.Op)
		mod.growsTable = mod.growsTable || in.Op == wasm.OpTableGrow
		mod.setsTables = mod.setsTables || setsTable(in.Op)
		mod.drops = mod.drops || in.Op == wasm.OpDataDrop || in.Op == wasm.OpElemDrop
		mod.refers = mod.refers || in.Op == wasm.OpRefFunc
		mod.gets = mod.gets || in.Op == wasm.OpTableGet || in.Op == wasm.OpRefNull
	}
}

// holdsRefs tells whether a function may hold a reference to another one: as a parameter, a
// local, or an operand.
func (mod *module) holdsRefs() bool {
	isFunc := func(t wasm.ValType) bool { return t == wasm.FuncRef }
	return mod.refers || mod.gets ||
		slices.ContainsFunc(mod.m.Types, func(t wasm.FuncType) bool {
			return slices.ContainsFunc(t.Params, isFunc) || slices.ContainsFunc(t.Results, isFunc)
		}) ||
		slices.ContainsFunc(mod.m.Globals, func(g wasm.Global) bool { return isFunc(g.Type.Type) }) ||
		slices.ContainsFunc(mod.m.Codes, func(c wasm.Code) bool {
			return slices.ContainsFunc(c.Locals, func(r wasm.LocalRun) bool { return isFunc(r.Type) })
		})
}

func setsTable(op wasm.Op) bool {
	switch op {
	case wasm.OpTableSet, wasm.OpTableInit, wasm.OpTableCopy, wasm.OpTableFill, wasm.OpTableGrow:
		return true
	}
	return false
}

// noteTail notes who makes tail calls, and who is called so.
func (mod *module) noteTail(f *function, in *wasm.Instr) {
	if in.Op != wasm.OpReturnCall && in.Op != wasm.OpReturnCallIndirect {
		return
	}
	f.tails = true
	if in.Op == wasm.OpReturnCall && int32(in.A) >= mod.imported {
		mod.functions[int32(in.A)-mod.imported].tails = true
	}
}
