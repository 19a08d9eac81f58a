package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// RewriteReference meters as simply as can be: every instruction is charged
// where it stands, and the fuel is looked at after each entry and at the start
// of each loop. It is what Rewrite is compared with, and nothing else uses it:
// it is slow, and does not count call depth.
func RewriteReference(m *wasm.Module) (Plan, error) {
	return rewrite(m, false, (*output).reference)
}

func (o *output) reference() ([]wasm.Code, error) {
	codes := make([]wasm.Code, len(o.m.Codes))
	for i := range codes {
		code := &o.m.Codes[i]
		var a asm
		o.lookReference(&a)
		r := wasm.NewReader(code.Body, code.Offset)
		var in wasm.Instr
		for r.Next(&in) {
			o.instrReference(&a, &in, code.Body[in.Pos:in.End])
		}
		if err := r.Err(); err != nil {
			return nil, err
		}
		codes[i] = wasm.Code{Locals: code.Locals, Body: a.b, Offset: code.Offset}
	}
	return codes, nil
}

func (o *output) instrReference(a *asm, in *wasm.Instr, raw []byte) {
	if c := Cost(in.Op); c != 0 {
		a.globalGet(o.fuel)
		a.i64(c)
		a.op(wasm.OpI64Sub)
		a.globalSet(o.fuel)
	}
	switch {
	case in.Op == wasm.OpCall || in.Op == wasm.OpReturnCall || in.Op == wasm.OpRefFunc:
		a.opU32(in.Op, o.index(in.A))
	case isBulk(in.Op):
		o.bulk(a, raw)
	default:
		a.raw(raw)
	}
	if in.Op == wasm.OpLoop {
		o.lookReference(a)
	}
}

func (o *output) lookReference(a *asm) {
	a.globalGet(o.fuel)
	a.i64(0)
	a.op(wasm.OpI64LtS)
	a.block(wasm.OpIf, wasm.BlockEmpty)
	o.checkExact(a)
	a.end()
}
