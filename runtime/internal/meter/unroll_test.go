package meter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// written gives a body as text: operators with their labels.
func written(t *testing.T, body []byte) string {
	t.Helper()
	var words []string
	var in wasm.Instr
	r := wasm.NewReader(body, 0)
	for r.Next(&in) {
		switch in.Op {
		case wasm.OpBr, wasm.OpBrIf, wasm.OpLocalGet, wasm.OpCall:
			words = append(words, fmt.Sprint(in.Op, " ", in.A))
		default:
			words = append(words, fmt.Sprint(in.Op))
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return strings.Join(words, ", ")
}

func TestUnroll(t *testing.T) {
	const (
		loop, block, empty, end = byte(wasm.OpLoop), byte(wasm.OpBlock), 0x40, byte(wasm.OpEnd)
		br, brIf, get, call     = byte(wasm.OpBr), byte(wasm.OpBrIf), byte(wasm.OpLocalGet), byte(wasm.OpCall)
		convert, drop           = byte(wasm.OpF64ConvertI32S), byte(wasm.OpDrop)
	)
	long := append([]byte{loop, empty}, make([]byte, 0, 100)...)
	for range maxUnrolled / 2 {
		long = append(long, get, 0, drop)
	}
	long = append(long, get, 0, brIf, 0, end, end)
	for _, c := range []struct {
		name string
		body []byte
		want string // empty: as it was
	}{
		{"counts down", []byte{loop, empty, get, 0, brIf, 0, end, end},
			"loop, local.get 0, if, local.get 0, br_if 1, end, end, end"},
		{"leaves in the middle and starts anew", []byte{loop, empty, get, 0, brIf, 1, get, 1, brIf, 0, get, 2, brIf, 0, end, end},
			"loop, local.get 0, br_if 1, local.get 1, br_if 0, local.get 2, if, local.get 0, br_if 2, local.get 1, br_if 1, local.get 2, br_if 1, end, end, end"},
		{"goes back at the end", []byte{loop, empty, get, 0, brIf, 1, br, 0, end, end},
			"loop, block, local.get 0, br_if 2, br 0, end, local.get 0, br_if 1, br 0, end, end"},
		{"two in turn", []byte{loop, empty, get, 0, brIf, 0, end, get, 3, drop, loop, empty, br, 0, end, end},
			"loop, local.get 0, if, local.get 0, br_if 1, end, end, local.get 3, drop, loop, block, br 0, end, br 0, end, end"},
		{"the inner one", []byte{loop, empty, loop, empty, get, 0, brIf, 0, end, get, 1, brIf, 0, end, end},
			"loop, loop, local.get 0, if, local.get 0, br_if 1, end, end, local.get 1, br_if 0, end, end"},
		{"ends in a branch out", []byte{loop, empty, get, 0, brIf, 0, br, 1, end, end}, ""},
		{"ends in an exit", []byte{loop, empty, get, 0, brIf, 1, end, end}, ""},
		{"dead code behind the branch back", []byte{loop, empty, br, 0, get, 0, brIf, 0, end, end}, ""},
		{"calls", []byte{loop, empty, call, 0, get, 0, brIf, 0, end, end}, ""},
		{"has a construct", []byte{loop, empty, block, empty, end, get, 0, brIf, 0, end, end}, ""},
		{"has a result", []byte{loop, 0x7f, get, 0, get, 0, brIf, 0, end, drop, end}, ""},
		{"converts", []byte{loop, empty, get, 0, convert, drop, get, 0, brIf, 0, end, end}, ""},
		{"long", long, ""},
	} {
		want := c.want
		if want == "" {
			want = written(t, c.body)
		}
		body, _ := unroll(c.body, len(c.body))
		if got := written(t, body); got != want {
			t.Errorf("%s:\n%s\nbecomes\n%s, not\n%s", c.name, written(t, c.body), got, want)
		}
	}
}
