package wasmgen_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

const features = api.CoreFeaturesV2 | experimental.CoreFeaturesThreads | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesExceptionHandling

// bytes are the choices of a seed.
func bytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, r.IntN(6000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestValid generates modules and lets both our checker and wazero judge them.
func TestValid(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features))
	defer r.Close(ctx)
	for seed := range uint64(1000) {
		p := wasmgen.Generate(bytes(seed))
		m, err := wasm.Decode(p.Binary)
		if err == nil {
			err = wasm.Validate(m)
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		c, err := r.CompileModule(ctx, p.Binary)
		if err != nil {
			t.Fatalf("seed %d: wazero: %v", seed, err)
		}
		c.Close(ctx)
	}
}

// TestCoverage requires that every instruction that the codec knows comes up.
func TestCoverage(t *testing.T) {
	seen := make(map[wasm.Op]int)
	for seed := range uint64(3000) {
		m := wasmgen.Generate(bytes(seed)).Module
		for i := range m.Codes {
			r := wasm.NewReader(m.Codes[i].Body, 0)
			for in := (wasm.Instr{}); r.Next(&in); {
				seen[in.Op]++
			}
		}
	}
	for op := range wasm.Op(0xffff) {
		if op.Known() && seen[op] == 0 {
			t.Errorf("no %v", op)
		}
	}
}

// TestEmpty generates the simplest program.
func TestEmpty(t *testing.T) {
	p := wasmgen.Generate(nil)
	if err := wasm.Validate(p.Module); err != nil {
		t.Fatal(err)
	}
	if len(p.Calls) != 1 {
		t.Fatalf("calls %v, want one", p.Calls)
	}
}
