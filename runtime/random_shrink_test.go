package runtime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

// symptom is what an error says in its first line, whatever the numbers.
func symptom(err error) string {
	if err == nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("+-0123456789", r) {
			return -1
		}
		return r
	}, firstLine(err.Error()))
}

// shrink looks for fewer and smaller choices whose program fails in the same
// way.
func (b *bench) shrink(data []byte, err error) []byte {
	fails := func(data []byte) bool { return symptom(b.check(wasmgen.Generate(data))) == symptom(err) }
	for size := len(data); size > 0; size /= 2 {
		for at := 0; at < len(data); {
			end := min(at+size, len(data))
			less := slices.Concat(data[:at], data[end:])
			zero := slices.Concat(data[:at], make([]byte, end-at), data[end:])
			switch {
			case fails(less):
				data = less
			case !slices.Equal(zero, data) && fails(zero):
				data = zero
				at = end
			default:
				at = end
			}
		}
	}
	return data
}

// listing shows a program's functions and what is called.
func listing(p *wasmgen.Program) string {
	var b strings.Builder
	imported := p.Module.ImportedFuncs()
	for i := range p.Module.Codes {
		code := &p.Module.Codes[i]
		fmt.Fprintf(&b, "func %d %v locals %v\n", imported+i, p.Module.FuncTypeOf(uint32(imported+i)), code.Locals)
		depth := 1
		for r, in := wasm.NewReader(code.Body, 0), (wasm.Instr{}); r.Next(&in); {
			if in.Op == wasm.OpEnd || in.Op == wasm.OpElse {
				depth--
			}
			fmt.Fprintf(&b, "%*s%v%s\n", 2*depth, "", in.Op, immediates(&in, code.Body[in.Pos:in.End]))
			switch in.Op {
			case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpTryTable, wasm.OpElse:
				depth++
			}
		}
	}
	fmt.Fprintf(&b, "calls %v, start %v\n%x", p.Calls, p.Module.Start, p.Binary)
	return b.String()
}

func immediates(in *wasm.Instr, raw []byte) string {
	switch in.Op {
	case wasm.OpTryTable:
		return fmt.Sprintf(" type %d %v", in.Block, in.Catches)
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		return fmt.Sprintf(" type %d", in.Block)
	case wasm.OpBrTable:
		return fmt.Sprint(" ", in.Targets)
	case wasm.OpI32Const, wasm.OpI64Const:
		return fmt.Sprint(" ", int64(in.Const))
	}
	if len(raw) == 1 {
		return ""
	}
	return fmt.Sprintf(" % x", raw[1:])
}
