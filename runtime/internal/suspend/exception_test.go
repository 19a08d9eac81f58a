package suspend

import (
	"strings"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// exceptionKept has so many tags, and a function that keeps an exception across a call.
func exceptionKept(tags int) []byte {
	m := &wasm.Module{
		Types:   []wasm.FuncType{{}, {Params: []wasm.ValType{wasm.I32, wasm.I64}}},
		Funcs:   []uint32{0, 0},
		Exports: []wasm.Export{{Name: "run", Kind: wasm.KindFunc}},
		Codes: []wasm.Code{
			{Body: []byte{
				0x02, 0x69, 0x1f, 0x40, 0x01, 0x03, 0x00, // catch_all_ref
				0x41, 0x00, 0x42, 0x00, 0x08, 0x00, 0x0b, 0x00, 0x0b,
				0x10, 0x01, 0x0a, 0x0b, // with the exception below the call, and thrown anew
			}},
			{Body: []byte{0x03, 0x40, 0x41, 0x00, 0x0d, 0x00, 0x0b, 0x0b}},
		},
	}
	for range tags {
		m.Tags = append(m.Tags, 1)
	}
	return m.Encode()
}

// TestTags has a byte of the module take a hundred of code no more often than is allowed.
func TestTags(t *testing.T) {
	for tags, refused := range map[int]bool{1: false, maxTags: false, maxTags + 1: true} {
		m, code := metered(t, exceptionKept(tags))
		plan, err := Rewrite(m, code)
		if err != nil {
			t.Fatal(err)
		}
		if (plan.Refused != "") != refused || refused && !strings.Contains(plan.Refused, "more than 256 tags") {
			t.Errorf("%d tags: refused %q", tags, plan.Refused)
		}
		if err := wasm.Validate(m); err != nil {
			t.Errorf("%d tags: %v", tags, err)
		}
	}
}
