package state

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// bodies changes the code: a bit is set after every drop, a flag after every change of
// a table, and functions are referred to through the table of references. wazero 1.12's compiler makes a new reference
// at each ref.func and keeps it as long as the instance lives, so that a loop over
// one would take memory that no limit counts.
func (x *exposer) bodies(d *dropper) error {
	slots := make(map[uint32]uint32, len(x.functions))
	for i, f := range x.functions {
		slots[f] = uint32(i) + 1
	}
	for i := range x.m.Codes {
		err := patch(&x.m.Codes[i], func(in *wasm.Instr) (replace bool, with code) {
			switch in.Op {
			case wasm.OpDataDrop, wasm.OpElemDrop:
				return false, d.set(d.bit(Segment{in.Op == wasm.OpElemDrop, in.A}))
			case wasm.OpTableSet, wasm.OpTableInit, wasm.OpTableCopy, wasm.OpTableFill, wasm.OpTableGrow:
				return false, constI32(1).op(wasm.OpGlobalSet, x.touched)
			case wasm.OpRefFunc:
				return true, constI32(slots[in.A]).op(wasm.OpTableGet, x.refs)
			}
			return false, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// patch puts code after instructions, or in their place.
func patch(c *wasm.Code, change func(in *wasm.Instr) (replace bool, with code)) error {
	var out []byte
	at := 0
	r := wasm.NewReader(c.Body, c.Offset)
	var in wasm.Instr
	for r.Next(&in) {
		replace, with := change(&in)
		if with == nil {
			continue
		}
		end := in.End
		if replace {
			end = in.Pos
		}
		out = append(append(out, c.Body[at:end]...), with...)
		at = in.End
	}
	if at > 0 {
		c.Body = append(out, c.Body[at:]...)
	}
	return r.Err()
}

func constI32(v uint32) code { return wasm.AppendS32(code{byte(wasm.OpI32Const)}, int32(v)) }
