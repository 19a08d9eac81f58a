package linmem

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// growModule is
//
//	(module (memory (export "m") 1 SHARED? 65536)
//	  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
func growModule(limits byte) []byte {
	return []byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x06\x01\x60\x01\x7f\x01\x7f" + // (func (param i32) (result i32))
		"\x03\x02\x01\x00" +
		"\x05\x06\x01" + string(limits) + "\x01\x80\x80\x04" + // 1..65536 pages
		"\x07\x0c\x02\x01m\x02\x00\x04grow\x00\x00" +
		"\x0a\x08\x01\x06\x00\x20\x00\x40\x00\x0b")
}

func instantiate(t *testing.T, r wazero.Runtime, a *Allocator, wasm []byte) api.Module {
	t.Helper()
	alloc := experimental.MemoryAllocatorFunc(func(capacity, max uint64) experimental.LinearMemory {
		return a.Allocate(capacity, max)
	})
	ctx := experimental.WithMemoryAllocator(t.Context(), alloc)
	mod, err := r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	return mod
}

// TestUnderWazero grows a memory from the guest, plain and shared, on both
// engines, up to 4 GiB and up to what the callback allows.
func TestUnderWazero(t *testing.T) {
	engines := map[string]wazero.RuntimeConfig{
		"interpreter": wazero.NewRuntimeConfigInterpreter(),
		"default":     wazero.NewRuntimeConfig(), // the compiler where there is one
	}
	for name, cfg := range engines {
		for kind, limits := range map[string]byte{"plain": 1, "shared": 3} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				if maxInt < 4<<30 {
					t.Skip("4 GiB do not fit")
				}
				cfg := cfg.WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesThreads)
				r := wazero.NewRuntimeWithConfig(t.Context(), cfg)
				defer r.Close(context.Background())
				p := newPool(t, Config{})
				a := p.NewAllocator(Options{Grow: func(_, want uint64) bool { return want != 6*PageSize }})
				mod := instantiate(t, r, a, growModule(limits))
				for _, step := range []struct{ delta, result int32 }{{0, 1}, {4, 1}, {1, -1}, {2, 5}, {65529, 7}, {1, -1}} {
					got, err := mod.ExportedFunction("grow").Call(t.Context(), api.EncodeI32(step.delta))
					if err != nil || int32(got[0]) != step.result {
						t.Fatalf("grow(%d) = %d, %v; want %d", step.delta, int32(got[0]), err, step.result)
					}
				}
				if err := mod.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if a.Peak() != 4<<30 || p.Idle() != 1 {
					t.Errorf("peak %d, %d idle", a.Peak(), p.Idle())
				}
			})
		}
	}
}
