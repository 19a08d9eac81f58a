package runtime

import (
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// manyCalls are functions of nearly nothing but n calls each.
var manyCalls = []struct {
	name string
	body func(n int) []byte
}{
	{"alone", func(n int) []byte { return repeated(n, func(int) []byte { return []byte{0x10, callsNone} }) }},
	{"arguments", func(n int) []byte { return repeated(n, argument) }},
	{"results", func(n int) []byte { // of each call to the next
		return append(append([]byte{0x20, 0}, repeated(n, func(int) []byte { return []byte{0x10, callsLeaf} })...), 0x21, 0)
	}},
	{"locals", func(n int) []byte { // each result is kept, and used later
		return repeated(n, func(i int) []byte {
			local := func(k int) byte { return byte((i + k) % callsOfType) }
			return []byte{0x20, local(0), 0x20, local(3), 0x6a, 0x10, callsLeaf, 0x21, local(5)}
		})
	}},
	{"in a loop", func(n int) []byte {
		b := append([]byte{0x03, 0x40}, repeated(n, argument)...)
		return append(b, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b)
	}},
	{"stores", func(n int) []byte { // each result goes to memory
		return repeated(n, func(i int) []byte {
			return append(wasm.AppendS32([]byte{0x20, 0, 0x41}, int32(i)), 0x10, callsLeaf, 0x36, 2, byte(i%32*4))
		})
	}},
	{"branches", func(n int) []byte { // each call may be passed over
		return repeated(n, func(i int) []byte {
			return append(wasm.AppendS32([]byte{0x20, 0, 0x41}, int32(i)), 0x71, 0x04, 0x40, 0x20, 0, 0x10, callsLeaf, 0x21, 0, 0x0b)
		})
	}},
	{"cases", manyCases},
}

func argument(i int) []byte {
	return append(wasm.AppendS32([]byte{0x41}, int32(i)), 0x10, callsLeaf, 0x1a)
}

func repeated(n int, part func(int) []byte) (b []byte) {
	for i := range n {
		b = append(b, part(i)...)
	}
	return b
}

// manyCases is like an interpreter: a loop around a br_table, with two calls for each case.
func manyCases(calls int) []byte {
	n := calls / 2
	b := append([]byte{0x03, 0x40}, repeated(n+1, func(int) []byte { return []byte{0x02, 0x40} })...)
	b = append(b, 0x20, 1, 0x28, 2, 0, 0x20, 1, 0x41, 4, 0x6a, 0x21, 1, 0x0e)
	b = append(wasm.AppendU32(b, uint32(n)), repeated(n+1, func(i int) []byte { return wasm.AppendU32(nil, uint32(i)) })...)
	b = append(b, repeated(n, func(i int) []byte {
		local := byte(2 + i%3)
		part := []byte{0x0b, 0x20, local, 0x10, callsLeaf, 0x21, local, 0x20, 1, 0x20, local, 0x10, callsLeaf, 0x36, 2, 4, 0x0c}
		return wasm.AppendU32(part, uint32(n-i))
	})...)
	return append(b, 0x0b, 0x0b)
}

// BenchmarkSuspendCalls is what loading functions of so many calls takes, divided by what plain
// wazero takes to compile them. The target is 3.
func BenchmarkSuspendCalls(b *testing.B) {
	for _, calls := range manyCalls {
		for _, n := range []int{100, 1000, 3000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", calls.name, n), func(b *testing.B) {
				binary := callsModule(append(calls.body(n), 0x20, 0, 0x0b)).Encode()
				e := newEngine(b, Config{Suspend: true})
				plain := newPlainWazero(b, emptyModule)
				ctx := experimental.WithCompilationWorkers(b.Context(), 1)
				suspends := 1.0
				ours := func() {
					m, err := e.Load(b.Context(), binary)
					if err != nil {
						b.Fatal(err)
					}
					if m.Unsuspendable() != "" {
						suspends = 0
					}
					m.Close()
				}
				theirs := func() {
					m, err := plain.runtime.CompileModule(ctx, binary)
					if err != nil {
						b.Fatal(err)
					}
					m.Close(ctx)
				}
				b.ReportMetric(interleaved(b, ours, theirs), "x-plain")
				b.ReportMetric(suspends, "suspends")
			})
		}
	}
}
